-- The cell of use_persisted_state(nil, …): plain memory with the shape of a cell, so that a key that is not known yet costs no branch in
-- the hook. It belongs to one hook and goes with it.

local ticket = require "hearth.storage.ticket"

---@class hearth.PlainCell
local PlainCell = {}
PlainCell.__index = PlainCell

local M = {}

---@param voice table the hook's
---@return hearth.PlainCell
function M.new(voice)
  return setmetatable({
    voice = voice, exists = false, serial = 0, n = 0, sent = 0, base = {known = true, exists = false},
  }, PlainCell)
end

function PlainCell:read()
  return self.value, self.exists
end

--- As the setter of a key, without a disk: the ticket is done.
---@param v any
---@return hearth.Ticket
function PlainCell:set(v)
  local done = ticket.new()
  if type(v) == "function" then
    local ok, result = pcall(v, self.voice:view(self.value, self.exists))
    if not ok then
      ticket.reject(done, result)
      if self.voice.on_error then self.voice.on_error(result) end
      return done
    end
    v = result
  end
  self.before = self.value
  self.value, self.exists, self.serial = v, v ~= nil, self.serial + 1
  ticket.resolve(done)
  self.voice:changed()
  return done
end

function PlainCell:previous()
  return self.before
end

return M
