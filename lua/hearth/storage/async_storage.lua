-- hearth.AsyncStorage: the verbs of storage over the app's default store, in the namespace "default". The store is opened at the first
-- use. Its functions are called with a dot.

local default = require "hearth.storage.default"
local seam = require "hearth.storage.hooks"
local verbs = require "hearth.storage.verbs"

local NAMESPACE = "default"

local names = verbs.names "AsyncStorage."

local view = {
  namespace = NAMESPACE,
  names = names,
  handle = function(_, verb, writes) return default.raw() or default.await(verb, writes) end,
  now = default.raw,
}

---@class hearth.AsyncStorage
local AsyncStorage = {}

for method in pairs(verbs.is_verb) do
  local verb = verbs[method]
  AsyncStorage[method] = verbs.mark(method, function(...) return verb(view, ...) end)
end

-- The hot paths: once the store is open, a bound C function that checks the await and the key itself.
local raw, getter, setter

local function bind()
  raw = default.raw()
  getter = raw and raw:getter(NAMESPACE, names.get)
  setter = raw and raw:setter(NAMESPACE, names.set)
end

default.on_change(bind)
bind()

function AsyncStorage.get(key)
  local is_pending = seam.is_pending
  if getter and not (is_pending and is_pending(raw, NAMESPACE, key)) then return getter(key) end
  return verbs.get(view, key)
end

AsyncStorage.set = verbs.mark("set", function(key, value, options)
  return setter and not seam.before_write and setter(key, value, options) or verbs.set(view, key, value, options)
end)

return AsyncStorage
