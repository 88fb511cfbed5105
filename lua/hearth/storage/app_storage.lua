-- hearth.AppStorage: any Lua value under any key, in a namespace that belongs to one app. Its schema version lies outside of that
-- namespace, so that neither get_keys nor clear meets it, and is written by the batch that migrates.

local batch = require "hearth.storage.batch"
local check = require "hearth.storage.check"
local default = require "hearth.storage.default"
local json = require "hearth.core.json"
local storage = require "hearth.storage.store"
local task = require "hearth.core.task"
local verbs = require "hearth.storage.verbs"

local fail, call = check.fail, check.call

local VERSIONS = "hearth:versions" -- the namespace of the schema versions: app name -> number

---@class hearth.AppStorage
local AppStorage = {}
AppStorage.__index = AppStorage
AppStorage.__name = "hearth.AppStorage"

local names = verbs.names "storage:"
local private = setmetatable({}, { __mode = "k" })

-- What a storage object works on: {view} outside of a batch, {view, t} inside of one (`t` is the batch's own state).
local function enter(self, method)
  local p = private[self]
  local verb = names[method]
  if not p then error(fail("EINVAL", verb, nil, nil, "call it on a storage object, with a colon: storage:" .. method .. "(…)")) end
  if p.t and p.t.ended then
    error(fail("ECLOSED", verb, p.view.namespace, nil, "the migration step has ended; use the storage object itself"))
  end
  task.check(verb)
  return p, p.view, verb
end

-- Is there such a key, and its value.
local function read(p, view, verb, key)
  check.key(verb, view.namespace, key)
  local found, value
  if p.t then
    local text = batch.read(p.t, verb, view.namespace, key)
    if text == nil then return false end
    found, value = pcall(json.decode_stored, tostring(text))
  else
    local raw = view:handle(verb)
    verbs.before_read(raw, view.namespace, key)
    found, value = verbs.load(view, verb, raw, view.namespace, key)
    if found == nil then return false end
  end
  if found then return true, value end
  error(check.label(view, verb, key, value), 0)
end

---Stores any storable value. Awaits.
---@param key string
---@param value any not nil
---@param options? {ttl?: number, if_revision?: integer}
function AppStorage:set(key, value, options)
  local p, view, verb = enter(self, "set")
  check.key(verb, view.namespace, key)
  if value == nil then
    error(fail("EINVAL", verb, view.namespace, key, "the value is nil; use remove to delete a key, or hearth.null to store a null"))
  end
  if p.t then
    local text = verbs.encode(verb, view.namespace, key, value)
    batch.write(p.t, view.namespace, key, text, "json", check.options(verb, view.namespace, key, options))
  else
    return verbs.write_json(view, verb, key, value, options)
  end
end

---The value of a key; raises ENOKEY without one. Awaits.
---@param key string
---@return any
function AppStorage:get(key)
  local p, view, verb = enter(self, "get")
  local found, value = read(p, view, verb, key)
  if found then return value end
  error(fail("ENOKEY", verb, view.namespace, key, "there is no such key; get_or_default gives a default instead"))
end

---The value of a key, or the default when there is none. Unreadable data still raises. Awaits.
---@param key string
---@param otherwise any
---@return any
function AppStorage:get_or_default(key, otherwise)
  local p, view, verb = enter(self, "get_or_default")
  local found, value = read(p, view, verb, key)
  if found then return value end
  return otherwise
end

---Is there a record under this key, readable or not? Awaits.
---@param key string
---@return boolean
function AppStorage:contains_key(key)
  local p, view, verb = enter(self, "contains_key")
  check.key(verb, view.namespace, key)
  if not p.t then return verbs.record(view, verb, key) ~= nil end
  local ok, text = pcall(batch.read, p.t, verb, view.namespace, key)
  if ok then return text ~= nil end
  if text.code == "ECORRUPT" then return true end
  error(text, 0)
end

---Removes a key; false when there was none. Awaits.
---@param key string
---@return boolean
function AppStorage:remove(key)
  local p, view, verb = enter(self, "remove")
  check.key(verb, view.namespace, key)
  if p.t then
    local there = self:contains_key(key)
    if there then batch.write(p.t, view.namespace, key) end
    return there
  end
  local _accepted <close> = verbs.accept()   -- luacheck: ignore 211
  local raw = view:handle(verb)
  -- The revision as the condition: of two who remove the same record, one hears true.
  local _ <close> = verbs.before_write(raw, view.namespace, key)
  local now = call(view, verb, key, raw.read, raw, view.namespace, { key })[key]
  while now and (now.value ~= nil or now.error) do
    local revision, records = call(view, verb, key, raw.apply, raw, { { ns = view.namespace, key = key, if_revision = now.revision } })
    if revision then return true end
    now = records[1]
  end
  return false
end

local function keys_of(p, view, verb, prefix)
  local raw = view:handle(verb)
  verbs.before_read(raw, view.namespace)
  local keys = call(view, verb, nil, raw.scan, raw, view.namespace, prefix)
  local writes = p.t and p.t.writes[view.namespace]
  if not writes then return keys end
  local list, seen = {}, {}
  for _, key in ipairs(keys) do
    seen[key] = true
    if not writes[key] or writes[key].value ~= nil then list[#list + 1] = key end
  end
  for key, op in pairs(writes) do
    if op.value ~= nil and not seen[key] and key:sub(1, #prefix) == prefix then list[#list + 1] = key end
  end
  table.sort(list)
  return list
end

---The keys of this app, in byte order. Awaits.
---@return string[]
function AppStorage:get_keys()
  local p, view, verb = enter(self, "get_keys")
  return keys_of(p, view, verb, "")
end

---Removes every key of this app and nothing else, in one step; the schema version stays. Awaits.
function AppStorage:clear()
  local p, view, verb = enter(self, "clear")
  if p.t then
    for _, key in ipairs(keys_of(p, view, verb, "")) do batch.write(p.t, view.namespace, key) end
    return
  end
  local raw = view:handle(verb, true)
  local _ <close> = verbs.before_write(raw, view.namespace)
  verbs.apply(view, verb, raw, { { ns = view.namespace, clear = true } })
end

---Removes the keys with a prefix, in one step. Awaits.
---@param options {prefix: string}
---@return integer count how many there were
function AppStorage:cleanup(options)
  local p, view, verb = enter(self, "cleanup")
  local prefix = type(options) == "table" and options.prefix
  if type(prefix) ~= "string" then
    error(fail("EINVAL", verb, view.namespace, nil, 'takes {prefix="…"}; use clear to remove everything'))
  end
  local _accepted <close> = not p.t and verbs.accept() or nil   -- luacheck: ignore 211
  local raw = view:handle(verb)
  local keys = keys_of(p, view, verb, prefix)
  if #keys == 0 then return 0 end
  if p.t then
    for _, key in ipairs(keys) do batch.write(p.t, view.namespace, key) end
  else
    local ops = {}
    for i, key in ipairs(keys) do ops[i] = { ns = view.namespace, key = key } end
    local _ <close> = verbs.before_write(raw, view.namespace, keys)
    verbs.apply(view, verb, raw, ops)
  end
  return #keys
end

local function stored_version(t, verb, p)
  local text = batch.read(t, verb, VERSIONS, p.app)
  local version = text == nil and 0 or math.tointeger(tonumber(text))
  if version then return version end
  error(fail("ECORRUPT", verb, p.view.namespace, nil, "the stored schema version is no number: " .. check.show(text)))
end

---Brings the app's data to a schema version: `steps[n](storage)` turns version n-1 into n, all of them in one atomic batch. Awaits.
---@param version integer
---@param steps table<integer, fun(storage: hearth.AppStorage)>
---@return integer version
function AppStorage:migrate(version, steps)
  local p, view, verb = enter(self, "migrate")
  if p.t then error(fail("EINVAL", verb, view.namespace, nil, "a migration inside a migration step")) end
  local target = math.type(version) and math.tointeger(version)
  if not target or target < 0 then
    error(fail("EINVAL", verb, view.namespace, nil, "the version must be a whole number from 0 on, got " .. tostring(version)))
  end
  if steps == nil then steps = {} end
  if type(steps) ~= "table" then
    error(fail("EINVAL", verb, view.namespace, nil, "the steps must be a table of functions, got " .. type(steps)))
  end
  for n, step in pairs(steps) do
    if type(step) ~= "function" then
      error(fail("EINVAL", verb, view.namespace, nil, ("step %s must be a function, got %s"):format(tostring(n), type(step))))
    end
  end
  batch.run(verbs, view, verb, function(t)
    local from = stored_version(t, verb, p)
    if from > target then
      error(fail("ENEWER", verb, view.namespace, nil,
        ("the stored data has version %d, this code knows %d; nothing was changed: run the newer app"):format(from, target)))
    end
    if from == target then return end
    local inner = setmetatable({}, AppStorage)
    private[inner] = { view = view, t = t, app = p.app }
    for n = from + 1, target do
      if not steps[n] then
        error(fail("EMIGRATE", verb, view.namespace, nil,
          ("there is no step %d, and the stored data has version %d; nothing was changed: add steps[%d]"):format(n, from, n)))
      end
      local ok, err = pcall(steps[n], inner)
      if not ok then
        if type(err) == "table" and err.code == "ECANCELED" then error(err, 0) end
        local failure = fail("EMIGRATE", verb, view.namespace, nil, ("step %d failed, nothing was changed: %s"):format(n, tostring(err)))
        failure.cause = err
        failure.traceback = type(err) == "table" and err.traceback or nil
        error(failure, 0)
      end
    end
    batch.write(t, VERSIONS, p.app, tostring(target), "text")
  end, true)
  return target
end

function AppStorage:__tostring()
  return "hearth.AppStorage: " .. (private[self] and private[self].app or "?")
end

local options_known = { app_name = true, store = true }

---The storage of one app, in the app's default store (or in `store`, which hearth.storage.open gave).
---@param options {app_name: string, store?: hearth.storage.Store}
---@return hearth.AppStorage
local function new(options)
  local verb = "hearth.AppStorage"
  if type(options) ~= "table" then error(fail("EINVAL", verb, nil, nil, 'takes {app_name="…"}, got ' .. type(options))) end
  for name in pairs(options) do
    if not options_known[name] then
      error(fail("EINVAL", verb, nil, nil, ("unknown option %s; there are app_name and store"):format(tostring(name))))
    end
  end
  local app, store = options.app_name, options.store
  if type(app) ~= "string" or app == "" then
    error(fail("EINVAL", verb, nil, nil, "app_name must be a non-empty string, got " .. (app == "" and '""' or type(app))))
  end
  if #app > check.MAX_KEY - 4 then error(fail("EBIG", verb, nil, nil, "app_name is too long")) end
  if store ~= nil and not storage.is_store(store) then
    error(fail("EINVAL", verb, nil, nil, "store must be what hearth.storage.open gives"))
  end
  local view = { namespace = "app:" .. app, names = names }
  if store then
    function view.handle() return (storage.raw(store)) end
  else
    function view.handle(_, who, writes) return default.raw() or default.await(who, writes) end
  end
  local self = setmetatable({}, AppStorage)
  private[self] = { view = view, app = app }
  return self
end

for _, method in ipairs { "set", "remove", "clear", "cleanup" } do task.writer(AppStorage[method]) end

return new
