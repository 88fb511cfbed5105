-- use_reducer(reducer, initial) -> state, dispatch. dispatch(action, …) sets reducer(state, action, …), at once and in call order; it is
-- the same function in every render and uses the reducer of the newest one.

local hooks = require "hearth.ui.hooks"

---@generic S
---@param reducer fun(state: S, action: any, ...: any): S
---@param initial S|fun(): S
---@return S state
---@return fun(action: any, ...: any) dispatch
return function(reducer, initial)
  local slot, fiber = hooks.peek "use_reducer"
  if not slot then
    hooks.check_fn("use_reducer", reducer)
    if type(initial) == "function" then initial = initial() end
    slot = hooks.keep { "use_reducer", fiber, initial, false, initial }
    local set = hooks.setter(slot)
    slot[4] = function(action, ...)
      hooks.check_set "dispatch of use_reducer"
      local extra = table.pack(...)
      set(function(state) return slot.reducer(state, action, table.unpack(extra, 1, extra.n)) end)
    end
  end
  slot.reducer = reducer
  slot[5] = slot[3]
  return slot[3], slot[4]
end
