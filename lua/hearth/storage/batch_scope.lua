-- hearth.batch for persisted state: the operations issued while its function runs become one atomic commit. Cells of one batch are a group:
-- they are written together, or not at all, and while one is held all are. A batch belongs to the coroutine that runs it.

local errors = require "hearth.errors"
local ticket = require "hearth.storage.ticket"

---@class hearth.CellGroup
---@field open integer                        batches that still run
---@field cells table<hearth.Cell, true>      what has to be written together
---@field unpublished table<hearth.Cell, true>
---@field into hearth.CellGroup?              it has become part of that one
local Group = {}
Group.__index = Group

---@class hearth.BatchScope
---@field group hearth.CellGroup?
---@field pool hearth.CellPool?
---@field up hearth.BatchScope?   the batch around it

local M = {}
local scopes, running = setmetatable({}, {__mode = "k"}), 0

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

local function group_of(scope)
  local group = scope.group
  while group and group.into do group = group.into end
  scope.group = group
  return group
end

--- The batch that the caller runs in, or nil.
---@return hearth.BatchScope?
function M.current()
  return running > 0 and scopes[coroutine.running()] or nil
end

--- A cell gets an operation in this batch.
---@param scope hearth.BatchScope
---@param cell hearth.Cell
function M.enter(scope, cell)
  if scope.pool and scope.pool ~= cell.pool then
    local message = ("hearth.batch: key %q is in another store; one batch writes to one store, use one batch for each"):format(cell.key)
    errors.raise("EINVAL", message, {op = "hearth.batch", key = cell.key, namespace = cell.ns})
  end
  scope.pool = cell.pool
  local group = group_of(scope)
  if not group then
    group = new_group()
    group.open = 1
    scope.group = group
  end
  if cell.group and cell.group ~= group then group:join(cell.group) end
  cell.group = group
  group.cells[cell] = true
end

local function finish(scope, failure)
  local group, pool = group_of(scope), scope.pool
  if not group then return end
  group.open = group.open - 1
  local cells = {}
  for cell in pairs(group.cells) do cells[#cells + 1] = cell end
  if failure then
    for _, cell in ipairs(cells) do
      local dropped, _, failed = cell:withdraw(scope)
      for _, op in ipairs(dropped) do ticket.reject(op.ticket, failure.error) end
      if cell.n == cell.sent then
        cell.group = nil
        group.cells[cell] = nil
      end
      for _, f in ipairs(failed) do pool:dropped(cell, f.op, f.error) end
    end
  end
  if group.open > 0 or pool.dead then return end
  for cell in pairs(group.unpublished) do pool:publish(cell) end
  group.unpublished = {}
  for _, cell in ipairs(cells) do
    if cell.n > cell.sent then pool:mark(cell) end
  end
end

--- Runs fn; the persisted state that it sets becomes one commit. If it raises, nothing of it happens, and the error goes on.
---@param fn fun(...): ...
---@return any ...
function M.run(fn, ...)
  local co = coroutine.running()
  local up = scopes[co]
  if up then return fn(...) end   -- part of the batch around it
  local scope = {}
  scopes[co], running = scope, running + 1
  local failure = {error = errors.new("ECANCELED", "hearth.batch was cancelled; nothing of it was kept", {op = "hearth.batch"})}
  local guard <close> = setmetatable({}, {__close = function(_, err)   -- luacheck: ignore 211
    scopes[co], running = nil, running - 1
    if err ~= nil then failure = {error = err} end
    finish(scope, failure)
  end})
  local results = table.pack(fn(...))
  failure = nil
  return table.unpack(results, 1, results.n)
end

return M
