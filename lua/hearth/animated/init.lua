-- hearth.Animated: values that move, and the elements that show them.

local components = require "hearth.animated.components"
local compose = require "hearth.animated.compose"
local easing = require "hearth.animated.easing"
local motions = require "hearth.animated.motions"
local node = require "hearth.animated.node"
require "hearth.animated.interpolate"

local Animated = {
  Value = node.new,
  timing = motions.timing, spring = motions.spring, decay = motions.decay, delay = motions.delay,
  sequence = compose.sequence, parallel = compose.parallel, stagger = compose.stagger, loop = compose.loop,
  add = node.add, subtract = node.subtract, multiply = node.multiply, divide = node.divide, modulo = node.modulo,
  diff_clamp = node.diff_clamp,
  View = components.View, Text = components.Text, Image = components.Image,
}

---The function of an easing: a name, {x1, y1, x2, y2}, or a function.
Animated.easing = easing.of

---node:interpolate(config), as a function.
function Animated.interpolate(value, config)
  if not node.is(value) then node.refuse "interpolate: expects an animated value" end
  return value:interpolate(config)
end

local function check_mapping(mapping)
  if node.is(mapping) then return node.check_value(mapping, "Animated.event") end
  if type(mapping) ~= "table" or getmetatable(mapping) then
    node.refuse(("Animated.event: expects a value, or a table of values by the event's fields, got a %s"):format(type(mapping)))
  end
  for _, item in pairs(mapping) do check_mapping(item) end
end

local function apply(mapping, event)
  if node.is(mapping) then
    if type(event) == "number" then mapping:set_value(event) end
  elseif type(event) == "table" then
    for name, item in pairs(mapping) do apply(item, event[name]) end
  end
end

---A handler that puts fields of its event into values: on_scroll=Animated.event{ y=offset }, on_change=Animated.event(value).
---@param mapping hearth.AnimatedValue|table
---@param options? {listener?: function} is called with the event too
---@return fun(event: any, ...)
function Animated.event(mapping, options)
  check_mapping(mapping)
  local listener = options and options.listener
  return function(event, ...)
    apply(mapping, event)
    if listener then return listener(event, ...) end
  end
end

return Animated
