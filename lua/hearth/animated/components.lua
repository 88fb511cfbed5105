-- Animated.View, Text and Image: host elements whose props and style may hold animated values. These are bound: a frame changes the
-- node, and no component renders.

local binding = require "hearth.ui.binding"
local node = require "hearth.animated.node"

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
local function copy(style, nodes, places)
  local out = {}
  for key, item in next, style do
    if node.is(item) then
      nodes[#nodes + 1] = item
      places[#places + 1] = { node = item, get = item.get, table = out, key = key }
    elseif type(item) == "table" and not getmetatable(item) then
      out[key] = copy(item, nodes, places)
    else
      out[key] = item
    end
  end
  return out
end

-- Whole numbers of a text are written without a fraction.
local function whole(value)
  return math.type(value) == "float" and math.tointeger(value) or value
end

-- A style with nodes in it is one source, whose table is made once: a frame changes the values in it.
local Style = { in_place = true, links = false, listeners = false, follows = false, observed = node.Node.observed }
Style.__index = Style

function Style:get()
  local places = self.places
  for i = 1, #places do
    local place = places[i]
    place.table[place.key] = place.get(place.node)
  end
  return self.style
end

local function bound(value, selector)
  if node.is(value) then return binding.new(value, selector) end
  local nodes, places = {}, {}
  local style = copy(value, nodes, places)
  return binding.new(setmetatable({ inputs = nodes, places = places, style = style, links = false, follows = false }, Style))
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
  if node.is(text) then text = bound(text, whole) end
  if type(text) == "table" and not getmetatable(text) and props == nil then
    local own = bind_props(text)
    if node.is(own[1]) then own[1] = bound(own[1], whole) end
    return Text(own)
  end
  return Text(text, type(props) == "table" and bind_props(props) or props)
end

return components
