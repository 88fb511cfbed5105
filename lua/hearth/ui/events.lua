-- Event handlers run as tasks, so that they may await. What they set is rendered at the end of the turn.

local errors = require "hearth.errors"
local task = require "hearth.core.task"

local events = {}

--- Starts a handler as a task; nil when there is none.
---@param fn function|table|nil
---@param ... any
---@return hearth.Task|nil
function events.fire(fn, ...)
  if not fn then return nil end
  if type(fn) ~= "function" then
    local meta = getmetatable(fn)
    if not (meta and meta.__call) then
      errors.raise("EINVAL", ("an event handler must be a function, got a %s"):format(type(fn)), { op = "event" })
    end
    local callable = fn
    fn = function(...) return callable(...) end
  end
  local t = task.spawn(fn, ...)
  t:name "an event handler"
  return t
end

return events
