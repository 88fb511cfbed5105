-- The persisted part of hearth.batch: the operations issued while its function runs become one atomic commit. Cells of one batch are a group:
-- they are written together, or not at all, and while one is held all are. Whose batch is running is known elsewhere (`follow`).

local errors = require "hearth.errors"
local ticket = require "hearth.storage.ticket"

---@class hearth.CellGroup
---@field open integer                        batches that still run
---@field cells table<hearth.Cell, true>      what has to be written together
---@field unpublished table<hearth.Cell, true>
---@field into hearth.CellGroup?              it has become part of that one
local Group = {}
Group.__index = Group

local M = {}

--- The batch that the caller runs in, or nil.
---@type fun(): table?
M.current = function() end

--- Learns of batches: `running()` is the caller's, a table, or nil; `finish` is to be called with it when it ends, and with whether it went well.
---@param running fun(): table?
---@param on_end fun(finish: fun(batch: table, ok: boolean))
function M.follow(running, on_end)
  M.current = running
  on_end(M.finish)
end

local function new_group()
  return setmetatable({open = 0, cells = {}, unpublished = {}}, Group)
end

--- Makes both groups one: a cell was in both.
---@param other hearth.CellGroup
---@return hearth.CellGroup
function Group:join(other)
  for cell in pairs(other.cells) do
    self.cells[cell] = true
    cell.group = self
  end
  for cell in pairs(other.unpublished) do self.unpublished[cell] = true end
  self.open = self.open + other.open
  other.into, other.cells = self, {}
  return self
end

local function group_of(batch)
  local group = batch.group
  while group and group.into do group = group.into end
  batch.group = group
  return group
end

--- A cell gets an operation in this batch.
---@param batch table
---@param cell hearth.Cell
function M.enter(batch, cell)
  if batch.pool and batch.pool ~= cell.pool then
    local message = ("hearth.batch: key %q is in another store; one batch writes to one store, use one batch for each"):format(cell.key)
    errors.raise("EINVAL", message, {op = "hearth.batch", key = cell.key, namespace = cell.ns})
  end
  batch.pool = cell.pool
  local group = group_of(batch)
  if not group then
    group = new_group()
    group.open = 1
    batch.group = group
  end
  if cell.group and cell.group ~= group then group:join(cell.group) end
  cell.group = group
  group.cells[cell] = true
end

local function withdraw(batch, group, cells)
  local err = errors.new("ECANCELED", "hearth.batch: its function raised, so nothing of it was kept", {op = "hearth.batch"})
  for _, cell in ipairs(cells) do
    local dropped, _, failed = cell:withdraw(batch)
    for _, op in ipairs(dropped) do ticket.lost(op, err) end
    if cell.n == cell.sent then
      cell.group = nil
      group.cells[cell] = nil
    end
    batch.pool:after(cell, failed)
  end
end

--- The batch has ended. If its function raised, nothing of it happens.
---@param batch table
---@param ok boolean
function M.finish(batch, ok)
  local group, pool = group_of(batch), batch.pool
  if not group then return end
  group.open = group.open - 1
  local cells = {}
  for cell in pairs(group.cells) do cells[#cells + 1] = cell end
  if not ok then withdraw(batch, group, cells) end
  if group.open > 0 or pool.dead then return end
  local unpublished = group.unpublished
  group.unpublished = {}
  for cell in pairs(unpublished) do pool:publish(cell) end
  for _, cell in ipairs(cells) do
    if cell.n > cell.sent then pool:mark(cell) end
  end
end

return M
