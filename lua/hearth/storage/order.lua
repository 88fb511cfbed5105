-- The order of one key between hooks and verbs of this process: a verb that reads or writes it comes after the operations that hooks issued
-- before. They are queued first. Those that are held (nothing may be written, or a write has failed) are not waited for: a verb that writes
-- hides them when it lands, so that they never overwrite what was written later.

local errors = require "hearth.errors"
local pool_module = require "hearth.storage.pool"
local task = require "hearth.core.task"
local ticket = require "hearth.storage.ticket"
local timer = require "hearth.core.timer"

local Pool = pool_module.Pool

-- ---- waiting for what was issued before

---@class hearth.CellBarrier   a verb that waits until the operations before it are on their way
local Barrier = {}
Barrier.__index = Barrier

function Barrier:open()
  self.future:resolve()
end

-- The verb has queued its own operation, or was cancelled: what came after it may go.
function Barrier:__close()
  local cell = self.cell
  for i, barrier in ipairs(cell.barriers or {}) do
    if barrier == self then table.remove(cell.barriers, i) break end
  end
  if cell.barriers and not cell.barriers[1] then cell.barriers = nil end
  if cell.n > cell.sent and not self.pool.dead then self.pool:mark(cell) end
end

--- What is held is not waited for.
function Pool.release_barriers(_, cell)
  for _, barrier in ipairs(cell.barriers or {}) do barrier:open() end
  for other in pairs(cell.group and cell.group.cells or {}) do
    if other ~= cell then
      for _, barrier in ipairs(other.barriers or {}) do barrier:open() end
    end
  end
end

-- A reader does not hurry what waits for its `write_delay`.
local function is_delayed(cell)
  return cell.due ~= nil and not cell.forced and cell.due > timer.now()
end

-- Queues what the cell keeps back, or gives what to wait for.
local function queue_first(self, cell, writes)
  if cell.n == 0 or cell.group and cell.group.open > 0 or self.is_held(cell) then return nil end
  if not writes and (cell.n == cell.sent or is_delayed(cell)) then return nil end
  if self.raw and not cell.barriers and self.can_send(cell) then
    if not writes then
      local cells = self.together(cell)
      if cells then self:commit(cells) end
      if cell.sent == cell.n then return nil end
    elseif not cell.group and cell:is_independent() then
      self:commit({cell}, true)
      if cell.n == 0 or cell.sent > 0 then return nil end
    end
  end
  local barrier = setmetatable({seq = cell.log[cell.n].seq, cell = cell, pool = self, future = task.future()}, Barrier)
  cell.barriers = cell.barriers or {}
  table.insert(cell.barriers, barrier)
  cell.hot = nil
  cell.forced = true
  self:mark(cell)
  return barrier
end

-- The cells of some keys, one key, or (nil) the whole namespace.
local function each(known, keys, fn)
  if type(keys) == "string" then
    if known[keys] then fn(known[keys]) end
  elseif keys then
    for _, key in ipairs(keys) do
      if known[key] then fn(known[key]) end
    end
  else
    local list = {}
    for _, cell in pairs(known) do
      if cell.n > 0 or cell.base.known then list[#list + 1] = cell end
    end
    for _, cell in ipairs(list) do fn(cell) end
  end
end

local function wait(barriers)
  if not barriers[1] then return end
  local function release()
    for _, barrier in ipairs(barriers) do barrier:__close() end
  end
  local guard <close> = setmetatable({}, {__close = release})   -- luacheck: ignore 211
  for _, barrier in ipairs(barriers) do task.await(barrier.future) end
end

-- ---- verbs that read

--- Has the cell of a key something that a reader has to see, and that is not queued yet?
---@param ns string
---@param key string
---@return boolean
function Pool:is_pending(ns, key)
  local known = self.namespaces[ns]
  local cell = known and known[key]
  return cell ~= nil and cell.n > cell.sent
end

--- A verb is about to read: what was issued before is queued. Awaits only what is not loaded yet, or depends on what is on its way.
---@param ns string
---@param keys string|string[]|nil
function Pool:before_read(ns, keys)
  local known = self.namespaces[ns]
  if not known then return end
  local barriers = {}
  each(known, keys, function(cell)
    barriers[#barriers + 1] = queue_first(self, cell, false)
  end)
  wait(barriers)
end

-- ---- verbs that write

---@class hearth.CellWrite   a verb's write, from before it is queued until it is answered
local Write = {}
Write.__index = Write

--- Is there an operation that a verb was issued after, and may hide? It waits for the verb's answer.
---@param cell hearth.Cell
---@return boolean
function Pool.is_overtaken(_, cell)
  for _, write in ipairs(cell.writes) do
    if cell:count_until(write.seqs[cell]) > 0 then return true end
  end
  return false
end

-- The verb has its answer. One that was cancelled has been queued all the same.
function Write:__close(err)
  local pool, written = self.pool, err == nil or errors.is_cancelled(err)
  for cell, seq in pairs(self.seqs) do
    for i, write in ipairs(cell.writes) do
      if write == self then table.remove(cell.writes, i) break end
    end
    if not cell.writes[1] then cell.writes = nil end
    if not pool.dead then
      if written then pool:hide(cell, seq, self.relative) end
      if cell.n > cell.sent then pool:mark(cell) end
    end
  end
end

function Pool:hide(cell, seq, relative)
  local hidden, _, failed = cell:hide(seq, relative)
  if not hidden[1] then return end
  for _, op in ipairs(hidden) do ticket.landed(op, cell.base.revision) end
  if cell.n == 0 then cell.write_timer, cell.write_error, cell.write_tries = nil, nil, 0 end
  self:after(cell, failed)
end

--- A verb is about to write: the operations of the cells go first. Awaits as before_read does. What it gives back must be closed, with the
--- error if there is one, when the verb's write is answered.
---@param ns string
---@param keys string|string[]|nil
---@param relative boolean?   it makes its value out of the stored one
---@return hearth.CellWrite?
function Pool:before_write(ns, keys, relative)
  local known = self.namespaces[ns]
  if not known then return nil end
  local barriers, write = {}, nil
  each(known, keys, function(cell)
    barriers[#barriers + 1] = queue_first(self, cell, true)
    if cell.base.known then cell.base.stale = true end
    if cell.n > 0 and not (cell.group and cell.group.open > 0) then
      write = write or setmetatable({pool = self, seqs = {}, relative = relative}, Write)
      write.seqs[cell] = cell.log[cell.n].seq
    end
  end)
  if barriers[1] then task.accept() end   -- the verb's write is queued also if the program ends meanwhile
  wait(barriers)
  -- From here on: what it waited for above is on its way.
  for cell in pairs(write and write.seqs or {}) do
    cell.hot = nil
    cell.writes = cell.writes or {}
    table.insert(cell.writes, write)
  end
  return write
end

return Pool
