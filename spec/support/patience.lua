-- Waits for what another process or a thread does in its own time: up to 20 s of the real clock, which a busy machine may need.

local timer = require "hearth.core.timer"

---@param check fun(): any
---@return any answer the first of `check` that is true; nil if there was none
return function(check)
  for _ = 1, 10000 do
    local answer = check()
    if answer then return answer end
    timer.sleep(0.002, "r")
  end
end
