-- Hooks: what a component remembers between renders, in slots of its fiber, in call order. A slot is a table `{kind, fiber, …}` that
-- belongs to its hook. This module runs a component's function, hands out the slots, and says what is wrong when hooks are misused.
--
-- A slot may hold at 3 the value that is current, at 4 its setter, at 5 the value of the last render: for the kinds in `value_kinds`
-- a fiber that was marked "may have changed" renders only if one of those differs. A kind may have a function of its own that tells.

local element = require "hearth.ui.element"
local errors = require "hearth.errors"
local fibers = require "hearth.ui.fiber"
local scheduler = require "hearth.ui.scheduler"
local strict = require "hearth.ui.strict"
local task = require "hearth.core.task"
local ui = require "hearth.core.ui"

local TYPE <const> = 1
local PROPS <const> = 2
local STATE <const> = 6
local EXTRA <const> = 9
local HOOKS <const> = 10

local hooks = {}

local rawequal, type, error = rawequal, type, error
local mark, is_function = scheduler.mark, ui.is_function
local strict_mode = strict.on

-- The render that is going on: its fiber, and the index of the slot that was used last.
local current, cursor = false, HOOKS
-- Renders that await under a Suspense go on as tasks, between which others render: coroutine -> {fiber=, cursor=}.
local awaiting, n_awaiting = setmetatable({}, { __mode = "k" }), 0
-- Which render is going on, for those who must know it at little cost; `idle` is what it is between renders.
local rendering, idle = element.rendering, false
-- needs_care(v): must a setter look closer at what it is given? Functions are called; while a component renders, while a render waits and in
-- strict mode it looks at everything. `idle_care` is what it is between renders.
local function always() return true end
local idle_care = strict_mode and always or is_function
local needs_care = idle_care

local function record()
  if n_awaiting > 0 then return awaiting[coroutine.running()] end
end

local function misuse(message, fiber, hook)
  error(errors.new("EHOOK", message, { op = hook, component = fiber and fibers.path(fiber) or nil }), 0)
end
hooks.misuse = misuse

local function outside(kind)
  misuse(("%s was called outside a component: call it at the top of the function that is given to hearth.component, not in an event "
    .. "handler, an effect or a task")
    :format(kind), nil, kind)
end

-- ---- slots

local function wrong_order(fiber, slot, kind, i)
  misuse(("%s: %s was called where %s was called before (hook %d). Hooks must be called in the same order in every render: call %s "
    .. "above any if, loop or return, and put the condition inside it")
    :format(fibers.path(fiber), kind, slot[1], i - HOOKS, kind), fiber, kind)
end

local function more(fiber, kind)
  misuse(("%s: rendered more hooks than in the render before: %s is new (%d before). Call every hook in every render: move %s above "
    .. "any if, loop or return")
    :format(fibers.path(fiber), kind, fiber[HOOKS], kind), fiber, kind)
end

--- The slot of the hook being called, or nil and its fiber when it is called for the first time (then `hooks.keep` one).
---@param kind string the hook's public name
---@return table|nil slot
---@return table fiber
function hooks.peek(kind)
  local fiber = current
  local i
  if fiber then
    i = cursor + 1
    cursor = i
  else
    local rec = record()
    if not rec then outside(kind) end
    fiber, i = rec.fiber, rec.cursor + 1
    rec.cursor = i
  end
  local slot = fiber[i]
  if slot then
    if slot[1] ~= kind then wrong_order(fiber, slot, kind, i) end
    return slot, fiber
  end
  if fiber[HOOKS] >= 0 then more(fiber, kind) end
  return nil, fiber
end

--- Keeps a new slot, `{kind, fiber, …}`, for the hook that `peek` was just called for.
---@param slot table
---@return table slot
function hooks.keep(slot)
  local fiber = slot[2]
  fiber[fiber == current and cursor or record().cursor] = slot
  return slot
end

--- The slot of the hook being called, made when there is none. Its fields by name are free for the hook's own use.
---@param kind string
---@return table slot
---@return boolean is_first
function hooks.slot(kind)
  local slot, fiber = hooks.peek(kind)
  if slot then return slot, false end
  return hooks.keep { kind, fiber }, true
end

--- The fiber whose render calls a hook; raises EHOOK outside a render.
---@param kind string
---@return table fiber
function hooks.current(kind)
  if current then return current end
  local rec = record()
  if not rec then outside(kind or "a hook") end
  return rec.fiber
end

--- The path of the component that is rendering, or nil. A verb that must not be called in a render asks this.
---@return string|nil
function hooks.rendering()
  if current then return fibers.path(current) end
  local rec = record()
  return rec and fibers.path(rec.fiber) or nil
end

--- Is a component rendering now?
---@return boolean
function hooks.is_rendering()
  return current ~= false or record() ~= nil
end

--- Raises EHOOK when a component is rendering: for setters.
---@param verb string
function hooks.check_set(verb)
  local fiber = current or (n_awaiting > 0 and record() or false)
  if not fiber then return end
  fiber = fiber.fiber or fiber
  misuse(("%s was called while %s renders: a render may only describe. Call it in an event handler, or in use_effect to react to a change")
    :format(verb, fibers.path(fiber)), fiber, verb)
end

--- The fiber must render again, whatever its state says: once, with all others, at the end of this turn. Nothing for an unmounted one.
---@param fiber table
function hooks.mark_dirty(fiber) mark(fiber, 2) end

--- Is the fiber of this slot still mounted?
function hooks.mounted(slot) return slot[2][STATE] >= 0 end

--- Where a fiber is, for messages: `App > List > Row[7]`.
hooks.path = fibers.path

-- ---- state

-- Kinds of slots that hold a value at 3 and what was rendered at 5.
local value_kinds = { use_state = true, use_reducer = true, use_store = true }

--- Lets slots of this kind take part in "renders only if the value differs": 3 is the value now, 5 what the hook gave to the last render
--- (it sets both); or differs(slot) tells.
---@param kind string
---@param differs? fun(slot: table): boolean
function hooks.value_kind(kind, differs) value_kinds[kind] = differs or true end

--- Has any value of this fiber changed since it was rendered?
---@param fiber table
---@return boolean
function hooks.changed(fiber)
  for i = HOOKS + 1, #fiber do
    local slot = fiber[i]
    local differs = slot and value_kinds[slot[1]]
    if differs == true then
      local now, before = slot[3], slot[5]
      -- `==` is an instruction, rawequal a call.
      if now ~= before or not rawequal(now, before) then return true end
    elseif differs and differs(slot) then
      return true
    end
  end
  return false
end

local function interrupted(slot)
  misuse(("%s: the state changed while an updater ran; an updater must only compute: neither await nor set in it")
    :format(fibers.path(slot[2])), slot[2], slot[1])
end

-- What a setter does but for the plain case: refuse, run an updater, compare with care, freeze.
local function set_with_care(slot, v, old)
  hooks.check_set("the setter of " .. slot[1])
  local fiber = slot[2]
  if fiber[STATE] < 0 then return end
  if type(v) == "function" then
    v = v(old)
    if not rawequal(slot[3], old) then interrupted(slot) end
  end
  -- Only those that have __eq are equal without being the same.
  if v == old and rawequal(v, old) then return end
  if strict_mode then strict.freeze(v) end
  slot[3] = v
  mark(fiber, 1)
end

--- The setter of a value slot: takes a value or a function from the current value to the next, at once; the render comes at the end of
--- the turn.
---@param slot table
---@return fun(v: any)
function hooks.setter(slot)
  -- Few upvalues, as there is one such function for each state; and few instructions.
  return function(v)
    local own = slot
    local old = own[3]
    if v == old or needs_care(v) then return set_with_care(own, v, old) end
    own[3] = v
    if own[2][STATE] == 0 then mark(own[2], 1) end
  end
end

-- ---- deps

--- Are two deps lists equal, element by element? Lists may have `n` (hearth.deps). nil is equal to nothing.
---@param old table|nil
---@param new table|nil
---@return boolean
function hooks.same_deps(old, new)
  if old == nil or new == nil then return false end
  local n = new.n or #new
  if n ~= (old.n or #old) then return false end
  for i = 1, n do
    if not rawequal(old[i], new[i]) then return false end
  end
  return true
end

--- Raises EHOOK when deps are not a list.
function hooks.check_deps(kind, deps)
  if deps ~= nil and type(deps) ~= "table" then
    local fiber = hooks.current(kind)
    misuse(("%s: the deps of %s must be a list, got a %s; write { a, b }, or hearth.deps(a, b) when one may be nil")
      :format(fibers.path(fiber), kind, type(deps)), fiber, kind)
  end
end

--- Raises EHOOK when the first argument of a hook is not a function.
function hooks.check_fn(kind, fn)
  if type(fn) ~= "function" then
    local fiber = hooks.current(kind)
    misuse(("%s: %s takes a function, got a %s; write %s(function() … end, { deps "
      .. "})"):format(fibers.path(fiber), kind, type(fn), kind), fiber, kind)
  end
end

-- ---- after the commit, at the unmount

-- Slots with work to do after the commit, innermost last; the reconciler takes them off, children first.
local due, n_due = {}, 0

--- Lets `slot` take part in the commit of this render. Where the render is abandoned, nothing is called. Fields that are read:
--- `on_commit(slot)`: called before the effects; `cleanup` and `effect`: see hearth.hooks.use_effect. Instead of these `arrive(slot)`: called
--- in every commit for which the slot is due, must not fail, and must not call the user's code.
---@param slot table
function hooks.due(slot)
  if not current then
    local rec = record()
    rec.due[#rec.due + 1] = slot
    return
  end
  n_due = n_due + 1
  due[n_due] = slot
end

--- Calls fn(slot) once after the commit of this render, before effects; never if the render is abandoned. The place to subscribe.
---@param slot table
---@param fn fun(slot: table)
function hooks.after_commit(slot, fn)
  slot.on_commit = fn
  hooks.due(slot)
end

--- Calls fn(slot) when the component is unmounted (children first). Call it in after_commit, next to what it undoes.
---@param slot table
---@param fn fun(slot: table)
function hooks.on_unmount(slot, fn)
  if not slot.on_unmount then hooks.at_unmount(slot) end
  slot.on_unmount = fn
end

--- The same once, for slots whose metatable has `on_unmount`: those of a hook that is used by the thousand.
---@param slot table
function hooks.at_unmount(slot)
  local fiber = slot[2]
  local list = fiber[EXTRA]
  if list then
    list[#list + 1] = slot
  else
    fiber[EXTRA] = { slot }
  end
end

--- For the reconciler: how many slots are due, and taking the last `count` off in call order.
function hooks.due_mark() return n_due end

---@param count integer
---@param out table
---@param n integer items in out
---@return integer n
function hooks.take_due(count, out, n)
  local base = n_due - count
  for i = base + 1, n_due do
    n = n + 1
    out[n] = due[i]
    due[i] = nil
  end
  n_due = base
  return n
end

function hooks.drop_due(base)
  for i = base + 1, n_due do due[i] = nil end
  if n_due > base then n_due = base end
end

-- ---- running a component

local function finish(fiber, n)
  local before = fiber[HOOKS]
  if before >= 0 then
    local missing = fiber[HOOKS + n + 1]
    misuse(("%s: rendered fewer hooks than in the render before: %s was not called (%d of %d). Call every hook in every render: do not "
      .. "return before it")
      :format(fibers.path(fiber), missing and missing[1] or "a hook", n, before), fiber, missing and missing[1])
  end
  fiber[HOOKS] = n
end

--- Runs the component's function and gives what it returned, and how many slots are due.
---@param fiber table
---@return any out
---@return integer due
function hooks.render(fiber)
  local base = n_due
  current = fiber
  cursor = HOOKS
  needs_care = always
  rendering[1] = fiber[HOOKS] >= 0 and "again" or "first"
  rendering[2] = fiber
  local render = fiber[TYPE].render
  local out = render(fiber[PROPS])
  if strict_mode then
    if cursor - HOOKS ~= fiber[HOOKS] then finish(fiber, cursor - HOOKS) end
    cursor = HOOKS
    out = render(fiber[PROPS])
  end
  if cursor - HOOKS ~= fiber[HOOKS] then finish(fiber, cursor - HOOKS) end
  current, needs_care, rendering[1] = false, idle_care, idle
  return out, n_due - base
end

--- For renders that may wait (hearth.ui.boundary): what such a render knows of itself.
function hooks.record_for(fiber) return { fiber = fiber, cursor = HOOKS, due = {} } end

-- In strict mode: the second time, with the hooks of the first.
local function again(rec, render, props)
  local fiber, n = rec.fiber, rec.cursor - HOOKS
  if n ~= fiber[HOOKS] then finish(fiber, n) end
  rec.cursor = HOOKS
  return render(props)
end

--- Runs the component's function in the coroutine that calls this, which may await: `rec.ok` and `rec.out` tell how it ended.
---@param rec table
function hooks.render_awaiting(rec)
  local co = coroutine.running()
  awaiting[co] = rec
  n_awaiting = n_awaiting + 1
  idle, idle_care, needs_care = "waiting", always, always
  rendering[1] = rendering[1] or idle
  local fiber = rec.fiber
  local render, props = fiber[TYPE].render, fiber[PROPS]
  rec.ok, rec.out = pcall(render, props)
  if strict_mode and rec.ok then
    rec.ok, rec.out = pcall(again, rec, render, props)
  end
  awaiting[co] = nil
  n_awaiting = n_awaiting - 1
  if n_awaiting == 0 then idle, idle_care = false, strict_mode and always or is_function end
  if not current then rendering[1], needs_care = idle, idle_care end
end

--- In the pass in which its output is used: checks the hooks, and lets them take part in the commit.
function hooks.finish_awaiting(rec)
  local fiber, n = rec.fiber, rec.cursor - HOOKS
  if n ~= fiber[HOOKS] then finish(fiber, n) end
  for _, slot in ipairs(rec.due) do
    n_due = n_due + 1
    due[n_due] = slot
  end
  return #rec.due
end

--- Awaits inside a render that is under a Suspense; elsewhere it raises ENOTASK.
---@param x any task or future
---@param verb string
---@return any ...
function hooks.suspend(x, verb)
  if not record() then
    local fiber = hooks.current(verb)
    error(errors.new("ENOTASK", ("%s: %s waits, and there is no Suspense above: put hearth.Suspense{ fallback=…, … } around the component")
      :format(fibers.path(fiber), verb), { op = verb, component = fibers.path(fiber) }), 0)
  end
  return task.await(x)
end

--- May the render that is going on await?
function hooks.can_suspend() return record() ~= nil end

--- The name under which renders and effects are guarded (`guarded` of hearth.core.task): an await in them is ENOTASK and says where it was
--- refused. The path is worked out only then.
hooks.guard = setmetatable({}, { __tostring = function()
  local slot = hooks.phase
  return current and fibers.path(current) or slot and ("%s of %s"):format(slot[1], fibers.path(slot[2])) or "a component"
end })

--- The slot whose effect or cleanup runs between renders, for the same message.
---@type table|false
hooks.phase = false

--- For the reconciler: the fiber whose render failed, and forgetting it.
function hooks.abandon()
  local fiber = current
  current, needs_care, rendering[1] = false, idle_care, idle
  return fiber
end

return hooks
