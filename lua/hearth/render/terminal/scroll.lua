-- What is longer than its place. A scroller is a node with overflow "scroll"; `node.scroll` is how many lines (or columns) of its content
-- lie above (left of) what is seen. A list that mounts only a window of its rows asks for other rows before the edge of the window comes
-- into sight, and keeps its place by the row that was on top, whatever the window became.

local scroll = {}

local max, min, floor = math.max, math.min, math.floor

--- Is a node a scroller?
function scroll.is(node) return node.style.overflow == "scroll" end

local function is_across(node) return node.props.horizontal == true end

-- Padding and border before the content.
local function inset(node)
  local s = node.style
  local padding = is_across(node) and s.padding_left or s.padding_top
  return (s.border or 0) + (type(padding) == "number" and padding or 0)
end

--- After layout: how long the content is, and how much of it is seen.
function scroll.measure(node)
  local across = is_across(node)
  local s = node.style
  local first, last = inset(node), 0
  for _, child in ipairs(node.children) do
    if child.style.display ~= "none" and child.style.position ~= "absolute" then
      local stop = across and child.x + child.width - node.x or child.y + child.height - node.y
      if stop > last then last = stop end
    end
  end
  local after = across and s.padding_right or s.padding_bottom
  local size = across and node.width or node.height
  node.seen = max(0, size - first - (s.border or 0) - (type(after) == "number" and not across and after or 0))
  node.content = max(0, last - first)
end

local function windowed(node)
  local props = node.props
  return props.total and props.first and props.on_scroll and (props.first > 1 or props.last < props.total)
end
scroll.windowed = windowed

local function top_child(node)
  local start = (is_across(node) and node.x or node.y) + inset(node) + node.scroll
  for i, child in ipairs(node.children) do
    local at = is_across(node) and child.x + child.width or child.y + child.height
    if at > start then return i, child, start - (is_across(node) and child.x or child.y) end
  end
end

-- The child that shows a row of the list, about: a row may be several nodes.
local function child_of_row(node, row)
  local props, n = node.props, #node.children
  local rows = props.last - props.first + 1
  if n == 0 or rows <= 0 then return nil end
  return node.children[max(1, min(n, floor((row - props.first) * n / rows) + 1))]
end

--- The row of the list at the top of what is seen.
function scroll.row(node)
  local i = top_child(node)
  local props = node.props
  local n = #node.children
  if not i or n == 0 then return props.first or 1 end
  return props.first + floor((i - 1) * (props.last - props.first + 1) / n)
end

--- Puts the content where it belongs after a layout.
function scroll.settle(node)
  scroll.measure(node)
  local start = (is_across(node) and node.x or node.y) + inset(node)
  local anchor = node.anchor
  if node.wanted_row and node.props.first and node.wanted_row >= node.props.first and node.wanted_row <= node.props.last then
    local child = child_of_row(node, node.wanted_row)
    if child then node.scroll = (is_across(node) and child.x or child.y) - start end
    node.wanted_row = nil
  elseif anchor and node.props.total and anchor.child.parent == node and anchor.first ~= node.props.first then
    node.scroll = (is_across(node) and anchor.child.x or anchor.child.y) - start + anchor.delta
  end
  node.scroll = max(0, min(node.scroll, node.content - node.seen))
  scroll.anchor(node)
end

--- Remembers what is on top.
function scroll.anchor(node)
  if not node.props.total then return end
  local _, child, delta = top_child(node)
  node.anchor = child and { child = child, delta = delta, first = node.props.first } or nil
end

-- Asks for the rows around what is seen when the window's edge comes near.
function scroll.refill(node, fire)
  if not windowed(node) then return end
  local props = node.props
  local above, below = node.scroll, node.content - node.seen - node.scroll
  if above < node.seen and props.first > 1 or below < node.seen and props.last < props.total then
    local row = scroll.row(node)
    if node.asked ~= row then
      node.asked = row
      local per_row = max(1, node.content / max(1, props.last - props.first + 1))
      fire(props.on_scroll, row, floor(node.seen / per_row) + 1)
    end
  end
end

--- Moves the content; false when it cannot move.
---@param node table
---@param by integer
---@param fire fun(fn: function, ...)
---@return boolean moved
function scroll.by(node, by, fire)
  local old = node.scroll
  node.scroll = max(0, min(old + by, node.content - node.seen))
  scroll.anchor(node)
  scroll.refill(node, fire)
  if node.scroll == old then return false end
  if not node.props.total and node.props.on_scroll then fire(node.props.on_scroll, node.scroll) end
  return true
end

--- Brings a part (a fraction from 0 to 1) of the whole to the top.
function scroll.to(node, fraction, fire)
  local props = node.props
  if windowed(node) then
    local row = max(1, min(props.total, floor(fraction * props.total + 0.5) + 1))
    if fraction >= 1 then row = props.total end
    if row < props.first or row > props.last or row == props.total or row == 1 then
      node.wanted_row, node.asked = row, nil
      if row >= props.first and row <= props.last then
        scroll.settle(node)
      else
        fire(props.on_scroll, row)
      end
      return
    end
    node.wanted_row = row
    scroll.settle(node)
    scroll.refill(node, fire)
    return
  end
  scroll.by(node, floor(fraction * (node.content - node.seen) + 0.5) - node.scroll, fire)
end

--- Where the thumb of the bar lies: start and size in cells of `length`; nil when all is seen.
function scroll.thumb(node, length)
  local props = node.props
  if length < 1 then return nil end
  local whole, seen, above
  if windowed(node) then
    local per_row = node.content / max(1, props.last - props.first + 1)
    whole, seen = props.total * per_row, node.seen
    above = (props.first - 1) * per_row + node.scroll
  else
    whole, seen, above = node.content, node.seen, node.scroll
  end
  if whole <= seen or seen <= 0 then return nil end
  local size = max(1, min(length, floor(length * seen / whole + 0.5)))
  local room = length - size
  local at = floor(room * above / (whole - seen) + 0.5)
  if above <= 0 then at = 0 elseif above >= whole - seen then at = room
  elseif room > 1 then at = max(1, min(room - 1, at)) end
  return max(0, min(room, at)), size
end

--- The scroller in which a node lies, nearest first.
function scroll.around(node)
  node = node.parent
  while node do
    if node.opened then return node.panel end -- a Modal: nothing outside it matters
    if node.style and scroll.is(node) then return node end
    node = node.parent
  end
end

--- Scrolls everything around a node until it is seen. Returns true if something moved.
function scroll.reveal(node, fire)
  local moved = false
  local x0, y0, x1, y1 = node.x, node.y, node.x + node.width, node.y + node.height
  local around = scroll.around(node)
  while around do
    local across = is_across(around)
    local start = (across and around.x or around.y) + inset(around)
    local first, last = (across and x0 or y0) - start, (across and x1 or y1) - start
    local by = 0
    if first < around.scroll then by = first - around.scroll
    elseif last > around.scroll + around.seen then by = min(first - around.scroll, last - around.scroll - around.seen) end
    if by ~= 0 and scroll.by(around, by, fire) then moved = true end
    if across then x0, x1 = x0 - around.scroll, x1 - around.scroll else y0, y1 = y0 - around.scroll, y1 - around.scroll end
    around = scroll.around(around)
  end
  return moved
end

return scroll
