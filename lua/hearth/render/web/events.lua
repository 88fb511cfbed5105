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

local function flag(value) return value == true end

-- A key goes to whoever has the focus and then outwards, as in a terminal.
local function key(node, value)
  if type(value) ~= "table" or type(value.key) ~= "string" or #value.key > 32 then return nil end
  local running
  while node and node.props do
    if node.props.on_key then
      running = events.fire(node.props.on_key, {
        kind = "key", key = value.key, text = type(value.text) == "string" and value.text or nil, shift = flag(value.shift),
        ctrl = flag(value.ctrl), alt = flag(value.alt),
      }) or running
    end
    node = node.parent
  end
  return running
end

local function layout(node, value)
  if type(value) ~= "table" then return nil end
  for i = 1, 4 do
    local n = value[i]
    if type(n) ~= "number" or n ~= n or n < -1e9 or n > 1e9 then return nil end
  end
  return events.fire(node.props.on_layout, { x = value[1], y = value[2], width = value[3], height = value[4] })
end

--- Starts the handler that an event is for, if there is one.
---@param node table
---@param kind string as docs/web.md lists them: "c" click, "p" long click, "v" value, "s" submit, "x" close, "w" window of a list,
--- "f" focus, "b" blur, "k" key, "y" layout, "o" loaded, "n" not loaded
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
    if math.type(value) ~= "integer" or value < 0 or not (props.total or node.type == "ScrollView") then return nil end
    return events.fire(props.on_scroll, value)
  elseif kind == "f" then
    return events.fire(props.on_focus)
  elseif kind == "b" then
    return events.fire(props.on_blur)
  elseif kind == "p" then
    return BOXES[node.type] and events.fire(props.on_long_click) or nil
  elseif kind == "k" then
    return key(node, value)
  elseif kind == "y" then
    return layout(node, value)
  elseif kind == "o" or kind == "n" then
    return node.type == "Image" and events.fire(kind == "o" and props.on_load or kind == "n" and props.on_error or nil) or nil
  end
  return nil
end

return web_events
