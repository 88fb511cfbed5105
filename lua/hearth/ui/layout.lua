-- CSS flexbox on a grid of character cells. A box is {style=, children=, measure=}; `compute` gives each box its x, y, width and height
-- as integers in the coordinates of the root. The rules are those of CSS Flexible Box Layout Level 1 with three readings: every box is a
-- flex container or a leaf, lengths are cells, and fractions are rounded at the edges so that parts always add up to the whole.
--
-- A leaf has measure(box, limit) -> width, height [, narrowest]: the size of its content in at most `limit` cells (nil: no limit) and
-- the width below which it would overflow. Sizes are computed in two ways through one function: to measure (cached, moves nothing)
-- and to place, which each box sees once.
--
-- Style fields (see hearth.ui.props for the names that users write): direction wrap justify align align_self align_content grow shrink
-- basis width height min_* max_* padding_* margin_* border row_gap column_gap position top right bottom left overflow display.

local floor, max, min = math.floor, math.max, math.min
local huge = math.huge

local layout = {}

local percents = setmetatable({}, { __index = function(t, text)
  local n = tonumber((text:match "^(-?[%d.]+)%%$"))
  t[text] = n or false
  return n
end })

-- A length in cells; nil for auto, and for a percentage of something that is not known.
local function resolve(value, whole)
  if value == nil then return nil end
  if type(value) == "number" then return floor(value + 0.5) end
  local percent = percents[value]
  if percent and whole then return floor(whole * percent / 100 + 0.5) end
  return nil
end

local function clamp(size, low, high)
  if high and size > high then size = high end
  if low and size < low then size = low end
  return size
end

-- Left, top, right and bottom of padding and border together.
local function insets(s, whole)
  local b = s.border or 0
  return b + (resolve(s.padding_left, whole) or 0), b + (resolve(s.padding_top, whole) or 0),
    b + (resolve(s.padding_right, whole) or 0), b + (resolve(s.padding_bottom, whole) or 0)
end

local function in_flow(child)
  local s = child.style
  return s.display ~= "none" and s.position ~= "absolute"
end

local function is_row(s) return s.direction == "row" or s.direction == "row_reverse" end

local min_content, min_contribution -- forward

local function margins_x(s) return (resolve(s.margin_left) or 0) + (resolve(s.margin_right) or 0) end

-- The narrowest border box that does not cut its content, whatever width the box asks for.
function min_content(box)
  local known = box.narrowest_
  if known then return known end
  local s = box.style
  local left, _, right = insets(s)
  local width = 0
  if box.measure then
    local w, _, narrowest = box:measure(nil)
    width = narrowest or w
  elseif box.children then
    local sum, count = 0, 0
    for _, child in ipairs(box.children) do
      if in_flow(child) then
        local w = min_contribution(child) + margins_x(child.style)
        sum, count = sum + w, count + 1
        width = max(width, w)
      end
    end
    if is_row(s) and (s.wrap or "nowrap") == "nowrap" then width = sum + max(0, count - 1) * (resolve(s.column_gap) or 0) end
  end
  width = width + left + right
  box.narrowest_ = width
  return width
end

-- What a box adds to the narrowest size of its parent: the width it asks for, else its content unless it may be cut.
function min_contribution(box)
  local s = box.style
  local width = resolve(s.width)
  if not width then width = (s.overflow == nil or s.overflow == "visible") and min_content(box) or 0 end
  return clamp(width, resolve(s.min_width), resolve(s.max_width))
end

local size -- forward

-- Each box remembers its last eight measurements: without that the work would double with every level of nesting.
local REMEMBERED = 8 * 8

-- ---- one line of items along the main axis

-- CSS 9.7: gives each item of a line its main size. `room` is what the items and their margins share.
local function flex_line(items, from, to, room)
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
local function distribute(how, free, count)
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

-- The smallest main size of an item: what it asked for, or its content (CSS 4.5), which is only worked out where it matters.
local Item = {}
Item.__index = Item
function Item:floor_main(target)
  local low = self.min_main
  if low then return low end
  if self.auto_min then
    if target >= self.content_min_below then return 0 end
    if self.row then low = min_content(self.box)
    elseif self.content_min_below < huge then low = self.content_min_below
    else
      local _
      _, low = size(self.box, self.whole_w, nil, self.limit_w, self.fixed_cross, nil, nil, nil, true)
    end
    if self.specified then low = min(low, self.specified) end
    if self.max_main then low = min(low, self.max_main) end
  end
  self.min_main = low or 0
  return self.min_main
end

local function collect(box, s, row, inner_w, inner_h, limit_w)
  local items, n = {}, 0
  local wrap = s.wrap and s.wrap ~= "nowrap"
  for _, child in ipairs(box.children) do
    local c = child.style
    if c.display ~= "none" and c.position ~= "absolute" then
      local ml, mr, mt, mb = c.margin_left, c.margin_right, c.margin_top, c.margin_bottom
      local left, right = ml ~= "auto" and resolve(ml, inner_w) or 0, mr ~= "auto" and resolve(mr, inner_w) or 0
      local top, bottom = mt ~= "auto" and resolve(mt, inner_w) or 0, mb ~= "auto" and resolve(mb, inner_w) or 0
      local it = setmetatable({ box = child, row = row, whole_w = inner_w }, Item)
      local padl, padt, padr, padb = insets(c, inner_w)
      local main_whole, main_name, cross_name, edge_main
      it.align = c.align_self and c.align_self ~= "auto" and c.align_self or s.align or "stretch"
      if row then
        main_whole, main_name, cross_name, edge_main = inner_w, "width", "height", padl + padr
        it.margin_main, it.margin_cross, it.lead, it.lead_cross = left + right, top + bottom, left, top
        it.auto_before, it.auto_after, it.auto_cross_before, it.auto_cross_after = ml == "auto", mr == "auto", mt == "auto", mb == "auto"
        it.min_main, it.max_main = resolve(c.min_width, inner_w), resolve(c.max_width, inner_w)
        it.min_cross, it.max_cross = resolve(c.min_height, inner_h), resolve(c.max_height, inner_h)
        it.cross_size = resolve(c.height, inner_h)
      else
        main_whole, main_name, cross_name, edge_main = inner_h, "height", "width", padt + padb
        it.margin_main, it.margin_cross, it.lead, it.lead_cross = top + bottom, left + right, top, left
        it.auto_before, it.auto_after, it.auto_cross_before, it.auto_cross_after = mt == "auto", mb == "auto", ml == "auto", mr == "auto"
        it.min_main, it.max_main = resolve(c.min_height, inner_h), resolve(c.max_height, inner_h)
        it.min_cross, it.max_cross = resolve(c.min_width, inner_w), resolve(c.max_width, inner_w)
        it.cross_size = resolve(c.width, inner_w)
      end
      it.stretch = it.align == "stretch" and it.cross_size == nil and not it.auto_cross_before and not it.auto_cross_after
      it.specified = resolve(c[main_name], main_whole)
      it.auto_min = it.min_main == nil and (c.overflow == nil or c.overflow == "visible")
      it.grow, it.shrink = c.grow or 0, c.shrink or 1

      -- A column's item gets its width first, because its height depends on it.
      if not row then
        if it.cross_size then
          it.fixed_cross = clamp(it.cross_size, it.min_cross, it.max_cross)
        elseif it.stretch and inner_w and not wrap then
          it.fixed_cross = max(0, clamp(inner_w - it.margin_cross, it.min_cross, it.max_cross))
        end
        it.limit_w = limit_w and max(0, limit_w - it.margin_cross)
      end

      local basis = c.basis
      if basis == "auto" then basis = nil end
      local base
      if basis == "content" then base = nil else base = resolve(basis, main_whole) or basis == nil and it.specified or nil end
      if not base then
        if row then
          base = size(child, inner_w, inner_h, nil, nil, nil)
        else
          local _
          _, base = size(child, inner_w, inner_h, it.limit_w, it.fixed_cross, nil)
        end
        it.content_min_below = base
      else
        it.content_min_below = huge
      end
      if base < edge_main then base = edge_main end
      it.base, it.inner_base = base, base - edge_main
      it.hypothetical = max(clamp(base, it:floor_main(base), it.max_main), edge_main)
      it.cross_name = cross_name
      n = n + 1
      items[n] = it
    end
  end
  return items, n
end

-- Where the lines of a wrapping container begin: a list of first indices, ended by n + 1.
local function break_lines(items, n, room, gap)
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

local function place_absolute(child, px, py, pw, ph, cx, cy)
  local c = child.style
  local left, right, top, bottom = resolve(c.left, pw), resolve(c.right, pw), resolve(c.top, ph), resolve(c.bottom, ph)
  local ml, mr = resolve(c.margin_left, pw) or 0, resolve(c.margin_right, pw) or 0
  local mt, mb = resolve(c.margin_top, pw) or 0, resolve(c.margin_bottom, pw) or 0
  local w, h = resolve(c.width, pw), resolve(c.height, ph)
  if not w and left and right then w = max(0, pw - left - right - ml - mr) end
  if not h and top and bottom then h = max(0, ph - top - bottom - mt - mb) end
  w = w and clamp(w, resolve(c.min_width, pw), resolve(c.max_width, pw))
  h = h and clamp(h, resolve(c.min_height, ph), resolve(c.max_height, ph))
  local bw, bh = size(child, pw, ph, max(0, pw - (left or 0) - (right or 0) - ml - mr), w, h)
  local x = left and px + left + ml or right and px + pw - right - mr - bw or cx + ml
  local y = top and py + top + mt or bottom and py + ph - bottom - mb - bh or cy + mt
  size(child, pw, ph, nil, bw, bh, x, y)
end

-- A container. x and y are given when it is placed; without them it is only measured.
local function container(box, s, whole_w, limit_w, w, h, x, y, low_w, high_w, low_h, high_h)
  local left, top, right, bottom = insets(s, whole_w)
  local row = is_row(s)
  local inner_w, inner_h = w and max(0, w - left - right), h and max(0, h - top - bottom)
  local inner_limit = inner_w or limit_w and max(0, limit_w - left - right)
  if high_w and not w then inner_limit = min(inner_limit or huge, max(0, high_w - left - right)) end
  local wrap = s.wrap == "wrap" or s.wrap == "wrap_reverse"
  local main_gap = resolve(row and s.column_gap or not row and s.row_gap or nil, row and inner_w or inner_h) or 0
  local cross_gap = resolve(row and s.row_gap or not row and s.column_gap or nil, row and inner_h or inner_w) or 0

  local items, n = collect(box, s, row, inner_w, inner_h, inner_limit)

  -- The main size, and the lines.
  local main_room
  if row then main_room = inner_w or inner_limit else main_room = inner_h end
  if not row and not inner_h and high_h then main_room = max(0, high_h - top - bottom) end
  local starts
  if wrap and main_room then starts = break_lines(items, n, main_room, main_gap) else starts = { 1, n + 1 } end
  local main = row and inner_w or not row and inner_h or nil
  if not main then
    main = 0
    for l = 1, #starts - 1 do
      local sum = 0
      for i = starts[l], starts[l + 1] - 1 do sum = sum + items[i].hypothetical + items[i].margin_main end
      main = max(main, sum + max(0, starts[l + 1] - starts[l] - 1) * main_gap)
    end
    if row then
      if inner_limit and main > inner_limit then main = max(inner_limit, min_content(box) - left - right) end
      main = max(0, clamp(main + left + right, low_w, high_w) - left - right)
    else
      main = max(0, clamp(main + top + bottom, low_h, high_h) - top - bottom)
    end
  end

  -- Sizes along the main axis, then across it, line by line.
  local cross_inner
  if row then cross_inner = inner_h else cross_inner = inner_w end
  local lines = {}
  local cross_sum = 0
  for l = 1, #starts - 1 do
    local from, to = starts[l], starts[l + 1] - 1
    local count = to - from + 1
    flex_line(items, from, to, main - max(0, count - 1) * main_gap)
    local line_cross = 0
    for i = from, to do
      local it = items[i]
      if row then
        local fixed = it.cross_size and clamp(it.cross_size, it.min_cross, it.max_cross)
        if not fixed and it.stretch and inner_h and not wrap then
          fixed = max(0, clamp(inner_h - it.margin_cross, it.min_cross, it.max_cross))
        end
        if fixed then it.cross = fixed
        else
          local _
          _, it.cross = size(it.box, main, inner_h, nil, it.main, nil)
        end
      elseif it.fixed_cross then
        it.cross = it.fixed_cross
      else
        it.cross = size(it.box, inner_w, main, it.limit_w, nil, it.main)
      end
      line_cross = max(line_cross, it.cross + it.margin_cross)
    end
    if not wrap and cross_inner then line_cross = cross_inner end
    lines[l] = line_cross
    cross_sum = cross_sum + line_cross
  end
  cross_sum = cross_sum + max(0, #lines - 1) * cross_gap

  local cross = cross_inner
  if not cross then
    if row then cross = max(0, clamp(cross_sum + top + bottom, low_h, high_h) - top - bottom)
    else cross = max(0, clamp(cross_sum + left + right, low_w, high_w) - left - right) end
    if not wrap then lines[1] = cross end
  end
  local out_w = w or (row and main or cross) + left + right
  local out_h = h or (row and cross or main) + top + bottom
  if not x then return out_w, out_h end

  -- Positions.
  local free_cross = cross - cross_sum
  local content = s.align_content or "stretch"
  local line_at, line_between, line_extra = 0, 0, 0
  if wrap then
    if content == "stretch" then
      if free_cross > 0 and #lines > 0 then line_extra = free_cross / #lines end
    else
      line_at, line_between = distribute(content, free_cross, #lines)
    end
  end
  local reverse_main = s.direction == "row_reverse" or s.direction == "column_reverse"
  local reverse_cross = s.wrap == "wrap_reverse"
  for l = 1, #lines do
    local from, to = starts[l], starts[l + 1] - 1
    local count = to - from + 1
    local line_start = floor(line_at + 0.5)
    local line_cross = floor(line_at + lines[l] + line_extra + 0.5) - line_start
    local free, autos = main - max(0, count - 1) * main_gap, 0
    for i = from, to do
      local it = items[i]
      free = free - it.main - it.margin_main
      autos = autos + (it.auto_before and 1 or 0) + (it.auto_after and 1 or 0)
    end
    local at, between, each_auto = 0, 0, 0
    if autos > 0 and free > 0 then each_auto = free / autos
    else at, between = distribute(s.justify or "start", free, count) end
    for i = from, to do
      local it = items[i]
      if it.auto_before then at = at + each_auto end
      local main_at = floor(at + it.lead + 0.5)
      if it.stretch then it.cross = max(0, clamp(line_cross - it.margin_cross, it.min_cross, it.max_cross)) end
      local spare = line_cross - it.cross - it.margin_cross
      local cross_at = it.lead_cross
      if it.auto_cross_before or it.auto_cross_after then
        if spare > 0 then
          if it.auto_cross_before and it.auto_cross_after then cross_at = cross_at + spare // 2
          elseif it.auto_cross_before then cross_at = cross_at + spare end
        end
      elseif it.align == "end" then cross_at = cross_at + spare
      elseif it.align == "center" then cross_at = cross_at + floor(spare / 2) end
      cross_at = cross_at + line_start
      at = at + it.margin_main + it.main + main_gap + between + (it.auto_after and each_auto or 0)
      if reverse_main then main_at = main - main_at - it.main end
      if reverse_cross then cross_at = cross - cross_at - it.cross end
      if row then size(it.box, main, cross, nil, it.main, it.cross, x + left + main_at, y + top + cross_at)
      else size(it.box, cross, main, nil, it.cross, it.main, x + left + cross_at, y + top + main_at) end
    end
    line_at = line_at + lines[l] + line_extra + line_between + cross_gap
  end

  local b = s.border or 0
  for _, child in ipairs(box.children) do
    local c = child.style
    if c.display == "none" then
      child.x, child.y, child.width, child.height = x, y, 0, 0
    elseif c.position == "absolute" then
      place_absolute(child, x + b, y + b, out_w - 2 * b, out_h - 2 * b, x + left, y + top)
    end
  end
  return out_w, out_h
end

-- Are places kept from one compute to the next (see layout.touch)?
local keeping = false

local function shift(box, dx, dy)
  box.x, box.y = box.x + dx, box.y + dy
  local children = box.children
  if children then
    for i = 1, #children do
      if children[i].x then shift(children[i], dx, dy) end
    end
  end
end

-- The border box of a box. whole_*: what its percentages are of (nil: not known). limit_w: it should not be wider (nil: no limit).
-- fixed_*: its parent has decided. x, y: place it there; without them the answer is only measured and remembered. content_height: as if
-- `height` were auto.
function size(box, whole_w, whole_h, limit_w, fixed_w, fixed_h, x, y, content_height)
  local remembered
  local placed = x and box.placed_
  if placed then
    if placed[1] == (whole_w or -1) and placed[2] == (whole_h or -1) and placed[3] == (limit_w or -1) and placed[4] == (fixed_w or -1)
      and placed[5] == (fixed_h or -1) and placed[6] == (content_height or false) then
      if box.x ~= x or box.y ~= y then shift(box, x - box.x, y - box.y) end
      return box.width, box.height
    end
    box.placed_ = nil
  end
  if not x then
    remembered = box.measured_
    if not remembered then
      remembered = { next = 0 }
      box.measured_ = remembered
    end
    for at = 1, #remembered, 8 do
      if remembered[at + 3] == (fixed_w or -1) and remembered[at + 4] == (fixed_h or -1) and remembered[at + 2] == (limit_w or -1)
        and remembered[at] == (whole_w or -1) and remembered[at + 1] == (whole_h or -1)
        and remembered[at + 5] == (content_height or false) then
        return remembered[at + 6], remembered[at + 7]
      end
    end
  end
  local s = box.style
  local low_w, high_w = resolve(s.min_width, whole_w), resolve(s.max_width, whole_w)
  local low_h, high_h = resolve(s.min_height, whole_h), resolve(s.max_height, whole_h)
  local w = fixed_w or resolve(s.width, whole_w)
  local h = fixed_h or not content_height and resolve(s.height, whole_h) or nil
  if content_height then low_h, high_h = nil, nil end
  if not fixed_w and w then w = clamp(w, low_w, high_w) end
  if not fixed_h and h then h = clamp(h, low_h, high_h) end
  local left, top, right, bottom = insets(s, whole_w)
  if w and w < left + right and not fixed_w then w = left + right end
  if h and h < top + bottom and not fixed_h then h = top + bottom end
  if box.measure then
    if not w or not h then
      local limit = w or limit_w
      if high_w and not w then limit = min(limit or huge, high_w) end
      local mw, mh = box:measure(limit and max(0, limit - left - right))
      w = w or max(clamp(mw + left + right, low_w, high_w), left + right)
      h = h or max(clamp(mh + top + bottom, low_h, high_h), top + bottom)
    end
  elseif box.children and box.children[1] then
    w, h = container(box, s, whole_w, limit_w, w, h, x, y, low_w, high_w, low_h, high_h)
  else
    w = w or max(clamp(0, low_w, high_w), left + right)
    h = h or max(clamp(0, low_h, high_h), top + bottom)
  end
  if x then
    box.x, box.y, box.width, box.height = x, y, w, h
    if keeping then box.placed_ = { whole_w or -1, whole_h or -1, limit_w or -1, fixed_w or -1, fixed_h or -1, content_height or false } end
  end
  if remembered then
    local at = remembered.next
    remembered.next = (at + 8) % REMEMBERED
    remembered[at + 1], remembered[at + 2], remembered[at + 3] = whole_w or -1, whole_h or -1, limit_w or -1
    remembered[at + 4], remembered[at + 5], remembered[at + 6] = fixed_w or -1, fixed_h or -1, content_height or false
    remembered[at + 7], remembered[at + 8] = w, h
  end
  return w, h
end

local function forget(box)
  box.measured_, box.narrowest_, box.placed_ = nil, nil, nil
  local children = box.children
  if children then
    for i = 1, #children do forget(children[i]) end
  end
end

---@class hearth.layout.box
---@field style table
---@field children? hearth.layout.box[]
---@field measure? fun(box: hearth.layout.box, limit?: integer): integer, integer, integer?
---@field x? integer
---@field y? integer
---@field width? integer
---@field height? integer

--- A box has changed, in its style, its content or its children: what is kept of it, and of all that it lies in (`parent`), holds no
--- longer.
---@param box hearth.layout.box
function layout.touch(box)
  while box do
    box.measured_, box.narrowest_, box.placed_ = nil, nil, nil
    box = box.parent
  end
end

--- Lays a tree of boxes out. The root fills what is given; without a height (or width) it is as large as its content.
---@param root hearth.layout.box
---@param width? integer
---@param height? integer
---@param keep? boolean what did not change since the last time (layout.touch tells of what did) stays where it is
---@return integer width, integer height
function layout.compute(root, width, height, keep)
  if not keep then forget(root) end
  keeping = keep or false
  local s = root.style
  local fixed_w = s.width == nil and width and clamp(width, resolve(s.min_width, width), resolve(s.max_width, width)) or nil
  local fixed_h = s.height == nil and height and clamp(height, resolve(s.min_height, height), resolve(s.max_height, height)) or nil
  return size(root, width, height, width, fixed_w, fixed_h, 0, 0)
end

return layout
