-- The terminal UI: an app as a full-screen program. A session owns the tree, the focus and what is open over the tree; it turns keys and
-- mouse into events of the elements, and each commit into a frame. Nothing runs while nothing happens: input, a commit or a spinner's
-- timer ask for the next frame.

local alert = require "hearth.render.terminal.alert"
local alerts = require "hearth.alerts"
local events = require "hearth.ui.events"
local feature = require "hearth.core.feature"
local focus = require "hearth.render.terminal.focus"
local input = require "hearth.render.terminal.input"
local boxes = require "hearth.ui.layout"
local log = require "hearth.render.terminal.log"
local menu = require "hearth.render.terminal.menu"
local root = require "hearth.ui.root"
local scroll = require "hearth.render.terminal.scroll"
local stage = require "hearth.render.terminal.stage"
local task = require "hearth.core.task"
local timer = require "hearth.core.timer"
local widgets = require "hearth.render.terminal.widgets"

local terminal = {}

-- A lone ESC is the key when nothing has followed it for so long, in seconds.
local ESCAPE_DELAY <const> = 0.025
local TICK <const> = 0.1
-- Two clicks on one cell are a double click when no more than so much lies between them.
local MULTI_CLICK <const> = 0.4
-- How long an event waits for the handlers of the one before it.
local PATIENCE <const> = 0.05

local NONE = setmetatable({}, { __newindex = function() error("a node's children belong to the renderer", 2) end })

--- Can a full-screen program run here? Else why not.
---@return boolean, string?
function terminal.usable()
  local ok, cells = pcall(feature.load, "term")
  if not ok then return false, cells.message or tostring(cells) end
  return cells.usable()
end

---@class hearth.terminal.Session
---@field root hearth.Root
---@field failed boolean
---@field gone boolean
local Session = {}
Session.__index = Session

--- A renderer of nodes that a stage can lay out and paint. `owner.laid_out` becomes false with each change; on_commit() is called after
--- each commit.
---@param owner { laid_out: boolean }
---@param on_commit fun()
---@return hearth.Renderer
function terminal.renderer(owner, on_commit)
  return {
    create = function(type, props) return { type = type, props = props, children = NONE, parent = false, stale = true } end,
    update = function(node, props)
      node.props, node.stale = props, true
      owner.laid_out = false
      if node.type == "TextInput" then widgets.TextInput.updated(node) end
    end,
    set = function(node)
      node.stale = true
      owner.laid_out = false
      if node.type == "TextInput" then widgets.TextInput.updated(node) end
    end,
    children = function(node, nodes)
      local old = node.children
      for i = 1, #old do
        if old[i].parent == node then old[i].parent = false end
      end
      for i = 1, #nodes do nodes[i].parent = node end
      node.children = nodes
      boxes.touch(node)
      owner.laid_out = false
    end,
    commit = on_commit,
  }
end

--- Mounts an element and shows its first frame; raises what its render raised, before the terminal is touched.
---@param element any
---@param folder? string where the app's pictures are; default: the working directory
---@return hearth.terminal.Session
function terminal.mount(element, folder)
  local cells = feature.load "term"
  local self
  self = setmetatable({
    fired = {},
    fire = function(fn, ...)
      local t = events.fire(fn, ...)
      self.fired[#self.fired + 1] = t
      return t
    end,
    cells = cells, failed = false, gone = false, inside = false, laid_out = false, closing = false }, Session)
  self.root = root.mount(element, terminal.renderer(self, function() self:frame() end))
  self.top = self.root.node
  local width, height = cells.enter()
  self.inside = true
  self.width, self.height = width, height
  self.stage = stage.new(cells, cells.colours(), { folder = folder or ".", changed = function(node) self.ui.changed(node) end })
  if self.stage.unsure_of_look then cells.ask "\27]11;?\27\\" end
  self.input = input.new()
  self.log = log.new(self)
  self:frame()
  self.detach = alerts.attach(function(open)
    self.dialog = open and alert.node(open) or nil
    self.laid_out = false
    self:frame()
  end)
  return self
end

local function interface(self)
  return {
    fire = self.fire,
    -- Calls `fn` after the handler has ended and what it set is rendered.
    fire_then = function(fn, handler, ...)
      local t = self.fire(handler, ...)
      t:on_done(function() task.at_turn_end(fn) end)
    end,
    changed = function(node)
      boxes.touch(node)
      self:again(true)
    end,
    seen = function() self:again(false) end,
    open_menu = function(node) menu.open(self, node) end,
    copy = function(text)
      -- The system's clipboard, where the terminal allows it (OSC 52).
      if #text < 64 * 1024 then self.cells.send("\27]52;c;" .. menu.base64(text) .. "\a") end
    end,
  }
end

--- A frame is wanted: now, or when the events of this input have been handled.
function Session:again(layout)
  if layout then self.laid_out = false end
  if self.handling then self.wanted = true else self:frame() end
end

local function is_in(order, node)
  for i = 1, #order do
    if order[i] == node then return i end
  end
end

local function autofocused(order, seen)
  for _, node in ipairs(order) do
    if node.props.autofocus and not seen[node] then
      seen[node] = true
      return node
    end
  end
end

function Session:set_focus(node, quiet)
  local old = self.stage.focus
  if old == node then return end
  self.stage.focus = node
  if old and old.parent and old.props.on_blur then self.fire(old.props.on_blur) end
  if node and node.props.on_focus then self.fire(node.props.on_focus) end
  if node and not quiet then
    if scroll.reveal(node, self.fire) then self.wanted = true end
    self.wanted = true
  end
end

-- What can be focused in a scroller and is seen: the last one, or the first after paging up.
local function in_sight(self, node)
  local last
  for _, other in ipairs(self.stage.order) do
    if scroll.around(other) == node and other.sy >= node.sy and other.sy + other.height <= node.sy + node.height then
      if self.paged == "page_up" or self.paged == "home" then return other end
      last = other
    end
  end
  return last
end

-- After a painting: the focus is on something that is there. Returns true when it moved.
local function keep_focus(self)
  local st = self.stage
  local order = st.order
  self.seen_autofocus = self.seen_autofocus or setmetatable({}, { __mode = "k" })
  local fresh = autofocused(order, self.seen_autofocus)
  if fresh and fresh ~= st.focus then
    self:set_focus(fresh)
    self.focus_at = is_in(order, fresh)
    return true
  end
  local at = st.focus and is_in(order, st.focus)
  if at then
    self.focus_at = at
    local list = scroll.around(st.focus)
    self.focus_list = list and list.props.total and list or nil
    return false
  end
  local modal = st.modals[#st.modals]
  if modal ~= self.last_modal then
    -- Back to where the focus was before the dialog.
    if not modal or self.before_modal and self.before_modal.inside == st.layer then
      local before = self.before_modal
      if before and is_in(order, before) then
        self.last_modal = modal
        self:set_focus(before, true)
        return true
      end
    elseif not self.last_modal then
      self.before_modal = st.focus
    end
    self.last_modal = modal
    self.focus_at = 1
  end
  -- A row that is no longer mounted: one that is seen in its list.
  local list = self.focus_list
  local node = list and list.parent and in_sight(self, list) or order[math.min(self.focus_at or 1, #order)]
  if node == st.focus then return false end
  self:set_focus(node, true)
  return true
end

--- Shows the tree as it is now.
function Session:frame()
  if not self.inside or self.painting then return end
  self.painting = true
  local st = self.stage
  local log_height = self.log:height()
  for _ = 1, 3 do
    if not self.laid_out then
      self.laid_out = true
      st:layout(self.top, self.width, math.max(1, self.height - log_height), self.dialog)
    end
    st:paint(self.top)
    if not keep_focus(self) then break end
  end
  if self.menu then menu.paint(self) end
  self.log:paint()
  self.log:paint_badge()
  for _, list in ipairs(st.lists) do scroll.refill(list, self.fire) end
  if st.caret_x and not self.menu then self.cells.cursor(st.caret_x, st.caret_y) else self.cells.cursor() end
  self.wanted = false
  self.painting = false
  if not self.cells.flush() then self:end_input() end
  if st.ticking or self.log.open then
    if not self.ticker then
      self.ticker = timer.after(TICK, function()
        self.ticker = nil
        st.ticks = st.ticks + 1
        self:frame()
      end, "ur")
    end
  elseif self.ticker then
    self.ticker:stop()
    self.ticker = nil
  end
end

function Session:end_input()
  self.gone = true
  self.cells.wake()
end

-- ---- keys

local function activate(self, node)
  local props, widget = node.props, node.widget
  if widget and widget.click then widget.click(node, self.ui)
  elseif props.on_click then self.fire(props.on_click) end
end

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
  if not focused or focused == node or not is_in(self.stage.order, focused) then return end
  if scroll.around(focused) ~= node then return end
  self.paged = key
  self:frame()
  local seen = in_sight(self, node)
  if seen then self:set_focus(seen, true) end
end

local SCROLL_KEYS = { page_up = true, page_down = true, home = true, ["end"] = true }
local ARROWS = { up = true, down = true, left = true, right = true }

local function modal_close(self)
  local modal = self.stage.modals[#self.stage.modals]
  if modal and modal.props.on_close then
    self.fire(modal.props.on_close)
    return true
  end
  return modal ~= nil
end

local function on_key(self, event)
  local st, key = self.stage, event.key
  if key == "f12" then return self.log:toggle() end
  if event.ctrl and key == "q" then
    self.quit = true
    return
  end
  if event.ctrl and key == "l" then
    self.width, self.height = self.cells.resize()
    self.laid_out, self.wanted = false, true
    return
  end
  if self.menu then return menu.key(self, event) end
  if self.log.open and self.log:key(event) then return end
  local node = st.focus
  if node then
    local at = node
    while at and at.props do
      if at.props.on_key then self.fire(at.props.on_key, event) end
      at = at.parent
    end
    if node.widget and node.widget.key and node.widget.key(node, event, self.ui) then return end
  end
  if key == "tab" then
    self:set_focus(focus.next(st.order, node, event.shift and -1 or 1))
  elseif (key == "enter" or key == "space") and not event.ctrl and not event.alt then
    if node then
      if node.type == "TextInput" then self:set_focus(focus.next(st.order, node, 1)) else activate(self, node) end
    end
  elseif key == "escape" then
    modal_close(self)
  elseif ARROWS[key] then
    local other = node and focus.towards(st.order, node, key)
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
  elseif SCROLL_KEYS[key] then
    local s = scroller(self)
    if s then
      if key == "home" then scroll.to(s, 0, self.fire)
      elseif key == "end" then scroll.to(s, 1, self.fire)
      else scroll.by(s, (key == "page_down" and 1 or -1) * math.max(1, s.seen - 1), self.fire) end
      self.wanted = true
      follow(self, s, key)
    end
  end
end

-- ---- mouse

local function focusable_at(self, node)
  local order = self.stage.order
  while node do
    if is_in(order, node) then return node end
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
end

local function on_mouse(self, event)
  local st = self.stage
  if self.log:covers(event.y) then return self.log:mouse(event) end
  if self.menu then return menu.mouse(self, event) end
  local x, y = event.x, event.y
  if event.action == "wheel" then
    local node = st:at(x, y)
    while node do
      local s = node.scroll and node.content and node or nil
      if s and s.style.overflow == "scroll" then
        local by = s.props.horizontal and (event.sideways ~= 0 and event.sideways or event.by) or event.by
        if by ~= 0 and scroll.by(s, by * 3, self.fire) then
          self.wanted = true
          return
        end
      end
      node = node.parent
    end
    return
  end
  if event.action == "press" then
    if event.button ~= "left" then return end
    local node = st:at(x, y)
    local bar = node
    while bar do
      if on_bar(bar, x, y) then
        self.dragging = bar
        drag_bar(self, bar, y)
        self.wanted = true
        return
      end
      bar = bar.parent
    end
    local target = node and focusable_at(self, node)
    -- How often it was clicked in a row on the same cell.
    local click, now = self.click, timer.now()
    local again = click and click.x == x and click.y == y and now - click.at < MULTI_CLICK
    event.at, event.clicks = now, again and click.clicks + 1 or 1
    self.click = event
    st.pressed = target
    self.wanted = true
    if not target then return end
    self:set_focus(target, true)
    if target.widget and target.widget.mouse then target.widget.mouse(target, event, self.ui, x, y) end
  elseif event.action == "drag" then
    if self.dragging then
      drag_bar(self, self.dragging, y)
      self.wanted = true
    elseif st.pressed and st.pressed.widget and st.pressed.widget.mouse then
      st.pressed.widget.mouse(st.pressed, event, self.ui, x, y)
    end
  elseif event.action == "release" then
    local target = st.pressed
    st.pressed, self.dragging = nil, nil
    self.wanted = true
    if not target then return end
    if target.widget and target.widget.mouse then
      target.widget.mouse(target, event, self.ui, x, y)
      return
    end
    local node = st:at(x, y)
    if node and focusable_at(self, node) == target then activate(self, target) end
  end
end

local function on_paste(self, event)
  local node = self.stage.focus
  if not self.menu and node and node.widget and node.widget.paste then node.widget.paste(node, event.text, self.ui) end
end

local function on_background(self, event)
  if not self.stage.unsure_of_look then return end -- nobody asked
  self.cells.answered()
  self.stage:on_background(event.brightness)
  self.wanted = true
end

-- An event is meant for what the one before it has made of the screen: its handlers end first, or have had their time.
local function settle(self)
  local fired = self.fired
  if not fired[1] then return end
  self.fired = {}
  local ended, left = task.future(), #fired
  for _, t in ipairs(fired) do
    -- Told, not awaited: an error of a handler stays one that nobody saw, and is reported.
    t:on_done(function()
      left = left - 1
      if left == 0 then task.at_turn_end(function() ended:resolve() end) end
    end)
  end
  pcall(ended.await, ended, PATIENCE)
  if not self.laid_out or self.wanted then self:frame() end
end

local on = { key = on_key, mouse = on_mouse, paste = on_paste, background = on_background }

local function handle(self, list)
  self.handling = true
  for _, event in ipairs(list) do
    settle(self)
    on[event.kind](self, event)
    if self.quit then break end
  end
  self.handling = false
  if self.wanted or not self.laid_out then self:frame() end
end

--- Handles input until Ctrl-Q, the end of the app or of the terminal; then unmounts and gives the terminal back.
function Session:loop()
  local cells = self.cells
  self.ui = interface(self)
  while not self.quit and not self.gone and self.root:mounted() do
    cells.wait()
    local bytes, resized, gone = cells.take()
    if gone then self.gone = true end
    if self.log:has_news() then self.wanted = true end
    if resized then
      self.width, self.height = cells.resize()
      self.laid_out, self.wanted = false, true
    end
    if self.escape_timer then
      self.escape_timer:stop()
      self.escape_timer = nil
    end
    local list = bytes and self.input:feed(bytes) or self.flush_escape and self.input:flush() or {}
    self.flush_escape = false
    handle(self, list)
    if self.input:incomplete() then
      self.escape_timer = timer.after(ESCAPE_DELAY, function()
        self.flush_escape = true
        cells.wake()
      end, "ur")
    end
  end
  self:close()
end

--- Opens or closes the log pane: `hearth run --watch` says there why it did not load the app again.
---@param open boolean
function Session:show_log(open)
  if self.log.open ~= open then self.log:toggle() end
  self.wanted = true
  self.cells.wake()
end

--- Unmounts and gives the terminal back; what was printed meanwhile is printed now.
function Session:close()
  if self.closing then return end
  self.closing, self.inside = true, false
  if self.ticker then self.ticker:stop() end
  self.detach()
  self.root:unmount()
  self.cells.close()
end

return terminal
