-- A store as cells see it (submit, load, subscribe), in plain Lua and driven by hand, so that a test chooses every interleaving. One
-- database, a handle per process; a request is performed when the test says so, and what it causes is delivered when the test says so.

local errors = require "hearth.errors"
local timer = require "hearth.core.timer"

---@class spec.Database
local Database = {}
Database.__index = Database

local function new()
  return setmetatable({rows = {}, revision = 0, handles = {}, commits = {}, kept = {}}, Database)
end

local function id(ns, key)
  return ns .. "\0" .. key
end

-- What is there now: an expired row is absent.
function Database:row(ns, key)
  local row = self.rows[id(ns, key)]
  if row and row.expires_at and row.expires_at <= timer.wall() then return nil end
  return row
end

local function record(self, ns, key)
  local row = self:row(ns, key)
  if not row then return {revision = 0} end
  if row.damaged then return {error = errors.new("ECORRUPT", "checksum"), revision = row.revision} end
  return {value = row.value, revision = row.revision, version = row.version, expires_at = row.expires_at, kind = row.kind}
end

local Handle = {}
Handle.__index = Handle

--- A process: its queue of requests, and what was caused and has not been delivered to it.
function Database:open()
  local handle = setmetatable({db = self, queue = {}, inbox = {}, answers = {}, caused = 0, delivered = 0, listeners = {}}, Handle)
  table.insert(self.handles, handle)
  return handle
end

function Handle:id() return self end
function Handle:subscribe(fn)
  self.listeners[fn] = true
  return function() self.listeners[fn] = nil end
end
function Handle:load(names, fn) table.insert(self.queue, {load = names, fn = fn}) end
function Handle:submit(ops, fn) table.insert(self.queue, {ops = ops, fn = fn}) end

local function deliver_later(handle, fn)
  table.insert(handle.inbox, fn)
  handle.caused = handle.caused + 1
end

-- An answer comes after the events of its commit, and perhaps after others.
local function answer_later(handle, fn)
  table.insert(handle.answers, {fn = fn, after = handle.caused})
end

local function apply(self, ops, origin)
  for _, op in ipairs(ops) do
    local row = self:row(op.ns, op.key)
    local revision = row and row.revision or 0
    if op.if_revision and op.if_revision ~= revision then
      local records = {}
      for i, o in ipairs(ops) do records[i] = record(self, o.ns, o.key) end
      return nil, records
    end
  end
  self.revision = self.revision + 1
  local events = {}
  for i, op in ipairs(ops) do
    local before = self:row(op.ns, op.key)
    table.insert(self.commits, {
      key = op.key, ns = op.ns, before = before, value = op.value, tag = op.tag, origin = origin, after = op.after})
    if op.value == nil then
      self.rows[id(op.ns, op.key)] = nil
    else
      self.rows[id(op.ns, op.key)] = {
        value = op.value, revision = self.revision, version = op.version, expires_at = op.expires_at, kind = op.kind,
      }
    end
    if op.keep and before then
      table.insert(self.kept, {ns = op.ns, key = op.key, bytes = before.value, version = before.version})
    end
    events[i] = {ns = op.ns, key = op.key, value = op.value, revision = self.revision, version = op.version, expires_at = op.expires_at}
  end
  for _, handle in ipairs(self.handles) do
    local own = {}
    for i, e in ipairs(events) do
      local copy = {source = handle == origin and "local" or "remote", tag = handle == origin and ops[i].tag or nil}
      for k, v in pairs(e) do copy[k] = v end
      own[i] = copy
    end
    deliver_later(handle, function()
      for fn in pairs(handle.listeners) do fn(own) end
    end)
  end
  return self.revision
end

--- Puts bytes there as another program would: everybody hears of it. `damaged`: the disk did it, and nobody hears.
---@param fields {expires_at: number?, version: integer?, damaged: boolean?}?
function Database:put(ns, key, value, fields)
  fields = fields or {}
  if fields.damaged then
    self.revision = self.revision + 1
    self.rows[id(ns, key)] = {value = value, revision = self.revision, damaged = true}
  else
    apply(self, {{ns = ns, key = key, value = value, expires_at = fields.expires_at, version = fields.version}})
  end
end

--- Performs the oldest request; its answer is in the inbox. `err`: it fails.
---@return boolean was there one?
function Handle:perform(err)
  local request = table.remove(self.queue, 1)
  if not request then return false end
  if err then
    answer_later(self, function()
      if request.fn then request.fn(nil, nil, err) end
    end)
  elseif request.load then
    local found = {}
    for i = 1, #request.load, 2 do
      local r = record(self.db, request.load[i], request.load[i + 1])
      local is_plain = not r.error and not r.expires_at and (r.version or 0) == 0
      found[i], found[i + 1] = is_plain and (r.value or false) or r, r.revision
    end
    answer_later(self, function() request.fn(found) end)
  else
    local revision, records = apply(self.db, request.ops, self)
    answer_later(self, function() if request.fn then request.fn(revision, records) end end)
  end
  return true
end

--- Delivers the oldest event, or, with `answer`, the oldest answer if it may come already.
---@param answer boolean?
---@return boolean was there one?
function Handle:deliver(answer)
  local first = self.answers[1]
  if first and first.after <= self.delivered and (answer or not self.inbox[1]) then
    table.remove(self.answers, 1)
    first.fn()
    return true
  end
  local fn = table.remove(self.inbox, 1)
  if not fn then return false end
  self.delivered = self.delivered + 1
  fn()
  return true
end

--- Performs and delivers everything, also what that brings up.
function Handle:drain(turn)
  repeat
    turn()
    local more = self:perform()
    for _, handle in ipairs(self.db.handles) do
      while handle:deliver() do more = true end
    end
  until not more
end

--- The process died: what was queued and not performed never happens.
function Handle:crash()
  self.queue, self.inbox, self.answers, self.listeners = {}, {}, {}, {}
  for i, handle in ipairs(self.db.handles) do
    if handle == self then table.remove(self.db.handles, i) break end
  end
end

return {new = new}
