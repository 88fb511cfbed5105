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
      remembered = { nil, nil, nil, nil, nil, nil, nil, nil, next = 0 } -- with room for one
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
  -- Most boxes have none of these; there may be thousands.
  local low_w, high_w, low_h, high_h, w, h = s.min_width, s.max_width, s.min_height, s.max_height, fixed_w or s.width, fixed_h
  if low_w then low_w = resolve(low_w, whole_w) end
  if high_w then high_w = resolve(high_w, whole_w) end
  if low_h then low_h = resolve(low_h, whole_h) end
  if high_h then high_h = resolve(high_h, whole_h) end
  if w and not fixed_w then w = resolve(w, whole_w) end
  if not h and not content_height and s.height then h = resolve(s.height, whole_h) end
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
    if remembered[at + 1] then remembered.lost = true end
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

--- What a leaf was asked for since it was touched last: the least width in which its content was to fit, and whether its own width mattered.
--- One whose style gives no width and no insets keeps its place whatever it contains, as long as all of that has the same answers.
---@param box hearth.layout.box
---@return integer|nil least nil: not known
---@return boolean own
function layout.asked(box)
  local remembered, least, own = box.measured_, box.width, box.narrowest_ ~= nil
  if not box.placed_ or not remembered or remembered.lost then return nil, own end
  for at = 1, #remembered, 8 do
    local limit, fixed = remembered[at + 2], remembered[at + 3]
    if fixed < 0 then own, fixed = true, limit end
    if fixed >= 0 and fixed < least then least = fixed end
  end
  return least, own
end

local function known(length)
  if length >= 0 then return length end
end

-- Asks a box again for all that it was asked for, and places it again. False: something came out differently, and nothing is kept of it.
local function same_again(box)
  local asked, narrowest, placed, w, h = box.measured_, box.narrowest_, box.placed_, box.width, box.height
  box.measured_, box.narrowest_, box.placed_ = nil, nil, nil
  if not placed or asked and asked.lost then return false end
  for at = 1, asked and #asked or 0, 8 do
    local new_w, new_h = size(box, known(asked[at]), known(asked[at + 1]), known(asked[at + 2]), known(asked[at + 3]), known(asked[at + 4]),
      nil, nil, asked[at + 5] or nil)
    if new_w ~= asked[at + 6] or new_h ~= asked[at + 7] then return false end
  end
  if narrowest and items_of.min_content(box) ~= narrowest then return false end
  size(box, known(placed[1]), known(placed[2]), known(placed[3]), known(placed[4]), known(placed[5]), box.x, box.y, placed[6] or nil)
  return box.width == w and box.height == h
end

-- What holds more than so many boxes is laid out once for all that changed, not for each.
local FEW = 16

--- A leaf has other content. It is laid out anew, and what it lies in, up to a box that comes out as it was: that one is given. nil: the
--- tree has to be laid out.
---@param box hearth.layout.box
---@return hearth.layout.box?
function layout.refit(box)
  keeping = true
  while box do
    local children = box.children
    if children and #children > FEW then break end
    if same_again(box) then return box end
    box = box.parent
  end
  layout.touch(box)
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
