-- use_ref(v) -> {current=v}: one table for the life of the component. Changing it renders nothing.

local hooks = require "hearth.ui.hooks"

---@generic T
---@param initial T
---@return { current: T }
return function(initial)
  local slot, first = hooks.slot "use_ref"
  if first then slot.ref = { current = initial } end
  return slot.ref
end
