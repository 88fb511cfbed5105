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

local container = require "hearth.ui.layout.container"
local items_of = require "hearth.ui.layout.items"
local lengths = require "hearth.ui.layout.lengths"

local max, min, huge = math.max, math.min, math.huge
local resolve, clamp, insets = lengths.resolve, lengths.clamp, lengths.insets

local layout = {}

-- Each box remembers its last eight measurements: without that the work would double with every level of nesting.
local REMEMBERED = 8 * 8

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
local function size(box, whole_w, whole_h, limit_w, fixed_w, fixed_h, x, y, content_height)
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
    w, h = container.lay_out(box, s, whole_w, limit_w, w, h, x, y, low_w, high_w, low_h, high_h)
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

items_of.measure_with(size)
container.measure_with(size)

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
