-- A screen: an element mounted on the headless renderer, to be looked at and used as a person would. Look-ups that fail print the tree.

local element = require "hearth.ui.element"
local errors = require "hearth.errors"
local events = require "hearth.ui.events"
local headless = require "hearth.render.headless"
local queries = require "hearth.testing.queries"
local roots = require "hearth.ui.root"
local task = require "hearth.core.task"
local timer = require "hearth.core.timer"

---@class hearth.Screen
---@field root hearth.Root
---@field node hearth.Node the container of the tree
local Screen = {}
Screen.__index = Screen

local screen = {}

local function wanted_name(what, wanted)
  if type(wanted) == "table" and wanted.pattern then return ("%s matching the pattern %q"):format(what, wanted.pattern) end
  return ("%s %s"):format(what, type(wanted) == "string" and ("%q"):format(wanted) or tostring(wanted))
end

-- Raises with the tree. Level: the test's own line is in the message.
local function missing(self, message)
  local tree = queries.tree(self.node)
  error(errors.new("EINVAL", message .. "\nThe tree is:\n" .. (tree ~= "" and tree or "(empty)"), { op = "screen" }), 0)
end

local function check_wanted(what, wanted)
  local ok = type(wanted) == "string" or type(wanted) == "number" or type(wanted) == "table" and type(wanted.pattern) == "string"
    or what == "type" and type(wanted) == "function"
  if not ok then
    errors.raise("EINVAL", ("by_%s takes a string or {pattern=}, got a %s"):format(what, type(wanted)), { op = "screen" })
  end
end

local function one(self, what, wanted, required)
  check_wanted(what, wanted)
  local found = queries.all(self.node, what, wanted)
  if #found > 1 then
    missing(self, ("%d nodes have the %s; use get_all_by_%s, or give them ids"):format(#found, wanted_name(what, wanted), what))
  end
  if required and not found[1] then missing(self, ("nothing visible has the %s"):format(wanted_name(what, wanted))) end
  return found[1]
end

for what in pairs(queries.by) do
  --- The one node; raises when there is none, or several.
  Screen["get_by_" .. what] = function(self, wanted) return one(self, what, wanted, true) end
  --- The one node, or nil.
  Screen["query_by_" .. what] = function(self, wanted) return one(self, what, wanted, false) end
  --- All of them in document order; raises when there is none.
  Screen["get_all_by_" .. what] = function(self, wanted)
    check_wanted(what, wanted)
    local found = queries.all(self.node, what, wanted)
    if #found == 0 then missing(self, ("nothing visible has the %s"):format(wanted_name(what, wanted))) end
    return found
  end
  --- All of them, perhaps none.
  Screen["query_all_by_" .. what] = function(self, wanted)
    check_wanted(what, wanted)
    return queries.all(self.node, what, wanted)
  end
  --- Waits until there is one, at most this many seconds of the real clock (1).
  Screen["find_by_" .. what] = function(self, wanted, seconds)
    check_wanted(what, wanted)
    local late = false
    local limit
    repeat
      local found = queries.all(self.node, what, wanted)
      if #found > 0 then
        if limit then limit:stop() end
        return one(self, what, wanted, true)
      end
      if late or not self.root:mounted() then break end
      local changed = task.future()
      self.waiting[changed] = true
      limit = limit or timer.after(seconds or 1, function()
        late = true
        for waiting in pairs(self.waiting) do waiting:resolve() end
      end, "r")
      local ok, err = pcall(task.await, changed)
      self.waiting[changed] = nil
      if not ok then
        limit:stop()
        error(err, 0)
      end
    until false
    missing(self, ("nothing visible got the %s within %g s"):format(wanted_name(what, wanted), seconds or 1))
  end
end

-- ---- verbs

-- The node itself, or the first ancestor that has this handler.
local function with_handler(node, name)
  while node do
    if node.props[name] then return node end
    node = node.parent
  end
end

local function is_node(x) return type(x) == "table" and x.props ~= nil and x.children ~= nil end

-- The node that a verb is about: a node, or what has this text or label, preferring those that `fits` says can be used.
local function target(self, verb, wanted, fits, tests)
  if is_node(wanted) then return wanted end
  check_wanted("text", wanted)
  local usable, any
  for _, what in ipairs(tests) do
    for _, node in ipairs(queries.all(self.node, what, wanted)) do
      any = any or node
      local hit = fits(node)
      if hit and hit ~= usable then
        if usable then missing(self, ("%s: several nodes have the %s; give them ids and use "
          .. "get_by_id"):format(verb, wanted_name(what, wanted))) end
        usable = hit
      end
    end
    if usable then return usable end
  end
  if any then return any end
  missing(self, ("%s: nothing visible has the %s"):format(verb, wanted_name("text or label", wanted)))
end

local function nothing() end

local TOGGLES = { Checkbox = true, Switch = true }

local function clickable(node)
  if TOGGLES[node.type] then return node end
  return with_handler(node, "on_click")
end

local function disabled(node)
  while node do
    if node.props.disabled then return true end
    node = node.parent
  end
  return false
end

--- Clicks a node, or what has this text or label: its handler, or that of what contains it, starts as a task.
---@param wanted hearth.Node|string|{ pattern: string }
---@return hearth.Task
function Screen:click(wanted)
  local node = target(self, "click", wanted, clickable, { "text", "label", "id" })
  local hit = clickable(node)
  if not hit then missing(self, ("click: %s has no on_click, nor has anything around it"):format(node.type)) end
  if disabled(hit) then return events.fire(nothing) end
  if TOGGLES[hit.type] and not hit.props.on_click then
    if not hit.props.on_change then return events.fire(nothing) end
    return events.fire(hit.props.on_change, not hit.props.value)
  end
  return events.fire(hit.props.on_click)
end

local function input(node) return (node.props.on_change or node.props.on_submit or node.type == "TextInput") and node or nil end

--- Types a text into an input, in place of what it held: on_change gets the whole text, as a task.
---@param wanted hearth.Node|string|{ pattern: string } a node, or its label or placeholder
---@param text any
---@return hearth.Task
function Screen:type(wanted, text)
  local node = target(self, "type", wanted, input, { "label", "id", "text" })
  if not input(node) then missing(self, ("type: %s is not an input"):format(node.type)) end
  if disabled(node) or node.props.read_only then return events.fire(nothing) end
  self.typed[node] = { text = text, over = node.props.value }
  return events.fire(node.props.on_change or nothing, text)
end

--- Submits an input, as the Enter key does: on_submit gets its text, as a task.
---@param wanted hearth.Node|string|{ pattern: string }
---@return hearth.Task
function Screen:submit(wanted)
  local node = target(self, "submit", wanted, input, { "label", "id", "text" })
  if not input(node) then missing(self, ("submit: %s is not an input"):format(node.type)) end
  if disabled(node) then return events.fire(nothing) end
  local typed = self.typed[node]
  local text = node.props.value
  if text == nil and not typed then text = node.props.default_value end
  -- What was typed counts until the component shows another value.
  if typed and typed.over == text then text = typed.text end
  return events.fire(node.props.on_submit or nothing, text == nil and "" or text)
end

--- Fires any handler of a node: screen:fire(node, "on_long_click", …).
---@return hearth.Task
function Screen:fire(node, name, ...)
  local hit = with_handler(node, name)
  if not hit then missing(self, ("fire: %s has no %s"):format(node.type, name)) end
  return events.fire(hit.props[name], ...)
end

-- ---- looking

--- The visible texts, a line for each, in document order.
---@return string
function Screen:text() return queries.text(self.node) end

--- The whole tree, an indented line for each node.
---@return string
function Screen:tree() return queries.tree(self.node) end

--- How many frames the renderer was given; the first one counts.
---@return integer
function Screen:commits() return self.root.commits end

--- How often this component rendered on this screen.
---@param component hearth.Component
---@return integer
function Screen:renders(component)
  if not element.is_type(component) then
    errors.raise("EINVAL", ("screen:renders takes a component, got a %s"):format(type(component)), { op = "screen" })
  end
  return self.root.renders[component.of or component] or 0
end

--- Shows another element; what has the same types and keys keeps its state.
---@param new any
function Screen:rerender(new) self.root:rerender(new) end

--- Takes everything off. Twice is fine.
function Screen:unmount() self.root:unmount() end

--- Renders an element. The first frame is there when this returns; raises what its render raised.
---@param what any
---@return hearth.Screen
function screen.render(what)
  if element.is_type(what) then what = what {} end
  local self = setmetatable({ waiting = {}, typed = setmetatable({}, { __mode = "k" }) }, Screen)
  self.root = roots.mount(what, headless.new(function()
    for future in pairs(self.waiting) do future:resolve() end
  end), { observe = true })
  self.node = self.root.node
  return self
end

return screen
