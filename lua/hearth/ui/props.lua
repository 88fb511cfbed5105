-- The props that each host element knows. A constructor calls `check` with the table it was given: the array part (children) is stepped
-- over, so a check costs one look-up per named prop. What is not known is EINVAL, with the name that was probably meant.

local errors = require "hearth.errors"
local style = require "hearth.ui.style"
local suggest = require "hearth.ui.suggest"
local ui = require "hearth.core.ui"

local props = {}

local type, getmetatable, next_prop = type, getmetatable, ui.next_prop
local HANDLER, STYLE, TEXT, FLAG, NUMBER, LIST, ANY = "handler", "style", "text", "flag", "number", "list", "any"
props.kinds = { HANDLER = HANDLER, STYLE = STYLE, TEXT = TEXT, FLAG = FLAG, NUMBER = NUMBER, LIST = LIST, ANY = ANY }

-- What every host element takes.
local COMMON = {
  id = TEXT, key = ANY, label = TEXT, style = STYLE, disabled = FLAG, hidden = FLAG, role = TEXT, tooltip = TEXT, class = TEXT, ref = ANY,
  autofocus = FLAG, focusable = FLAG, on_focus = HANDLER, on_blur = HANDLER, on_key = HANDLER, on_layout = HANDLER, n = ANY,
}
-- Any style key may be written as a prop too; the prop of an element comes first where a name is both.
for key in pairs(style.keys) do COMMON[key] = "style_key" end

---@type table<string, table<string, string>>
props.schemas = {}

--- Declares a host element: its own props by name with the kind of each.
---@param element string
---@param own table<string, string>
---@return table<string, string> schema
function props.define(element, own)
  local schema = {}
  for name, kind in pairs(COMMON) do schema[name] = kind end
  for name, kind in pairs(own) do schema[name] = kind end
  props.schemas[element] = schema
  return schema
end

local WANTED = {
  [HANDLER] = "a function", [TEXT] = "a string", [FLAG] = "true or false", [NUMBER] = "a number", [LIST] = "a list",
}
local FITS = {
  [HANDLER] = function(v) return type(v) == "function" or v == false end,
  [TEXT] = function(v) return type(v) == "string" or type(v) == "number" or v == false end,
  [FLAG] = function(v) return v ~= nil end, -- any truth value, as Lua has it
  [NUMBER] = function(v) return type(v) == "number" or v == false end,
  [LIST] = function(v) return type(v) == "table" end,
}

-- The slow half: a name that is not known, or a value of the wrong kind.
local function refuse(element, schema, name, value, given)
  local kind = schema[name]
  if kind then
    local hint = kind == HANDLER and "; write function() … end, without calling it" or ""
    errors.raise("EINVAL", ("%s: %s must be %s, got a %s%s"):format(element, name, WANTED[kind], type(value), hint),
      { op = element, key = name })
  elseif type(name) ~= "string" then
    errors.raise("EINVAL", ("%s: a prop's name must be a string, got a %s"):format(element, type(name)), { op = element })
  end
  local hint = (given.type and given.props or name == "children") and ("; children go into one table: %s{ child, child }"):format(element)
    or suggest.phrase(name, schema)
  errors.raise("EINVAL", ('%s: unknown prop "%s"%s'):format(element, name, hint), { op = element, key = name })
end

local check_style, style_keys_check = style.check, style.check_field

--- Raises EINVAL for a prop that `schema` does not have, or a value that cannot be meant.
---@param element string
---@param schema table<string, string>
---@param given table
---@return boolean has_styles its style is a list of styles
function props.check(element, schema, given)
  local has_styles = false
  for name, value in next_prop, given do
    local kind = schema[name]
    if kind == nil then
      refuse(element, schema, name, value, given)
    elseif kind == STYLE then
      has_styles = check_style(value, element)
    elseif kind == "style_key" then
      style_keys_check(name, value, element)
    else
      local fits = FITS[kind]
      if fits and not fits(value) and (type(value) ~= "table" or getmetatable(value) == nil) then
        refuse(element, schema, name, value, given)
      end
    end
  end
  return has_styles
end

--- Is it a style key, which may be written as a prop?
function props.is_style_key(name) return style.keys[name] ~= nil end

return props
