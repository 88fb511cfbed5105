-- How a host element's constructor is made: it checks the names of the props it is given and keeps the very table, whose array part is
-- the children. `{type=, props=, key=}` is all that an element is.

local element = require "hearth.ui.element"
local errors = require "hearth.errors"
local props = require "hearth.ui.props"
local style = require "hearth.ui.style"
local ui = require "hearth.core.ui"

local host = {}

local check, type, next = props.check, type, next
local is_string = ui.is_string

local function copied(t)
  local copy = {}
  for k, v in next, t do copy[k] = v end
  return copy
end

--- A constructor that takes one table. A style that is a list is merged.
---@param name string
---@param own table<string, string> its props beyond the common ones, by kind
---@return fun(given?: table): hearth.Element
---@return table<string, string> schema
function host.element(name, own)
  local schema = props.define(name, own)
  return function(given)
    if given == nil then
      given = {}
    elseif type(given) ~= "table" then
      errors.raise("EINVAL", ("%s takes one table, %s{ prop=value, child, child }, got a %s"):format(name, name, type(given)),
        { op = name })
    elseif check(name, schema, given) then
      given = copied(given)
      given.style = style.flatten(given.style)
    end
    return { type = name, props = given, key = given.key }
  end, schema
end

--- A constructor whose first argument is a text that becomes the prop `field`: Text("hi"), Button("Save", {on_click=f}). It also takes
--- one table with that prop, or with the text as its first item. The named props are copied, because a style table may be shared by
--- several.
---@param name string
---@param field string
---@param own table<string, string>
---@return fun(text: any, given?: table): hearth.Element
---@return table<string, string> schema
function host.labelled(name, field, own)
  local schema = props.define(name, own)

  -- Anything but a string: numbers and booleans are shown as Lua prints them, nothing as nothing, a bound value as it is.
  local function other(text, given)
    local kind = type(text)
    if kind == "table" and getmetatable(text) == nil then
      if given ~= nil then
        errors.raise("EINVAL", ("%s takes a text and a table of props, or one table, got two tables"):format(name), { op = name })
      end
      local first = text[1]
      local copy = copied(text)
      if first ~= nil and copy[field] == nil and (type(first) ~= "table" or getmetatable(first) ~= nil) then
        table.remove(copy, 1)
        copy[field] = other(first)
      elseif copy[field] ~= nil then
        copy[field] = other(copy[field])
      else
        copy[field] = ""
      end
      return copy[field], copy
    elseif kind == "string" then
      return text, given
    elseif kind == "number" or kind == "boolean" then
      return tostring(text), given
    elseif kind == "nil" then
      return "", given
    elseif kind == "function" then
      errors.raise("EINVAL", ("%s: the text must be a string or a number, got a function; call it, or bind a Store"):format(name),
        { op = name })
    elseif kind ~= "table" and kind ~= "userdata" then
      errors.raise("EINVAL", ("%s: the text must be a string or a number, got a %s"):format(name, kind), { op = name })
    end
    return text, given
  end

  -- The props of an element that says `text` and was given more: checked, and copied.
  local function complete(text, given)
    if not is_string(text) then text, given = other(text, given) end
    if type(given) ~= "table" then
      errors.raise("EINVAL", ('%s: props must be a table, got a %s; write %s("…", { on_click=… })'):format(name, type(given), name),
        { op = name })
    end
    local key = given.key
    -- A row of a list: nothing to check, and room for no more.
    if key ~= nil and next(given) == "key" and next(given, "key") == nil then return { [field] = text, key = key } end
    local has_styles = check(name, schema, given)
    local copy = { [field] = text, key = key, id = nil, style = nil } -- room for four
    for k, v in next, given do
      if k ~= field then copy[k] = v end
    end
    if has_styles then copy.style = style.flatten(given.style) end
    return copy
  end
  element.completers[name] = complete

  return ui.labelled(name, field, function(text, given)
    if given == nil then
      text, given = other(text)
      if given == nil then return { type = name, props = { [field] = text } } end
    end
    local copy = complete(text, given)
    return { type = name, props = copy, key = copy.key }
  end, element.rendering), schema
end

return host
