-- hearth.runtime: the loop, and ways into it from elsewhere.

local core = require "hearth.core.task"
local errors = require "hearth.errors"

local runtime = {}

---The loop: its light userdata is the uv_loop_t*.
---@return lightuserdata
runtime.get_loop = core.loop

---@return hearth.Future
runtime.create_future = core.future

local function check_future(future, verb)
  if core.is(future) ~= "future" then
    errors.raise("EINVAL", verb .. ": expects a future (hearth.runtime.create_future makes one), got a " .. type(future), { op = verb })
  end
end

---Settles a future with a value; false, and nothing happens, when it is done.
---@param future hearth.Future
---@param ... any
---@return boolean
function runtime.resolve_future(future, ...)
  check_future(future, "resolve_future")
  return future:resolve(...)
end

---Settles a future with an error; false, and nothing happens, when it is done.
---@param future hearth.Future
---@param err any
---@return boolean
function runtime.reject_future(future, err)
  check_future(future, "reject_future")
  return future:reject(err)
end

-- The function of a global name such as "app.on_progress".
local function global(name)
  local value = _G
  for part in name:gmatch "[^.]+" do
    if type(value) ~= "table" then return nil end
    value = value[part]
  end
  return value
end

---Runs fn(...) as a task, soon. From a worker thread (hearth.to_thread) fn is the name of a global function; here it may be.
---@param fn function|string
---@param ... any
function runtime.call_threadsafe(fn, ...)
  local target = type(fn) == "string" and global(fn) or fn
  if type(target) ~= "function" then
    errors.raise("EINVAL", "call_threadsafe: expects a function or the name of a global one, got " ..
      (type(fn) == "string" and "'" .. fn .. "'" or "a " .. type(fn)), { op = "call_threadsafe" })
  end
  core.spawn(target, ...)
end

local function with_traceback(err)
  if not errors.is(err) then return debug.traceback(tostring(err), 2) end
  err.traceback = err.traceback or debug.traceback(nil, 2)
  return err
end

---Runs fn inline: there is no separate UI thread. Its error is reported, not raised.
---@param fn function
function runtime.call_on_main_thread(fn)
  if type(fn) ~= "function" then
    errors.raise("EINVAL", "call_on_main_thread: expects a function, got a " .. type(fn), { op = "call_on_main_thread" })
  end
  local ok, err = xpcall(fn, with_traceback)
  if not ok then core.report(err, "call_on_main_thread") end
end

return runtime
