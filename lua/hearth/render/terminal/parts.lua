-- What a change moves, and what is out of sight: so that a frame does no more than it has to. Texts that take the place of others, and parts
-- that come out as large as they were, move nothing else; what draws nothing into what is seen is not painted.

local layout = require "hearth.ui.layout"
local scroll = require "hearth.render.terminal.scroll"
local text_keeps_place = require("hearth.render.terminal.widgets").Text.keeps_place

local max, min = math.max, math.min

local parts = {}

-- After a layout: puts scrolled content where it belongs, and finds out how far what a node draws reaches, and whether a painting can leave it
-- out when that is out of sight: nothing in it takes the focus.
---@param node table
local function settle(node)
  local style = node.style
  if style.display == "none" then
    node.silent, node.boxes, node.left, node.top, node.right, node.bottom = true, 1, 0, 0, 0, 0
    return
  end
  local scrolls = style.overflow == "scroll"
  if scrolls then scroll.settle(node) end
  local silent, x0, y0 = not (node.can_focus or scrolls), node.x, node.y
  local x1, y1 = x0 + node.width, y0 + node.height
  local boxes, children, shows_all = 1, node.children, not style.overflow or style.overflow == "visible"
  for i = 1, #children do
    local child = children[i]
    settle(child)
    boxes = boxes + child.boxes
    if not child.silent then silent = false end
    if shows_all then
      if child.left < x0 then x0 = child.left end
      if child.top < y0 then y0 = child.top end
      if child.right > x1 then x1 = child.right end
      if child.bottom > y1 then y1 = child.bottom end
    end
  end
  node.silent, node.boxes, node.left, node.top, node.right, node.bottom = silent, boxes, x0, y0, x1, y1
end
parts.settle = settle

-- The node reaches farther, and so does what it lies in as far as that shows it.
local function reach(node, child)
  while node and node.top and (node.style.overflow == nil or node.style.overflow == "visible") do
    node.left, node.top = min(node.left, child.left), min(node.top, child.top)
    node.right, node.bottom = max(node.right, child.right), max(node.bottom, child.bottom)
    node = node.parent
  end
end

-- Fields of a style that a node takes on when it is painted.
local PAINT = {
  color = true, background = true, bold = true, dim = true, italic = true, underline = true, strikethrough = true, inverse = true,
  border_color = true, opacity = true,
}

--- A single prop of a node has changed; of a style only `key`. "paint": it is enough to paint; "fit": its text has another size; nil: the node is
--- stale, and all is to be laid out.
---@param node table
---@param prop string
---@param key? string
---@return "paint"|"fit"|nil
function parts.adjust(node, prop, key)
  if node.stale then return nil end
  if prop == "text" and node.type == "Text" then
    if text_keeps_place(node) then return "paint" end
    node.natural_w = nil -- it is another
    return "fit"
  end
  if prop == "style" then prop = key end
  if not PAINT[prop] then return nil end
  node.repaint = true
  return "paint"
end

-- Laying out a part costs more than the same part of the whole.
local PART = 8

--- Texts have other sizes: lays out anew the parts in which that moves something. False: it is the whole.
---@param nodes table[]
---@param laid_out boolean is the tree laid out, but for these?
---@return boolean
function parts.fit(nodes, laid_out)
  local top, n = nodes[1], #nodes
  while top.parent do top = top.parent end
  laid_out = laid_out and n * PART < (top.boxes or 0)
  for i = 1, n do
    local node = nodes[i]
    local box = laid_out and node.style.display ~= "none" and layout.refit(node)
    if box then
      settle(box)
      reach(box.parent, box)
    else
      laid_out = false
      layout.touch(node)
    end
  end
  return laid_out
end

return parts
