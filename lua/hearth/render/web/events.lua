-- Events of a page, checked against the node that they are for: what a browser would not let its user do is not done.

local events = require "hearth.ui.events"

local web_events = {}

local TOGGLES = { Checkbox = true, Switch = true }
local BOXES = { Column = true, Row = true, View = true, Pressable = true, Text = true, Image = true, Button = true }

local function blocked(node)
  if node.props.disabled then return true end
  while node and node.props do
    if node.props.hidden or node.type == "Modal" and node.props.visible == false then return true end
    node = node.parent
  end
  return false
end

local function number(props, value)
  if type(value) ~= "number" or value ~= value then return nil end
  return math.max(props.min or 0, math.min(value, props.max or 1))
end

-- A value as the handler expects it, or nil.
local function typed(node, value)
  local props = node.props
  if TOGGLES[node.type] then
    if type(value) == "boolean" then return value end
  elseif node.type == "TextInput" then
    if type(value) ~= "string" or props.read_only then return nil end
    if props.max_length and (utf8.len(value) or #value) > props.max_length then return nil end
    return value
  elseif node.type == "Picker" then
    local option = math.type(value) == "integer" and (props.options or {})[value]
    if type(option) == "table" then return option.value end
    return option or nil
  elseif node.type == "Slider" then
    return number(props, value)
  end
  return nil
end

--- Starts the handler that an event is for, if there is one.
---@param node table
---@param kind "c"|"v"|"s"|"x"|"w"|"f"|"b" click, value, submit, close, window of a list, focus, blur
---@param value any
---@return hearth.Task|nil
function web_events.fire(node, kind, value)
  if blocked(node) then return nil end
  local props = node.props
  if kind == "c" then
    return BOXES[node.type] and events.fire(props.on_click) or nil
  elseif kind == "v" then
    value = typed(node, value)
    if value == nil then return nil end
    local running = events.fire(props.on_change, value)
    if TOGGLES[node.type] and props.on_click then running = events.fire(props.on_click) or running end
    return running
  elseif kind == "s" then
    value = typed(node, value)
    return value ~= nil and events.fire(props.on_submit, value) or nil
  elseif kind == "x" then
    return node.type == "Modal" and events.fire(props.on_close) or nil
  elseif kind == "w" then
    return math.type(value) == "integer" and props.total and events.fire(props.on_scroll, value) or nil
  elseif kind == "f" then
    return events.fire(props.on_focus)
  elseif kind == "b" then
    return events.fire(props.on_blur)
  end
  return nil
end

return web_events
