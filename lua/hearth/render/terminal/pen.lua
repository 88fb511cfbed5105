-- Draws text on cells: finds the columns of characters, which the cells themselves do not know.

local text_width = require "hearth.ui.text_width"

local find, sub = string.find, string.sub
local each = text_width.each

local pen = {}

--- A pen for the raw verbs of a terminal (or of a canvas).
---@param cells table
---@return fun(x: integer, y: integer, text: string, fg?: integer, bg?: integer, attr?: integer): integer after the column after it
function pen.new(cells)
  local ascii, put = cells.ascii, cells.put
  return function(x, y, text, fg, bg, attr)
    if not find(text, "[\0-\31\127-\255]") then
      ascii(x, y, text, fg, bg, attr)
      return x + #text
    end
    for start, stop, width in each(text) do
      if width > 0 then
        local character = sub(text, start, stop)
        if start == stop and find(character, "^[\x80-\xFF]") then character = "\u{FFFD}" end
        put(x, y, character, width, fg, bg, attr)
        x = x + width
      elseif find(text, "^\t", start) then
        x = x + 1
      end
    end
    return x
  end
end

return pen
