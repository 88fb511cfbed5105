-- Stored values: a private copy of one, and whether two are the same.

local json = require "hearth.core.json"

local math_type, type, rawequal = math.type, type, rawequal
local huge = math.huge

local M = {}

--- A private copy of a storable value; raises EINVAL, with the path, for one that cannot be stored.
---@param value any
---@return any
function M.private(value)
  local kind = type(value)
  if kind == "string" or kind == "boolean" or kind == "nil" then return value end
  if kind == "number" and value == value and value ~= huge and value ~= -huge then return value end
  if kind ~= "table" and kind ~= "userdata" then json.encode_stored(value) end   -- raises, and says why
  return json.copy(value)
end

--- Are two stored values the same? By content; 1 and 1.0 differ.
---@return boolean
function M.same(a, b)
  local kind = type(a)
  if kind == "table" or kind == "userdata" then return rawequal(a, b) or type(b) == kind and json.equal(a, b) end
  return a == b and math_type(a) == math_type(b)
end

return M
