-- Easings: functions from how much of the time has passed to how much of the way is done, both 0 to 1 (some leave that range on the way).
-- By name, as {x1, y1, x2, y2} of a cubic Bézier curve as in CSS, or any function.

local errors = require "hearth.errors"
local suggest = require "hearth.ui.suggest"

local easing = {}

local sin, cos, pi, abs = math.sin, math.cos, math.pi, math.abs

-- The curve's height where it is t wide: Newton's method from t, then halving where the curve is too flat for it.
local function solver(x1, y1, x2, y2)
  local ax, bx, cx = 1 + 3 * (x1 - x2), 3 * (x2 - 2 * x1), 3 * x1
  local ay, by, cy = 1 + 3 * (y1 - y2), 3 * (y2 - 2 * y1), 3 * y1
  return function(t)
    if t <= 0 then return 0.0 elseif t >= 1 then return 1.0 end
    local s = t
    for _ = 1, 8 do
      local off = ((ax * s + bx) * s + cx) * s - t
      if off < 1e-12 and off > -1e-12 then return ((ay * s + by) * s + cy) * s end
      local slope = (3 * ax * s + 2 * bx) * s + cx
      if slope < 1e-6 then break end
      s = s - off / slope
    end
    local low, high = 0.0, 1.0
    for _ = 1, 60 do
      s = (low + high) / 2
      if ((ax * s + bx) * s + cx) * s < t then low = s else high = s end
    end
    return ((ay * s + by) * s + cy) * s
  end
end

-- Values that move together are as far: the last answer is kept for them.
local function bezier(x1, y1, x2, y2)
  local solve = solver(x1, y1, x2, y2)
  local last_t, last_y = 0, 0.0
  return function(t)
    if t ~= last_t then last_t, last_y = t, solve(t) end
    return last_y
  end
end

local function bounce_out(t)
  local n, d = 7.5625, 2.75
  if t < 1 / d then return n * t * t end
  if t < 2 / d then
    t = t - 1.5 / d
    return n * t * t + 0.75
  end
  if t < 2.5 / d then
    t = t - 2.25 / d
    return n * t * t + 0.9375
  end
  t = t - 2.625 / d
  return n * t * t + 0.984375
end

local BACK <const> = 1.70158

-- The `_in` form of each family; the others are its mirror images.
local families = {
  quad = function(t) return t * t end,
  cubic = function(t) return t * t * t end,
  sine = function(t) return t >= 1 and 1.0 or 1 - cos(t * pi / 2) end,
  expo = function(t) return t <= 0 and 0.0 or 2.0 ^ (10 * t - 10) end,
  back = function(t) return t * t * ((BACK + 1) * t - BACK) end,
  bounce = function(t) return 1 - bounce_out(1 - t) end,
  elastic = function(t)
    if t <= 0 then return 0.0 elseif t >= 1 then return 1.0 end
    return -(2.0 ^ (10 * t - 10)) * sin((10 * t - 10.75) * 2 * pi / 3)
  end,
}

local named = {
  linear = function(t) return t end,
  ease = bezier(0.25, 0.1, 0.25, 1),
  ease_in = bezier(0.42, 0, 1, 1),
  ease_out = bezier(0, 0, 0.58, 1),
  ease_in_out = bezier(0.42, 0, 0.58, 1),
}

for name, fn in pairs(families) do
  named[name] = fn
  named[name .. "_in"] = fn
  named[name .. "_out"] = function(t) return 1 - fn(1 - t) end
  named[name .. "_in_out"] = function(t)
    if t < 0.5 then return fn(2 * t) / 2 end
    return 1 - fn(2 - 2 * t) / 2
  end
end
named.bounce_out = bounce_out

-- Where the two halves of back and elastic are no mere mirror of the whole: their overshoot is drawn out.
local BACK2 <const> = BACK * 1.525
function named.back_in_out(t)
  if t < 0.5 then return (2 * t) ^ 2 * ((BACK2 + 1) * 2 * t - BACK2) / 2 end
  return ((2 * t - 2) ^ 2 * ((BACK2 + 1) * (2 * t - 2) + BACK2) + 2) / 2
end
function named.elastic_in_out(t)
  if t <= 0 then return 0.0 elseif t >= 1 then return 1.0 end
  local wave = sin((20 * t - 11.125) * 2 * pi / 4.5)
  if t < 0.5 then return -(2.0 ^ (20 * t - 10)) * wave / 2 end
  return 2.0 ^ (10 - 20 * t) * wave / 2 + 1
end

easing.named = named

local function refuse(message)
  errors.raise("EINVAL", message, { op = "Animated", key = "easing" })
end

---The function of an easing; EINVAL for what is none.
---@param e string|number[]|fun(t: number): number|nil
---@return fun(t: number): number
function easing.of(e)
  if e == nil then return named.ease_in_out end
  if type(e) == "function" then return e end
  if type(e) == "string" then
    return named[e] or refuse(('easing: there is no easing "%s"%s'):format(e, suggest.phrase(e, named)))
  end
  if type(e) ~= "table" or #e ~= 4 then
    refuse(("easing: expects a name, {x1, y1, x2, y2} or a function, got a %s"):format(type(e)))
  end
  for i = 1, 4 do
    local x = e[i]
    if type(x) ~= "number" or x ~= x or abs(x) == math.huge then refuse "easing: {x1, y1, x2, y2} are four numbers" end
    if i % 2 == 1 and (x < 0 or x > 1) then refuse "easing: x1 and x2 of a Bézier curve are from 0 to 1: time does not run backwards" end
  end
  return bezier(e[1], e[2], e[3], e[4])
end

local CSS <const> = {
  linear = "linear", ease = "ease", ease_in = "ease-in", ease_out = "ease-out", ease_in_out = "ease-in-out",
}

---The timing function of CSS that an easing is, where it is one of them.
---@param e string|number[]|function|nil
---@return string|nil
function easing.css(e)
  if e == nil then return CSS.ease_in_out end
  if type(e) == "table" then return ("cubic-bezier(%.4g,%.4g,%.4g,%.4g)"):format(e[1], e[2], e[3], e[4]) end
  return CSS[e]
end

return easing
