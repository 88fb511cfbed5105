-- A line of items along the main axis: which items it takes, how they share its length, and the space around them.

local lengths = require "hearth.ui.layout.lengths"

local floor = math.floor
local clamp = lengths.clamp

local line = {}

-- Where the lines of a wrapping container begin: a list of first indices, ended by n + 1.
function line.breaks(items, n, room, gap)
  local starts, used = { 1 }, 0
  for i = 1, n do
    local outer = items[i].hypothetical + items[i].margin_main
    local first = i == starts[#starts]
    if not first and used + gap + outer > room then
      starts[#starts + 1], used = i, outer
    else
      used = used + (first and 0 or gap) + outer
    end
  end
  starts[#starts + 1] = n + 1
  return starts
end

-- CSS 9.7: gives each item of a line its main size. `room` is what the items and their margins share.
function line.flex(items, from, to, room)
  local sum = 0
  for i = from, to do sum = sum + items[i].hypothetical + items[i].margin_main end
  local growing = sum < room
  local factor_name = growing and "grow" or "shrink"
  local left = 0
  for i = from, to do
    local it = items[i]
    if it[factor_name] == 0 or growing and it.base > it.hypothetical or not growing and it.base < it.hypothetical then
      it.frozen, it.target = true, it.hypothetical
    else
      it.frozen, it.target = false, it.base
      left = left + 1
    end
  end
  local initial_free
  while left > 0 do
    local free, factors, scaled = room, 0, 0
    for i = from, to do
      local it = items[i]
      free = free - it.margin_main - (it.frozen and it.target or it.base)
      if not it.frozen then
        factors = factors + it[factor_name]
        scaled = scaled + it.shrink * it.inner_base
      end
    end
    initial_free = initial_free or free
    if factors < 1 and math.abs(initial_free * factors) < math.abs(free) then free = initial_free * factors end
    local violation = 0
    for i = from, to do
      local it = items[i]
      if not it.frozen then
        local target = it.base
        if growing then target = target + free * it.grow / factors
        elseif scaled > 0 then target = target + free * (it.shrink * it.inner_base) / scaled end
        local fixed = clamp(target, it:floor_main(target), it.max_main)
        it.target, it.violation = fixed, fixed - target
        violation = violation + it.violation
      end
    end
    for i = from, to do
      local it = items[i]
      if not it.frozen and (math.abs(violation) < 1e-9 or violation > 0 and it.violation > 0 or violation < 0 and it.violation < 0) then
        it.frozen = true
        left = left - 1
      end
    end
  end
  -- Edges are rounded, not sizes: the line stays as long as it is.
  local edge, rounded = 0, 0
  for i = from, to do
    local it = items[i]
    edge = edge + it.target
    local stop = floor(edge + 0.5)
    it.main, rounded = stop - rounded, stop
  end
end

-- Free space before the first item and between two, by name.
function line.distribute(how, free, count)
  if how == "end" then return free, 0 end
  if how == "center" then return free / 2, 0 end
  if free > 0 then
    if how == "space_between" then return 0, count > 1 and free / (count - 1) or 0 end
    if how == "space_around" then return free / count / 2, free / count end
    if how == "space_evenly" then return free / (count + 1), free / (count + 1) end
  elseif how == "space_around" or how == "space_evenly" then
    return free / 2, 0
  end
  return 0, 0
end

return line
