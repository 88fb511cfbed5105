-- Prints src/json/pow10.c: the 128 leading bits of every power of ten that printing and reading doubles need.
-- usage: lua5.4 tools/pow10.lua > src/json/pow10.c
--
-- A number is a list of 32-bit limbs, the lowest first.

local FIRST, LAST = -342, 324

local function multiply(n, by)
  local carry = 0
  for i = 1, #n do
    local x = n[i] * by + carry
    n[i], carry = x & 0xFFFFFFFF, x >> 32
  end
  if carry > 0 then n[#n + 1] = carry end
end

local function divide(n, by)
  local rest = 0
  for i = #n, 1, -1 do
    local x = rest << 32 | n[i]
    n[i], rest = x // by, x % by
  end
  while n[#n] == 0 do n[#n] = nil end
end

local function bits(n)
  local top, count = n[#n], (#n - 1) * 32
  while top > 0 do top, count = top >> 1, count + 1 end
  return count
end

-- The 128 bits below the highest one set, as two halves; zeros are shifted in where there are fewer.
local function leading(n)
  local size, high, low = bits(n), 0, 0
  for i = 1, 128 do
    local at = size - i
    local bit = at >= 0 and n[at // 32 + 1] >> at % 32 & 1 or 0
    if i <= 64 then high = high << 1 | bit else low = low << 1 | bit end
  end
  return high, low
end

print [[
/* The 128 leading bits of the powers of ten from 10^-342 to 10^324, cut off; those of 10^-27 to 10^-1 are rounded up, which is
** what makes halfway cases exact when numbers are read. Printed by tools/pow10.lua. */
#include "json/internal.h"

const uint64_t hearth__json_pow10[HEARTH__POW10_LAST - HEARTH__POW10_FIRST + 1][2] = {]]
local line = {}
for power = FIRST, LAST do
  local n = {1}
  if power < 0 then
    for _ = 1, 36 do table.insert(n, 1, 0) end -- 2^1152, far more than 5^342 needs
    for _ = 1, -power do divide(n, 5) end
  else
    for _ = 1, power do multiply(n, 5) end
  end
  local high, low = leading(n)
  if power >= -27 and power < 0 then low = low + 1 end
  line[#line + 1] = ("{0x%016xu, 0x%016xu},"):format(high, low)
  if #line == 3 or power == LAST then
    print("    " .. table.concat(line, " "))
    line = {}
  end
end
print "};"
