-- use_memo(fn, deps): what fn returned when deps last changed. Without deps it is called in every render.

local hooks = require "hearth.ui.hooks"

---@generic T
---@param fn fun(): T
---@param deps? any[]
---@return T
return function(fn, deps)
  local slot, first = hooks.slot "use_memo"
  if first or not hooks.same_deps(slot.deps, deps) then
    hooks.check_fn("use_memo", fn)
    hooks.check_deps("use_memo", deps)
    slot.value = fn()
    slot.deps = deps
  end
  return slot.value
end
