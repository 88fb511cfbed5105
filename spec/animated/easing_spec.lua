local easing = require "hearth.animated.easing"

describe("an easing", function()
  local function near(want, got, what)
    assert.is_true(math.abs(want - got) < 1e-9, ("%s: wanted %.12g, got %.12g"):format(what or "", want, got))
  end

  it("begins at 0 and ends at 1, whatever its name", function()
    for name, fn in pairs(easing.named) do
      near(0, fn(0), name)
      near(1, fn(1), name)
    end
  end)

  it("has the value of its closed form", function()
    local t = 0.3
    local forms = {
      linear = t, quad = t ^ 2, quad_in = t ^ 2, quad_out = 1 - (1 - t) ^ 2, quad_in_out = 2 * t ^ 2, cubic = t ^ 3, cubic_in = t ^ 3,
      cubic_out = 1 - (1 - t) ^ 3, cubic_in_out = 4 * t ^ 3, sine_in = 1 - math.cos(t * math.pi / 2), sine_out = math.sin(t * math.pi / 2),
      sine_in_out = -(math.cos(math.pi * t) - 1) / 2, expo_in = 2 ^ (10 * t - 10), expo_out = 1 - 2 ^ (-10 * t),
      expo_in_out = 2 ^ (20 * t - 10) / 2, back_in = 2.70158 * t ^ 3 - 1.70158 * t ^ 2,
      back_out = 1 + 2.70158 * (t - 1) ^ 3 + 1.70158 * (t - 1) ^ 2,
      back_in_out = (2 * t) ^ 2 * ((1.70158 * 1.525 + 1) * 2 * t - 1.70158 * 1.525) / 2,
      elastic_in = -2 ^ (10 * t - 10) * math.sin((t * 10 - 10.75) * 2 * math.pi / 3),
      elastic_out = 2 ^ (-10 * t) * math.sin((t * 10 - 0.75) * 2 * math.pi / 3) + 1,
      elastic_in_out = -(2 ^ (20 * t - 10) * math.sin((20 * t - 11.125) * 2 * math.pi / 4.5)) / 2,
      bounce_out = 7.5625 * t * t,
      bounce_in = 1 - (7.5625 * (0.7 - 1.5 / 2.75) ^ 2 + 0.75),
    }
    for name, want in pairs(forms) do near(want, easing.of(name)(t), name) end
    t = 0.8
    near(1 - (-2 * t + 2) ^ 2 / 2, easing.of "quad_in_out"(t))
    near((2 - 2 ^ (-20 * t + 10)) / 2, easing.of "expo_in_out"(t))
    near(7.5625 * (t - 2.25 / 2.75) ^ 2 + 0.9375, easing.of "bounce_out"(t))
  end)

  it("as a Bézier curve is the curve of CSS", function()
    local function curve(x1, y1, x2, y2, s)
      local function axis(p1, p2) return 3 * (1 - s) ^ 2 * s * p1 + 3 * (1 - s) * s ^ 2 * p2 + s ^ 3 end
      return axis(x1, x2), axis(y1, y2)
    end
    local curves = {
      ease = { 0.25, 0.1, 0.25, 1 }, ease_in = { 0.42, 0, 1, 1 }, ease_out = { 0, 0, 0.58, 1 }, ease_in_out = { 0.42, 0, 0.58, 1 },
    }
    for name, p in pairs(curves) do
      for i = 1, 19 do
        local x, y = curve(p[1], p[2], p[3], p[4], i / 20)
        near(y, easing.of(name)(x), name)
        near(y, easing.of(p)(x), name)
      end
    end
    for i = 1, 19 do
      local x, y = curve(1, 0, 0, 1, i / 20) -- flat in the middle
      assert.is_true(math.abs(y - easing.of { 1, 0, 0, 1 }(x)) < 1e-6)
    end
    near(0.5, easing.of(nil)(0.5))
  end)

  it("may be any function", function()
    assert.equal(0.25, easing.of(function(t) return t / 2 end)(0.5))
  end)

  it("that is none is EINVAL, with the name that was meant", function()
    for _, bad in ipairs { "ease_inn", "", {}, { 1, 2 }, { 2, 0, 0, 1 }, { 0, 0 / 0, 0, 1 }, 5, true } do
      local ok, err = pcall(easing.of, bad)
      assert.is_false(ok)
      assert.equal("EINVAL", err.code)
    end
    assert.truthy(select(2, pcall(easing.of, "ease_inn")).message:find('"ease_in"', 1, true))
  end)
end)
