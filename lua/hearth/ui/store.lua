-- Store: a value outside of components. use_store renders a component when what it selected changes; bind() lets a prop follow without a
-- render; subscribe() tells anybody, as a task.

local binding = require "hearth.ui.binding"
local element = require "hearth.ui.element"
local errors = require "hearth.errors"
local hooks = require "hearth.ui.hooks"
local owner = require "hearth.owner"
local scheduler = require "hearth.ui.scheduler"
local task = require "hearth.core.task"
local ui = require "hearth.core.ui"

local is_function, notify, rendering = ui.is_function, binding.notify, element.rendering
local STATE <const> = 6

---@class hearth.Store
local Store = { __name = "hearth.Store" }
Store.__index = Store

local store = {}

--- A store with this value.
---@param initial any
---@return hearth.Store
function store.Store(initial)
  -- watchers: slots of use_store; subscribers: functions, in the order in which they came; links: bound props
  return setmetatable({ value = initial, watchers = false, subscribers = false, links = false }, Store)
end

---@return any
function Store:get() return self.value end

local function tell_watchers(watchers, v)
  for slot in next, watchers do
    local ok, selected = true, v
    if slot.selector then ok, selected = pcall(slot.selector, v) end
    if not ok then
      scheduler.mark(slot[2], 2) -- the selector raises again in the render, where a boundary hears of it
    else
      slot[3] = selected
      if not rawequal(selected, slot[5]) and slot[2][STATE] == 0 then scheduler.mark(slot[2], 1) end
    end
  end
end

-- What `set` does but for the plain case: refuses, runs an updater, compares with care. Gives whether the value changes, and to what.
local function look_closer(self, v, old)
  hooks.check_set "Store:set"
  if is_function(v) then
    v = v(old)
    if not rawequal(self.value, old) then
      errors.raise("EHOOK", "Store:set: the value changed while an updater ran; an updater must only compute: neither await nor set in "
        .. "it", { op = "Store:set" })
    end
  end
  -- Only those that have __eq are equal without being the same.
  return v ~= old or not rawequal(v, old), v
end

--- Sets a value, or what fn makes of the current one. An equal value (rawequal) is no change.
---@param v any|fun(current: any): any
function Store:set(v)
  local old = self.value
  if v == old or rendering[1] or is_function(v) then
    local changes
    changes, v = look_closer(self, v, old)
    if not changes then return end
  end
  self.value = v
  local watchers, subscribers = self.watchers, self.subscribers
  if watchers then tell_watchers(watchers, v) end
  if self.links then notify(self) end
  if subscribers then
    for i = 1, #subscribers do task.spawn(subscribers[i].fn, v, old) end
  end
end

--- fn(value, old) runs as a task after each change.
---@param fn fun(value: any, old: any)
---@return fun() unsubscribe
function Store:subscribe(fn)
  if type(fn) ~= "function" then
    errors.raise("EINVAL", ("Store:subscribe takes a function(value, old), got a %s"):format(type(fn)), { op = "Store:subscribe" })
  end
  local entry = { fn = owner.keep(fn) }
  local subscribers = self.subscribers or {}
  subscribers[#subscribers + 1] = entry
  self.subscribers = subscribers
  return function()
    for i, other in ipairs(subscribers) do
      if other == entry then return table.remove(subscribers, i) end
    end
  end
end

--- A prop that follows the store: `Text(store:bind())`, `ProgressBar{value=store:bind(function(s) return s.done end)}`.
---@param selector? fun(value: any): any
---@return hearth.Binding
function Store:bind(selector)
  if selector ~= nil and type(selector) ~= "function" then
    errors.raise("EINVAL", ("Store:bind takes a function from the value to what is shown, got a "
      .. "%s"):format(type(selector)), { op = "Store:bind" })
  end
  return binding.new(self, selector)
end

local function subscribe(slot)
  local watched = slot.store
  local before = slot.watched
  if before then before.watchers[slot] = nil end
  watched.watchers = watched.watchers or {}
  watched.watchers[slot] = true
  slot.watched = watched
  hooks.on_unmount(slot, function(s) s.watched.watchers[s] = nil end)
  -- What was set between the render and now.
  local selected = watched.value
  if slot.selector then selected = slot.selector(selected) end
  slot[3] = selected
  if not rawequal(selected, slot[5]) then scheduler.mark(slot[2], 1) end
end

--- What `selector` makes of the store's value (the value itself without one); the component renders when that changes (rawequal).
---@param watched hearth.Store
---@param selector? fun(value: any): any
---@return any
function store.use_store(watched, selector)
  local slot = hooks.slot "use_store"
  if getmetatable(watched) ~= Store then
    errors.raise("EHOOK", ("%s: use_store takes what hearth.Store returned, got a "
      .. "%s"):format(hooks.path(slot[2]), type(watched)), { op = "use_store" })
  end
  if selector ~= nil and type(selector) ~= "function" then
    errors.raise("EHOOK", ("%s: the selector of use_store must be a function, got a "
      .. "%s"):format(hooks.path(slot[2]), type(selector)), { op = "use_store" })
  end
  slot.selector = selector
  local value = watched.value
  if selector then value = selector(value) end
  slot[3], slot[5] = value, value
  if slot.store ~= watched then
    slot.store = watched
    hooks.after_commit(slot, subscribe)
  end
  return value
end

return store
