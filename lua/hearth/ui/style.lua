-- Styles: the names a script may write, and what they come to. `style={a, b}` is merged left to right (false and nil parts are left
-- out, lists may be nested, named fields come last); shorthands (padding, gap, flex, border) are spread over the fields that
-- hearth.ui.layout reads, where the more specific name wins whatever the order. A table that was found good is not looked through
-- again.

local errors = require "hearth.errors"
local suggest = require "hearth.ui.suggest"

local style = {}

local function set_of(...)
  local set = {}
  for _, v in ipairs { ... } do set[v] = v end
  return set
end

local POSITIONS = set_of("start", "end", "center", "stretch", "baseline")
local SPREADS = set_of("start", "end", "center", "stretch", "space_between", "space_around", "space_evenly")
local DIRECTIONS = set_of("row", "row_reverse", "column", "column_reverse")
local COLORS = "color"
local LENGTH, NUMBER, FLAG = "length", "number", "flag"
local AUTO_LENGTH = "auto_length"

-- Kinds of values by name.
style.keys = {
  -- size and place
  width = AUTO_LENGTH, height = AUTO_LENGTH, min_width = LENGTH, max_width = LENGTH, min_height = LENGTH, max_height = LENGTH,
  position = set_of("relative", "absolute"), top = LENGTH, right = LENGTH, bottom = LENGTH, left = LENGTH, z_index = NUMBER,
  -- as an item
  flex = NUMBER, grow = NUMBER, shrink = NUMBER, basis = AUTO_LENGTH, align_self = set_of("auto", "start", "end", "center",
    "stretch", "baseline"),
  -- as a container
  direction = DIRECTIONS, wrap = set_of("wrap", "nowrap", "wrap_reverse"), align = POSITIONS, justify = SPREADS, align_content = SPREADS,
  gap = LENGTH, spacing = LENGTH, row_gap = LENGTH, column_gap = LENGTH,
  -- around
  padding = LENGTH, padding_x = LENGTH, padding_y = LENGTH, padding_left = LENGTH, padding_right = LENGTH, padding_top = LENGTH,
    padding_bottom = LENGTH,
  margin = AUTO_LENGTH, margin_x = AUTO_LENGTH, margin_y = AUTO_LENGTH,
  margin_left = AUTO_LENGTH, margin_right = AUTO_LENGTH, margin_top = AUTO_LENGTH, margin_bottom = AUTO_LENGTH,
  border = set_of("none", "single", "double", "rounded", "bold"), border_color = COLORS, border_width = NUMBER, border_radius = NUMBER,
  -- looks
  color = COLORS, background = COLORS, opacity = NUMBER, bold = FLAG, dim = FLAG, italic = FLAG, underline = FLAG,
    strikethrough = FLAG, inverse = FLAG,
  text_align = set_of("start", "end", "center", "left", "right"), text_wrap = set_of("wrap", "truncate", "clip"), font_size = NUMBER,
    font_family = "string",
  overflow = set_of("visible", "hidden", "scroll"), display = set_of("flex", "none"),
}

-- Names of CSS and React Native for the same thing.
local ALIASES = {
  flex_grow = "grow", flex_shrink = "shrink", flex_basis = "basis", flex_direction = "direction", flex_wrap = "wrap",
    align_items = "align",
  justify_content = "justify", background_color = "background", padding_horizontal = "padding_x", padding_vertical = "padding_y",
  margin_horizontal = "margin_x", margin_vertical = "margin_y", border_style = "border",
}
for alias, name in pairs(ALIASES) do style.keys[alias] = style.keys[name] end

-- "flex-start" and "space-between" are read as "start" and "space_between".
local normal = setmetatable({}, { __index = function(t, value)
  local v = value:gsub("%-", "_"):gsub("^flex_", "")
  t[value] = v
  return v
end })

local function is_number(v) return type(v) == "number" and v == v and v ~= math.huge and v ~= -math.huge end
local function is_length(v) return is_number(v) or type(v) == "string" and tonumber((v:match "^(-?[%d.]+)%%$")) ~= nil end

-- What is wrong with a value, or nil. A value with a metatable is a binding or an animated value: it is looked at when it has arrived.
local function fault(kind, value)
  if value == nil or value == false and kind ~= LENGTH or type(value) == "table" and getmetatable(value) then return nil end
  if type(kind) == "table" then
    if value == true and (kind.wrap or kind.single) then return nil end
    if type(value) == "string" and kind[normal[value]] then return nil end
    local names = {}
    for name in pairs(kind) do names[#names + 1] = '"' .. name .. '"' end
    table.sort(names)
    return "one of " .. table.concat(names, ", ")
  elseif kind == LENGTH then
    return not is_length(value) and 'a number of cells or a percentage such as "50%"' or nil
  elseif kind == AUTO_LENGTH then
    return not is_length(value) and value ~= "auto" and 'a number of cells, a percentage such as "50%" or "auto"' or nil
  elseif kind == NUMBER then
    return not is_number(value) and "a number" or nil
  elseif kind == FLAG then
    return type(value) ~= "boolean" and "true or false" or nil
  end
  return type(value) ~= "string" and not (kind == COLORS and math.type(value) == "integer") and "a string" or nil
end

local function shown(value) return type(value) == "string" and ('"%s"'):format(value) or tostring(value) end

local good = setmetatable({}, { __mode = "k" })

--- Raises EINVAL for a style with an unknown name or a value that does not fit. Cheap for a table that was checked before.
---@param value any
---@param element string the element's type, for the message
---@return boolean is_list there are parts to be merged (none of which is bound)
function style.check(value, element)
  if not value then return false end
  local known = good[value]
  if known then return known == "list" end
  if type(value) ~= "table" then
    errors.raise("EINVAL", ("%s: style must be a table, got a %s; write style={bold=true} or style={a, b}"):format(element, type(value)),
      { op = element, key = "style" })
  end
  if getmetatable(value) then return false end -- a binding
  local is_list, is_bound = false, false
  for key, v in next, value do
    if math.type(key) == "integer" then
      is_list = true
      style.check(v, element)
      is_bound = is_bound or getmetatable(v) ~= nil
    else
      style.check_field(key, v, element)
    end
  end
  good[value] = is_list and not is_bound and "list" or "flat"
  return is_list and not is_bound
end

--- Raises EINVAL for one field of a style.
---@param key any
---@param value any
---@param element string
function style.check_field(key, value, element)
  local kind = style.keys[key]
  if not kind then
    errors.raise("EINVAL", ('%s: unknown style key "%s"%s'):format(element, tostring(key), suggest.phrase(key, style.keys)),
      { op = element, key = tostring(key) })
  end
  local wanted = fault(kind, value)
  if wanted then
    errors.raise("EINVAL", ("%s: style %s must be %s, got %s"):format(element, key, wanted, shown(value)), { op = element, key = key })
  end
end

local function merge_into(out, value)
  if not value then return end
  for i = 1, #value do merge_into(out, value[i]) end
  -- Holes (style={cond and a, nil, b}) end `#` early: what comes after them is taken in order too.
  local last = #value
  for key in next, value do
    if math.type(key) == "integer" and key > last then last = key end
  end
  for i = #value + 1, last do merge_into(out, value[i]) end
  for key, v in next, value do
    if type(key) == "string" then out[ALIASES[key] or key] = v end
  end
end

--- One flat table of a style given as a table or as a (nested) list of tables: later ones win.
---@param value table|false|nil
---@return table
function style.flatten(value)
  local out = {}
  if type(value) == "table" then merge_into(out, value) end
  return out
end

-- What a container is before it is told otherwise.
local DEFAULTS = {
  Row = { direction = "row" },
  ScrollView = { overflow = "scroll" }, FlatList = { overflow = "scroll" }, SectionList = { overflow = "scroll" },
}

local SIDES = { "left", "right", "top", "bottom" }
local AXIS = { left = "_x", right = "_x", top = "_y", bottom = "_y" }

local function spread(out, flat, name)
  for _, side in ipairs(SIDES) do
    local v = flat[name .. "_" .. side]
    if v == nil then v = flat[name .. AXIS[side]] end
    if v == nil then v = flat[name] end
    out[name .. "_" .. side] = v
  end
  out[name], out[name .. "_x"], out[name .. "_y"] = nil, nil, nil
end

--- The style of a host element as hearth.ui.layout and the renderers read it: defaults of the type, then the style keys among its
--- props, then `style`; shorthands spread, names and values in their one form. A new table, which the caller may keep.
---@param type_ string
---@param props table
---@return table
function style.resolve(type_, props)
  local flat = {}
  local defaults = DEFAULTS[type_]
  if defaults then
    for key, v in next, defaults do flat[key] = v end
  end
  local keys = style.keys
  for key, v in next, props do
    if keys[key] then flat[ALIASES[key] or key] = v end
  end
  if type(props.style) == "table" then merge_into(flat, props.style) end
  if props.horizontal and flat.direction == nil then flat.direction = "row" end
  if type_ == "Spacer" and flat.grow == nil and flat.flex == nil then
    if props.size then flat.basis, flat.shrink = flat.basis or props.size, flat.shrink or 0 else flat.grow = 1 end
  end
  if props.hidden or type_ == "Modal" and props.visible == false then flat.display = "none" end
  local out = {}
  for key, v in next, flat do
    if v ~= false or keys[key] == FLAG then out[key] = type(v) == "string" and type(keys[key]) == "table" and normal[v] or v end
  end
  spread(out, flat, "padding")
  spread(out, flat, "margin")
  local gap = flat.gap or flat.spacing
  out.row_gap, out.column_gap, out.gap, out.spacing = flat.row_gap or gap, flat.column_gap or gap, nil, nil
  if flat.flex then
    out.grow, out.shrink, out.basis = flat.grow or flat.flex, flat.shrink or 1, flat.basis or 0
    out.flex = nil
  end
  local border = flat.border
  if border == true then border = "single" end
  if border and border ~= "none" or not border and (flat.border_width or 0) > 0 then
    out.border, out.border_style = 1, border or "single"
  else
    out.border = nil
  end
  if out.wrap == true then out.wrap = "wrap" end
  out.direction = out.direction or "column"
  return out
end

return style
