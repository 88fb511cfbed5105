-- use_animated_value(initial) -> value: the same Animated.Value in every render. What moves it is stopped when the component is unmounted.

local hooks = require "hearth.ui.hooks"
local node = require "hearth.animated.node"

local function stop(slot) slot.value:stop_animation() end

local function mounted(slot) hooks.on_unmount(slot, stop) end

---@param initial? number|fun(): number
---@return hearth.AnimatedValue
return function(initial)
  local slot, first = hooks.slot "use_animated_value"
  if first then
    require "hearth.animated"
    if type(initial) == "function" then initial = initial() end
    slot.value = node.new(initial)
    hooks.after_commit(slot, mounted)
  end
  return slot.value
end
