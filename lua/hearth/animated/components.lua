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

local function collect(value, nodes)
  if node.is(value) then
    nodes[#nodes + 1] = value
  elseif type(value) == "table" and not getmetatable(value) then
    for _, item in next, value do collect(item, nodes) end
  end
  return nodes
end

local function plain(value)
  if node.is(value) then return value:get() end
  if type(value) ~= "table" or getmetatable(value) then return value end
  local out = {}
  for key, item in next, value do out[key] = plain(item) end
  return out
end

-- Whole numbers of a text are written without a fraction.
local function whole(value)
  return math.type(value) == "float" and math.tointeger(value) or value
end

-- A style with nodes in it, as one node.
local function bound(value, selector)
  if node.is(value) then return binding.new(value, selector) end
  return binding.new(node.derive(collect(value, {}), function() return plain(value) end))
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
