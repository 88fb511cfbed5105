-- What may stand among children, and what it is as an element.

local binding = require "hearth.ui.binding"
local element = require "hearth.ui.element"
local errors = require "hearth.errors"

local type, tostring = type, tostring
local List = element.List

local children = {}

local function refuse(item)
  if element.is_type(item) then
    errors.raise("EINVAL", ("a child is the component %s itself; call it: %s{ … }"):format(item.name, item.name), { op = "children" })
  end
  errors.raise("EINVAL", ("a child must be an element, a text, a list or nil, got a %s%s"):format(type(item),
    type(item) == "function" and "; call the function, or write Component{ … }" or ""), { op = "children" })
end

--- What a child (or what a component returned) is as an element; nil for those that are dropped.
---@param item any
---@return hearth.Element|nil
function children.as_element(item)
  local kind = type(item)
  if kind == "table" then
    if item.type ~= nil then return item end
    if binding.is(item) then return { type = "Text", props = { text = item } } end
    if element.is_type(item) then refuse(item) end
    return { type = List, props = item }
  elseif kind == "string" then
    return { type = "Text", props = { text = item } }
  elseif kind == "number" then
    return { type = "Text", props = { text = tostring(item) } }
  elseif kind == "nil" or kind == "boolean" then
    return nil
  end
  refuse(item)
end

return children
