-- From a tree of nodes to cells: styles are resolved, boxes are laid out, everything is painted. A node is also its box (`style`,
-- `children`, `measure`, and `x`, `y`, `width`, `height` after layout). Painting finds out what can be focused and what lies where, for
-- keys and the mouse.

local layout = require "hearth.ui.layout"
local parts = require "hearth.render.terminal.parts"
local pen = require "hearth.render.terminal.pen"
local scroll = require "hearth.render.terminal.scroll"
local style_of = require "hearth.ui.style"
local text_width = require "hearth.ui.text_width"
local theme = require "hearth.render.terminal.theme"
local widgets = require "hearth.render.terminal.widgets"

widgets.TextInput = require "hearth.render.terminal.text_input"
widgets.Image = require "hearth.render.terminal.image"

local max, min, floor = math.max, math.min, math.floor
local INVERSE, BOLD = theme.INVERSE, theme.BOLD

-- Elements that are as wide as their content unless they are told otherwise.
local NARROW = { Button = true, Checkbox = true, Switch = true, ActivityIndicator = true, Image = true }

local BORDERS = {
  single = { "┌", "─", "┐", "│", "└", "┘" }, double = { "╔", "═", "╗", "║", "╚", "╝" },
  rounded = { "╭", "─", "╮", "│", "╰", "╯" }, bold = { "┏", "━", "┓", "┃", "┗", "┛" },
}

local stage = {}

-- A box that holds a node's content can be made lower than it, when it scrolls; so can everything around it.
local function soften(style)
  if style.min_height == nil then style.min_height = 0 end
end

-- Fields of a style that move nothing.
local LOOKS = {
  color = true, background = true, bold = true, dim = true, italic = true, underline = true, strikethrough = true, inverse = true,
  border_style = true, border_color = true, text_align = true, opacity = true, z_index = true, min_height = true,
}

local function same_place(a, b)
  for key, value in next, a do
    if not LOOKS[key] and b[key] ~= value then return false end
  end
  for key, value in next, b do
    if not LOOKS[key] and a[key] ~= value then return false end
  end
  return true
end

-- Does a node that has changed keep its place? What it held before is in `old`; a leaf keeps it if it is as large as it was.
local function keeps_place(node, old)
  if not old or node.own_min_height ~= node.style.min_height or not same_place(old, node.style) then return false end
  if not node.measure then return true end
  local w, h, narrowest = node:measure(nil)
  local same = w == node.natural_w and h == node.natural_h and narrowest == node.natural_narrowest and w <= (node.width or 0)
  node.natural_w, node.natural_h, node.natural_narrowest = w, h, narrowest
  return same
end

local function can_focus(node, widget)
  local props = node.props
  if props.focusable == false then return false end
  if widget and widget.focusable then return widget.focusable(node) end
  return not widget and (props.on_click ~= nil or props.focusable == true) and not props.disabled
end

-- `moves` is false where only looks have changed.
local function resolve(node, moves)
  local old = node.style
  local style = style_of.resolve(node.type, node.props)
  local widget = widgets[node.type]
  node.widget = widget or false
  node.measure = widget and widget.measure or nil
  if style.overflow == "scroll" then
    node.scroll = node.scroll or 0
    local right = style.padding_right or 0
    if not node.props.horizontal and type(right) == "number" then style.padding_right = right + 1 end -- for the bar
  end
  if style.align_self == nil and style.width == nil and NARROW[node.type] then style.align_self = "start" end
  if node.type == "Modal" and style.display ~= "none" then
    style.display = "none"
    node.opened = true
  else
    node.opened = false
  end
  node.style = style
  node.foreground, node.background = theme.colour(style.color), theme.colour(style.background)
  node.attributes = theme.attributes(style)
  node.can_focus = can_focus(node, widget)
  -- Where the content begins is asked at each painting: known at once where it is the box itself.
  node.bare = not (style.padding_left or style.padding_top or style.padding_right or style.padding_bottom or style.border)
  node.unbounded = node.bare and style.width == nil and style.max_width == nil
  if moves and not keeps_place(node, old) then layout.touch(node) end
  node.own_min_height = style.min_height
  node.stale, node.repaint = false, false
end

-- Resolves what is new; gathers the open Modals. Returns whether something in the node scrolls.
local function prepare(node, modals)
  if node.stale then resolve(node, true) end
  if node.opened then
    modals[#modals + 1] = node
    for _, child in ipairs(node.children) do prepare(child, modals) end
    return false
  end
  if node.style.display == "none" then return false end
  local scrolls = node.style.overflow == "scroll"
  local children = node.children
  for i = 1, #children do
    if prepare(children[i], modals) then scrolls = true end
  end
  node.style.min_height = node.own_min_height
  if scrolls then soften(node.style) end
  return scrolls
end

-- A Modal's content in a frame of its own, in the middle of the screen.
local function panel_of(node)
  local given = node.style
  local style = {}
  for key, value in next, given do style[key] = value end
  style.display, style.position = nil, nil
  style.border, style.border_style = 1, given.border_style or "rounded"
  for _, side in ipairs { "padding_left", "padding_right" } do style[side] = style[side] or 2 end
  for _, side in ipairs { "padding_top", "padding_bottom" } do style[side] = style[side] or 1 end
  style.row_gap = style.row_gap or 0
  style.min_width = style.min_width or min(30, 8 + text_width.width(tostring(node.props.title or "")))
  style.max_width, style.max_height = style.max_width or "90%", style.max_height or "90%"
  style.min_height = 0
  if style.overflow == nil then style.overflow = "scroll" end
  return {
    type = "Panel", style = style, children = node.children, props = {}, widget = false, scroll = node.panel and node.panel.scroll or 0,
    foreground = node.foreground, background = node.background, attributes = node.attributes, modal = node,
  }
end

---@class hearth.terminal.Stage
local Stage = {}
Stage.__index = Stage

--- A stage on the raw verbs of a terminal; `colours` is how many it shows. `pictures` says where they are, and hears of a node that has
--- another size since its picture is there.
---@param cells table
---@param colours integer
---@param pictures? { folder: string, changed: fun(node: table) }
---@return hearth.terminal.Stage
function stage.new(cells, colours, pictures)
  local look, unsure = theme.look(colours)
  local self = setmetatable({
    cells = cells, look = look, unsure_of_look = unsure,
    width = 0, height = 0, order = {}, places = {}, modals = {}, ticking = false, ticks = 0,
    focus = nil, pressed = nil, caret_x = nil, caret_y = nil,
  }, Stage)
  self.d = {
    look = self.look, text = pen.new(cells), ascii = cells.ascii, fill = cells.fill, folder = pictures and pictures.folder or ".",
    changed = pictures and pictures.changed or function() end,
    tick = function()
      self.ticking = true
      return self.ticks
    end,
    caret = function(x, y) self.caret_x, self.caret_y = x, y end,
  }
  return self
end

--- The terminal has told how bright its background is.
---@param brightness number from 0 to 1
function Stage:on_background(brightness)
  self.unsure_of_look = false
  self.look = theme.on_background(brightness)
  self.d.look = self.look
end

--- Lays a tree out on so many cells. `top` is the container of the root, `dialog` a Modal that belongs to nobody in it.
function Stage:layout(top, width, height, dialog)
  self.width, self.height = width, height
  local modals = {}
  top.style = top.style or { direction = "column", overflow = "scroll" }
  top.scroll = top.scroll or 0
  local children = top.children
  for i = 1, #children do prepare(children[i], modals) end
  if dialog then prepare(dialog, modals) end
  layout.compute(top, width, height, true)
  parts.settle(top)
  for _, modal in ipairs(modals) do
    local panel = panel_of(modal)
    modal.panel = panel
    panel.parent = nil
    layout.compute({ style = { direction = "column", align = "center", justify = "center" }, children = { panel } }, width, height, true)
    scroll.settle(panel)
    for _, child in ipairs(panel.children) do parts.settle(child) end
  end
  self.modals = modals
end

local function draw_border(self, x, y, w, h, style, fg, title, attr)
  local b = BORDERS[style.border_style] or BORDERS.single
  local text, fill = self.d.text, self.cells.fill
  fg = theme.colour(style.border_color) or fg
  if w < 2 or h < 2 then return end
  fill(x, y, 1, 1, b[1], fg)
  fill(x + 1, y, w - 2, 1, b[2], fg)
  fill(x + w - 1, y, 1, 1, b[3], fg)
  fill(x, y + 1, 1, h - 2, b[4], fg)
  fill(x + w - 1, y + 1, 1, h - 2, b[4], fg)
  fill(x, y + h - 1, 1, 1, b[5], fg)
  fill(x + 1, y + h - 1, w - 2, 1, b[2], fg)
  fill(x + w - 1, y + h - 1, 1, 1, b[6], fg)
  if title and title ~= "" and w > 6 then text(x + 2, y, " " .. text_width.truncate(title, w - 6) .. " ", fg, nil, (attr or 0) | BOLD) end
end

-- Numbers only: percentages were resolved by the layout.
local function cells_of(value, whole)
  if type(value) == "number" then return floor(value + 0.5) end
  local percent = type(value) == "string" and tonumber((value:match "^(-?[%d.]+)%%$"))
  return percent and floor(whole * percent / 100 + 0.5) or 0
end

-- Paints a node whose box lies dx, dy away from where the layout put it. x0..y1 is what may be seen.
local function paint(self, node, dx, dy, x0, y0, x1, y1, fg, attr)
  if node.repaint then resolve(node, false) end
  local style = node.style
  if style.display == "none" then return end
  local x, y, w, h = node.x + dx, node.y + dy, node.width, node.height
  local props, widget = node.props, node.widget
  node.sx, node.sy = x, y
  if node.foreground then fg = node.foreground end
  attr = attr | node.attributes
  local xw, yh = x + w, y + h
  local shown = x < x1 and y < y1 and xw > x0 and yh > y0

  if node.can_focus then
    self.order[#self.order + 1] = node
    node.inside = self.layer
  end

  if shown then
    -- The part of the box that may be seen.
    local vx0, vy0, vx1, vy1 = x, y, xw, yh
    if vx0 < x0 then vx0 = x0 end
    if vy0 < y0 then vy0 = y0 end
    if vx1 > x1 then vx1 = x1 end
    if vy1 > y1 then vy1 = y1 end
    local places = self.places
    local n = #places
    places[n + 1], places[n + 2], places[n + 3], places[n + 4], places[n + 5] = node, vx0, vy0, vx1, vy1
    local cells = self.cells
    local border = style.border or 0
    if node.background or border > 0 then
      cells.clip(vx0, vy0, vx1, vy1)
      if node.background then cells.fill(x, y, w, h, " ", fg or 0, node.background, 0) end
      if border > 0 then
        local bfg = node.type == "Panel" and (self.look.accent or fg) or fg or 0
        draw_border(self, x, y, w, h, style, bfg, node.type == "Panel" and tostring(node.modal.props.title or "") or nil, attr)
      end
    end
    if widget then
      if widget.paint then
        if not node.bare then
          local left, top = cells_of(style.padding_left, w) + border, cells_of(style.padding_top, h) + border
          x, y = x + left, y + top
          w, h = w - left - cells_of(style.padding_right, w) - border, h - top - cells_of(style.padding_bottom, h) - border
        end
        if w > 0 and h > 0 then
          cells.clip(vx0, vy0, vx1, vy1)
          widget.paint(node, self.d, x, y, w, h, fg or 0, attr)
        end
      end
      return
    end
  elseif widget then
    return
  end

  local children = node.children
  local n = #children
  local cdx, cdy = dx, dy
  local cx0, cy0, cx1, cy1 = x0, y0, x1, y1
  local scrolls = style.overflow == "scroll"
  if scrolls or style.overflow == "hidden" then
    local border = style.border or 0
    cx0, cy0, cx1, cy1 = max(x0, x + border), max(y0, y + border), min(x1, x + w - border), min(y1, y + h - border)
    if scrolls then
      local top = type(style.padding_top) == "number" and style.padding_top or 0
      local bottom = type(style.padding_bottom) == "number" and style.padding_bottom or 0
      cy0, cy1 = max(cy0, y + border + top), min(cy1, y + h - border - bottom)
      if props.horizontal then cdx = dx - node.scroll else cdy = dy - node.scroll end
    end
    if not shown then cx1, cy1 = cx0, cy0 end
  end
  local before = #self.order
  local sorted = children
  for i = 1, n do
    if children[i].style.z_index then
      sorted = table.move(children, 1, n, 1, {})
      local at = {}
      for k = 1, n do at[sorted[k]] = k end
      table.sort(sorted, function(a, b)
        local za, zb = a.style.z_index or 0, b.style.z_index or 0
        if za ~= zb then return za < zb end
        return at[a] < at[b]
      end)
      break
    end
  end
  for i = 1, n do
    local child = sorted[i]
    if not child.silent or child.top + cdy < cy1 and child.bottom + cdy > cy0 and child.left + cdx < cx1 and child.right + cdx > cx0 then
      paint(self, child, cdx, cdy, cx0, cy0, cx1, cy1, fg, attr)
    end
  end

  if scrolls then
    if shown and props.total then self.lists[#self.lists + 1] = node end
    if shown and not props.horizontal then
      local border = style.border or 0
      local bar_x, bar_y, bar_h = x + w - 1 - border, y + border, h - 2 * border
      local at, size = scroll.thumb(node, bar_h)
      if at and w > 1 then
        self.cells.clip(x0, y0, x1, y1)
        self.cells.fill(bar_x, bar_y, 1, bar_h, "│", self.look.track or fg or 0, nil, 0)
        self.cells.fill(bar_x, bar_y + at, 1, size, "█", self.focus == node and self.look.accent or self.look.muted or fg or 0, nil, 0)
        node.bar_x, node.bar_y, node.bar_h = bar_x, bar_y, bar_h
      else
        node.bar_x = nil
      end
    end
    if #self.order == before and node.content > node.seen and node.parent then -- nothing in it takes the focus: it takes it itself
      self.order[#self.order + 1] = node
      node.inside = self.layer
    end
  elseif self.focus == node and shown then
    self.cells.clip(max(x, x0), max(y, y0), min(x + w, x1), min(y + h, y1))
    if self.look.field then self.cells.tint(x, y, w, h, self.look.field, 0) else self.cells.tint(x, y, w, h, nil, INVERSE) end
  end
end

--- Paints everything; what can be focused (in the topmost Modal, if one is open) is then in `order`, what lies where in `places`.
function Stage:paint(top)
  local cells, d = self.cells, self.d
  cells.clear()
  self.order, self.places, self.lists, self.ticking, self.caret_x = {}, {}, {}, false, nil
  d.focus, d.pressed = self.focus, self.pressed
  self.layer = top
  top.widget, top.attributes = false, 0
  paint(self, top, 0, 0, 0, 0, self.width, self.height, nil, 0)
  for _, modal in ipairs(self.modals) do
    cells.clip(0, 0, self.width, self.height)
    self.order, self.places = {}, { modal, 0, 0, self.width, self.height }
    self.caret_x = nil
    local panel = modal.panel
    self.layer = panel
    cells.fill(panel.x, panel.y, panel.width, panel.height, " ", 0, panel.background or 0, 0)
    paint(self, panel, 0, 0, 0, 0, self.width, self.height, nil, 0)
  end
  cells.clip(0, 0, self.width, self.height)
end

--- The innermost node at a cell.
---@return table?
function Stage:at(x, y)
  local places = self.places
  for i = #places - 4, 1, -5 do
    if x >= places[i + 1] and x < places[i + 3] and y >= places[i + 2] and y < places[i + 4] then return places[i] end
  end
end

return stage
