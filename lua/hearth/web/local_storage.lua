-- LocalStorage: one browser's localStorage as an object, over any connection with `send(session_id, message)`. mirror.lua has what is
-- shown; here are the verbs, the messages, who hears of a change, and what a browser could not store.

local errors = require "hearth.errors"
local mirror = require "hearth.web.mirror"
local task = require "hearth.core.task"
local tickets = require "hearth.storage.ticket"

local QUOTA <const> = 5 * 1024 * 1024

---@class hearth.LocalStorageMessage what goes to the browser, and what comes from it; absent parts are left out
---@field localstorage? table<string, any> keys that have these values now
---@field removed? string[]
---@field own? string[] from the browser: those of `localstorage` that the app wrote, here or in another tab
---@field cleared? boolean every key that the app wrote is gone
---@field revision? integer of the last write in a message to the browser
---@field ack? integer from the browser: all writes up to this revision were applied or refused
---@field refused? table<string, string> from the browser: keys whose write failed, with a code (EQUOTA); they have their old value

---@class hearth.LocalStorage
---@field session_id? string
---@field connection? { send: fun(self: any, session_id: string, message: hearth.LocalStorageMessage): any }
---@field package mirror hearth.Mirror
---@field package own table<string, true|"elsewhere"> keys that the app wrote: what `clear` removes
local Storage = {}
Storage.__index = Storage
Storage.__name = "hearth.LocalStorage"

-- ---- checks

local function refuse(verb, message, key, path)
  errors.raise("EINVAL", ("LocalStorage.%s: %s"):format(verb, message), { op = "LocalStorage." .. verb, key = key, path = path })
end

local function check_key(verb, key)
  if type(key) ~= "string" then refuse(verb, ("a key is a string, got a %s"):format(type(key))) end
  if not utf8.len(key) then refuse(verb, "the key is not UTF-8 text, which is all that a browser can store", key) end
end

-- A setter must not run while a component renders; only the user interface knows whether one does.
local function check_set(verb)
  local hooks = package.loaded["hearth.ui.hooks"]
  if hooks then hooks.check_set("LocalStorage." .. verb) end
end

-- The entry of a value in the mirror, which is also its check.
local function entry_of(verb, key, value)
  if value == nil then refuse(verb, ("the value of '%s' is nil; use pop to remove a key, or hearth.null"):format(key), key) end
  local ok, text = pcall(mirror.entry, value)
  if not ok then
    if errors.code(text) ~= "EINVAL" then error(text, 0) end
    refuse(verb, ("the value of '%s' cannot be stored: %s"):format(key, text.message), key, text.path)
  end
  if not utf8.len(text) then
    refuse(verb, ("the value of '%s' is not UTF-8 text, which is all that a browser can store"):format(key), key)
  end
  return text
end

-- ---- who hears of it

-- Runs the next call of a watcher, unless one is running.
local function pump(w)
  if w.running or w.gone or w.first > w.last then return end
  local event = w.queue[w.first]
  w.queue[w.first] = nil
  w.first = w.first + 1
  w.running = task.spawn(w.fn, event)
  w.running:name "a watcher of LocalStorage"
  w.running:on_done(function()
    w.running = nil
    pump(w)
  end)
end

-- A key had the entry `old` until now.
local function tell(self, key, old, source, err)
  local now = self.mirror:shown(key)
  if old == now and not err then return end
  self.version = self.version + 1
  for _, w in ipairs(self.watchers) do
    if w.key == nil or w.key == key then
      w.last = w.last + 1
      w.queue[w.last] = {
        key = key, value = mirror.value(now), old = mirror.value(old), source = source, revision = self.revision, error = err,
      }
      pump(w)
    end
  end
  for fn in pairs(self.listeners) do fn() end
end

-- ---- to the browser

-- A connection that is gone is no error of the writer: what it did not take is sent again by `reconnect`.
local function send(self, message)
  local connection = self.connection
  if connection == nil or self.session_id == nil then return end
  local ok, err = pcall(connection.send, connection, self.session_id, message)
  if not ok and errors.code(err) ~= "ECLOSED" and errors.code(err) ~= "ENET" then error(err, 0) end
end

--- Stores a value: any JSON value, `false`, `0` and `""` included. It is seen at once; the ticket resolves when the browser has it, and
--- is rejected with EQUOTA, the old value being back, when the browser has no room. An equal value sends nothing. Raises EQUOTA at once,
--- changing nothing, for what cannot fit.
---@param key string
---@param value any
---@return hearth.Ticket
function Storage:set(key, value)
  check_set "set"
  check_key("set", key)
  local entry, shown = entry_of("set", key, value), self.mirror
  local old = shown:shown(key)
  if old == entry then
    self.own[key] = true
    return shown:ticket(key) or tickets.done(self.revision)
  end
  local size = shown.size - shown:weight(key) + mirror.weight(key, entry)
  if size > self.quota and size > shown.size then
    errors.raise("EQUOTA",
      ("LocalStorage.set: '%s' would take the storage to %d of %d characters; remove keys, or keep large data in AsyncStorage")
        :format(key, size, self.quota), { op = "LocalStorage.set", key = key })
  end
  self.own[key] = true
  self.revision = self.revision + 1
  local ticket = shown:write(key, entry, self.revision)
  tell(self, key, old, "local")
  send(self, { localstorage = { [key] = mirror.value(entry) }, revision = self.revision })
  return ticket
end

--- The value of a key, or `default` when it is absent. A table is the caller's own copy.
---@param key string
---@param default any
---@return any
function Storage:get(key, default)
  check_key("get", key)
  local entry = self.mirror:shown(key)
  if entry == nil then return default end
  return mirror.value(entry)
end

--- Removes a key and returns the value that it had; nil, and nothing is sent, when it was absent.
---@param key string
---@return any
function Storage:pop(key)
  check_set "pop"
  check_key("pop", key)
  local old = self.mirror:shown(key)
  if old == nil then return nil end
  self.revision = self.revision + 1
  self.mirror:write(key, nil, self.revision)
  tell(self, key, old, "local")
  send(self, { removed = { key }, revision = self.revision })
  return mirror.value(old)
end

--- Removes every key that the app wrote; keys that only the page wrote stay. Nothing is sent when there is none.
---@return hearth.Ticket
function Storage:clear()
  check_set "clear"
  local olds, gone, ticket = {}, {}, nil
  for _, key in ipairs(self.mirror:keys()) do
    if self.own[key] then gone[#gone + 1], olds[key] = key, self.mirror:shown(key) end
  end
  if not gone[1] then return tickets.done(self.revision) end
  self.revision = self.revision + 1
  for _, key in ipairs(gone) do ticket = self.mirror:write(key, nil, self.revision) end
  for _, key in ipairs(gone) do tell(self, key, olds[key], "local") end
  send(self, { cleared = true, revision = self.revision })
  return ticket
end

--- The keys, in byte order.
---@return string[]
function Storage:keys() return self.mirror:keys() end

--- The values, in the order of their keys.
---@return any[]
function Storage:values()
  local list = self.mirror:keys()
  for i, key in ipairs(list) do list[i] = mirror.value(self.mirror:shown(key)) end
  return list
end

--- A list of `{key, value}`, in the order of the keys.
---@return { [1]: string, [2]: any }[]
function Storage:items()
  local list = self.mirror:keys()
  for i, key in ipairs(list) do list[i] = { key, mirror.value(self.mirror:shown(key)) } end
  return list
end

--- Calls fn{key=, value=, old=, source="local"|"remote", revision=, error=} after each change of a key (nil: of any), as a task, one call
--- after the other. `error` says why a write of ours was taken back.
---@param key string|nil
---@param fn fun(event: table)
---@return fun() unsubscribe
function Storage:watch(key, fn)
  if key ~= nil then check_key("watch", key) end
  if type(fn) ~= "function" then refuse("watch", ("takes a key or nil, and a function, got a %s"):format(type(fn)), key) end
  local w = { key = key, fn = fn, queue = {}, first = 1, last = 0 }
  self.watchers[#self.watchers + 1] = w
  return function()
    if w.gone then return end
    w.gone = true
    for i, other in ipairs(self.watchers) do
      if other == w then return table.remove(self.watchers, i) end
    end
  end
end

-- ---- from the browser

-- Entries of the values in a message, after a check of its whole shape: nothing is changed before.
local function entries_of(message)
  if type(message) ~= "table" then refuse("receive", ("takes a table, got a %s"):format(type(message))) end
  for _, name in ipairs { "localstorage", "removed", "own", "refused" } do
    local part = message[name]
    if part ~= nil and type(part) ~= "table" then refuse("receive", ("%s is a table, got a %s"):format(name, type(part))) end
  end
  local entries = {}
  for key, value in pairs(message.localstorage or {}) do
    check_key("receive", key)
    entries[key] = entry_of("receive", key, value)
  end
  for _, key in ipairs(message.removed or {}) do check_key("receive", key) end
  for _, key in ipairs(message.own or {}) do check_key("receive", key) end
  for key, code in pairs(message.refused or {}) do
    check_key("receive", key)
    if type(code) ~= "string" then refuse("receive", "refused has a code for each key", key) end
  end
  if message.ack ~= nil and math.type(message.ack) ~= "integer" then refuse("receive", "ack is an integer") end
  return entries
end

-- What a refused key holds is its base: it is no change by the page, and must be there before the write is taken back.
local function take_back(self, message, entries, ack)
  local refused, shown = message.refused, self.mirror
  for key in pairs(refused) do
    if entries[key] ~= nil then shown:hold(key, entries[key]) end
  end
  for _, key in ipairs(message.removed or {}) do
    if refused[key] then shown:hold(key, nil) end
  end
  for key, code in pairs(refused) do
    local old = shown:shown(key)
    local err = shown:refuse(key, code, ack)
    if err then tell(self, key, old, "remote", err) end
  end
end

local function receive(self, message, entries)
  local shown = self.mirror
  local ack, refused = message.ack and math.min(message.ack, self.revision), message.refused or {}
  if message.refused and ack then take_back(self, message, entries, ack) end
  if ack then shown:settle(ack) end
  -- The app wrote these in another tab. Such marks go with their keys: a page does not make them grow.
  for _, key in ipairs(message.own or {}) do
    if entries[key] and not self.own[key] then self.own[key] = "elsewhere" end
  end
  local keys, olds = {}, {}
  local function change(key, entry)
    if refused[key] then return end
    keys[#keys + 1] = key
    olds[#keys] = shown:shown(key) or false
    shown:hold(key, entry)
    if self.own[key] == "elsewhere" and not shown:shown(key) then self.own[key] = nil end
  end
  if message.cleared then
    local held = {}
    for key in pairs(shown:held()) do held[#held + 1] = key end
    table.sort(held)
    for _, key in ipairs(held) do change(key, nil) end
  end
  for _, key in ipairs(message.removed or {}) do change(key, nil) end
  for key, entry in pairs(entries) do change(key, entry) end
  for i, key in ipairs(keys) do tell(self, key, olds[i] or nil, "remote") end
end

--- Takes a message from the browser: changes by the page or another tab (`localstorage`, `removed`, `cleared`), what it has applied
--- (`ack`), what it could not store (`refused`). Messages come in the order in which the browser sent them. A change loses against a
--- write of ours that the browser had not seen. Raises EINVAL for a malformed message and changes nothing then.
---@param message hearth.LocalStorageMessage
function Storage:receive(message) receive(self, message, entries_of(message)) end

--- The same for a page: `entries` are those of the mirror in place of the message's values, and are taken as they are.
---@package
function Storage:_receive(message, entries)
  entries_of { removed = message.removed, own = message.own, refused = message.refused, ack = message.ack }
  receive(self, message, entries)
end

local function replace(self, entries)
  local shown, before = self.mirror, {}
  for _, key in ipairs(shown:keys()) do before[key] = shown:shown(key) end
  shown:hold_all(entries)
  for key, old in pairs(before) do tell(self, key, old, "remote") end
  for key in pairs(entries) do
    if before[key] == nil then tell(self, key, nil, "remote") end
  end
end

--- The browser is there again, or for the first time. What it has not acknowledged is sent once more, as one message.
--- `items` is all that it holds, `own` the keys in it that the app wrote, `ack` the last revision that it applied.
---@param options? { session_id?: string, connection?: any, items?: table<string, any>, ack?: integer, own?: string[] }
function Storage:reconnect(options)
  options = options or {}
  local entries = entries_of { localstorage = options.items, ack = options.ack }
  if options.session_id ~= nil then self.session_id = options.session_id end
  if options.connection ~= nil then self.connection = options.connection end
  for _, key in ipairs(options.own or {}) do self.own[key] = true end
  if options.ack then
    self.revision = math.max(self.revision, options.ack)
    self.mirror:settle(options.ack)
  end
  if options.items then replace(self, entries) end
  local again, removed = self.mirror:unacknowledged()
  if not again and not removed then return end
  local values = again and {}
  for key, entry in pairs(again or {}) do values[key] = mirror.value(entry) end
  send(self, { localstorage = values, removed = removed, revision = self.revision })
end

--- For a page that comes for the first time: what it holds, as entries of the mirror, and the keys in it that the app wrote.
---@package
function Storage:_hold(entries, own)
  for _, key in ipairs(own) do self.own[key] = true end
  replace(self, entries)
end

--- Is there a write that the browser has not acknowledged?
---@return boolean
function Storage:is_pending() return self.mirror:is_pending() end

--- How many characters of keys and values there are, as a browser counts them.
---@package
function Storage:_size() return self.mirror.size end

-- For hooks: fn() at once after each visible change.
function Storage:_listen(fn)
  self.listeners[fn] = true
  return function() self.listeners[fn] = nil end
end

local FIELDS = { data = true, session_id = true, connection = true, quota = true }

--- A LocalStorage over any connection. `data` is what the browser holds, which is copied; `quota` counts characters of keys and
--- values, 5 Mi by default.
---@param options? { data?: table<string, any>, session_id?: string, connection?: any, quota?: integer }
---@return hearth.LocalStorage
return function(options)
  options = options or {}
  if type(options) ~= "table" then
    refuse("new", ("LocalStorage takes a table, LocalStorage{data=, session_id=, connection=}, got a %s"):format(type(options)))
  end
  for name in pairs(options) do
    if not FIELDS[name] then
      refuse("new", ("there is no option '%s'; the options are data, session_id, connection and quota"):format(tostring(name)))
    end
  end
  local data, connection = options.data or {}, options.connection
  if type(data) ~= "table" then refuse("new", ("data is a table of keys and values, got a %s"):format(type(data))) end
  if options.session_id ~= nil and type(options.session_id) ~= "string" then
    refuse("new", ("session_id is a string, got a %s"):format(type(options.session_id)))
  end
  if connection ~= nil then
    local ok, method = pcall(function() return connection.send end)
    if not ok or method == nil then refuse("new", "connection has no method send(session_id, message)") end
  end
  if options.quota ~= nil and (math.type(options.quota) ~= "integer" or options.quota < 0) then
    refuse("new", "quota is a number of characters")
  end
  local self = setmetatable({
    session_id = options.session_id, connection = connection, quota = options.quota or QUOTA,
    mirror = mirror.new(), own = {}, watchers = {}, listeners = {}, revision = 0, version = 0,
  }, Storage)
  for key, value in pairs(data) do
    check_key("new", key)
    self.mirror:hold(key, entry_of("new", key, value))
    self.own[key] = true
  end
  return self
end
