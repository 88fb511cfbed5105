-- The items of a container: what each child brings along, in terms of the main and the cross axis, and the sizes that follow from its
-- content alone.

local lengths = require "hearth.ui.layout.lengths"

local max, min, huge = math.max, math.min, math.huge
local resolve, clamp, insets, in_flow, is_row = lengths.resolve, lengths.clamp, lengths.insets, lengths.in_flow, lengths.is_row

local items_of = {}

local size -- of hearth.ui.layout: what a box measures

--- For hearth.ui.layout, which measures boxes by their items.
function items_of.measure_with(fn) size = fn end

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

items_of.min_content = min_content

--- How far below the top of a box its first text stands: what items with align="baseline" have in common.
function items_of.baseline(box)
  local _, top = insets(box.style)
  for _, child in ipairs(box.children or {}) do
    if in_flow(child) then return top + (resolve(child.style.margin_top) or 0) + items_of.baseline(child) end
  end
  return top
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

--- The items of a container in document order, and how many.
function items_of.collect(box, s, row, inner_w, inner_h, limit_w)
  local items, n = {}, 0
  local wrap = s.wrap and s.wrap ~= "nowrap"
  for _, child in ipairs(box.children) do
    local c = child.style
    if c.display ~= "none" and c.position ~= "absolute" then
      local ml, mr, mt, mb = c.margin_left, c.margin_right, c.margin_top, c.margin_bottom
      local left, right = ml and ml ~= "auto" and resolve(ml, inner_w) or 0, mr and mr ~= "auto" and resolve(mr, inner_w) or 0
      local top, bottom = mt and mt ~= "auto" and resolve(mt, inner_w) or 0, mb and mb ~= "auto" and resolve(mb, inner_w) or 0
      local it = setmetatable({ -- with room for what it gets here and in its line: there may be thousands
        box = child, row = row, whole_w = inner_w, align = nil, margin_main = nil, margin_cross = nil, lead = nil, lead_cross = nil,
        auto_before = nil, auto_after = nil, auto_cross_before = nil, auto_cross_after = nil, stretch = nil, auto_min = nil, grow = nil,
        shrink = nil, fixed_cross = nil, limit_w = nil, content_min_below = nil, base = nil, inner_base = nil, hypothetical = nil,
        frozen = nil, target = nil, violation = nil, main = nil, cross = nil, min_main = nil, max_main = nil, cross_size = nil,
        specified = nil,
      }, Item)
      local padl, padt, padr, padb = insets(c, inner_w)
      local w, h = c.width, c.height
      local main_whole, edge_main
      it.align = c.align_self and c.align_self ~= "auto" and c.align_self or s.align or "stretch"
      if row then
        main_whole, edge_main = inner_w, padl + padr
        it.margin_main, it.margin_cross, it.lead, it.lead_cross = left + right, top + bottom, left, top
        it.auto_before, it.auto_after, it.auto_cross_before, it.auto_cross_after = ml == "auto", mr == "auto", mt == "auto", mb == "auto"
        it.min_main, it.max_main = c.min_width and resolve(c.min_width, inner_w), c.max_width and resolve(c.max_width, inner_w)
        it.min_cross, it.max_cross = c.min_height and resolve(c.min_height, inner_h), c.max_height and resolve(c.max_height, inner_h)
        it.cross_size, it.specified = h and resolve(h, inner_h), w and resolve(w, inner_w)
      else
        main_whole, edge_main = inner_h, padt + padb
        it.margin_main, it.margin_cross, it.lead, it.lead_cross = top + bottom, left + right, top, left
        it.auto_before, it.auto_after, it.auto_cross_before, it.auto_cross_after = mt == "auto", mb == "auto", ml == "auto", mr == "auto"
        it.min_main, it.max_main = c.min_height and resolve(c.min_height, inner_h), c.max_height and resolve(c.max_height, inner_h)
        it.min_cross, it.max_cross = c.min_width and resolve(c.min_width, inner_w), c.max_width and resolve(c.max_width, inner_w)
        it.cross_size, it.specified = w and resolve(w, inner_w), h and resolve(h, inner_h)
      end
      it.stretch = it.align == "stretch" and it.cross_size == nil and not it.auto_cross_before and not it.auto_cross_after
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
      if basis == "content" then base = nil else base = basis and resolve(basis, main_whole) or basis == nil and it.specified or nil end
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
      n = n + 1
      items[n] = it
    end
  end
  return items, n
end

return items_of
