-- What animations cost: 1,000 values at 60 Hz for two seconds as a part of one core (the aim is 10 %): alone, and on a screen without a
-- display, each as a prop, in a style, as a text and through an interpolation; and how often a program at rest wakes up (the aim is never).

local hearth = require "hearth"
local headless = require "hearth.render.headless"
local root = require "hearth.ui.root"

local Animated = hearth.Animated
local COUNT, SECONDS = 1000, 2

local values = {}
for i = 1, COUNT do values[i] = Animated.Value(0) end

-- `apart`: each begins a little after the one before, so that no two are as far.
local function run(easing, apart)
  local list = {}
  for i = 1, COUNT do list[i] = Animated.timing(values[i], { to = i % 2, duration = SECONDS * 1000, easing = easing }) end
  for i = 1, COUNT do values[i]:set_value(1 - i % 2) end
  collectgarbage() -- what came before is not counted
  local cpu, wall
  if apart then
    for i = 1, COUNT do
      list[i]:start()
      if i % 10 == 0 then hearth.sleep(0.0005) end
    end
    cpu, wall = os.clock(), hearth.now()
    hearth.sleep(SECONDS * 0.7)
  else
    cpu, wall = os.clock(), hearth.now()
    hearth.await(Animated.parallel(list))
  end
  local percent = (os.clock() - cpu) / (hearth.now() - wall) * 100
  for i = 1, COUNT do values[i]:stop_animation() end
  return percent
end

local function report(what, percent)
  print(("%d values at 60 Hz, %s: %.1f %% of a core (aim 10)"):format(COUNT, what, percent))
end

report("linear", run "linear")
report("ease_in_out", run "ease_in_out")

local function on_screen(what, make, ...)
  local children = {}
  for i = 1, COUNT do children[i] = make(values[i]) end
  local mounted = root.mount(hearth.Column(children), headless.new())
  report(what, run(...))
  mounted:unmount()
end

local function as_prop(value) return Animated.View { opacity = value } end
on_screen("linear, each a prop on screen", as_prop, "linear")
on_screen("ease_in_out, each a prop on screen", as_prop, "ease_in_out")
on_screen("ease_in_out, each a prop on screen, begun one by one", as_prop, "ease_in_out", true)
on_screen("ease_in_out, each in a style", function(v) return Animated.View { style = { opacity = v } } end, "ease_in_out")
on_screen("ease_in_out, each a text", function(v) return Animated.Text(v) end, "ease_in_out")
on_screen("ease_in_out, each interpolated in a style", function(v)
  return Animated.View { style = { width = v:interpolate { input = { 0, 1 }, output = { 10, 20 } } } }
end, "ease_in_out")

local function wake_ups()
  for line in io.lines "/proc/self/status" do
    local n = line:match "^voluntary_ctxt_switches:%s*(%d+)"
    if n then return tonumber(n) end
  end
end

hearth.sleep(0.1)
local before = wake_ups()
hearth.sleep(1)
print(("at rest: %d wake-ups in a second (one is the sleep's end)"):format(wake_ups() - before))
