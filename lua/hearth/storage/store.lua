-- hearth.storage.open: a store by its URL, as an object with the verbs of AsyncStorage as methods.

local check = require "hearth.storage.check"
local core = require "hearth.core.store"
local hooks = require "hearth.storage.hooks"
local task = require "hearth.core.task"
local url = require "hearth.storage.url"
local verbs = require "hearth.storage.verbs"
local watch = require "hearth.storage.watch"

local fail = check.fail

---@class hearth.storage.Store
---@field namespace string
local Store = {}
Store.__index = Store
Store.__name = "hearth.Store"

local names = verbs.names "store:"

-- One object stays the caller's for good; what it works on is kept apart, out of reach of `pairs`.
local private = setmetatable({}, { __mode = "k" })

local function handle(view, verb)
  if view.closed then
    error(fail("ECLOSED", verb, view.namespace, nil, "the store was closed; open it again with hearth.storage.open"))
  end
  return view.raw
end

local function view_of(self, method)
  local view = private[self]
  if not view then error(fail("EINVAL", names[method], nil, nil, "call it on a store, with a colon: store:" .. method .. "(…)")) end
  return view
end

for method in pairs(verbs.is_verb) do
  local verb = verbs[method]
  Store[method] = verbs.mark(method, function(self, ...) return verb(view_of(self, method), ...) end)
end

-- The hot paths: a bound C function checks the await and the key, and names the verb in its errors.
function Store:get(key)
  local view = private[self]
  if view and view.getter and not (hooks.is_pending and hooks.is_pending(view.raw, view.namespace, key)) then return view.getter(key) end
  return verbs.get(view_of(self, "get"), key)
end

Store.set = verbs.mark("set", function(self, key, value, options)
  local view = private[self]
  local setter = view and view.setter
  return setter and not hooks.before_write and setter(key, value, options) or verbs.set(view_of(self, "set"), key, value, options)
end)

---Waits for accepted writes, then lets go of the store. May be repeated.
function Store:close()
  local view = view_of(self, "close")
  task.check(names.close)
  if not view.closing then
    view.closing = true
    verbs.before_read(view.raw, view.namespace)
    if hooks.closing then hooks.closing(view.raw) end
    view.closed, view.getter, view.setter = true, nil, nil
    watch.reset(view.raw)
  end
  view.raw:close()
end

---The URL under which it was opened.
---@return string
function Store:url()
  return view_of(self, "url").raw:url()
end

function Store:__close()
  self:close()
end

function Store:__tostring()
  local view = private[self]
  return ("hearth.Store: %s%s"):format(view and view.url or "?", view and view.closed and " (closed)" or "")
end

local options_types = {
  url = "string", namespace = "string", quota = "number", read_only = "boolean", on_error = "function", on_damage = "string",
  cache = "number",
}

---@class hearth.storage.Options
---@field url? string file:PATH, a path, memory:, memory:NAME, json:PATH; the app's own store if absent
---@field namespace? string "default" if absent
---@field quota? integer bytes of keys and values
---@field read_only? boolean
---@field on_error? fun(err: hearth.Error) hears every trouble of the store, also those that a verb raises
---@field on_damage? "refuse"|"set_aside"
---@field cache? integer bytes

local storage = {}

local function check_options(verb, options)
  if type(options) ~= "table" then
    error(fail("EINVAL", verb, nil, nil, "takes a table {url=, namespace=, …}, got " .. type(options)))
  end
  for name, value in pairs(options) do
    local wanted = options_types[name]
    if not wanted then
      error(fail("EINVAL", verb, nil, nil, ("unknown option %s; there are url, namespace, quota, read_only, on_error, on_damage and cache")
        :format(tostring(name))))
    end
    if type(value) ~= wanted then
      error(fail("EINVAL", verb, nil, nil, ("%s must be a %s, got %s"):format(name, wanted, type(value))))
    end
  end
  for _, name in ipairs { "quota", "cache" } do
    local bytes = options[name]
    if bytes and (not math.tointeger(bytes) or bytes < 0) then
      error(fail("EINVAL", verb, nil, nil, ("%s must be a number of bytes, got %s"):format(name, tostring(bytes))))
    end
  end
  if options.on_damage and options.on_damage ~= "refuse" and options.on_damage ~= "set_aside" then
    error(fail("EINVAL", verb, nil, nil, 'on_damage must be "refuse" or "set_aside", got ' .. check.show(options.on_damage)))
  end
  if options.namespace and #options.namespace > check.MAX_KEY then
    error(fail("EBIG", verb, nil, nil, ("the namespace has %d bytes, the limit is %d"):format(#options.namespace, check.MAX_KEY)))
  end
end

---Opens a store. Awaits.
---@param options hearth.storage.Options
---@return hearth.storage.Store
function storage.open(options)
  local verb = "hearth.storage.open"
  task.check(verb)
  if options == nil then options = {} end
  check_options(verb, options)
  local namespace, on_error = options.namespace or "default", options.on_error
  local view = { namespace = namespace, names = names, handle = handle, on_error = on_error }
  if on_error then
    function view.report(err) task.spawn(on_error, err) end
  end
  view.url = options.url or url.default()
  view.raw = check.call(view, verb, nil, core.open, view.url, {
    quota = options.quota and math.tointeger(options.quota), read_only = options.read_only, on_damage = options.on_damage,
    cache = options.cache and math.tointeger(options.cache),
  })
  -- With on_error every failure is looked at on its way out.
  if not on_error then
    view.getter, view.setter = view.raw:getter(namespace, names.get), view.raw:setter(namespace, names.set)
  end
  local store = setmetatable({}, Store)
  private[store] = view
  return store
end

---The raw handle and the namespace of a store: for other rooms of Hearth.
---@param store hearth.storage.Store
---@return userdata raw
---@return string namespace
function storage.raw(store)
  local view = private[store]
  if not view then error(fail("EINVAL", "hearth.storage", nil, nil, "not a store; open one with hearth.storage.open")) end
  return handle(view, "store"), view.namespace
end

---The view of a store, for verbs that take one.
function storage.view(store)
  return private[store]
end

---@return boolean
function storage.is_store(value)
  return private[value] ~= nil
end

return storage
