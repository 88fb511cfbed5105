-- Numbers in texts are printed by code of our own (src/number_text.c): the text is that of tostring, for every number.

local ui = require "hearth.core.ui"

-- A number that moves, as it was always shown: a whole one without a fraction.
local function moving(value)
  if value % 1 == 0 then value = math.tointeger(value) or value end
  return value .. ""
end

local function same(x)
  local text, shown = ui.text(x), ui.shown(x)
  if text ~= tostring(x) then error(("text of %a is %s, not %s"):format(x, text, tostring(x)), 2) end
  if x == x and shown ~= moving(x) then error(("%a is shown as %s, not %s"):format(x, shown, moving(x)), 2) end
end

local function double(bits) return (string.unpack("d", string.pack("j", bits))) end

describe("the text of a number", function()
  it("is that of tostring for integers and the edges of floats", function()
    for _, x in ipairs {
      0, 1, 9, 10, -1, math.maxinteger, math.mininteger, 0.0, -0.0, 1 / 0, -1 / 0, 0 / 0, 0.1, 1 / 3, 2 / 3, 0.5, 100.0, 2.0 ^ 53,
      2.0 ^ 63, -2.0 ^ 63, 2.0 ^ 64, 5e-324, 2.2250738585072011e-308, 2.2250738585072014e-308, 1.7976931348623157e308,
      1e15, 1e14, 1e13, 1e-4, 1e-5, 99999999999999.5, 99999999999999.4,
      9.99999999999995, 9.999999999999949, 9.9999999999999e-5, 9.99999999999999e-5,
      9.99999999999995e-5,
    } do
      same(x)
      same(-x)
    end
    for e = -1074, 1023 do
      local power = 2.0 ^ e
      same(power)
      same(-power * (1 - 2.0 ^ -53))
      same(power * (1 + 2.0 ^ -52))
    end
    for e = -323, 308 do same(tonumber("1e" .. e)) end
  end)

  it("is that of tostring for floats half way between two texts", function()
    for _ = 1, 2000 do
      local n, k = math.random(10 ^ 13 | 0, 10 ^ 14 - 1 | 0), math.random(0, 5)
      local half = (n + 0.5) * 2.0 ^ k -- exact: 47 bits and one
      same(half)
      same(half / 2.0 ^ (2 * k))
      same((2 * n + 1) / 2.0 ^ math.random(1, 60))
    end
  end)

  it("is that of tostring for random floats of every size", function()
    for _ = 1, 20000 do
      same(double(math.random(0)))
      same(math.random())
      same(math.random() * 10.0 ^ math.random(-8, 18))
      same(math.random(-100000, 100000) / 1000)
    end
  end)

  it("is what it was for other values", function()
    assert.same({ "", "x", "true", "1" }, { ui.text(nil), ui.text "x", ui.text(true), ui.shown "1" })
    assert.equal("shown", ui.shown(setmetatable({}, { __tostring = function() return "shown" end })))
  end)
end)
