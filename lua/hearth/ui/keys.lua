-- Keys identify siblings. Two siblings with one key would share a state, so that is an error; a list without keys that changes its length
-- is a warning, because its items silently take over each other's state.

local diagnostics = require "hearth.ui.diagnostics"
local errors = require "hearth.errors"
local fibers = require "hearth.ui.fiber"

local KEY <const> = 3

local keys = {}

local function duplicate(key, parent)
  errors.raise("EINVAL", ("two children of %s in %s have the key %s: give every sibling a key of its own, such as the id of its record")
    :format(fibers.name(parent), fibers.path(parent), type(key) == "string" and ("%q"):format(key) or tostring(key)),
    { op = "key", key = tostring(key), component = fibers.path(parent) })
end

-- Only NaN differs from itself.
local function not_a_key(parent)
  errors.raise("EINVAL", ("a child of %s in %s has NaN as its key: give every sibling a key of its own, such as the id of its record")
    :format(fibers.name(parent), fibers.path(parent)), { op = "key", component = fibers.path(parent) })
end

local function check_all(list, n, parent)
  local seen = {}
  for i = 1, n do
    local child = list[i]
    local key = child and child[KEY]
    if key then
      if key ~= key then not_a_key(parent) end
      if seen[key] then duplicate(key, parent) end
      seen[key] = true
    end
  end
end

--- After a list was mounted.
keys.check_mounted = check_all

--- After a list was updated: those at the indices in `fresh` are new, the others were unique already.
function keys.check_updated(list, n, fresh, parent)
  if #fresh > 4 then return check_all(list, n, parent) end
  for _, j in ipairs(fresh) do
    local key = list[j][KEY]
    if key ~= key then not_a_key(parent) end
    for i = 1, n do
      local child = list[i]
      if child and i ~= j and child[KEY] == key then duplicate(key, parent) end
    end
  end
end

--- A nested list changed its length: do its items have keys?
function keys.warn_missing(items, n, f)
  for i = 1, n do
    local item = items[i]
    if type(item) == "table" and item.type ~= nil and item.key == nil then
      local path = fibers.path(f)
      diagnostics.warn(path, ("%s: a list of children changed its length and its items have no keys, so they take over each other's "
        .. "state: give each a key, such as %s{ key=item.id, … }")
        :format(path, type(item.type) == "string" and item.type or item.type.name))
      return
    end
  end
end

return keys
