-- Animated.View, Text and Image: host elements whose props and style may hold animated values. These are bound: a frame changes the
-- node, and no component renders.

local binding = require "hearth.ui.binding"
local node = require "hearth.animated.node"
local ui = require "hearth.core.ui"

local type = type

local components = {}

local function has_node(value)
  if node.is(value) then return true end
  if type(value) ~= "table" or getmetatable(value) then return false end
  for _, item in next, value do
    if has_node(item) then return true end
  end
  return false
end

-- A copy of a style without its nodes; these are noted: which, and where each one's value goes.
local function copy(style, places)
  local out = {}
  for key, item in next, style do
    if node.is(item) then
      places[#places + 1] = { source = item, into = out, key = key }
    elseif type(item) == "table" and not getmetatable(item) then
      out[key] = copy(item, places)
    else
      out[key] = item
    end
  end
  return out
end

local function bound(value, selector)
  if node.is(value) then return binding.new(value, selector) end
  local places = {}
  return binding.inside(copy(value, places), places)
end

local function bind_props(props)
  local out = {}
  for name, value in next, props do
    if math.type(name) == nil and name ~= "children" and has_node(value) then
      out[name] = bound(value)
    else
      out[name] = value
    end
  end
  return out
end

local function wrap(module, field)
  return function(props)
    if type(props) ~= "table" or getmetatable(props) then return require(module)[field](props) end
    return require(module)[field](bind_props(props))
  end
end

components.View = wrap("hearth.widgets.containers", "View")
components.Image = wrap("hearth.widgets.display", "Image")

---A text that may be an animated value; Animated.Text("…", props) or Animated.Text{…}.
function components.Text(text, props)
  local Text = require "hearth.widgets.text"
  if node.is(text) then text = bound(text, ui.shown) end
  if type(text) == "table" and not getmetatable(text) and props == nil then
    local own = bind_props(text)
    if node.is(own[1]) then own[1] = bound(own[1], ui.shown) end
    return Text(own)
  end
  return Text(text, type(props) == "table" and bind_props(props) or props)
end

return components
