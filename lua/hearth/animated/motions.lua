-- Animations of one value: timing, spring and decay, each in closed form, so that the value at a time depends on nothing but the time;
-- and delay.

local easing = require "hearth.animated.easing"
local errors = require "hearth.errors"
local handle = require "hearth.animated.handle"
local node = require "hearth.animated.node"
local suggest = require "hearth.ui.suggest"
local timer = require "hearth.core.timer"

local motions = {}

local exp, sqrt, sin, cos, abs, log = math.exp, math.sqrt, math.sin, math.cos, math.abs, math.log
local huge = math.huge

-- Lengths are whole microseconds, as the times of frames are.
local function whole(ms) return math.floor(ms * 1e3 + 0.5) / 1e3 end

local function refuse(verb, message, ...)
  errors.raise("EINVAL", verb .. ": " .. message:format(...), { op = "Animated." .. verb })
end

-- The options, checked against those that there are: a kind is "number", "positive" (0 too), "above" (not 0) or "any".
local function check(verb, value, options, kinds)
  if not node.is(value) then refuse(verb, "the first argument is an Animated.Value, got a %s", type(value)) end
  node.check_value(value, verb)
  if type(options) ~= "table" then refuse(verb, "expects a table of options, got a %s", type(options)) end
  for name, x in pairs(options) do
    local kind = kinds[name]
    if not kind then refuse(verb, "there is no option '%s'%s", tostring(name), suggest.phrase(tostring(name), kinds)) end
    if kind ~= "any" then
      node.check_number(x, verb .. ": " .. name)
      if kind == "positive" and x < 0 or kind == "above" and x <= 0 then
        refuse(verb, "%s must be %s, got %g", name, kind == "above" and "above 0" or "0 or more", x)
      end
    end
  end
end

-- An animation of `value`: make(from) gives its motion: `at(motion, ms) -> value, done`, what that needs, and `ms`, its length (huge: until `at`
-- says that it is over).
local function of_value(value, delay, make)
  return handle.new {
    begin = function(self, time, done)
      local function go(start)
        local from = value:_now()
        if self.origin == nil then self.origin = from end
        local motion = make(from)
        motion.start, motion.ends = start, start + motion.ms / 1000
        function motion.finish(_, finished, ended)
          if value.motion == motion then value.motion = false end
          if self.motion == motion then self.motion = nil end
          done(finished, ended)
        end
        self.motion = motion
        value:_start(motion)
      end
      if delay and delay > 0 then
        self.waiting = motions.wait(time, delay, function(finished, ended)
          self.waiting = nil
          if finished then go(ended) else done(false, ended) end
        end)
      else
        go(time)
      end
    end,
    halt = function(self)
      if self.waiting then return self.waiting() end
      local motion = self.motion
      if motion then value:stop_animation() end
    end,
    rewind = function(self)
      if self.origin ~= nil then value:set_value(self.origin) end
    end,
    forget = function(self) self.origin = nil end,
  }
end

---Waits without a frame: done(finished, time) once. Returns what ends it early.
function motions.wait(time, ms, done)
  local ends = time + ms / 1000
  local left = ends - 3e-7 - timer.now()
  local t
  t = timer.after(left > 0 and left or 0, function()
    t = nil
    done(true, ends)
  end)
  return function()
    if not t then return end
    t:stop()
    t = nil
    done(false, timer.now())
  end
end

local function timing_at(motion, ms)
  if ms >= motion.length then return motion.to, true end
  return motion.from + motion.way * motion.ease(ms / motion.length), false
end

---Moves `value` to `to` in `duration` ms (300) by an easing (ease_in_out).
---@param value hearth.AnimatedValue
---@param options {to: number, duration?: number, easing?: string|number[]|function, delay?: number}
---@return hearth.Animation
function motions.timing(value, options)
  check("timing", value, options, { to = "number", duration = "positive", easing = "any", delay = "positive" })
  local to = options.to or refuse("timing", "to, the number to move to, is missing")
  local duration = whole(options.duration or 300)
  local ease, css = easing.of(options.easing), easing.css(options.easing)
  return of_value(value, options.delay, function(from)
    return {
      length = duration, from = from, way = to - from, ease = ease, to = to, at = timing_at, ms = duration, css = css,
    }
  end)
end

-- Where a spring is that was x0 away from its rest, moving at v0 (towards it: negative), t seconds later: distance and speed.
local function spring_curve(stiffness, damping, mass, x0, v0)
  local w0 = sqrt(stiffness / mass)
  local zeta = damping / (2 * sqrt(stiffness * mass))
  if abs(zeta - 1) < 1e-9 then
    local b = v0 + w0 * x0
    return function(t)
      local e = exp(-w0 * t)
      return e * (x0 + b * t), e * (b - w0 * (x0 + b * t))
    end
  elseif zeta < 1 then
    local w1, z = w0 * sqrt(1 - zeta * zeta), zeta * w0
    local b = (v0 + z * x0) / w1
    return function(t)
      local e, c, s = exp(-z * t), cos(w1 * t), sin(w1 * t)
      local x = e * (x0 * c + b * s)
      return x, e * w1 * (b * c - x0 * s) - z * x
    end
  end
  local root = sqrt(zeta * zeta - 1)
  local r1, r2 = -w0 * (zeta - root), -w0 * (zeta + root)
  local a = (v0 - r2 * x0) / (r1 - r2)
  local b = x0 - a
  return function(t)
    local e1, e2 = a * exp(r1 * t), b * exp(r2 * t)
    return e1 + e2, r1 * e1 + r2 * e2
  end
end

---Moves `value` to `to` as a damped spring does: `stiffness` 100, `damping` 10, `mass` 1, a first `velocity` per second. It ends when it is
---slower than `rest_speed` (0.001 per second) and nearer than `rest_distance` (0.001). `overshoot=false` ends it when it gets there.
---@param value hearth.AnimatedValue
---@param options {to: number, stiffness?: number, damping?: number, mass?: number, velocity?: number, delay?: number}
---@return hearth.Animation
function motions.spring(value, options)
  check("spring", value, options, {
    to = "number", stiffness = "above", damping = "above", mass = "above", velocity = "number", rest_speed = "above",
    rest_distance = "above", overshoot = "any", delay = "positive",
  })
  local to = options.to or refuse("spring", "to, the number to move to, is missing")
  local rest_speed, rest_distance = options.rest_speed or 0.001, options.rest_distance or 0.001
  return of_value(value, options.delay, function(from)
    local curve = spring_curve(options.stiffness or 100, options.damping or 10, options.mass or 1, from - to, options.velocity or 0)
    return { ms = huge, at = function(_, ms)
      local x, v = curve(ms / 1000)
      if abs(x) <= rest_distance and abs(v) <= rest_speed then return to, true end
      if options.overshoot == false and (from < to and x > 0 or from > to and x < 0) then return to, true end
      return to + x, false
    end }
  end)
end

---Moves on at `velocity` (per ms), which becomes `deceleration` (0.998) times itself each ms; it ends, exactly where it would come to rest,
---when that is nearer than `rest_distance` (0.1).
---@param value hearth.AnimatedValue
---@param options {velocity: number, deceleration?: number, rest_distance?: number, delay?: number}
---@return hearth.Animation
function motions.decay(value, options)
  check("decay", value, options, { velocity = "number", deceleration = "above", rest_distance = "above", delay = "positive" })
  local velocity = options.velocity or refuse("decay", "velocity, per millisecond, is missing")
  local deceleration = options.deceleration or 0.998
  if deceleration >= 1 then refuse("decay", "deceleration is below 1: with %g it never comes to rest", deceleration) end
  local rest = options.rest_distance or 0.1
  local k = 1 - deceleration
  return of_value(value, options.delay, function(from)
    local way = velocity / k
    local duration = abs(way) > rest and whole(log(abs(way) / rest) / k) or 0
    return { ms = duration, at = function(_, ms)
      if ms >= duration then return from + way, true end
      return from + way * (1 - exp(-k * ms)), false
    end }
  end)
end

---Does nothing for `ms` milliseconds; for sequences.
---@param ms number
---@return hearth.Animation
function motions.delay(ms)
  if type(ms) ~= "number" or ms ~= ms or ms < 0 or ms == huge then refuse("delay", "expects milliseconds, 0 or more") end
  return handle.new {
    begin = function(self, time, done)
      self.cancel = motions.wait(time, ms, function(finished, ended)
        self.cancel = nil
        done(finished, ended)
      end)
    end,
    halt = function(self)
      if self.cancel then self.cancel() end
    end,
  }
end

return motions
