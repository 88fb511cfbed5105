-- LocalStorage: a mirror of one browser's localStorage. What is shown is what the browser is known to hold (`base`) with the writes on
-- top that it has not acknowledged (`pending`), so that a write is seen at once, a refusal or a change by the page only ever changes the
-- base, and a reconnect sends again exactly what may have been lost. It knows no sockets: a connection is anything with `send(session_id,
-- message)`.

local core = require "hearth.core.json"
local errors = require "hearth.errors"
local task = require "hearth.core.task"
local tickets = require "hearth.storage.ticket"

local NO_VALUE <const> = {}      -- in `pending`: the key was removed
local TICKETS <const> = 64       -- of one key that wait for their own revision; beyond that writes share the newest
local QUOTA <const> = 5 * 1024 * 1024

---@class hearth.LocalStorageMessage what goes to the browser, and what comes from it; absent parts are left out
---@field localstorage? table<string, any> keys that have these values now
---@field removed? string[]
---@field cleared? boolean every key that the app wrote is gone
---@field revision? integer of the last write in a message to the browser
---@field ack? integer from the browser: all writes up to this revision were applied or refused
---@field refused? table<string, string> from the browser: keys whose write failed, with a code (EQUOTA); they have their old value

---@class hearth.LocalStorage
---@field session_id? string
---@field connection? { send: fun(self: any, session_id: string, message: hearth.LocalStorageMessage): any }
---@field package base table<string, any>
---@field package pending table<string, table>
---@field package own table<string, true> keys that the app wrote: what `clear` removes
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

-- The JSON text of a value, which is also its check.
local function text_of(verb, key, value)
  if value == nil then refuse(verb, ("the value of '%s' is nil; use pop to remove a key, or hearth.null"):format(key), key) end
  local ok, text = pcall(core.encode, value)
  if not ok then
    if errors.code(text) ~= "EINVAL" then error(text, 0) end
    refuse(verb, ("the value of '%s' cannot be stored: %s"):format(key, text.message), key, text.path)
  end
  if not utf8.len(text) then
    refuse(verb, ("the value of '%s' is not UTF-8 text, which is all that a browser can store"):format(key), key)
  end
  return text
end

-- What a browser counts: UTF-16 code units.
local function units(text)
  local _, beyond = text:gsub("[\xF0-\xF4]", "")
  return utf8.len(text) + beyond
end

-- As the browser stores it: a string as it is, anything else as JSON.
local function stored_units(value, text)
  return units(type(value) == "string" and value or text or core.encode(value))
end

local function copied(value)
  if type(value) == "table" then return core.copy(value) end
  return value
end

-- ---- what is there

local function current(self, key)
  local op = self.pending[key]
  if not op then return self.base[key] end
  if op.value == NO_VALUE then return nil end
  return op.value
end

local function each_key(self)
  local keys = {}
  for key in pairs(self.base) do
    local op = self.pending[key]
    if not op or op.value ~= NO_VALUE then keys[#keys + 1] = key end
  end
  for key, op in pairs(self.pending) do
    if self.base[key] == nil and op.value ~= NO_VALUE then keys[#keys + 1] = key end
  end
  table.sort(keys)
  return keys
end

local function same(a, b)
  if a == nil or b == nil then return a == b end
  return core.equal(a, b)
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

local function tell(self, key, old, source, err)
  local value = current(self, key)
  if same(old, value) and not err then return end
  self.version = self.version + 1
  for _, w in ipairs(self.watchers) do
    if w.key == nil or w.key == key then
      w.last = w.last + 1
      w.queue[w.last] = { key = key, value = copied(value), old = copied(old), source = source, revision = self.revision, error = err }
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

-- Notes a write that the browser has not confirmed. Returns its ticket.
local function note(self, key, value)
  local op = self.pending[key]
  local list = op and op.tickets or {}
  self.pending[key] = { value = value, revision = self.revision, tickets = list }
  local last = list[#list]
  if #list >= TICKETS then
    last.revision = self.revision
    return last.ticket
  end
  local ticket = tickets.new()
  list[#list + 1] = { revision = self.revision, ticket = ticket }
  return ticket
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
  local text = text_of("set", key, value)
  local old = current(self, key)
  if old ~= nil and core.encode(old) == text then
    self.own[key] = true
    local op = self.pending[key]
    return op and op.tickets[#op.tickets].ticket or tickets.done(self.revision)
  end
  local size = self.size + stored_units(value, text) + (old == nil and units(key) or -stored_units(old))
  if size > self.quota and size > self.size then
    errors.raise("EQUOTA",
      ("LocalStorage.set: '%s' would take the storage to %d of %d characters; remove keys, or keep large data in AsyncStorage")
        :format(key, size, self.quota), { op = "LocalStorage.set", key = key })
  end
  self.size = size
  self.own[key] = true
  self.revision = self.revision + 1
  value = copied(value)
  local ticket = note(self, key, value)
  tell(self, key, old, "local")
  send(self, { localstorage = { [key] = copied(value) }, revision = self.revision })
  return ticket
end

--- The value of a key, or `default` when it is absent. A table is the caller's own copy.
---@param key string
---@param default any
---@return any
function Storage:get(key, default)
  check_key("get", key)
  local value = current(self, key)
  if value == nil then return default end
  return copied(value)
end

--- Removes a key and returns the value that it had; nil, and nothing is sent, when it was absent.
---@param key string
---@return any
function Storage:pop(key)
  check_set "pop"
  check_key("pop", key)
  local old = current(self, key)
  if old == nil then return nil end
  self.size = self.size - units(key) - stored_units(old)
  self.revision = self.revision + 1
  note(self, key, NO_VALUE)
  tell(self, key, old, "local")
  send(self, { removed = { key }, revision = self.revision })
  return copied(old)
end

--- Removes every key that the app wrote; keys that only the page wrote stay. Nothing is sent when there is none.
---@return hearth.Ticket
function Storage:clear()
  check_set "clear"
  local gone = {}
  for _, key in ipairs(each_key(self)) do
    if self.own[key] then gone[#gone + 1] = key end
  end
  if not gone[1] then return tickets.done(self.revision) end
  self.revision = self.revision + 1
  local ticket
  local olds = {}
  for _, key in ipairs(gone) do
    local old = current(self, key)
    olds[key] = old
    self.size = self.size - units(key) - stored_units(old)
    ticket = note(self, key, NO_VALUE)
  end
  for _, key in ipairs(gone) do tell(self, key, olds[key], "local") end
  send(self, { cleared = true, revision = self.revision })
  return ticket
end

--- The keys, in byte order.
---@return string[]
function Storage:keys() return each_key(self) end

--- The values, in the order of their keys.
---@return any[]
function Storage:values()
  local list = each_key(self)
  for i, key in ipairs(list) do list[i] = copied(current(self, key)) end
  return list
end

--- A list of `{key, value}`, in the order of the keys.
---@return { [1]: string, [2]: any }[]
function Storage:items()
  local list = each_key(self)
  for i, key in ipairs(list) do list[i] = { key, copied(current(self, key)) } end
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

local function settle_writes(self, ack)
  for key, op in pairs(self.pending) do
    local left = {}
    for _, t in ipairs(op.tickets) do
      if t.revision <= ack then tickets.resolve(t.ticket, t.revision) else left[#left + 1] = t end
    end
    op.tickets = left
    if op.revision <= ack then
      self.base[key], self.pending[key] = current(self, key), nil
    end
  end
end

local function measure(self)
  local size = 0
  for _, key in ipairs(each_key(self)) do size = size + units(key) + stored_units(current(self, key)) end
  self.size = size
end

-- The writes that a browser refused: what it holds counts again.
local function take_back(self, refused, ack)
  for key, code in pairs(refused) do
    local op = self.pending[key]
    if op then
      local left, failed = {}, nil
      for _, t in ipairs(op.tickets) do
        if t.revision == ack or op.revision <= ack and t.revision == op.revision then failed = t
        elseif t.revision > ack then left[#left + 1] = t
        else tickets.resolve(t.ticket, t.revision) end
      end
      local err = errors.new(code, ("LocalStorage.set: the browser refused '%s'%s; its old value is back"):format(key,
        code == "EQUOTA" and ", its storage is full" or ""), { op = "LocalStorage.set", key = key })
      op.tickets = left
      if op.revision <= ack then
        local old = current(self, key)
        self.pending[key] = nil
        tell(self, key, old, "remote", err)
      end
      if failed then tickets.reject(failed.ticket, err) end
    end
  end
end

-- The shape of what came is checked before anything is changed.
local function check_message(message)
  if type(message) ~= "table" then refuse("receive", ("takes a table, got a %s"):format(type(message))) end
  for _, name in ipairs { "localstorage", "removed", "refused" } do
    local part = message[name]
    if part ~= nil and type(part) ~= "table" then refuse("receive", ("%s is a table, got a %s"):format(name, type(part))) end
  end
  for key, value in pairs(message.localstorage or {}) do
    check_key("receive", key)
    text_of("receive", key, value)
  end
  for _, key in ipairs(message.removed or {}) do check_key("receive", key) end
  for key, code in pairs(message.refused or {}) do
    check_key("receive", key)
    if type(code) ~= "string" then refuse("receive", "refused has a code for each key", key) end
  end
  if message.ack ~= nil and math.type(message.ack) ~= "integer" then refuse("receive", "ack is an integer") end
end

--- Takes a message from the browser: changes by the page or another tab (`localstorage`, `removed`, `cleared`), what it has applied
--- (`ack`), what it could not store (`refused`). Messages come in the order in which the browser sent them. A change loses against a
--- write of ours that the browser had not seen. Raises EINVAL for a malformed message and changes nothing then.
---@param message hearth.LocalStorageMessage
function Storage:receive(message)
  check_message(message)
  local ack = message.ack and math.min(message.ack, self.revision)
  local changed = {}
  local function change(key, value)
    changed[#changed + 1] = { key, current(self, key) }
    self.base[key] = value
  end
  local function announce()
    for _, c in ipairs(changed) do tell(self, c[1], c[2], "remote") end
    changed = {}
  end
  local refused = message.refused
  -- What a refused key holds is its base: it is no change by the page, and must be there before the write is taken back.
  if refused and ack then
    for key in pairs(refused) do
      local held = message.localstorage and message.localstorage[key]
      if held ~= nil then self.base[key] = copied(held) end
    end
    for _, key in ipairs(message.removed or {}) do
      if refused[key] then self.base[key] = nil end
    end
    take_back(self, refused, ack)
  end
  if ack then settle_writes(self, ack) end
  refused = refused or {}
  if message.cleared then
    for _, key in ipairs(each_key(self)) do
      if self.base[key] ~= nil then change(key, nil) end
    end
  end
  for _, key in ipairs(message.removed or {}) do
    if not refused[key] then change(key, nil) end
  end
  for key, value in pairs(message.localstorage or {}) do
    if not refused[key] then change(key, copied(value)) end
  end
  measure(self)
  announce()
end

--- The browser is there again, or for the first time. What it has not acknowledged is sent once more, as one message.
--- `items` is all that it holds, `own` the keys in it that the app wrote, `ack` the last revision that it applied.
---@param options? { session_id?: string, connection?: any, items?: table<string, any>, ack?: integer, own?: string[] }
function Storage:reconnect(options)
  options = options or {}
  if options.session_id ~= nil then self.session_id = options.session_id end
  if options.connection ~= nil then self.connection = options.connection end
  for _, key in ipairs(options.own or {}) do self.own[key] = true end
  if options.ack then
    check_message { ack = options.ack }
    self.revision = math.max(self.revision, options.ack)
    settle_writes(self, options.ack)
  end
  if options.items then
    check_message { localstorage = options.items }
    local before = {}
    for _, key in ipairs(each_key(self)) do before[key] = current(self, key) end
    self.base = {}
    for key, value in pairs(options.items) do self.base[key] = copied(value) end
    measure(self)
    for key, old in pairs(before) do tell(self, key, old, "remote") end
    for key in pairs(options.items) do
      if before[key] == nil then tell(self, key, nil, "remote") end
    end
  end
  local message = { revision = self.revision }
  for key, op in pairs(self.pending) do
    if op.value == NO_VALUE then
      message.removed = message.removed or {}
      table.insert(message.removed, key)
    else
      message.localstorage = message.localstorage or {}
      message.localstorage[key] = copied(op.value)
    end
  end
  if message.removed then table.sort(message.removed) end
  if next(self.pending) ~= nil then send(self, message) end
end

--- Is there a write that the browser has not acknowledged?
---@return boolean
function Storage:is_pending() return next(self.pending) ~= nil end

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
    base = {}, pending = {}, own = {}, watchers = {}, listeners = {}, revision = 0, version = 0, size = 0,
  }, Storage)
  for key, value in pairs(data) do
    check_key("new", key)
    text_of("new", key, value)
    self.base[key] = copied(value)
    self.own[key] = true
  end
  measure(self)
  return self
end
