-- Tells a renderer which nodes lie below a host node, in which order. A renderer that keeps its children as a list has `children(parent,
-- nodes)` and is given the whole list; others hear the fewest `insert` and `remove` that lead from the old list to the new one.

local TYPE <const> = 1
local CHILD <const> = 5
local NODE <const> = 6
local EXTRA <const> = 9

local ui = require "hearth.core.ui"

local array, nodes_of = ui.array, ui.nodes_of

local placement = {}
local NONE = {}

-- Pushes the nodes of a fiber: its own, or those of its children.
local function collect(hosts, f, nodes, n)
  local t = f[TYPE]
  if hosts[t] then
    n = n + 1
    nodes[n] = f[NODE]
    return n
  end
  local child = f[CHILD]
  if t.render then
    if child then return collect(hosts, child, nodes, n) end
    return n
  end
  local kind = t.kind
  if kind == "portal" then return n end
  if kind == "suspense" and f[EXTRA].fallback then child = f[EXTRA].fallback end
  if child then
    for i = 1, #child do
      if child[i] then n = collect(hosts, child[i], nodes, n) end
    end
  end
  return n
end
placement.collect = collect

--- All nodes directly below a host fiber.
---@param hosts table<string, true>
---@param f table
---@param portals? table[] fibers whose nodes come last
---@return table nodes
function placement.nodes(hosts, f, portals)
  local children = f[CHILD] or NONE
  local m = #children
  local nodes = m > 8 and array(m) or {}
  local from, n = nodes_of(children, hosts, nodes) -- mostly that is all
  for i = from, m do
    if children[i] then n = collect(hosts, children[i], nodes, n) end
  end
  if portals then
    for _, portal in ipairs(portals) do
      for _, child in ipairs(portal[CHILD] or {}) do
        if child then n = collect(hosts, child, nodes, n) end
      end
    end
  end
  return nodes
end

-- Which of the new nodes may stay where they are: a longest run whose old places (0 for a new node) ascend.
local function staying(places, n)
  local tails, previous, length = {}, {}, 0 -- tails[k]: index of the smallest end of a run of length k
  for i = 1, n do
    local place = places[i]
    if place > 0 then
      local low, high = 1, length
      while low <= high do
        local middle = (low + high) // 2
        if places[tails[middle]] < place then low = middle + 1 else high = middle - 1 end
      end
      previous[i] = tails[low - 1]
      tails[low] = i
      if low > length then length = low end
    end
  end
  local stays = {}
  local i = tails[length]
  while i do
    stays[i] = true
    i = previous[i]
  end
  return stays
end

--- A placer for one renderer: fn(fiber, node, nodes).
---@param renderer table
---@return fun(fiber: table, node: any, nodes: any[])
function placement.placer(renderer)
  local children = renderer.children
  if children then
    return function(_, node, nodes) children(node, nodes) end
  end
  local insert, remove = renderer.insert, renderer.remove
  local lists = setmetatable({}, { __mode = "k" }) -- fiber -> the nodes that the renderer has
  return function(fiber, node, nodes)
    local old = lists[fiber]
    local n = #nodes
    lists[fiber] = nodes
    if not old then
      for i = 1, n do insert(node, nodes[i], nil) end
      return
    end
    local places, wanted = {}, {}
    for i = 1, n do wanted[nodes[i]] = i end
    for i = 1, n do places[i] = 0 end
    for place = 1, #old do
      local i = wanted[old[place]]
      if i then places[i] = place else remove(node, old[place]) end
    end
    local stays = staying(places, n)
    local before = nil
    for i = n, 1, -1 do
      if not stays[i] then insert(node, nodes[i], before) end
      before = nodes[i]
    end
  end
end

return placement
