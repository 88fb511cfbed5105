-- use_state(initial) -> value, set. `initial` may be a function; it is called once. `set` takes a value, or a function from the current
-- value to the next; it is the same function in every render.

local hooks = require "hearth.ui.hooks"
local strict = require "hearth.ui.strict"
local ui = require "hearth.core.ui"

local peek, keep, setter, is_function = hooks.peek, hooks.keep, hooks.setter, ui.is_function

--- State of this component.
---@generic T
---@param initial T|fun(): T
---@return T value
---@return fun(next: T|fun(current: T): T) set
return function(initial)
  local slot, fiber = peek "use_state"
  if not slot then
    if is_function(initial) then initial = initial() end
    if strict.on then strict.freeze(initial) end
    slot = { "use_state", fiber, initial, false, initial }
    slot[4] = setter(slot)
    keep(slot)
  end
  local value = slot[3]
  slot[5] = value
  return value, slot[4]
end
