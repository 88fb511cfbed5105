-- use_query(fetcher, deps, options) -> {data, loading, error, refetch, set_data}: loads after the commit, again when deps change. What was
-- loaded stays on screen meanwhile; a result that came too late is never shown.

local cache = require "hearth.hooks.query_cache"
local errors = require "hearth.errors"
local hooks = require "hearth.ui.hooks"
local scopes = require "hearth.storage.scopes"
local suggest = require "hearth.ui.suggest"

local ROOT <const> = 8 -- of a fiber

local ONCE = {}
local OPTIONS = { key = "string", stale_time = "number", initial = "any", persist = "boolean" }

local function refuse(message)
  errors.raise("EINVAL", "use_query: " .. message, { op = "use_query" })
end

local function check(options)
  if options == nil then return ONCE end
  if type(options) ~= "table" then refuse(("options are a table, not a %s"):format(type(options))) end
  for name, value in pairs(options) do
    local want = OPTIONS[name]
    if not want then refuse(('there is no option "%s"%s'):format(tostring(name), suggest.phrase(tostring(name), OPTIONS))) end
    if want ~= "any" and type(value) ~= want then refuse(("%s is a %s, not a %s"):format(name, want, type(value))) end
  end
  local stale = options.stale_time
  if stale and (stale < 0 or stale ~= stale) then refuse "stale_time is a number of seconds, 0 or more" end
  if options.persist and not options.key then refuse "persist keeps the data under the query's key: give it one" end
  return options
end

local function unmounted(slot)
  slot.entry:leave(slot)
end

-- After the commit: the slot has deps and options of that render. Here, and not in the render, requests begin.
local function committed(slot)
  if slot[2][ROOT].inert then return end -- a first look that nobody has answered yet asks for nothing
  local fresh = slot.entry == nil
  local moved = fresh or slot.entry.key ~= slot.next_key
  if moved then
    local before = slot.entry
    local entry = cache.entry(slot.next_key)
    entry:join(slot)
    slot.entry = entry
    if before then before:leave(slot) end
  end
  hooks.on_unmount(slot, unmounted)
  local entry = slot.entry
  if slot.set_stored then entry.persist = slot.set_stored end
  local deps_changed = not hooks.same_deps(slot.deps, slot.next_deps)
  slot.deps = slot.next_deps
  local same_request = hooks.same_deps(entry.deps, slot.deps)
  if moved and same_request and (entry.loading or not entry:stale(slot.stale_time)) then return end
  if not moved and not deps_changed or not moved and same_request and entry.loading then return end
  if not same_request then entry.error = nil end
  entry:fetch(slot.fetcher, slot.deps, hooks.path(slot[2]))
end

local function first_time(slot, options)
  local initial = options.initial
  -- A key is shared by the components of one user: where the program serves several, what one may see is not another one's.
  slot.whose = scopes.namespace(scopes.default(slot[2]), slot[2])
  if type(initial) == "function" then initial = initial() end
  slot.initial = initial
  slot.refetch = function()
    hooks.check_set "refetch"
    if not hooks.mounted(slot) or not slot.entry then return end
    return slot.entry:refetch(slot)
  end
  slot.set_data = function(value)
    hooks.check_set "set_data"
    if hooks.mounted(slot) and slot.entry then slot.entry:set_data(value) end
  end
end

---@class hearth.Query
---@field data any what was loaded last
---@field loading boolean
---@field error any what the last request raised
---@field refetch fun(): hearth.Future|nil
---@field set_data fun(value: any)

---@param fetcher fun(): any may await
---@param deps? any[] nil: once
---@param options? {key?: string, stale_time?: number, initial?: any, persist?: boolean}
---@return hearth.Query
return function(fetcher, deps, options)
  local slot, first = hooks.slot "use_query"
  hooks.check_fn("use_query", fetcher)
  hooks.check_deps("use_query", deps)
  options = check(options)
  deps = deps or ONCE
  if first then first_time(slot, options) end
  local stored, set_stored, info
  if options.persist then
    stored, set_stored, info = require "hearth.hooks.use_persisted_state"(options.key, nil)
  end
  slot.fetcher, slot.stale_time, slot.set_stored = fetcher, options.stale_time or 0, set_stored
  local key = options.key and slot.whose .. "\0" .. options.key
  slot.next_deps, slot.next_key = deps, key

  local moved = slot.entry == nil or slot.entry.key ~= key
  local entry = moved and cache.peek(key) or slot.entry
  local will_load = moved or not hooks.same_deps(slot.deps, deps)
  if will_load then
    hooks.after_commit(slot, committed)
    if moved and entry and hooks.same_deps(entry.deps, deps) and not entry.loading and not entry:stale(slot.stale_time) then
      will_load = false
    end
  end

  local has, data = false, nil
  if entry and entry.has_data then
    has, data = true, entry.data
  elseif slot.entry and slot.entry.has_data then -- of the key before
    has, data = true, slot.entry.data
  end
  if not has then
    if info and info.exists then
      data = stored
    else
      data = slot.initial
    end
  end
  local same = entry and (not will_load or hooks.same_deps(entry.deps, deps))
  return {
    data = data, loading = will_load or entry ~= nil and entry.loading, error = same and entry.error or nil,
    refetch = slot.refetch, set_data = slot.set_data,
  }
end
