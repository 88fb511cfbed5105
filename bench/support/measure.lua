-- What benchmarks measure with.

local now = require("hearth.core.timer").now

local measure = {}

---The middle one of some figures, which are sorted.
---@param list number[]
---@return number
function measure.median(list)
  table.sort(list)
  return list[#list // 2 + 1]
end

---The seconds that fn(...) takes.
---@param fn function
---@param ... any
---@return number
function measure.timed(fn, ...)
  local start = now()
  fn(...)
  return now() - start
end

return measure
