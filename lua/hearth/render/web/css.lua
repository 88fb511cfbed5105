-- A style as CSS declarations. Lengths are cells, as in a terminal: the width of a digit across, half a line down
-- (a whole line for heights); font sizes, radii and border widths are CSS pixels. Names and values have their one form already
-- (hearth.ui.style). What a value may contain is bounded, so that no text of a user's ends a declaration and begins another.

local style = require "hearth.ui.style"

local css = {}

local math_type, concat = math.type, table.concat

local KNOWN <const> = 2000 -- styles that are remembered; an animation makes new ones with each frame
local LOOK <const> = { horizontal = true, size = true, hidden = true, visible = true, border_width = true,
  max_lines = true, selectable = true } -- props that styles follow

local POSITIONS = { start = "flex-start", ["end"] = "flex-end", center = "center", stretch = "stretch", baseline = "baseline",
  auto = "auto",
  space_between = "space-between", space_around = "space-around", space_evenly = "space-evenly" }
local BORDERS = { single = "solid", rounded = "solid", bold = "solid", double = "double" }

-- Never with an exponent, and no finer than anybody sees.
local function number(v)
  if v % 1 == 0 then return ("%.0f"):format(v) end
  return (("%.4f"):format(v):gsub("%.?0+$", ""))
end

local function cells(unit, each)
  return function(v)
    if type(v) ~= "number" then return v end
    local text = number(v * each)
    return (text == "0" or text == "-0") and "0" or text .. unit
  end
end
local across, down, lines, pixels = cells("ch", 1), cells("rem", 0.75), cells("rem", 1.5), cells("px", 1)
local function position(v) return POSITIONS[v] end
local function word(v) return (v:gsub("_", "-")) end
-- Names that text renderers know too have shades that can be read, light or dark.
local SHADES = { red = true, green = true, yellow = true, blue = true, magenta = true, cyan = true, gray = true, grey = "gray" }
local function color(v)
  if math.type(v) == "integer" then return ("#%06x"):format(v & 0xffffff) end
  local name = v:gsub("^bright_", "")
  local shade = SHADES[name]
  if shade then return ("var(--%s)"):format(shade == true and name or shade) end
  return v == "default" and "inherit" or name
end

-- name -> { CSS name, how the value is written }
local FIELDS = {
  width = { "width", across }, min_width = { "min-width", across }, max_width = { "max-width", across },
  height = { "height", lines }, min_height = { "min-height", lines }, max_height = { "max-height", lines },
  position = { "position", word }, left = { "left", across }, right = { "right", across }, top = { "top", lines }, bottom = { "bottom",
    lines },
  z_index = { "z-index", number }, grow = { "flex-grow", number }, shrink = { "flex-shrink", number }, basis = { "flex-basis", across },
  wrap = { "flex-wrap", word }, align = { "align-items", position }, align_self = { "align-self", position },
  align_content = { "align-content", position }, justify = { "justify-content", position },
  row_gap = { "row-gap", down }, column_gap = { "column-gap", across }, border_color = { "border-color", color },
  border_radius = { "border-radius", pixels }, color = { "color", color }, background = { "background-color", color },
  opacity = { "opacity", number }, text_align = { "text-align", word }, font_size = { "font-size", pixels },
  font_family = { "font-family", word }, overflow = { "overflow", word },
}
for side, unit in pairs { left = across, right = across, top = down, bottom = down } do
  FIELDS["padding_" .. side] = { "padding-" .. side, unit }
  FIELDS["margin_" .. side] = { "margin-" .. side, unit }
end

local FLAGS = { bold = "font-weight:bold", italic = "font-style:italic", inverse = "background-color:var(--fg);color:var(--bg)" }
-- Where a line is a cell wide there is room around it; so there is here.
local ROOM = { padding_left = 1, padding_right = 1, padding_top = 0.75, padding_bottom = 0.75 }
local ROW = { Row = true }

local function safe(text) return text:match "^[%w#%%(),.%s'\"-]*$" and not text:find "[Uu][Rr][Ll]%s*%(" end

-- What of an element its declarations depend on, as one text: resolving a style takes much longer than finding it again.
local parts = {}

local function note(n, key, value)
  parts[n + 1], parts[n + 2], parts[n + 3] = key, math_type(value) or type(value), type(value) == "boolean" and (value and 1 or 0) or value
  return n + 3
end

local function note_style(n, value)
  for key, v in next, value do
    if type(v) == "table" then
      n = note_style(note(n, key, ""), v)
    else
      n = note(n, key, v)
    end
  end
  return note(n, "", "")
end

local function key_of(type_, props)
  parts[1] = type_
  local n, keys = 1, style.keys
  for key, v in next, props do
    if key == "style" then
      if type(v) == "table" then n = note_style(note(n, key, ""), v) end
    elseif (keys[key] or LOOK[key]) and type(v) ~= "table" then
      n = note(n, key, v)
    end
  end
  return n == 1 and type_ or concat(parts, "\0", 1, n)
end

local known, count = {}, 0

--- The declarations of an element, in a fixed order; "" when it has none of its own.
---@param type_ string
---@param props table
---@return string
function css.of(type_, props)
  local key = key_of(type_, props)
  local text = known[key]
  if text then return text end
  if count >= KNOWN then known, count = {}, 0 end
  text = css.write(type_, props)
  known[key], count = text, count + 1
  return text
end

--- The same, written afresh.
---@param type_ string
---@param props table
---@return string
function css.write(type_, props)
  local s = style.resolve(type_, props)
  local out = {}
  -- `spacing` of a row is what is between its children, not between the lines that a narrow screen makes of it.
  if ROW[type_] and not s.wrap and s.row_gap == s.column_gap then s.row_gap = nil end
  if s.border then
    for side, room in pairs(ROOM) do
      if type(s[side] or 0) == "number" then s[side] = (s[side] or 0) + room end
    end
  end
  for name, field in pairs(FIELDS) do
    local v = s[name]
    if v ~= nil and v ~= false then
      v = field[2](v)
      if type(v) == "string" and v ~= "" and safe(v) then out[#out + 1] = field[1] .. ":" .. v end
    end
  end
  for name, text in pairs(FLAGS) do
    if s[name] then out[#out + 1] = text end
  end
  if s.dim then out[#out + 1] = s.color and "opacity:.7" or "color:var(--soft)" end
  if props.selectable == false then out[#out + 1] = "user-select:none" end
  if type(props.max_lines) == "number" and props.max_lines >= 1 then
    out[#out + 1] = ("display:-webkit-box;-webkit-box-orient:vertical;-webkit-line-clamp:%d;overflow:hidden"):format(props.max_lines // 1)
  end
  if s.underline or s.strikethrough then
    out[#out + 1] = "text-decoration:" .. (s.underline and "underline" or "") .. (s.strikethrough and " line-through" or "")
  end
  if s.border then
    out[#out + 1] = ("border-style:%s"):format(BORDERS[s.border_style] or "solid")
    out[#out + 1] = ("border-width:%s"):format(pixels(props.border_width or s.border_width or (s.border_style == "bold" and 2 or 1)))
    if s.border_style == "rounded" and not s.border_radius then out[#out + 1] = "border-radius:8px" end
  end
  if s.text_wrap == "truncate" or s.text_wrap == "clip" then
    out[#out + 1] = "white-space:nowrap;overflow:hidden;text-overflow:" .. (s.text_wrap == "clip" and "clip" or "ellipsis")
  end
  if s.direction ~= (ROW[type_] and "row" or "column") then out[#out + 1] = "flex-direction:" .. word(s.direction) end
  if s.display == "none" then out[#out + 1] = "display:none" end
  table.sort(out)
  return table.concat(out, ";")
end

return css
