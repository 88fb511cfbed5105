-- What the mouse does: presses and drags go to the element below it, the wheel to what scrolls there, a scroll bar follows the pointer.

local focus = require "hearth.render.terminal.focus"
local menu = require "hearth.render.terminal.menu"
local scroll = require "hearth.render.terminal.scroll"
local timer = require "hearth.core.timer"

-- Two clicks on one cell are a double click when no more than so many seconds lie between them.
local MULTI_CLICK <const> = 0.4

local mouse = {}

local function focusable_at(self, node)
  local order = self.stage.order
  while node do
    if focus.index(order, node) then return node end
    node = node.parent
  end
end

local function on_bar(node, x, y)
  return node.bar_x and x == node.bar_x and y >= node.bar_y and y < node.bar_y + node.bar_h
end

local function drag_bar(self, node, y)
  local _, size = scroll.thumb(node, node.bar_h)
  local room = node.bar_h - (size or 1)
  scroll.to(node, room > 0 and math.max(0, math.min(1, (y - node.bar_y - (size or 1) // 2) / room)) or 0, self.fire)
  self.wanted = true
end

local on = {}

function on.wheel(self, event, x, y)
  local node = self.stage:at(x, y)
  while node do
    if node.scroll and node.content and node.style.overflow == "scroll" then
      local by = node.props.horizontal and (event.sideways ~= 0 and event.sideways or event.by) or event.by
      if by ~= 0 and scroll.by(node, by * 3, self.fire) then
        self.wanted = true
        return
      end
    end
    node = node.parent
  end
end

-- How often it was clicked in a row on this cell.
local function clicks(self, event, now)
  local last = self.click
  local again = last and last.x == event.x and last.y == event.y and now - last.at < MULTI_CLICK
  return again and last.clicks + 1 or 1
end

function on.press(self, event, x, y)
  if event.button ~= "left" then return end
  local st = self.stage
  local node = st:at(x, y)
  local bar = node
  while bar do
    if on_bar(bar, x, y) then
      self.dragging = bar
      return drag_bar(self, bar, y)
    end
    bar = bar.parent
  end
  local target = node and focusable_at(self, node)
  event.at = timer.now()
  event.clicks = clicks(self, event, event.at)
  self.click = event
  st.pressed = target
  self.wanted = true
  if not target then return end
  self:set_focus(target, true)
  if target.widget and target.widget.mouse then target.widget.mouse(target, event, self.ui, x, y) end
end

function on.drag(self, event, x, y)
  local pressed = self.stage.pressed
  if self.dragging then
    drag_bar(self, self.dragging, y)
  elseif pressed and pressed.widget and pressed.widget.mouse then
    pressed.widget.mouse(pressed, event, self.ui, x, y)
  end
end

function on.release(self, event, x, y)
  local st = self.stage
  local target = st.pressed
  st.pressed, self.dragging = nil, nil
  self.wanted = true
  if not target then return end
  if target.widget and target.widget.mouse then
    target.widget.mouse(target, event, self.ui, x, y)
    return
  end
  local node = st:at(x, y)
  if node and focusable_at(self, node) == target then self:activate(target) end
end

--- An event of kind "mouse" (input.lua), for a session.
---@param self hearth.terminal.Session
---@param event table
function mouse.handle(self, event)
  if self.log:covers(event.y) then return self.log:mouse(event) end
  if self.menu then return menu.mouse(self, event) end
  local handler = on[event.action]
  if handler then handler(self, event, event.x, event.y) end
end

return mouse
