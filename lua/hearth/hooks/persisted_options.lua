-- The options of use_persisted_state: their checks, where a key lives (store, scope), and how a stored value is merged with `initial`.

local cells = require "hearth.storage.cells"
local errors = require "hearth.errors"
local private = require("hearth.storage.value").private
local scopes = require "hearth.storage.scopes"

local M = {}

local VERB = "use_persisted_state"

local kinds = {
  version = "integer", migrate = "table or function", validate = "function", ttl = "positive number", merge = "merge", equals = "function",
  scope = "scope", store = "store", gate = "boolean", write_delay = "delay", max_delay = "delay", on_error = "function",
  on_load_error = "choice", on_write_error = "choice",
}

local function is_finite(x)
  return type(x) == "number" and x == x and x < math.huge
end

local checks = {
  integer = function(v) return math.type(v) == "integer" and v >= 0 end,
  ["table or function"] = function(v) return type(v) == "table" or type(v) == "function" end,
  ["function"] = function(v) return type(v) == "function" end,
  boolean = function(v) return type(v) == "boolean" end,
  ["positive number"] = function(v) return is_finite(v) and v > 0 end,
  delay = function(v) return is_finite(v) and v >= 0 end,
  merge = function(v) return v == "shallow" or v == "deep" or type(v) == "function" end,
  scope = function(v) return v == "app" or v == "client" or v == "session" end,
  store = function(v) return type(v) == "table" end,
}

local says = {
  integer = "an integer, 0 or more", ["positive number"] = "a number of seconds above 0", delay = "a number of seconds, 0 or more",
  merge = '"shallow", "deep" or a function', scope = '"app", "client" or "session"', store = "a store from hearth.storage.open",
}

local choices = {on_load_error = {"retain", "overwrite"}, on_write_error = {"retain", "rollback"}}

local known = setmetatable({}, {__mode = "k"})   -- tables that were checked

local function refuse(name, value)
  local wanted
  if not kinds[name] then
    local names = {}
    for n in pairs(kinds) do names[#names + 1] = n end
    table.sort(names)
    errors.raise("EINVAL", ("%s: there is no option %s; there are %s"):format(VERB, tostring(name), table.concat(names, ", ")), {op = VERB})
  elseif choices[name] then
    wanted = ('"%s" or "%s"%s'):format(choices[name][1], choices[name][2], name == "on_load_error" and " or a function" or "")
  else
    wanted = says[kinds[name]] or ("a " .. kinds[name])
  end
  local got = type(value) == "table" and "a table" or tostring(value)
  errors.raise("EINVAL", ("%s: %s must be %s, got %s"):format(VERB, name, wanted, got), {op = VERB})
end

local function is_choice(name, value)
  return value == choices[name][1] or value == choices[name][2] or name == "on_load_error" and type(value) == "function"
end

--- The options, checked; raises EINVAL.
---@param options hearth.PersistedOptions
---@return hearth.PersistedOptions
function M.check(options)
  if known[options] then return options end
  if type(options) ~= "table" then
    errors.raise("EINVAL", ("%s: options must be a table, got %s"):format(VERB, type(options)), {op = VERB})
  end
  for name, value in pairs(options) do
    local kind = kinds[name]
    if not kind then refuse(name, value) end
    if kind == "choice" then
      if not is_choice(name, value) then refuse(name, value) end
    elseif not checks[kind](value) then
      refuse(name, value)
    end
  end
  if options.migrate and not options.version then
    errors.raise("EINVAL", VERB .. ": migrate needs version, the version of what this program writes", {op = VERB})
  end
  known[options] = true
  return options
end

--- The cells and the namespace in which the key lives.
---@param options hearth.PersistedOptions
---@param fiber table? whose render asks
---@return hearth.CellPool, string namespace
function M.place(options, fiber)
  local scope = options.scope or scopes.default(fiber)
  if options.store then
    local raw, ns = require("hearth.storage.store").raw(options.store)
    return cells.pool(raw), scope == "app" and ns or scopes.namespace(scope, fiber)
  end
  return cells.default(), scopes.namespace(scope, fiber)
end

-- ---- merge

local function is_object(v)
  return type(v) == "table" and getmetatable(v) == nil and v[1] == nil
end

local function merged(stored, initial, deep)
  if not (is_object(stored) and is_object(initial)) then return stored end
  for name, value in pairs(initial) do
    if stored[name] == nil then
      stored[name] = value
    elseif deep then
      stored[name] = merged(stored[name], value, true)
    end
  end
  return stored
end

--- What is shown for a stored value: names that it lacks come from `initial`. `stored` is a copy and is used up.
---@param how "shallow"|"deep"|fun(stored: any, initial: any): any
---@param stored any
---@param initial any
---@return any
function M.merge(how, stored, initial)
  if type(how) == "function" then return how(stored, initial) end
  if type(initial) ~= "table" then return stored end
  return merged(stored, private(initial), how == "deep")
end

return M
