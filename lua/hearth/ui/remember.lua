-- Remembers what a function of one value gave, for at most so many values; then it begins anew. For what is the same again and again on a screen,
-- though an animation makes others without end.

---@param fn fun(x: any): any a pure function; nil counts as false
---@param most integer
---@return fun(x: any): any
return function(fn, most)
  local known, n = {}, 0
  return function(x)
    local y = known[x]
    if y == nil then
      y = fn(x) or false
      if n == most then known, n = {}, 0 end
      known[x], n = y, n + 1
    end
    return y
  end
end
