-- Watchers: functions that hear of the changes of a key, or of all keys with a prefix, after the commit and in its order. Each call is a
-- task of its own, and the next one of the same watcher begins when it has ended. A watched key that expires is a change too: the
-- store knows no clock, so a timer asks it at the right moment.

local check = require "hearth.storage.check"
local owner = require "hearth.owner"
local task = require "hearth.core.task"
local timer = require "hearth.core.timer"

local fail, call = check.fail, check.call

local LONGEST_TIMER = 86400.0 -- of later ends we ask again
local CHUNK = 1000            -- keys read at once when a prefix watcher looks for ends

local watch = {}

local hubs = setmetatable({}, { __mode = "k" }) -- raw store -> hub

---@class hearth.storage.hub what watches one open store
---@field raw userdata
---@field watchers table[] in the order in which they began
---@field ends table<string, table<string, table>> namespace -> key -> {at=, timer=, value=}, or {told=true} until it is swept away
local Hub = {}
Hub.__index = Hub

local function wants(w, namespace, key)
  if w.namespace ~= namespace or w.gone then return false end
  if w.key then return w.key == key end
  return key:sub(1, #w.prefix) == w.prefix
end

-- Runs the next call of a watcher, unless one is running.
local function pump(w)
  while not w.running and not w.gone and w.first <= w.last do
    local event = w.queue[w.first]
    w.queue[w.first] = nil
    w.first = w.first + 1
    local start = task.current() and task.spawn or task.start
    local running = start(w.fn, event)
    if not running:done() then
      w.running = running
      running:on_done(function()
        w.running = nil
        pump(w)
      end)
    end
  end
end

function Hub:deliver(namespace, event)
  local list = self.watchers
  for i = 1, #list do
    local w = list[i]
    if wants(w, namespace, event.key) then
      w.last = w.last + 1
      w.queue[w.last] = {
        key = event.key, value = event.value, old = event.old, revision = event.revision, source = event.source,
      }
    end
  end
  for i = 1, #list do
    if list[i] then pump(list[i]) end
  end
end

function Hub:watched(namespace, key)
  for _, w in ipairs(self.watchers) do
    if wants(w, namespace, key) then return true end
  end
  return false
end

function Hub:disarm(namespace, key)
  local ends = self.ends[namespace]
  local e = ends and ends[key]
  if not e then return end
  ends[key] = nil
  e.gone = true
  e.timer:stop()
end

function Hub:arm(namespace, key, at, value)
  self:disarm(namespace, key)
  local e = { at = at, value = value }
  local ends = self.ends[namespace]
  if not ends then
    ends = {}
    self.ends[namespace] = ends
  end
  ends[key] = e
  local function expired()
    if e.gone then return end
    if timer.wall() < at then return e.wait(at - timer.wall()) end
    self.raw:fetch({ { namespace, key } }, function(records)
      if e.gone then return end
      local now = records and records[1]
      if not now then return e.wait(1.0) end -- the store is in trouble: ask again
      if now.value ~= nil and now.expires_at then return self:arm(namespace, key, now.expires_at, now.value) end
      self:disarm(namespace, key)
      if now.value == nil and not now.error then
        ends[key] = { told = true, gone = true, timer = e.timer }
        self:deliver(namespace, { key = key, old = e.value, revision = now.revision, source = "local" })
      end
    end)
  end
  -- Not early by rounding, not late by much; a clock set back is noticed when it fires.
  function e.wait(seconds)
    e.timer = timer.after(math.min(math.max(seconds, 0.001), LONGEST_TIMER), expired, "u")
  end
  e.wait(at - timer.wall())
end

function Hub:hear(events)
  for _, event in ipairs(events) do
    local namespace, key = event.ns, event.key
    if self:watched(namespace, key) then
      local ends = self.ends[namespace]
      local ending = ends and ends[key]
      if event.value ~= nil and event.expires_at then
        self:arm(namespace, key, event.expires_at, event.value)
      else
        self:disarm(namespace, key)
      end
      -- The store may sweep an expired record away before our timer fires: that is how the watchers hear of its end then.
      if ending and event.value == nil and event.old == nil then event.old = ending.value end
      local same = event.value == event.old and (event.value ~= nil or event.source == "local")
      -- Or after it has: also when another process sweeps.
      if ending and ending.told and event.value == nil then same = true end
      if not same then self:deliver(namespace, event) end
    end
  end
end

function Hub:remove(w)
  if w.gone then return end
  w.gone = true
  w.queue = {}
  for i, other in ipairs(self.watchers) do
    if other == w then
      table.remove(self.watchers, i)
      break
    end
  end
  for namespace, ends in pairs(self.ends) do
    for _, key in ipairs(watch.list(ends)) do
      if not self:watched(namespace, key) then self:disarm(namespace, key) end
    end
  end
  if #self.watchers == 0 and self.unsubscribe then
    self.unsubscribe()
    self.unsubscribe = nil
    hubs[self.raw] = nil
  end
end

-- The keys of a table, to walk it while it changes.
function watch.list(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  return keys
end

local function hub_of(raw)
  local hub = hubs[raw]
  if not hub then
    hub = setmetatable({ raw = raw, watchers = {}, ends = {} }, Hub)
    hubs[raw] = hub
    hub.unsubscribe = raw:subscribe(function(events) hub:hear(events) end)
  end
  return hub
end

-- Sets the timers of what has an end already.
local function find_ends(hub, view, verb, w)
  local raw, namespace = hub.raw, w.namespace
  local keys = w.key and { w.key } or call(view, verb, nil, raw.scan, raw, namespace, w.prefix)
  for first = 1, #keys, CHUNK do
    local part = table.move(keys, first, math.min(first + CHUNK - 1, #keys), 1, {})
    for key, record in pairs(call(view, verb, nil, raw.read, raw, namespace, part)) do
      if record.expires_at and record.value ~= nil then hub:arm(namespace, key, record.expires_at, record.value) end
    end
  end
end

---Drops the watchers of a store, as if nobody had watched: for `close` and for a restart in tests.
---@param raw userdata
function watch.reset(raw)
  local hub = hubs[raw]
  if not hub then return end
  for _, w in ipairs({ table.unpack(hub.watchers) }) do hub:remove(w) end
end

---@param verbs table
function watch.install(verbs)
  function verbs.watch(view, what, fn)
    local verb, namespace = view.names.watch, view.namespace
    task.check(verb)
    local key, prefix
    if type(what) == "table" then
      prefix = what.prefix
      if type(prefix) ~= "string" then
        error(fail("EINVAL", verb, namespace, nil, "takes a key or {prefix=string}, got a table whose prefix is " .. type(prefix)))
      end
    else
      check.key(verb, namespace, what)
      key = what
    end
    if type(fn) ~= "function" then
      error(fail("EINVAL", verb, namespace, key, "takes a function(event) as its last argument, got " .. type(fn)))
    end
    local raw = view:handle(verb)
    local hub = hub_of(raw)
    local w = { namespace = namespace, key = key, prefix = prefix, fn = owner.keep(fn), queue = {}, first = 1, last = 0 }
    table.insert(hub.watchers, w)
    local ok, err = pcall(find_ends, hub, view, verb, w)
    if not ok then
      hub:remove(w)
      error(err, 0)
    end
    return function() hub:remove(w) end
  end
end

return watch
