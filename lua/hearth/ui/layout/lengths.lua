-- Lengths of a style in cells: numbers, percentages, auto.

local remember = require "hearth.ui.remember"

local floor = math.floor

local lengths = {}

local percent_of = remember(function(text) return tonumber((text:match "^(-?[%d.]+)%%$")) end, 1024)

-- A length in cells; nil for auto, and for a percentage of something that is not known.
function lengths.resolve(value, whole)
  if value == nil then return nil end
  if type(value) == "number" then return floor(value + 0.5) end
  local percent = percent_of(value)
  if percent and whole then return floor(whole * percent / 100 + 0.5) end
  return nil
end

function lengths.clamp(size, low, high)
  if high and size > high then size = high end
  if low and size < low then size = low end
  return size
end

-- Left, top, right and bottom of padding and border together.
function lengths.insets(s, whole)
  local b = s.border or 0
  local left, top, right, bottom = s.padding_left, s.padding_top, s.padding_right, s.padding_bottom
  if not (left or top or right or bottom) then return b, b, b, b end
  local resolve = lengths.resolve
  return b + (resolve(left, whole) or 0), b + (resolve(top, whole) or 0),
    b + (resolve(right, whole) or 0), b + (resolve(bottom, whole) or 0)
end

function lengths.in_flow(child)
  local s = child.style
  return s.display ~= "none" and s.position ~= "absolute"
end

function lengths.is_row(s) return s.direction == "row" or s.direction == "row_reverse" end

return lengths
