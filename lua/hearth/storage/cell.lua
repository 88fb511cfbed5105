-- A cell: the in-memory truth of one key. A committed base, and an ordered log of operations that are not on disk yet; what is shown is the
-- log folded over the base. A load, a change from outside, a conflict and a retry only ever replace the base and fold again.
-- Nothing here reads, writes, waits or renders: `cells.lua` moves cells, hooks look at them.
--
-- Values inside a cell are private copies that nobody can change. What is handed out (`shown`) belongs to the users, who may
-- change it in place and set it again: that is a change, because it is compared with the private copy.

local fold = require "hearth.storage.fold"
local value_module = require "hearth.storage.value"

local private, same = value_module.private, value_module.same
local type, rawequal, pcall = type, rawequal, pcall

---@class hearth.CellBase           what is on disk, as far as we know
---@field known boolean             false: not read yet, or not readable: nothing may be written
---@field value any                 private; nil: the key is absent, or what is there is of no use
---@field revision integer          of the commit that made it; 0: never written
---@field condition (integer|false)?  what the next write is compared with, where that is not clear from `value`; false: nothing
---@field version integer?
---@field expires_at number?
---@field expired boolean?          once seen as expired it stays so, whatever the clock says
---@field stale boolean?            somebody in this process is about to write the key
---@field error any                 why it is not shown as it is stored

---@class hearth.Cell
---@field base hearth.CellBase
---@field log hearth.CellOp[]
---@field n integer                 operations in the log
---@field sent integer              how many of them, from the front, are on their way to the disk
---@field flight {value: any, expires_at: number?, expired: boolean?, batch: table?}?   what they come to; the batch that took them
---@field hot hearth.CellOp?        the last operation, where another plain value of the same voice may take its place
---@field issued integer            operations ever added
---@field value any                 the fold: private; nil: the key is absent
---@field expires_at number?
---@field shown any                 where `value` is a table: the object to hand out; nil: not asked for yet
---@field serial integer            counts the changes of what is shown
---@field next_voice table?         who looks at it: a doubly linked list that begins and ends here
---@field writes table[]?          verbs of this process that were issued after some of these operations, see order.lua
---@field private arrived hearth.CellBase?   a base that came while operations were on their way
---@field private before any        the stored value before the newest write
local Cell = {}
Cell.__index = Cell

local M = {Cell = Cell}

--- Those who look at the cell.
---@return fun(cell: hearth.Cell, voice: table?): table?, hearth.Cell
function Cell:voices()
  return function(cell, voice) return (voice or cell).next_voice end, self
end

---@return hearth.CellBase
function M.unknown(err)
  return {known = false, revision = 0, error = err}
end

local UNKNOWN = M.unknown()
local EMPTY, NONE = {}, {}   -- a log and a list of failures that are never added to

-- What a cell has until somebody gives it another, read from the class: there are many cells, few of them are written, fewer fail.
Cell.log, Cell.n, Cell.sent, Cell.issued, Cell.serial = EMPTY, 0, 0, 0, 0
Cell.load_tries, Cell.write_tries, Cell.migrating, Cell.loading = 0, 0, false, false

--- A new cell, of which nothing is known. The rest is for those who move it.
---@param pool any?
---@param ns string?
---@param key string?
---@return hearth.Cell
function M.new(pool, ns, key)
  -- With room for what every cell gets.
  return setmetatable({pool = pool, ns = ns, key = key, base = UNKNOWN, value = nil, serial = nil, next_voice = nil, loading = nil}, Cell)
end

--- What a write on this base is compared with: a revision, 0 (must not exist) or false (nothing).
---@param base hearth.CellBase
---@return integer|false
function M.condition(base)
  if base.condition ~= nil then return base.condition end
  return base.value ~= nil and base.revision or 0
end

-- The base as the fold begins with it: an expired value is absent.
local function start(base)
  if base.expired then return nil, nil end
  return base.value, base.expires_at
end

-- Shows a fold's outcome. The object handed out stays the same while the content does. -> has it changed?
local function show(self, equals, value, expires_at, shown)
  local before = self.value
  self.expires_at = expires_at
  if same(value, before) or (equals ~= nil and value ~= nil and before ~= nil and equals(before, value) == true) then return false end
  self.value = value
  -- The same object, changed in place: a new one is handed out, so that it is seen as another.
  if type(shown) ~= "table" or rawequal(shown, self.shown) then shown = nil end
  self.shown, self.serial = shown, self.serial + 1
  return true
end

-- Folds everything again; what is on its way is not run again, it has come to `flight`. Operations that raise over a known base are
-- dropped for good; over an unknown one they wait for it.
local function refold(self)
  if self.n == self.sent then return show(self, nil, start(self.flight or self.base)), NONE end
  local failed = {}
  local changed = show(self, nil, fold(self.log, self.sent + 1, self.n, failed, start(self.flight or self.base)))
  if not self.base.known then return changed, NONE end
  for _, f in ipairs(failed) do self:drop(f.op) end
  return changed, failed
end

-- Takes the first `count` operations off the log.
local function shift(self, count)
  local log, n = self.log, self.n
  if count == n then
    self.log, self.n = EMPTY, 0
    return log
  end
  local gone = table.move(log, 1, count, 1, {})
  table.move(log, count + 1, n + count, 1)
  self.n = n - count
  return gone
end

--- What is shown, as an object that belongs to the users. nil if the key is absent: each hook then shows its own `initial`.
---@return any
function Cell:read()
  local value = self.value
  if type(value) ~= "table" then return value end
  local shown = self.shown
  if shown == nil then
    shown = private(value)
    self.shown = shown
  end
  return shown
end

--- Adds an operation. "same": shown as before; "none": it changes nothing, here or on disk, and was not added;
--- "failed": its updater raised, or returned what cannot be stored, and it was not added.
---@param op hearth.CellOp
---@return "changed"|"same"|"none"|"failed" outcome, hearth.CellFailure? failure
function Cell:append(op)
  local n, base, log = self.n + 1, self.base, self.log
  local expires_at, failed = self.expires_at, op.kind == "update" and {} or NONE
  if log == EMPTY then
    log = {op}
    self.log = log
  else
    log[n] = op
  end
  local changed
  if op.kind == "set" then   -- whatever was there
    changed = show(self, op.equals, op.copy, op.expires_at, op.value)
    if not changed and op.equals then op.copy, op.open = self.value, nil end   -- what is equal takes the place of nothing
  else
    changed = show(self, op.equals, fold(log, n, n, failed, self.value, expires_at, self.shown))
  end
  if failed[1] and base.known then
    log[n] = nil
    return "failed", failed[1]
  end
  if not changed and n == 1 and base.known and not base.error and not base.stale and self.expires_at == expires_at then
    log[n] = nil
    return "none"
  end
  self.n, self.issued = n, self.issued + 1
  op.seq = self.issued
  return changed and "changed" or "same"
end

--- `append` for the commonest operation: another plain value, on a cell that has nothing to write. -> false: `append` is needed
---@param op hearth.CellOp
---@return boolean
function Cell:assign(op)
  local base, value = self.base, op.copy
  if self.n > 0 or value == self.value or not base.known or base.error or base.stale or self.expires_at then return false end
  local issued = self.issued + 1
  self.log, self.n, self.issued, op.seq = {op}, 1, issued, issued
  self.value, self.shown, self.serial = value, nil, self.serial + 1
  return true
end

--- How many operations, from the front, were issued up to `seq`.
---@param seq integer
---@return integer
function Cell:count_until(seq)
  local log = self.log
  for i = self.n, 1, -1 do
    if log[i].seq <= seq then return i end
  end
  return 0
end

--- Drops one operation that is not on its way; the caller folds again where that matters.
---@param op hearth.CellOp
function Cell:drop(op)
  for i = self.n, self.sent + 1, -1 do
    if self.log[i] == op then
      table.remove(self.log, i)
      self.n = self.n - 1
      return
    end
  end
end

--- Replaces the base: a load, a change from outside. While operations are on their way the newest one waits for them. An older
--- revision than the one we have is no news, unless `force`.
---@param base hearth.CellBase
---@param force boolean?
---@return boolean changed, hearth.CellFailure[] failed   updaters that raised over it and are gone
function Cell:rebase(base, force)
  local old = self.base
  if self.sent > 0 then
    if not self.arrived or base.revision >= self.arrived.revision then self.arrived = base end
    return false, NONE
  end
  if old.known then
    if base.revision < old.revision and not force then return false, NONE end
    if old.value ~= nil and base.known and not same(old.value, base.value) then self.before = old.value end
  end
  self.base = base
  return refold(self)
end

--- The first base of a cell that nobody has touched yet: by far the most of what is loaded. -> false: `rebase` is needed
---@param value any   private
---@param revision integer
---@return boolean
function Cell:begin(value, revision)
  if self.base ~= UNKNOWN or value == nil or self.n > 0 or self.group or self.barriers then return false end
  self.base = {known = true, value = value, revision = revision}
  self.value, self.serial = value, self.serial + 1
  return true
end

--- Makes the tables that were set in this turn final, "as they then are", and lets the last value absorb what it hides.
---@param keep integer?   the operations issued up to this one are left alone
---@return boolean changed, hearth.CellFailure[] failed   values that can no longer be stored and are gone
function Cell:seal(keep)
  local log, changed, failed = self.log, false, {}
  local first = math.max(self.sent, keep and self:count_until(keep) or 0) + 1
  for i = self.n, first, -1 do
    local op = log[i]
    if op.open then
      local ok, copy = pcall(private, op.value)
      if not ok and type(copy) ~= "table" then error(copy, 0) end   -- not EINVAL: memory has run out, and this is done again
      op.open = nil
      if not ok then
        failed[#failed + 1] = {op = op, error = copy, unstorable = true}
        self:drop(op)
        changed = true
      elseif not same(copy, op.copy) then
        op.copy = copy
        changed = true
      end
    end
    if op.kind ~= "update" and log[i] == op then
      self:absorb(first, i)
      break
    end
  end
  if changed then
    local _, more = refold(self)
    table.move(more, 1, #more, #failed + 1, failed)
  end
  return changed, failed
end

-- The operations from log[first] on are hidden by log[index]: they land, or fail, with it.
function Cell:absorb(first, index)
  if index <= first then return end
  local log, keeper = self.log, self.log[index]
  local absorbed = keeper.absorbed or {}
  for i = first, index - 1 do
    local op = log[i]
    if op.absorbed then table.move(op.absorbed, 1, #op.absorbed, #absorbed + 1, absorbed) end
    op.absorbed = nil
    keeper.group = keeper.group or op.group
    absorbed[#absorbed + 1] = op
  end
  keeper.absorbed = absorbed
  table.move(log, index, self.n + index - first, first)
  self.n = self.n - (index - first)
end

--- Does what would be written not depend on the base?
---@return boolean
function Cell:is_independent()
  for i = self.n, self.sent + 1, -1 do
    if self.log[i].kind ~= "update" then return true end
  end
  return false
end

--- Sends the first `count` operations (all of them by default): what to write is in `flight`.
---@param count integer?
---@return boolean needed   false: it is on disk already
function Cell:send(count)
  local flight, base = {value = nil, expires_at = nil, expired = nil, batch = nil}, self.base
  if count and count < self.n then
    flight.value, flight.expires_at = fold(self.log, 1, count, {}, start(base))
  else
    count = self.n
    flight.value, flight.expires_at = self.value, self.expires_at
  end
  self.sent, self.flight = count, flight
  if base.error or base.expired or base.stale or not base.known then return true end
  return not (flight.expires_at == base.expires_at and same(flight.value, base.value))
end

-- What came from outside while operations were on their way is the base now, if it is newer.
local function catch_up(self)
  local arrived = self.arrived
  self.arrived = nil
  if arrived then return self:rebase(arrived) end
  return false, NONE
end

--- They are on disk, as this revision; nil: nothing had to be written.
---@param revision integer?
---@param version integer?
---@return hearth.CellOp[] landed, boolean changed, table failed
function Cell:landed(revision, version)
  local base, flight, new = self.base, self.flight, nil
  if revision then
    new = {
      known = true, value = flight.value, revision = revision, version = version, expires_at = flight.expires_at, expired = flight.expired,
    }
  end
  local ops = shift(self, self.sent)   -- nothing has changed before this, and nothing can fail until it is all done
  self.sent, self.flight = 0, nil
  if new then
    if base.known and base.value ~= nil then self.before = base.value end
    self.base = new
  end
  return ops, catch_up(self)
end

--- They were refused because this is on disk: fold over it.
---@param base hearth.CellBase
---@return boolean changed, table failed
function Cell:refused(base)
  local arrived = self.arrived
  self.sent, self.flight, self.arrived = 0, nil, nil
  if arrived and arrived.revision > base.revision then base = arrived end
  return self:rebase(base, true)
end

--- They could not be written: they stay at the front of the log.
---@return boolean changed, table failed
function Cell:unsent()
  self.sent, self.flight = 0, nil
  return catch_up(self)
end

--- Gives up what was on its way.
---@return hearth.CellOp[] dropped, boolean changed, table failed
function Cell:rollback()
  local ops = shift(self, self.sent)
  self.sent, self.flight = 0, nil
  local arrived = self.arrived
  self.arrived = nil
  return ops, self:rebase(arrived or self.base, true)
end

--- Gives up what one `hearth.batch` has issued.
---@param group table
---@return hearth.CellOp[] dropped, boolean changed, table failed
function Cell:withdraw(group)
  local dropped = {}
  for i = self.n, self.sent + 1, -1 do
    local op = self.log[i]
    if op.group == group then
      table.insert(dropped, 1, op)
      self:drop(op)
    end
  end
  return dropped, refold(self)
end

--- A verb has written the key after the operations up to `seq` were issued: what it hides is gone, as if it had landed just before.
---@param seq integer
---@param relative boolean?   the verb made its value out of the stored one: updaters at the end still apply, to what it wrote
---@return hearth.CellOp[] hidden, boolean changed, table failed
function Cell:hide(seq, relative)
  local log, first, last = self.log, self.sent + 1, self:count_until(seq)
  while relative and last >= first and log[last].kind == "update" do last = last - 1 end
  if last < first then return NONE, false, NONE end
  local hidden = table.move(log, first, last, 1, {})
  table.move(log, last + 1, self.n + last - first + 1, first)
  self.n = self.n - #hidden
  return hidden, refold(self)
end

--- What has expired is absent, for good.
---@param now number
---@return boolean changed
function Cell:expire(now)
  local function due(x) return x.expires_at ~= nil and x.expires_at <= now end
  if due(self.base) then self.base.expired = true end
  if self.flight and due(self.flight) then self.flight.expired = true end
  for i = 1, self.n do
    if due(self.log[i]) then self.log[i].expired = true end
  end
  return due(self) and show(self, nil, nil, nil)
end

--- The stored value that the newest write replaces: the one on disk while operations wait, else the one before it.
---@return any
function Cell:previous()
  local base = self.base
  if self.n > 0 and base.known then
    if not base.expired then return private(base.value) end
    return nil
  end
  return private(self.before)
end

return M
