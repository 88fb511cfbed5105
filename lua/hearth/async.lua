-- Waiting for several things at once, time-outs and scopes, on top of the raw verbs of tasks and futures.

local core = require "hearth.core.task"
local timer = require "hearth.core.timer"
local errors = require "hearth.errors"

local async = {}

---@class hearth.Task
---@class hearth.Future

local pack, unpack = table.pack, table.unpack

-- A function for what is called like one.
local function check_function(fn, verb)
  if type(fn) == "function" then return fn end
  local meta = getmetatable(fn)
  if type(meta) ~= "table" or not meta.__call then
    errors.raise("EINVAL", verb .. ": expects a function, got a " .. type(fn), { op = verb })
  end
  return function(...) return fn(...) end
end

---Starts `fn(...)` as a task at the next turn, never inside the caller.
---@type fun(fn: function, ...: any): hearth.Task
async.run_async = core.spawner(function(fn) return check_function(fn, "run_async") end)

---Waits for a task, a future, a ticket, a call or an animation: returns its values or raises its error.
---@type fun(x: any, seconds?: number): ...
async.await = core.await

---Waits. Seconds may have fractions; the clock's grain is 1 ms.
---@type fun(seconds: number)
async.sleep = timer.sleep

---Would an await work here?
---@type fun(): boolean
async.in_task = core.can_await

---The task that is running, or nil in the main chunk.
---@type fun(): hearth.Task|nil
async.current_task = core.current

async.is_cancelled = errors.is_cancelled

---Runs a pure function in a state of its own on a worker thread and waits for it. Arguments and results are copied: tables (also shared and
---cyclic ones), strings, numbers, booleans, futures. The function may use globals of that state and its arguments, no outer locals.
---@param fn function
---@param ... any
---@return any ...
function async.to_thread(fn, ...)
  return require("hearth.core.thread").to_thread(fn, ...)
end

local function check_list(list, verb)
  if type(list) ~= "table" then
    errors.raise("EINVAL", verb .. ": expects a list of tasks, futures or tickets, got a " .. type(list), { op = verb })
  end
end

-- `given`: what the caller gave for each, which may know how to cancel itself (the call of a mutation).
local function cancel_pending(items, given)
  local any = false
  for i, item in ipairs(items) do
    if not item:done() then
      local whole = core.is(item) == "task" and item or given and given[i]
      if core.is(whole) == "task" or type(whole) == "table" and whole.cancel then
        whole:cancel()
        any = true
      end
    end
  end
  return any
end

local function nothing() end

-- Cancels, and lets them hear of it: those that do not wait on their way out have ended when this returns.
local function end_pending(items, given)
  if cancel_pending(items, given) then core.await(core.spawn(nothing)) end
end

-- The first value of a settled one, or its error raised.
local function value_of(item)
  local state, value = item:result()
  if state == "ok" then return value end
  error(value, 0)
end

---Waits for all; a list of their values in the order given. When one fails the rest is cancelled and its error raised.
---@param list any[]
---@return any[]
function async.all(list)
  check_list(list, "all")
  local failed, items = core.join("all", list)
  if failed ~= 0 then
    end_pending(items, list)
    value_of(items[failed])
  end
  return core.values(items)
end

---The value or error of the first to end; the others are cancelled.
---@param list any[]
---@return any ...
function async.race(list)
  check_list(list, "race")
  if #list == 0 then errors.raise("EINVAL", "race: an empty list has no first; give it at least one task", { op = "race" }) end
  local first, items = core.join("race", list)
  end_pending(items, list)
  local results = pack(items[first]:result())
  if results[1] == "ok" then return unpack(results, 2, results.n) end
  error(results[2], 0)
end

---Waits until each has ended: a list of {ok=true, value=} or {ok=false, error=}.
---@param list any[]
---@return table[]
function async.all_settled(list)
  check_list(list, "all_settled")
  local _, items = core.join("all_settled", list)
  local out = {}
  for i, item in ipairs(items) do
    local state, value = item:result()
    out[i] = state == "ok" and { ok = true, value = value } or { ok = false, error = value }
  end
  return out
end

---Runs `fn(...)` as a task and waits for at most `seconds`: then it is cancelled and ETIMEOUT raised.
---@param seconds number
---@param fn function
---@param ... any
---@return any ...
function async.timeout(seconds, fn, ...)
  if type(seconds) ~= "number" or seconds ~= seconds or seconds < 0 or seconds == math.huge then
    errors.raise("EINVAL", "timeout: expects a finite number of seconds, 0 or more", { op = "timeout" })
  end
  fn = check_function(fn, "timeout")
  core.check "timeout"
  local task
  local guard <close> = setmetatable({}, { __close = function() if task then task:cancel() end end })
  task = core.spawn(fn, ...)
  local results = pack(pcall(core.await, task, seconds))
  if results[1] then return unpack(results, 2, results.n) end
  if not task:done() and errors.code(results[2]) == "ETIMEOUT" then
    end_pending { task }
    errors.raise("ETIMEOUT", ("timeout: not done within %g s; it was cancelled"):format(seconds), { op = "timeout" })
  end
  error(results[2], 0)
end

-- A scope: tasks that do not outlive it.
local Scope = {}
Scope.__index = Scope

---Starts a child of the scope.
---@param fn function
---@param ... any
---@return hearth.Task
function Scope:run_async(fn, ...)
  if self.closed then errors.raise("ECLOSED", "scope: it has ended; start the task inside it", { op = "scope" }) end
  local task = core.spawn(check_function(fn, "scope:run_async"), ...)
  self[#self + 1] = task
  task:on_done(function()
    local state, err = task:result()
    if state ~= "ok" then self:fail(err) end
  end)
  return task
end

-- The first that fails cancels the rest, wherever they and the function of the scope wait.
function Scope:fail(err)
  if self.failed then return end
  self.failed, self.err = true, err
  cancel_pending(self)
end

---Runs `fn(scope)`; children started with `scope:run_async` are awaited at its end. An error or a cancel cancels the rest.
---@param fn fun(scope: table): ...
---@return any ... what fn returned
function async.scope(fn)
  fn = check_function(fn, "scope")
  core.check "scope"
  local scope = setmetatable({ closed = false }, Scope)
  local main = async.run_async(fn, scope)
  scope[1] = main
  local ok, err = pcall(function()
    -- Children may start children: go on until a round finds no new one.
    local seen = 0
    while seen < #scope and not scope.failed do
      seen = #scope
      local failed, items = core.join("scope", { unpack(scope, 1, seen) })
      if failed ~= 0 then scope:fail(select(2, items[failed]:result())) end
    end
  end)
  scope.closed = true
  if not ok or scope.failed then
    if ok then err = scope.err end
    cancel_pending(scope)
    -- No child outlives the scope: a cancel while they end asks them again, and is raised in the end.
    while true do
      local ended, why = pcall(core.join, "scope", scope, true)
      if ended then break end
      if not errors.is_cancelled(why) then error(why, 0) end
      err = why
      cancel_pending(scope)
    end
    error(err, 0)
  end
  local results = pack(main:result())
  return unpack(results, 2, results.n)
end

return async
