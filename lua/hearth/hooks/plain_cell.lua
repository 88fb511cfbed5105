-- The cell of use_persisted_state(nil, …): plain memory with the shape of a cell, so that a key that is not known yet costs no branch in
-- the hook. It belongs to one hook and goes with it.

local cells = require "hearth.storage.cells"
local dropped = require("hearth.storage.pool").Pool.dropped
local ticket = require "hearth.storage.ticket"

---@class hearth.PlainCell
local PlainCell = {}
PlainCell.__index = PlainCell

local M = {}

---@return hearth.PlainCell
function M.new()
  return setmetatable({serial = 0, n = 0, sent = 0, base = {known = true}}, PlainCell)
end

function PlainCell:read()
  return self.value
end

--- As the setter of a key, without a disk: the ticket is done.
---@param v any
---@param voice table the hook's
---@return hearth.Ticket
function PlainCell:set(v, voice)
  local done = ticket.new {owner = voice}
  if type(v) == "function" then
    local ok, result = pcall(cells.guarded(v), voice:view(self.value))
    if not ok then
      dropped(nil, self, {op = done, error = result})
      return done
    end
    v = result
  end
  self.before = self.value
  self.value, self.serial = v, self.serial + 1
  ticket.resolve(done)
  voice:changed()
  return done
end

function PlainCell:previous()
  return self.before
end

return M
