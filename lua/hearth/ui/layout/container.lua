-- A container: its items in lines, their sizes along the main axis and across it, and their places.

local items_of = require "hearth.ui.layout.items"
local lengths = require "hearth.ui.layout.lengths"
local line = require "hearth.ui.layout.line"

local floor, max, min, huge = math.floor, math.max, math.min, math.huge
local resolve, clamp, insets, is_row = lengths.resolve, lengths.clamp, lengths.insets, lengths.is_row
local distribute, min_content, baseline = line.distribute, items_of.min_content, items_of.baseline

local size -- of hearth.ui.layout: measures a box, or places it

local container = {}

--- For hearth.ui.layout, which lays boxes out by their containers.
function container.measure_with(fn) size = fn end

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

-- How far position="relative" moves a box from its place in the flow, without anything else moving.
local function offset(c, whole_w, whole_h)
  if c.position ~= "relative" then return 0, 0 end
  return resolve(c.left, whole_w) or -(resolve(c.right, whole_w) or 0), resolve(c.top, whole_h) or -(resolve(c.bottom, whole_h) or 0)
end

--- A container. x and y are given when it is placed; without them it is only measured.
function container.lay_out(box, s, whole_w, limit_w, w, h, x, y, low_w, high_w, low_h, high_h)
  local left, top, right, bottom = insets(s, whole_w)
  local row = is_row(s)
  local inner_w, inner_h = w and max(0, w - left - right), h and max(0, h - top - bottom)
  local inner_limit = inner_w or limit_w and max(0, limit_w - left - right)
  if high_w and not w then inner_limit = min(inner_limit or huge, max(0, high_w - left - right)) end
  local wrap = s.wrap == "wrap" or s.wrap == "wrap_reverse"
  local main_gap = resolve(row and s.column_gap or not row and s.row_gap or nil, row and inner_w or inner_h) or 0
  local cross_gap = resolve(row and s.row_gap or not row and s.column_gap or nil, row and inner_h or inner_w) or 0

  local items, n = items_of.collect(box, s, row, inner_w, inner_h, inner_limit)

  -- The main size, and the lines.
  local main_room
  if row then main_room = inner_w or inner_limit else main_room = inner_h end
  if not row and not inner_h and high_h then main_room = max(0, high_h - top - bottom) end
  local starts
  if wrap and main_room then starts = line.breaks(items, n, main_room, main_gap) else starts = { 1, n + 1 } end
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
  local lines, baselines = {}, {}
  local cross_sum = 0
  for l = 1, #starts - 1 do
    local from, to = starts[l], starts[l + 1] - 1
    local count = to - from + 1
    line.flex(items, from, to, main - max(0, count - 1) * main_gap)
    local line_cross, above, below = 0, 0, 0
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
      if row and it.align == "baseline" then
        it.above = it.lead_cross + baseline(it.box)
        above, below = max(above, it.above), max(below, it.cross + it.margin_cross - it.above)
      end
    end
    line_cross, baselines[l] = max(line_cross, above + below), above
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
      elseif it.align == "center" then cross_at = cross_at + floor(spare / 2)
      elseif it.above then cross_at = cross_at + baselines[l] - it.above end
      cross_at = cross_at + line_start
      at = at + it.margin_main + it.main + main_gap + between + (it.auto_after and each_auto or 0)
      if reverse_main then main_at = main - main_at - it.main end
      if reverse_cross then cross_at = cross - cross_at - it.cross end
      local dx, dy = offset(it.box.style, inner_w or out_w - left - right, inner_h or out_h - top - bottom)
      if row then size(it.box, main, cross, nil, it.main, it.cross, x + left + main_at + dx, y + top + cross_at + dy)
      else size(it.box, cross, main, nil, it.cross, it.main, x + left + cross_at + dx, y + top + main_at + dy) end
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

return container
