-- The terminal UI: an app as a full-screen program. A session owns the tree, the focus and what is open over the tree; it hands input to
-- keys.lua and mouse.lua, which make events of the elements of it, and turns each commit into a frame. Nothing runs while nothing happens: input, a commit or a spinner's
-- timer ask for the next frame.

local alert = require "hearth.render.terminal.alert"
local alerts = require "hearth.alerts"
local events = require "hearth.ui.events"
local feature = require "hearth.core.feature"
local focus = require "hearth.render.terminal.focus"
local input = require "hearth.render.terminal.input"
local boxes = require "hearth.ui.layout"
local keys = require "hearth.render.terminal.keys"
local log = require "hearth.render.terminal.log"
local menu = require "hearth.render.terminal.menu"
local mouse = require "hearth.render.terminal.mouse"
local parts = require "hearth.render.terminal.parts"
local root = require "hearth.ui.root"
local scroll = require "hearth.render.terminal.scroll"
local stage = require "hearth.render.terminal.stage"
local task = require "hearth.core.task"
local timer = require "hearth.core.timer"
local widgets = require "hearth.render.terminal.widgets"

local adjust = parts.adjust

local terminal = {}

-- A lone ESC is the key when nothing has followed it for so long, in seconds.
local ESCAPE_DELAY <const> = 0.025
local TICK <const> = 0.1
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
  local to_fit = {} -- texts that have another size than before this commit
  return {
    create = function(type, props) return { type = type, props = props, children = NONE, parent = false, stale = true } end,
    update = function(node, props)
      node.props, node.stale = props, true
      owner.laid_out = false
      if node.type == "TextInput" then widgets.TextInput.updated(node) end
    end,
    set = function(node, prop, _, key)
      local how = adjust(node, prop, key)
      if how == "fit" then
        to_fit[#to_fit + 1] = node
      elseif not how then
        node.stale = true
        owner.laid_out = false
      end
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
    commit = function()
      local nodes = to_fit
      if nodes[1] then
        to_fit = {}
        if not parts.fit(nodes, owner.laid_out) then owner.laid_out = false end
      end
      on_commit()
    end,
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

-- After a painting: the focus is on something that is there. Returns true when it moved.
local function keep_focus(self)
  local st = self.stage
  local order = st.order
  self.seen_autofocus = self.seen_autofocus or setmetatable({}, { __mode = "k" })
  local fresh = autofocused(order, self.seen_autofocus)
  if fresh and fresh ~= st.focus then
    self:set_focus(fresh)
    self.focus_at = focus.index(order, fresh)
    return true
  end
  local at = st.focus and focus.index(order, st.focus)
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
      if before and focus.index(order, before) then
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
  local node = list and list.parent and focus.in_sight(order, list, self.paged) or order[math.min(self.focus_at or 1, #order)]
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

--- What Enter or a click does to an element.
function Session:activate(node)
  local props, widget = node.props, node.widget
  if widget and widget.click then widget.click(node, self.ui)
  elseif props.on_click then self.fire(props.on_click) end
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

local on = { key = keys.handle, mouse = mouse.handle, paste = on_paste, background = on_background }

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
