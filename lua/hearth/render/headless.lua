-- The headless renderer: a tree of nodes `{type=, props=, children=, parent=}` and nothing else. What tests look at, and what the
-- renderers of text are built on.

local ui = require "hearth.core.ui"

local headless = {}

local differ = ui.differ

local NONE = setmetatable({}, { __newindex = function() error("a node's children belong to the renderer", 2) end })

---@class hearth.Node
---@field type string
---@field props table
---@field children hearth.Node[]
---@field parent hearth.Node|false

--- A renderer of its own tree. `on_commit(node)` is called with the container after each commit.
---@param on_commit? fun(node: hearth.Node)
---@return hearth.Renderer
function headless.new(on_commit)
  return {
    create = function(type, props) return { type = type, props = props, children = NONE, parent = false } end,
    update = function(node, props) node.props = props end,
    set = function() end, -- the table has it
    children = function(node, nodes)
      local old = node.children
      local first, m, n = differ(old, nodes)
      node.children = nodes
      for i = first, m do old[i].parent = false end
      for i = first, n do nodes[i].parent = node end
    end,
    commit = on_commit,
  }
end

return headless
