-- Colours of styles as the cells know them (0: the terminal's own; 1<<24 with an index of the palette; 2<<24 with 0xRRGGBB), and
-- attributes.

local remember = require "hearth.ui.remember"

local theme = {}

local INDEXED <const> = 1 << 24
local RGB <const> = 2 << 24

theme.BOLD, theme.DIM, theme.ITALIC, theme.UNDERLINE, theme.STRIKE, theme.INVERSE = 1, 2, 4, 8, 16, 32

local names = {}
for i, name in ipairs { "black", "red", "green", "yellow", "blue", "magenta", "cyan", "white" } do
  names[name] = INDEXED | (i - 1)
  names["bright_" .. name] = INDEXED | (i + 7)
end
names.gray, names.grey = INDEXED | 8, INDEXED | 8
names.default, names.transparent, names.inherit = 0, 0, 0
for name, rgb in pairs {
  orange = 0xFFA500, purple = 0x800080, pink = 0xFFC0CB, brown = 0xA52A2A, teal = 0x008080, navy = 0x000080, olive = 0x808000,
    lime = 0x00FF00,
  maroon = 0x800000, silver = 0xC0C0C0, gold = 0xFFD700, indigo = 0x4B0082, violet = 0xEE82EE, coral = 0xFF7F50, salmon = 0xFA8072,
} do names[name] = RGB | rgb end

-- "#rgb", "#rrggbb", "rgb(1, 2, 3)"
local parse = remember(function(text)
  local found = names[text:lower():gsub("[%s%-]", "_")]
  if found then return found end
  local r, g, b = text:match "^#(%x%x)(%x%x)(%x%x)"
  if not r then
    r, g, b = text:match "^#(%x)(%x)(%x)$"
    if r then r, g, b = r .. r, g .. g, b .. b end
  end
  if r then return RGB | tonumber(r .. g .. b, 16) end
  r, g, b = text:match "^rgba?%(%s*(%d+)%s*,%s*(%d+)%s*,%s*(%d+)"
  if r then return RGB | math.min(255, tonumber(r)) << 16 | math.min(255, tonumber(g)) << 8 | math.min(255, tonumber(b)) end
end, 1024)

--- A colour of a style; nil where there is none or it is not known.
---@param value any
---@return integer?
function theme.colour(value)
  if value == nil or value == false then return nil end
  if math.type(value) == "integer" then return value >= 0 and value < 256 and INDEXED | value or nil end
  if type(value) ~= "string" then return nil end
  return parse(value) or nil
end

--- The attributes that a style asks for.
---@param style table
---@return integer
function theme.attributes(style)
  return (style.bold and 1 or 0) | (style.dim and 2 or 0) | (style.italic and 4 or 0) | (style.underline and 8 or 0)
    | (style.strikethrough and 16 or 0) | (style.inverse and 32 or 0)
end

-- What the elements look like. `dark` and `light` are about the terminal's own background.
local looks = {
  dark = {
    accent = RGB | 0x7AA2F7, on_accent = RGB | 0x10131C, muted = RGB | 0x8A8FA3, field = RGB | 0x2A2E3D, button = RGB | 0x343A4D,
      track = RGB | 0x4A5068,
    good = RGB | 0x9ECE6A, bad = RGB | 0xF7768E, shade = RGB | 0x565B70,
  },
  light = {
    accent = RGB | 0x2457C5, on_accent = RGB | 0xFFFFFF, muted = RGB | 0x6A6F80, field = RGB | 0xE6E8EF, button = RGB | 0xD8DCE8,
      track = RGB | 0xB8BDCC,
    good = RGB | 0x3D7A1A, bad = RGB | 0xC0263F, shade = RGB | 0x9297A6,
  },
  -- The sixteen colours are the user's own: only those that fit any background.
  few = {
    accent = INDEXED | 4, on_accent = INDEXED | 15, muted = INDEXED | 8, field = nil, button = nil, track = INDEXED | 8,
    good = INDEXED | 2, bad = INDEXED | 1, shade = INDEXED | 8,
  },
  none = {},
}

--- The look for a terminal with so many colours. HEARTH_THEME or COLORFGBG (set by some terminals) says whether it is light; without them
--- only the terminal itself knows (`unsure`), and the look is the dark one until it has told.
---@param colours integer
---@return table look, boolean unsure
function theme.look(colours)
  if colours == 0 then return looks.none, false end
  if colours < 256 then return looks.few, false end
  local asked = os.getenv "HEARTH_THEME"
  if asked == "light" or asked == "dark" then return looks[asked], false end
  local background = tonumber((os.getenv "COLORFGBG" or ""):match ";(%d+)$")
  if not background then return looks.dark, true end
  return (background == 7 or background == 15) and looks.light or looks.dark, false
end

--- The look on a background that is so bright (0 to 1).
---@param brightness number
---@return table
function theme.on_background(brightness) return brightness > 0.5 and looks.light or looks.dark end

return theme
