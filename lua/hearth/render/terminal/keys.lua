-- What a key does. First those that are the program's own, then what is open over the tree, then the element that has the focus; what
-- nobody has taken moves the focus or scrolls.

local focus = require "hearth.render.terminal.focus"
local menu = require "hearth.render.terminal.menu"
local scroll = require "hearth.render.terminal.scroll"

local keys = {}

-- The scroller that paging moves: around the focus, else the first that can move.
local function scroller(self)
  local node = self.stage.focus
  if node and node.scroll and node.content and node.content > node.seen then return node end
  local around = node and scroll.around(node)
  while around do
    if around.content > around.seen or scroll.windowed(around) then return around end
    around = around.parent and scroll.around(around)
  end
  local found
  local function walk(n)
    if found or n.style.display == "none" then return end
    if n.style.overflow == "scroll" and n.content and n.content > n.seen then
      found = n
      return
    end
    for _, child in ipairs(n.children) do walk(child) end
  end
  local modal = self.stage.modals[#self.stage.modals]
  walk(modal and modal.panel or self.top)
  return found
end

-- After paging, the focus goes along with what is seen, if it was in there.
local function follow(self, node, key)
  local focused = self.stage.focus
  if not focused or focused == node or not focus.index(self.stage.order, focused) then return end
  if scroll.around(focused) ~= node then return end
  self.paged = key
  self:frame()
  local seen = focus.in_sight(self.stage.order, node, key)
  if seen then self:set_focus(seen, true) end
end

local function page(self, _, key)
  local s = scroller(self)
  if not s then return end
  if key == "home" then scroll.to(s, 0, self.fire)
  elseif key == "end" then scroll.to(s, 1, self.fire)
  else scroll.by(s, (key == "page_down" and 1 or -1) * math.max(1, s.seen - 1), self.fire) end
  self.wanted = true
  follow(self, s, key)
end

local function arrow(self, node, key)
  local order = self.stage.order
  local other = node and focus.towards(order, node, key)
  local around = node and scroll.around(node)
  local down = key == "down" and 1 or key == "up" and -1 or 0
  if node and node.scroll and node.content > node.seen then -- a scroller that has the focus itself
    local by = node.props.horizontal and (key == "right" and 1 or key == "left" and -1 or 0) or down
    if by ~= 0 and scroll.by(node, by, self.fire) then
      self.wanted = true
      return
    end
  end
  if other and around and down ~= 0 and scroll.around(other) ~= around and scroll.windowed(around)
    and scroll.by(around, down, self.fire) then
    self.wanted = true -- more rows are on their way
  elseif other then
    self:set_focus(other)
  elseif down ~= 0 then
    local s = scroller(self)
    if s and scroll.by(s, down, self.fire) then self.wanted = true end
  end
end

local function press(self, node, _, event)
  if not node or event.ctrl or event.alt then return end
  if node.type == "TextInput" then self:set_focus(focus.next(self.stage.order, node, 1)) else self:activate(node) end
end

local moves = {
  tab = function(self, node, _, event) self:set_focus(focus.next(self.stage.order, node, event.shift and -1 or 1)) end,
  escape = function(self)
    local modal = self.stage.modals[#self.stage.modals]
    if modal and modal.props.on_close then self.fire(modal.props.on_close) end
  end,
  enter = press, space = press,
  up = arrow, down = arrow, left = arrow, right = arrow,
  page_up = page, page_down = page, home = page, ["end"] = page,
}

-- Keys of the program itself. True: it was one.
local function of_program(self, key, event)
  if key == "f12" then
    self.log:toggle()
  elseif event.ctrl and key == "q" then
    self.quit = true
  elseif event.ctrl and key == "l" then
    self.width, self.height = self.cells.resize()
    self.laid_out, self.wanted = false, true
  else
    return false
  end
  return true
end

--- An event of kind "key" (input.lua), for a session.
---@param self hearth.terminal.Session
---@param event { key: string, ctrl?: boolean, alt?: boolean, shift?: boolean }
function keys.handle(self, event)
  local key = event.key
  if of_program(self, key, event) then return end
  if self.menu then return menu.key(self, event) end
  if self.log.open and self.log:key(event) then return end
  local node = self.stage.focus
  local at = node
  while at and at.props do
    if at.props.on_key then self.fire(at.props.on_key, event) end
    at = at.parent
  end
  if node and node.widget and node.widget.key and node.widget.key(node, event, self.ui) then return end
  local move = moves[key]
  if move then move(self, node, key, event) end
end

return keys
