-- ErrorBoundary and Suspense: what is shown in place of children that failed, or that wait.
--
-- A boundary keeps in EXTRA: `error` ({value}) while its fallback shows, and `failure` ({value}) when an effect or a dirty descendant
-- failed. A Suspense keeps `pending`, the number of components below it that have not shown anything yet, and `fallback`, the fibers
-- shown meanwhile. Its children stay mounted behind the fallback, so they keep their state.

local element = require "hearth.ui.element"
local fibers = require "hearth.ui.fiber"
local hooks = require "hearth.ui.hooks"
local reconciler = require "hearth.ui.reconciler"
local scheduler = require "hearth.ui.scheduler"
local task = require "hearth.core.task"

local PROPS <const> = 2
local CHILD <const> = 5
local STATE <const> = 6
local DEPTH <const> = 7
local ROOT <const> = 8
local EXTRA <const> = 9
local HOOKS <const> = 10

local assign, delete, restructure = reconciler.assign, reconciler.delete, reconciler.restructure

local boundary = {
  ErrorBoundary = element.special("boundary", "ErrorBoundary"),
  Suspense = element.special("suspense", "Suspense"),
  suspends = false, -- has there been any Suspense: until then none needs a look
}

-- ---- protected rendering

-- What the last failure knew of itself: the component that rendered, and the traceback.
local where = { component = nil, traceback = nil }
boundary.where = where

local function on_error(err)
  local fiber = hooks.abandon() or reconciler.failed_at()
  where.component = fiber and fibers.path(fiber) or nil
  where.traceback = debug.traceback(nil, 2)
  if type(err) == "table" and where.component and getmetatable(err) == task.error_metatable then
    if err.component == nil then
      rawset(err, "component", where.component)
      if err.code == "EINVAL" and not err.message:find(where.component, 1, true) then
        rawset(err, "message", err.message .. " (in " .. where.component .. ")")
      end
    end
    if err.traceback == nil then rawset(err, "traceback", where.traceback) end
  end
  return err
end
boundary.on_error = on_error

--- Runs fn(a, b, c); undoes what it rendered if it fails.
---@return boolean ok
---@return any result or the error
local function attempt(fn, a, b, c) return reconciler.attempt(on_error, fn, a, b, c) end
boundary.attempt = attempt

-- ---- ErrorBoundary

local function fallback_of(f)
  local fallback = f[PROPS].fallback
  if type(fallback) == "function" then
    local extra = f[EXTRA]
    if not extra.reset then
      extra.reset = function()
        hooks.check_set "the reset of an ErrorBoundary"
        if extra.error then
          extra.retry = true
          scheduler.mark(f, 2)
        end
      end
    end
    fallback = fallback(extra.error.value, extra.reset)
  end
  return { fallback }
end

-- Tells on_error after the commit.
local function tell(f, err)
  local slot = { "ErrorBoundary", f }
  slot.on_commit = function()
    local fn = f[PROPS].on_error
    if fn then fn(err) end
  end
  reconciler.ready(slot)
end

local function fail(f, err, depth)
  assign(f[EXTRA], "error", { value = err })
  tell(f, err)
  return reconciler.mount_children(fallback_of(f), f, depth)
end

reconciler.kinds.boundary = {
  mount = function(f, depth)
    f[EXTRA] = {}
    local ok, result = attempt(reconciler.mount_children, f[PROPS], f, depth + 1)
    if not ok then result = fail(f, result, depth + 1) end
    f[CHILD] = result
  end,
  update = function(f)
    local extra = f[EXTRA]
    local depth = f[DEPTH] + 1
    local failure = extra.failure
    extra.failure = nil
    if extra.error and extra.retry then
      extra.retry = nil
      -- What failed mounts afresh.
      local old = f[CHILD]
      assign(extra, "error", nil)
      local base = reconciler.stack_mark()
      local ok, list = attempt(reconciler.mount_children, f[PROPS], f, depth)
      if not ok then list = fail(f, list, depth) end
      reconciler.nodes(base)
      assign(f, CHILD, list)
      for _, child in ipairs(old or {}) do
        if child then delete(child) end
      end
      restructure(f)
      return
    end
    if extra.error then
      reconciler.update_children(f, fallback_of(f), depth)
      return
    end
    local err = failure and failure.value
    if not failure then
      local ok, result = attempt(reconciler.update_children, f, f[PROPS], depth)
      if ok then return end
      err = result
    end
    local old = f[CHILD]
    local base = reconciler.stack_mark()
    local list = fail(f, err, depth)
    reconciler.nodes(base)
    assign(f, CHILD, list)
    for _, child in ipairs(old or {}) do
      if child then delete(child) end
    end
    restructure(f)
  end,
}

--- Gives an error to the nearest boundary above a fiber; false when there is none. Its fallback shows at the end of the turn.
---@param f table
---@param err any
---@return boolean
function boundary.catch(f, err)
  local above = fibers.above(f, "boundary")
  while above and (above[STATE] < 0 or above[EXTRA].error) do above = fibers.above(above, "boundary") end
  if not above then return false end
  above[EXTRA].failure = { value = err }
  scheduler.mark(above, 2)
  return true
end

-- ---- Suspense

local touched, n_touched = {}, 0 -- suspenses whose number of pending components changed

local function count(suspense, by)
  assign(suspense[EXTRA], "pending", suspense[EXTRA].pending + by)
  n_touched = n_touched + 1
  touched[n_touched] = suspense
end

reconciler.kinds.suspense = {
  mount = function(f, depth)
    f[EXTRA] = { pending = 0, fallback = false }
    f[ROOT].suspends, f[ROOT].plain, boundary.suspends = true, false, true
    f[CHILD] = reconciler.mount_children(f[PROPS], f, depth + 1)
  end,
  update = function(f)
    reconciler.update_children(f, f[PROPS], f[DEPTH] + 1)
    if f[EXTRA].fallback then
      n_touched = n_touched + 1
      touched[n_touched] = f
    end
  end,
  hidden = function(f) return f[EXTRA].fallback end,
}

--- Before the commit: shows and hides fallbacks.
function boundary.settle_suspenses()
  local i = 1
  while i <= n_touched do
    local f = touched[i]
    touched[i] = nil
    i = i + 1
    local extra = f[EXTRA]
    if f[STATE] >= 0 and not reconciler.is_dying(f) then
      reconciler.use(f[ROOT])
      local base = reconciler.stack_mark()
      local old = extra.fallback
      if extra.pending > 0 then
        local ok, result = attempt(function()
          local items = { f[PROPS].fallback }
          if not old then
            assign(extra, "fallback", reconciler.mount_children(items, f, f[DEPTH] + 1))
            restructure(f)
          elseif extra.shown ~= items[1] then
            local list = reconciler.mount_children(items, f, f[DEPTH] + 1)
            assign(extra, "fallback", list)
            for _, child in ipairs(old) do
              if child then delete(child) end
            end
            restructure(f)
          end
          assign(extra, "shown", items[1])
        end)
        if not ok and not boundary.catch(f, result) then f[ROOT].fail(result, f) end
      elseif old then
        assign(extra, "fallback", false)
        assign(extra, "shown", nil)
        for _, child in ipairs(old) do
          if child then delete(child) end
        end
        restructure(f)
      end
      reconciler.nodes(base)
    end
  end
  n_touched = 0
end

-- Renders that wait: fiber -> {task=, record=, done=, first=, suspense=, again=}.
local waiting = setmetatable({}, { __mode = "k" })

-- What a finished render gives: its output, or its error.
local function outcome(run)
  local record = run.record
  if not record.ok then error(record.out, 0) end
  return record.out, hooks.finish_awaiting(record)
end

--- Renders a component that is under a Suspense: as a task, which may wait. Gives what hooks.render gives, and true when what is shown
--- stays.
---@param f table
---@return any output
---@return integer due
---@return boolean? keep
function boundary.render(f)
  local run = waiting[f]
  if run then
    if not run.done then
      run.again = true -- with the newest props and state, when this render has ended
      return nil, 0, true
    end
    waiting[f] = nil
    if run.first then count(run.suspense, -1) end
    if run.again then hooks.mark_dirty(f) end
    return outcome(run)
  end
  local suspense = fibers.above(f, "suspense")
  if not suspense then return hooks.render(f) end

  run = { suspense = suspense, first = f[HOOKS] < 0, record = hooks.record_for(f) }
  run.task = task.start(hooks.render_awaiting, run.record)
  if run.task:done() then return outcome(run) end
  run.task:name("the render of " .. fibers.path(f))
  waiting[f] = run
  if run.first then count(suspense, 1) end
  reconciler.on_undo(function()
    if waiting[f] == run then
      waiting[f] = nil
      run.task:cancel()
    end
  end)
  run.task:on_done(function()
    run.done = true
    if f[STATE] >= 0 and waiting[f] == run then scheduler.mark(f, 2) end
  end)
  return nil, 0, true
end

--- A component is unmounted: its render need not go on.
function boundary.unmounted(f)
  local run = waiting[f]
  if not run then return end
  waiting[f] = nil
  run.task:cancel()
  local suspense = run.suspense
  if run.first and suspense[STATE] >= 0 then
    suspense[EXTRA].pending = suspense[EXTRA].pending - 1
    if suspense[EXTRA].pending == 0 then scheduler.mark(suspense, 2) end
  end
end

--- Is a render of this fiber waiting?
function boundary.waits(f) return waiting[f] ~= nil end

return boundary
