-- Numbers that look like chance and are the same on every machine, so that what fails once can be run again.

---@param seed integer
---@return fun(n: integer): integer random 1 to n, which is at most 32,768
return function(seed)
  return function(n)
    seed = (seed * 1103515245 + 12345) % 2147483648
    return seed // 65536 % n + 1
  end
end
