-- A ticket: what a setter returns. It resolves with the revision when the write is on disk, and is rejected when the operation was dropped.
-- An operation of a cell is its own ticket, and most are ignored: the future behind one is made only when somebody waits.

local task = require "hearth.core.task"

---@class hearth.Ticket
---@field package state "pending"|"ok"|"error"
---@field package answer any      the revision, or the error
---@field package future any
---@field package seen boolean?   somebody asked for the outcome
---@field package kept boolean?   the program goes on while somebody waits for it
local Ticket = {}
Ticket.__index = Ticket
Ticket.__name = "hearth.Ticket"
Ticket.state = "pending"

local M = {}

--- A ticket; with `op`, that operation becomes one.
---@param op table?
---@return hearth.Ticket
function M.new(op)
  return setmetatable(op or {}, Ticket)
end

---@param revision integer?
---@return hearth.Ticket
function M.done(revision)
  return setmetatable({state = "ok", answer = revision}, Ticket)
end

-- The future first, which is settled once: if memory runs out between the two, all of it is done again.

---@param ticket hearth.Ticket
---@param revision integer?
function M.resolve(ticket, revision)
  if ticket.state ~= "pending" then return end
  if ticket.future then ticket.future:resolve(revision) end
  ticket.state, ticket.answer = "ok", revision
end

---@param ticket hearth.Ticket
---@param err any
function M.reject(ticket, err)
  if ticket.state ~= "pending" then return end
  if ticket.future then ticket.future:reject(err) end
  ticket.state, ticket.answer = "error", err
end

-- For an operation and those that it absorbed: they land, or fail, together.

---@param op hearth.CellOp
---@param revision integer?
function M.landed(op, revision)
  M.resolve(op, revision)
  local absorbed = op.absorbed
  if not absorbed then return end
  for i = 1, #absorbed do M.resolve(absorbed[i], revision) end
end

---@param op hearth.CellOp
---@param err any
function M.lost(op, err)
  M.reject(op, err)
  for _, hidden in ipairs(op.absorbed or {}) do M.reject(hidden, err) end
end

--- From now on the program goes on while somebody waits for the operation, or no longer for that reason.
---@param op hearth.CellOp
---@param on boolean
function M.keep(op, on)
  op.kept = on
  if op.future then op.future:keep(on) end
  for _, hidden in ipairs(op.absorbed or {}) do M.keep(hidden, on) end
end

---@param op hearth.CellOp
---@return boolean
function M.is_kept(op)
  return op.kept == true
end

--- Has anybody asked how it went?
---@param ticket hearth.Ticket
---@return boolean
function M.is_seen(ticket)
  return ticket.seen == true
end

function Ticket:__await()
  self.seen = true
  local future = self.future
  if not future then
    future = task.future()
    self.future = future
    if self.kept then future:keep(true) end
    if self.state == "ok" then future:resolve(self.answer) end
    if self.state == "error" then future:reject(self.answer) end
  end
  return future
end

--- Waits until the write is on disk; raises the error of an operation that was dropped.
---@param seconds number?   raises ETIMEOUT after that; the write goes on
---@return integer? revision
function Ticket:await(seconds)
  return task.await(self, seconds)
end

--- Is the outcome known?
---@return boolean
function Ticket:done()
  return self.state ~= "pending"
end

--- Calls fn(ok, revision | error) as a task when the outcome is known.
---@param fn fun(...)
function Ticket:on_done(fn)
  return Ticket.__await(self):on_done(fn)
end

return M
