-- use_callback(fn, deps): the fn of the render in which deps last changed, so that a memo component sees the same function.

local hooks = require "hearth.ui.hooks"

---@generic F: function
---@param fn F
---@param deps? any[]
---@return F
return function(fn, deps)
  local slot, first = hooks.slot "use_callback"
  if first or not hooks.same_deps(slot.deps, deps) then
    hooks.check_fn("use_callback", fn)
    hooks.check_deps("use_callback", deps)
    slot.fn = fn
  end
  slot.deps = deps
  return slot.fn
end
