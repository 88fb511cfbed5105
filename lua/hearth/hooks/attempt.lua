-- Calls of functions that a component gave to a hook and that run in a task of their own: what they raise knows where it was raised.

local errors = require "hearth.errors"
local task = require "hearth.core.task"

local attempt = {}

local function with_traceback(err)
  if errors.is(err) and err.traceback == nil then err.traceback = debug.traceback(nil, 2) end
  return err
end

---@param fn function
---@param ... any
---@return boolean ok
---@return any ... its values, or the error
function attempt.call(fn, ...) return xpcall(fn, with_traceback, ...) end

local function awaitable(x)
  if task.is(x) then return true end
  local meta = type(x) == "table" and getmetatable(x)
  return meta and type(meta.__await) == "function"
end

---The same for a function without arguments; a result that can be awaited is.
---@param fn fun(): any
---@return boolean ok
---@return any value or the error
function attempt.await(fn)
  local ok, value = attempt.call(fn)
  if ok and awaitable(value) then return pcall(task.await, value) end
  return ok, value
end

return attempt
