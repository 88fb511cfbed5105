-- Where the focus goes: in document order by Tab, by where things lie with the arrows. Rows of a long list count as one stop for Tab.

local scroll = require "hearth.render.terminal.scroll"

local abs, max, min = math.abs, math.max, math.min

local focus = {}

--- Where a node stands among what can be focused; nil: it is not there.
---@param order table[]
---@param node table
---@return integer?
function focus.index(order, node)
  for i = 1, #order do
    if order[i] == node then return i end
  end
end

--- What can be focused in a scroller and is seen: the last one, or the first after paging up.
---@param order table[]
---@param scroller table
---@param paged? string the key that paged
---@return table?
function focus.in_sight(order, scroller, paged)
  local last
  for _, other in ipairs(order) do
    if scroll.around(other) == scroller and other.sy >= scroller.sy and other.sy + other.height <= scroller.sy + scroller.height then
      if paged == "page_up" or paged == "home" then return other end
      last = other
    end
  end
  return last
end

local function list_of(node)
  local around = scroll.around(node)
  while around do
    if around.props.total then return around end
    if not around.parent then return nil end
    around = scroll.around(around)
  end
end

-- The child of the list through which a node hangs in it.
local function row_of(node, list)
  while node.parent ~= list do node = node.parent end
  return node
end

local function same_list_other_row(a, b)
  local list = list_of(a)
  return list ~= nil and list == list_of(b) and row_of(a, list) ~= row_of(b, list)
end

--- The next stop for Tab (by = 1) or Shift-Tab (-1); round at the ends.
---@param order table[]
---@param node table|nil
---@param by integer
---@return table?
function focus.next(order, node, by)
  local n = #order
  if n == 0 then return nil end
  local at = focus.index(order, node)
  if not at then return by > 0 and order[1] or order[n] end
  local i = at
  repeat
    i = (i + by - 1) % n + 1
  until i == at or not same_list_other_row(node, order[i])
  return order[i]
end

--- The nearest stop in a direction.
---@param order table[]
---@param node table
---@param direction "up"|"down"|"left"|"right"
---@return table?
function focus.towards(order, node, direction)
  local best, best_score
  local ax0, ay0, ax1, ay1 = node.sx, node.sy, node.sx + node.width, node.sy + node.height
  for _, other in ipairs(order) do
    if other ~= node then
      local bx0, by0, bx1, by1 = other.sx, other.sy, other.sx + other.width, other.sy + other.height
      local ahead, aside
      if direction == "up" then ahead = ay0 - by1 elseif direction == "down" then ahead = by0 - ay1
      elseif direction == "left" then ahead = ax0 - bx1 else ahead = bx0 - ax1 end
      if direction == "up" or direction == "down" then aside = max(0, max(ax0, bx0) - min(ax1, bx1)) * 2 + abs(ax0 - bx0) // 8
      else aside = max(0, max(ay0, by0) - min(ay1, by1) + 1) * 8 end
      if ahead >= 0 and (direction == "up" or direction == "down" or aside == 0) then
        local score = ahead * 4 + aside
        if not best or score < best_score then best, best_score = other, score end
      end
    end
  end
  return best
end

return focus
