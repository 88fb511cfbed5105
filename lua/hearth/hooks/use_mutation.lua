-- use_mutation(fn) -> state{data, loading, error}, mutate(...) -> call. Each call runs fn as a task, whatever others do; the state is that
-- of the call that was started last, and `loading` is true until the last one that runs has ended.

local attempt = require "hearth.hooks.attempt"
local hooks = require "hearth.ui.hooks"
local task = require "hearth.core.task"

---@class hearth.MutationCall
local Call = {}
Call.__index = Call

function Call.__await(self) return self.future end

---Waits for what fn returns, or raises what it raised.
---@param seconds? number
function Call:await(seconds) return task.await(self.future, seconds) end

---Cancels its task; whoever awaits the call gets ECANCELED.
---@return boolean was it running?
function Call:cancel()
  if self.future:done() then return false end
  self.cancelled = true
  return self.task:cancel()
end

---@return boolean
function Call:done() return self.future:done() end

-- Once for each call, however it ended.
local function ended(slot, call, ok, value, ...)
  if call.future:done() then return end
  if ok then call.future:resolve(value, ...) else call.future:reject(value) end
  slot.running = slot.running - 1
  if slot.last == call then
    if ok then
      slot.data = value
    elseif not call.cancelled then
      slot.error = value
    end
  end
  hooks.mark_dirty(slot[2])
end

local function start(slot, fn, ...)
  local call = setmetatable({ future = task.future() }, Call)
  slot.running = slot.running + 1
  slot.last, slot.data, slot.error = call, nil, nil
  hooks.mark_dirty(slot[2])
  call.task = task.spawn(function(...) ended(slot, call, attempt.call(fn, ...)) end, ...)
  call.task:name("a mutation of " .. hooks.path(slot[2]))
  -- One that was cancelled before it began.
  call.task:on_done(function(t) ended(slot, call, false, select(2, t:result())) end)
  return call
end

---@class hearth.MutationState
---@field data any what the call that was started last returned
---@field loading boolean a call is running
---@field error any what it raised

---@param fn fun(...): any may await
---@return hearth.MutationState state
---@return fun(...): hearth.MutationCall mutate
return function(fn)
  local slot, first = hooks.slot "use_mutation"
  hooks.check_fn("use_mutation", fn)
  if first then
    slot.running = 0
    slot.mutate = function(...)
      hooks.check_set "mutate"
      return start(slot, slot.fn, ...)
    end
  end
  slot.fn = fn
  return { data = slot.data, loading = slot.running > 0, error = slot.error }, slot.mutate
end
