-- How cells are written: at the end of a turn, everything that is due goes to the store as one atomic batch, each cell as one value on the
-- condition that its base is still what is there. Refused: the cells fold over what is there and go again. Failed: they wait and try again.

local condition = require("hearth.storage.cell").condition
local errors = require "hearth.errors"
local json = require "hearth.core.json"
local pool_module = require "hearth.storage.pool"
local task = require "hearth.core.task"
local ticket = require "hearth.storage.ticket"
local timer = require "hearth.core.timer"

local Pool, back_off = pool_module.Pool, pool_module.back_off
local NONE = {}   -- nothing to write; never added to, because most lists get one cell: made with it, they are not made twice

--- As `store:submit`; an error of the call itself is an answer too. `cells`: whose operations they are.
function Pool:submit(ops, fn, cells)
  local answered = self:answer(fn)
  for i = 1, cells and #cells or 0 do cells[i].flight.batch = cells end   -- from here on there will be an answer
  local ok, err = pcall(self.raw.submit, self.raw, ops, answered)
  if not ok then answered(nil, nil, err) end
end

--- The cell has something to write; it is looked at when this turn ends.
---@param cell hearth.Cell
function Pool:mark(cell)
  if not cell.marked then
    local list = self.to_commit
    if list == NONE then self.to_commit = {cell} else list[#list + 1] = cell end
    cell.marked = true
  end
  if not self.scheduled then
    if self.raw then self:touch() else self:keep(cell) end
  end
end

local function is_timed(cell)
  return cell.write_timer ~= nil or cell.load_timer ~= nil or cell.delay_timer ~= nil
end

--- The cell cannot be written now. Where a timer has a say in when it can (a retry, `write_delay`), an await of one of its tickets keeps the
--- program alive, which the timer does not; where nothing will come, an await does not either.
---@param cell hearth.Cell
function Pool.keep(_, cell)
  local on = is_timed(cell)
  for other in pairs(cell.group and cell.group.cells or NONE) do on = on or is_timed(other) end
  if not on and not cell.kept then return end
  cell.kept = on
  for i = cell.n, 1, -1 do
    if on and ticket.is_kept(cell.log[i]) then break end   -- and those before it
    ticket.keep(cell.log[i], on)
  end
end

-- How many operations may be sent: those before the first verb that waits for its turn.
local function limit(cell)
  local barrier = cell.barriers and cell.barriers[1]
  return barrier and cell:count_until(barrier.seq) or cell.n
end

local function can_send(cell)
  return cell.sent == 0 and cell.base.known and not cell.migrating and not cell.write_timer and limit(cell) > 0
    and not (cell.writes and cell.pool:is_overtaken(cell))
end
Pool.can_send = can_send

local function has_batch(cell, first, last)
  for i = first, last do
    if cell.log[i].group then return true end
  end
  return false
end

-- The cells that must be written together with this one: connected by `hearth.batch`. nil: not all of them can be now.
local function together(cell)
  if not can_send(cell) then return nil end
  if not cell.group or not has_batch(cell, 1, limit(cell)) then return {cell} end
  if cell.group.open > 0 then return nil end
  local cells = {}
  for other in pairs(cell.group.cells) do
    if other.n > 0 then
      if not can_send(other) then return nil end
      cells[#cells + 1] = other
    end
  end
  return cells
end

Pool.together = together

-- `write_delay` after the last set, at most `max_delay` after the first.
local function is_due(cell, now)
  return cell.forced or not cell.due or cell.due <= now
end

--- Writes what is due. What is not comes back when its reason ends: a load, an answer, a timer, the end of a batch.
function Pool:commit_due()
  local marked = self.to_commit
  self.to_commit = NONE
  local only = marked[1]
  if not marked[2] and not only.group and not only.due and can_send(only) then   -- by far the most frequent case
    only.marked, only.hot = nil, nil
    return self:commit(marked)
  end
  local now, cells, chosen = timer.now(), {}, {}
  for _, cell in ipairs(marked) do
    cell.marked, cell.hot = nil, nil
    if not chosen[cell] and cell.n > 0 and is_due(cell, now) then
      local ready = together(cell)
      for _, other in ipairs(ready or NONE) do
        if not chosen[other] then
          chosen[other] = true
          cells[#cells + 1] = other
        end
      end
      if not ready then self:keep(cell) end
    elseif cell.due and cell.n > 0 and not chosen[cell] then
      self:wait_delay(cell, now)
      self:keep(cell)
    end
  end
  if cells[1] then self:commit(cells) end
end

function Pool:wait_delay(cell, now)
  if cell.delay_timer then return end
  cell.delay_timer = timer.after(cell.due - now, function()
    cell.delay_timer = nil
    if not self.dead then self:mark(cell) end
  end, "su")   -- a program that ends before that writes at once
end

-- One cell's op; nil if nothing has to be written.
local function prepare(self, cell, free)
  local last = cell.barriers and cell.barriers[#cell.barriers]
  local changed, failed = cell:seal(last and last.seq)
  if changed then self:after(cell, failed) end
  local count = limit(cell)
  if count == 0 then return nil end
  cell.hot = nil
  local needed = cell:send(count)
  cell.forced, cell.due, cell.due_at_most = nil, nil, nil
  if cell.group and not has_batch(cell, cell.sent + 1, cell.n) then self:leave_group(cell) end
  if not needed then
    self:land(cell)
    return nil
  end
  local flight, base = cell.flight, cell.base
  local version = cell.schema and cell.schema.version or base.version
  local op = {ns = cell.ns, key = cell.key, tag = self.tag, kind = "json", version = version, value = nil, if_revision = nil}
  if flight.value ~= nil and not (flight.expires_at and flight.expires_at <= timer.wall()) then
    op.value, op.expires_at = json.pack(flight.value), flight.expires_at
  end
  op.keep = base.error ~= nil or nil   -- what could not be used goes to the quarantine, in the same commit
  if not free then op.if_revision = condition(base) or nil end
  return op
end

-- Are on disk: as `revision`, or without a write.
function Pool:land(cell, revision, version)
  -- Tickets first, while the operations are in the log: what an error interrupts here is done again.
  local known = revision or cell.base.revision
  for i = 1, cell.sent do ticket.landed(cell.log[i], known) end
  local _, _, failed = cell:landed(revision, version)
  cell.write_tries, cell.write_error = 0, nil
  self:after(cell, failed)
end

local function send(self, cells, free)
  local ops, n, groups = {nil}, 0, NONE
  for i = 1, #cells do
    local cell = cells[i]
    local group = cell.group
    local op = prepare(self, cell, free)
    cells[i] = nil
    if op then
      n = n + 1
      ops[n], cells[n] = op, cell   -- those that have to be written
      if group then
        if groups == NONE then groups = {} end
        groups[cell] = group
      end
    end
  end
  for i = 1, n do self:publish(cells[i]) end
  if n == 0 then return end
  self:submit(ops, function(revision, records, err)
    if revision then
      for i = 1, n do
        local cell = cells[i]
        -- Again after an error: those that have landed are left alone.
        if cell.flight and cell.flight.batch == cells then self:land(cell, revision, ops[i].version) end
      end
    elseif records then
      self:refused(cells, groups, records)
    else
      self:failed(cells, groups, err)
    end
  end, cells)
end

--- Sends the cells as one atomic batch.
---@param cells hearth.Cell[]   the batch's from here on
---@param free boolean?   without conditions: what is written does not depend on what is there
function Pool:commit(cells, free)
  local ok, err = pcall(send, self, cells, free)
  if not ok then self:lose_track(err) end
end

-- After an attempt that did not work, cells of one `hearth.batch` stay together.
local function regroup(cell, group)
  if not group or not has_batch(cell, 1, cell.n) then return end
  cell.group = cell.group and cell.group ~= group and cell.group:join(group) or group
  cell.group.cells[cell] = true
end

-- One cell of a batch that was refused: `record` is what is there.
local function refused(self, cell, group, record)
  regroup(cell, group)
  local base = record and self:interpret(cell, record)
  local failed, _
  if base then
    _, failed = cell:refused(base)   -- luacheck: ignore 311
  else
    _, failed = cell:unsent()
  end
  self:after(cell, failed)
  if record and not base then self:adopt(cell, record, true) end
  cell.forced = true
end

--- Somebody else was there first: fold over what is there, and go again.
function Pool:refused(cells, groups, records)
  for i, cell in ipairs(cells) do
    if cell.flight and cell.flight.batch == cells then refused(self, cell, groups[cell], records[i]) end
  end
end

-- Is there no use in trying again? What is too big can never be written.
local function is_final(err, op)
  return errors.code(err) == "EBIG" or op.owner ~= nil and op.owner.on_write_error == "rollback"
end

--- The store could not write them.
function Pool:failed(sent, groups, err)
  local cells = {split = sent.split}
  for _, cell in ipairs(sent) do
    if cell.flight and cell.flight.batch == sent then cells[#cells + 1] = cell end
  end
  if cells[2] and not cells.split then
    for _, cell in ipairs(cells) do
      if not groups[cell] or groups[cell] ~= groups[cells[1]] then
        self:split(cells, groups)   -- one bad key must not hold back the others
        return
      end
    end
  end
  local tries, wait, final = 0, {}, false   -- they are one `hearth.batch`, or one cell: all are given up, or none
  for _, cell in ipairs(cells) do
    regroup(cell, groups[cell])
    cell.write_tries = cell.write_tries + 1
    tries = math.max(tries, cell.write_tries)
    final = final or is_final(err, cell.log[cell.sent])
  end
  for _, cell in ipairs(cells) do
    local ops, failed, _ = table.move(cell.log, 1, cell.sent, 1, {})   -- luacheck: ignore 311
    cell.write_error = err
    self:tell(cell, err, ops)
    if final then
      ops, _, failed = cell:rollback()
      cell.write_error, cell.group = nil, nil
      for _, op in ipairs(ops) do ticket.lost(op, err) end
    else
      cell.write_timer = wait
      _, failed = cell:unsent()
      self:release_barriers(cell)
    end
    self:after(cell, failed)
  end
  timer.after(back_off(tries), function()
    if not self.dead then self:retry(cells, wait) end
  end, "u")
end

--- Tries again what waits after a failed write.
---@param cells hearth.Cell[]
---@param wait table?   only those that still wait for this
function Pool:retry(cells, wait)
  for _, cell in ipairs(cells) do
    if cell.write_timer and (wait == nil or cell.write_timer == wait) then
      cell.write_timer = nil
      cell.forced = true
      if cell.n > 0 then self:mark(cell) end
    end
  end
end

-- Each on its own, groups as they are.
function Pool:split(cells, groups)
  for _, cell in ipairs(cells) do
    regroup(cell, groups[cell])
    local _, failed = cell:unsent()
    for _, f in ipairs(failed) do self:dropped(cell, f) end
  end
  local done = {}
  for _, cell in ipairs(cells) do
    if not done[cell] then
      local part = together(cell) or {}
      part.split = true
      for _, other in ipairs(part) do done[other] = true end
      if part[1] then self:commit(part) else self:mark(cell) end
    end
  end
end

-- ---- saving now

--- Writes the cell at the end of this turn, whatever its delay, and after a failure at once.
---@param cell hearth.Cell
---@return hearth.Ticket   resolves when everything accepted so far is on disk
function Pool:flush_cell(cell)
  local last = cell.log[cell.n]
  if not last then return ticket.done(cell.base.revision) end
  cell.forced = true
  self:retry({cell})
  self:mark(cell)
  return last
end

-- ---- the end of the program

--- The keys whose operations are not on disk.
---@return {namespace: string, key: string}[]
function Pool:unsaved()
  local list = {}
  for ns, keys in pairs(self.namespaces) do
    for key, cell in pairs(keys) do
      if cell.n > 0 then list[#list + 1] = {namespace = ns, key = key, error = cell.write_error or cell.base.error} end
    end
  end
  table.sort(list, function(a, b) return a.namespace < b.namespace or a.namespace == b.namespace and a.key < b.key end)
  return list
end

--- Writes everything that waits, whatever its delay, and tries again what has failed. True if nothing is left.
---@return boolean
function Pool:save()
  local saved, now = true, timer.now()
  if self.lost_track then pcall(self.find_back, self) end
  for _, keys in pairs(self.namespaces) do
    for _, cell in pairs(keys) do
      if cell.n > 0 then
        saved = false
        if cell.sent == 0 then
          cell.forced = true
          if cell.write_timer and now - (self.saved_at or -1) >= 0.05 then cell.write_timer = nil end
          self:mark(cell)
        end
      end
    end
  end
  if not saved and now - (self.saved_at or -1) >= 0.05 then self.saved_at = now end
  if self.raw and self.to_load[1] then self:fetch() end -- an updater waits for what it is folded over
  if self.raw and self.to_commit[1] then self:commit_due() end
  return saved
end

--- The program ends, and this process's session with it: what scope "session" has stored is cleared. True when that is done, or failed: then
--- the next program does it.
---@return boolean
function Pool:end_session()
  if not self.session or not self.raw then return true end
  if self.session_ended == nil then
    self.session_ended = false
    self:submit({{ns = self.session, clear = true}}, function() self.session_ended = true end)
  end
  return self.session_ended
end

--- Awaits until everything that is not held is on disk.
function Pool:settled()
  for _, keys in pairs(self.namespaces) do
    for _, cell in pairs(keys) do
      local last = cell.log[cell.n]
      if last and (cell.sent > 0 or can_send(cell)) then pcall(task.await, last) end
    end
  end
end

-- Its data, or that of a cell that has to be written with it, cannot be read or written now.
local function is_held(cell)
  local function stuck(other) return other.write_timer or not other.base.known and other.base.error end
  if stuck(cell) then return true end
  for other in pairs(cell.group and cell.group.cells or {}) do
    if other.n > 0 and stuck(other) then return true end
  end
  return false
end
Pool.is_held = is_held

--- "clean", "dirty", "saving", "held" or "failed".
---@param cell hearth.Cell
---@return string
function Pool.save_state(cell)
  if cell.n == 0 then return "clean" end
  if cell.sent > 0 then return "saving" end
  if cell.write_timer then return "failed" end
  return is_held(cell) and "held" or "dirty"
end

return Pool
