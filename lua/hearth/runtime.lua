-- hearth.runtime: the loop, and ways into it from elsewhere.

local core = require "hearth.core.task"
local errors = require "hearth.errors"

local runtime = {}

---The loop: its light userdata is the uv_loop_t*.
---@return lightuserdata
runtime.get_loop = core.loop

---@return hearth.Future
runtime.create_future = core.future

---Settles a future with a value; false, and nothing happens, when it is done.
---@param future hearth.Future
---@param ... any
---@return boolean
function runtime.resolve_future(future, ...)
  return future:resolve(...)
end

---Settles a future with an error; false when it is done.
---@param future hearth.Future
---@param err any
---@return boolean
function runtime.reject_future(future, err)
  return future:reject(err)
end

---Runs fn(...) as a task, soon.
---@param fn function
---@param ... any
function runtime.call_threadsafe(fn, ...)
  if type(fn) ~= "function" then
    errors.raise("EINVAL", "call_threadsafe: expects a function, got a " .. type(fn), { op = "call_threadsafe" })
  end
  core.spawn(fn, ...)
end

---Runs fn inline: there is no separate UI thread. Its error is reported, not raised.
---@param fn function
function runtime.call_on_main_thread(fn)
  local ok, err = pcall(fn)
  if not ok then core.report(err, "call_on_main_thread") end
end

return runtime
