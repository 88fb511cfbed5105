-- A renderer to begin with: it keeps its nodes as tables and prints the tree after each commit, in the manner of HTML. See
-- docs/renderers.md. Run it: build/hearth examples/renderer_example.lua

local hearth = require "hearth"
local roots = require "hearth.ui.root"

local html = {}

function html.create(type, props) return { type = type, props = props, children = {} } end
function html.update(node, props) node.props = props end

local function index(list, node)
  for i, other in ipairs(list) do
    if other == node then return i end
  end
end

function html.remove(parent, node) table.remove(parent.children, index(parent.children, node)) end

-- `before` is nil for the end. The node may be there already: then it moves.
function html.insert(parent, node, before)
  if index(parent.children, node) then html.remove(parent, node) end
  table.insert(parent.children, index(parent.children, before) or #parent.children + 1, node)
end

local function print_node(node, indent)
  local text = node.props.text or node.props.label
  if text then return print(("%s<%s>%s</%s>"):format(indent, node.type, text, node.type)) end
  print(("%s<%s>"):format(indent, node.type))
  for _, child in ipairs(node.children) do print_node(child, indent .. "  ") end
  print(("%s</%s>"):format(indent, node.type))
end

function html.commit(container) print_node(container, "") end

local Clock = hearth.component("Clock", function()
  local seconds, set_seconds = hearth.use_state(0)
  hearth.use_async_effect(function()
    hearth.sleep(0.1)
    set_seconds(function(s) return s + 1 end)
  end, {})
  return hearth.Column { hearth.Text "The time:", seconds > 0 and hearth.Text(seconds .. " s") }
end)

local root = roots.mount(Clock {}, html)
hearth.sleep(0.2)
root:unmount()
