-- What animations cost: 1,000 values at 60 Hz for two seconds as a part of one core (the aim is 10 %), alone and bound to a screen without
-- a display; and how often a program at rest wakes up (the aim is never).

local hearth = require "hearth"
local headless = require "hearth.render.headless"
local root = require "hearth.ui.root"

local Animated = hearth.Animated
local COUNT, SECONDS = 1000, 2

local values = {}
for i = 1, COUNT do values[i] = Animated.Value(0) end

local function run(easing)
  local list = {}
  for i = 1, COUNT do list[i] = Animated.timing(values[i], { to = i % 2, duration = SECONDS * 1000, easing = easing }) end
  for i = 1, COUNT do values[i]:set_value(1 - i % 2) end
  local cpu, wall = os.clock(), hearth.now()
  hearth.await(Animated.parallel(list))
  return (os.clock() - cpu) / (hearth.now() - wall) * 100
end

local function report(what, percent)
  print(("%d values at 60 Hz, %s: %.1f %% of a core (aim 10)"):format(COUNT, what, percent))
end

report("linear", run "linear")
report("ease_in_out", run "ease_in_out")

local children = {}
for i = 1, COUNT do children[i] = Animated.View { opacity = values[i] } end
local mounted = root.mount(hearth.Column(children), headless.new())
report("linear, each a prop on screen", run "linear")
mounted:unmount()

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
