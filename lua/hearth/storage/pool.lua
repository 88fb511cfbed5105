-- The cells of one store in this process: found by namespace and key, loaded by one multi-get per turn, told of the store's events,
-- dropped when nobody looks at them any more. How they are read is in `load.lua`, how they are written in `commit.lua`.

local cell_module = require "hearth.storage.cell"
local errors = require "hearth.errors"
local scopes = require "hearth.storage.scopes"
local sessions = require "hearth.storage.sessions"
local task = require "hearth.core.task"
local timer = require "hearth.core.timer"
local ticket = require "hearth.storage.ticket"

local cell_of = cell_module.new
local FIRST_RETRY, LAST_RETRY = 0.05, 60
local MAX_IDLE = 10000   -- clean cells that nobody looks at

---@class hearth.CellPool
---@field raw any               the handle of the store; nil while it is being opened
---@field tag integer            marks our own commits among the store's events
---@field namespaces table<string, table<string, hearth.Cell>>
---@field to_load hearth.Cell[]
---@field to_commit hearth.Cell[]
---@field in_flight integer     batches that have not been answered
---@field dead boolean?         forgotten, or its store was closed
local Pool = {}
Pool.__index = Pool

local M = {Pool = Pool}
local count = 0

---@param raw any
---@return hearth.CellPool
function M.new(raw)
  count = count + 1
  local pool = setmetatable({
    tag = count, namespaces = {}, to_load = {}, to_commit = {}, in_flight = 0, idle = 0,
  }, Pool)
  pool.turn = function()
    pool.scheduled = false
    if pool.dead then return end
    local ok, err = pcall(pool.work, pool)
    if not ok then pool:lose_track(err) end
  end
  if raw then pool:attach(raw) end
  return pool
end

--- The store is open.
---@param raw any
function Pool:attach(raw)
  self.raw = raw
  self.unsubscribe = raw:subscribe(function(events) self:hear(events) end)
  if self.to_load[1] then self:touch() end
  self:sweep_sessions()
end

--- Clears what sessions of killed programs have left, where scope "session" is used.
function Pool:sweep_sessions()
  -- A store in memory has nothing of killed programs.
  if self.session and self.raw and self.raw.url and self.raw:url():sub(1, 7) ~= "memory:" then sessions.sweep(self.raw) end
end

--- Does what has come up at the end of this turn.
function Pool:touch()
  if self.scheduled then return end
  task.at_turn_end(self.turn)
  self.scheduled = true
end

--- The turn's loads and commits.
function Pool:work()
  if self.lost_track then self:find_back() end
  if self.raw and self.to_load[1] then self:fetch() end
  if self.to_commit[1] then self:commit_due() end
end

--- The cell of a key, if there is one.
---@return hearth.Cell?
function Pool:find(ns, key)
  local keys = self.namespaces[ns]
  return keys and keys[key]
end

--- The cell of a key. A new one is read at the end of this turn.
---@param ns string
---@param key string
---@return hearth.Cell
function Pool:cell(ns, key)
  local keys = self.namespaces[ns]
  if not keys then
    keys = {}
    self.namespaces[ns] = keys
    if ns == scopes.own_session() then
      self.session = ns
      self:sweep_sessions()
    end
  end
  local cell = keys[key]
  if not cell then
    cell = cell_of(self, ns, key)
    keys[key] = cell
    self:load(cell)
  end
  return cell
end

--- Subscribes a voice: `voice:changed()` when anything of the cell may look different; `on_error`, `on_load_error` and the options of its writes.
---@param cell hearth.Cell
---@param voice table
function Pool:subscribe(cell, voice)
  if voice.last_voice then return end
  local next_voice = cell.next_voice
  voice.last_voice, voice.next_voice, cell.next_voice = cell, next_voice, voice
  if next_voice then next_voice.last_voice = voice end
  if cell.is_idle then
    cell.is_idle = nil
    self.idle = self.idle - 1
  end
end

--- The voice is no longer interested.
function Pool:leave(cell, voice)
  local before, after = voice.last_voice, voice.next_voice
  if not before then return end
  voice.last_voice, voice.next_voice, before.next_voice = nil, nil, after
  if after then after.last_voice = before end
  if not cell.next_voice then
    cell.is_idle = true
    self.idle = self.idle + 1
    if self.idle > MAX_IDLE then self:sweep() end
  end
end

-- Cells that nobody looks at and that have nothing to save; one that is wanted again is read from the store's cache.
function Pool:sweep()
  for _, keys in pairs(self.namespaces) do
    for key, cell in pairs(keys) do
      if cell.is_idle and cell.n == 0 and not cell.loading and not cell.migrating then
        if cell.expiry then cell.expiry:stop() end
        keys[key] = nil
        cell.gone = true
        self.idle = self.idle - 1
      end
    end
  end
end

--- Tells those who look at the cell. Inside `hearth.batch` they are told at its end.
---@param cell hearth.Cell
function Pool.publish(_, cell)
  local group = cell.group
  if group and group.open > 0 then
    group.unpublished[cell] = true
    return
  end
  local voice = cell.next_voice
  while voice do
    voice:changed()
    voice = voice.next_voice
  end
end

--- After the base or the fold has changed: tells, reports updaters that are gone, arms the expiry, writes what waits.
---@param cell hearth.Cell
---@param failed table?
function Pool:after(cell, failed)
  if failed and failed[1] then
    for _, f in ipairs(failed) do self:dropped(cell, f) end
  end
  if cell.expires_at ~= cell.expiry_at then self:watch_expiry(cell) end
  if cell.n > cell.sent then
    self:mark(cell)
  elseif cell.group and cell.n == 0 and cell.group.open == 0 then
    self:leave_group(cell)
  end
  if cell.barriers then
    for _, barrier in ipairs(cell.barriers) do
      if cell:count_until(barrier.seq) == 0 then barrier:open() end   -- what it waited for has landed, or is gone
    end
  end
  self:publish(cell)
end

-- Nothing of it is left to be written with the others of its `hearth.batch`: they do not wait for it any more.
function Pool:leave_group(cell)
  local group = cell.group
  group.cells[cell], cell.group = nil, nil
  for other in pairs(group.cells) do
    if other.n > other.sent then self:mark(other) end
  end
end

--- The error for a value that cannot be stored: that of the encoder, with the verb and the key.
---@param cell hearth.Cell
---@param op hearth.CellOp
---@param err any
---@return any
function M.unstorable(cell, op, err)
  if not errors.is(err) then return err end
  local what = op.kind == "update" and "the updater returned what cannot be stored: " or ""
  return errors.new(err.code, ("set of use_persisted_state(%q): %s%s"):format(cell.key, what, err.message), {
    op = "use_persisted_state", key = cell.key, namespace = cell.ns, path = err.path,
  })
end

--- An operation is gone: its updater raised, or its value cannot be stored.
---@param cell hearth.Cell
---@param failure hearth.CellFailure
function Pool.dropped(_, cell, failure)
  local op, err = failure.op, failure.error
  if failure.unstorable then err = M.unstorable(cell, op, err) end
  ticket.lost(op, err)
  if op.owner and op.owner.on_error then
    task.spawn(op.owner.on_error, err)
  else
    task.at_turn_end(function()
      if not ticket.is_seen(op) then task.report(err, ("in an updater of use_persisted_state(%q)"):format(cell.key)) end
    end)
  end
end

--- Tells the errors of a cell to everyone who asked for them.
---@param cell hearth.Cell
---@param err any
---@param ops hearth.CellOp[]?
function Pool.tell(_, cell, err, ops)
  local told = {}
  local function tell(voice)
    if not voice or told[voice] then return end
    told[voice] = true
    if voice.on_error then task.spawn(voice.on_error, err) end
  end
  for voice in cell:voices() do tell(voice) end
  for _, op in ipairs(ops or {}) do tell(op.owner) end
end

--- Seconds to wait before the next try.
---@param tries integer how many have failed
---@return number
function M.back_off(tries)
  return math.min(FIRST_RETRY * 2 ^ math.min(tries - 1, 30), LAST_RETRY)
end

-- ---- what the store says

function Pool:hear(events)
  if self.dead then return end
  for _, event in ipairs(events) do
    local cell = event.tag ~= self.tag and self:find(event.ns, event.key)
    if cell then self:adopt(cell, event) end
  end
end

-- ---- expiry

function Pool:watch_expiry(cell)
  local at = cell.expires_at
  if at == cell.expiry_at then return end
  if cell.expiry then cell.expiry:stop() end
  cell.expiry, cell.expiry_at = nil, at
  if not at then return end
  local left = at - timer.wall()
  if left <= 0 then
    self:expire(cell, at)
    return
  end
  cell.expiry = timer.after(left, function()
    cell.expiry, cell.expiry_at = nil, nil
    if not self.dead then self:expire(cell, at) end
  end, "u")
end

-- `at` has come, by the clock that only goes forward: a wall clock that was set back does not bring the value back.
function Pool:expire(cell, at)
  local changed = cell:expire(at)
  self:watch_expiry(cell)
  if changed then self:publish(cell) end
end

-- ---- the end

--- Lets go of everything without saving: the process died, or the store was closed.
---@param err any what the tickets that still wait are rejected with
function Pool:forget(err)
  self.dead = true
  if self.unsubscribe then self.unsubscribe() end
  for _, keys in pairs(self.namespaces) do
    for _, cell in pairs(keys) do
      cell.gone = true
      if cell.expiry then cell.expiry:stop() end
      if cell.delay_timer then cell.delay_timer:stop() end
      for i = 1, cell.n do ticket.lost(cell.log[i], err) end
      for _, barrier in ipairs(cell.barriers or {}) do barrier:open() end
    end
  end
  self.namespaces = {}
end

---@return hearth.Error
function M.lost()
  return errors.new("ECLOSED", "use_persisted_state: the store was closed or the app was restarted before this was saved", {
    op = "use_persisted_state",
  })
end

return M
