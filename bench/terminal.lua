-- The terminal UI against its targets: layout, painting and difference of 200x50 cells; bytes for one changed line; and in a pseudo
-- terminal the time from the start to the first frame, from a key to the screen, and wake-ups at rest.

local hearth = require "hearth"
local feature = require "hearth.core.feature"
local root = require "hearth.ui.root"
local stage = require "hearth.render.terminal.stage"
local task = require "hearth.core.task"
local terminal = require "hearth.render.terminal"
local timer = require "hearth.core.timer"
local Column, Row, Text, Button = hearth.Column, hearth.Row, hearth.Text, hearth.Button

local cells = feature.load "term"
cells.canvas(200, 50)

local set_line
local Screen = hearth.component(function()
  local line, set = hearth.use_state "line"
  set_line = set
  local left = {}
  for i = 1, 44 do left[i] = Text(i == 20 and line or ("Entry %02d of a list that fills a pane"):format(i), { key = i }) end
  return Column {
    style = { grow = 1 },
    Row { spacing = 1, Button "One", Button "Two", Button "Three", hearth.Spacer(), Text "status" },
    Row {
      spacing = 2, style = { grow = 1 },
      Column { style = { flex = 1, border = "single" }, left },
      Column { style = { flex = 1, border = "single" }, Text(("Some words of a longer text. "):rep(60)) },
    },
    Text "a line at the bottom",
  }
end)

local owner = { laid_out = false }
local mounted = root.mount(Screen {}, terminal.renderer(owner, function() end))
local st = stage.new(cells, 256)

local function frame()
  if not owner.laid_out then
    owner.laid_out = true
    st:layout(mounted.node, 200, 50)
  end
  st:paint(mounted.node)
  return cells.diff()
end
frame()
local changing = mounted.node.children[1].children[2].children[1].children[20]

local function median(n, fn, clock)
  local times = {}
  clock = clock or hearth.now
  for i = 1, n do
    local before = clock()
    fn(i)
    times[i] = (clock() - before) * 1e6
  end
  table.sort(times)
  return times[n // 2 + 1]
end

local function line(name, value, unit, target)
  print(("%-58s %8.1f %s   (at most %s)%s"):format(name, value, unit, target, value <= target and "" or "   MISSED"))
end

local changes = {}
for i = 1, 301 do changes[i] = "changed " .. i end
local bytes
local whole = median(301, function(i)
  set_line(changes[i])
  hearth.sleep(0)
end)
local layout_and_diff = median(301, function()
  owner.laid_out = false
  changing.stale = true
  frame()
end)
set_line "changed 9999"
hearth.sleep(0)
bytes = frame()
line("layout, painting and difference of 200x50 cells", layout_and_diff, "us", 150)
print(("%-58s %8.1f us"):format("of it painting and difference", median(301, frame)))
print(("%-58s %8.1f us"):format("(a render and commit of that screen, for comparison)", whole))
line("bytes for one changed line", #bytes, "bytes", 40)
mounted:unmount()

-- A list of which little is in sight, each row of it a text that moves: what a frame takes, from the values to the difference.
local ROWS <const>, FRAME <const> = 1000, 1 / 60
timer.fake(true)
local values, rows = {}, {}
for i = 1, ROWS do
  values[i] = hearth.Animated.Value(0)
  rows[i] = hearth.Animated.Text(values[i])
end
mounted, owner.laid_out = nil, false
mounted = root.mount(hearth.ScrollView(rows), terminal.renderer(owner, function()
  if mounted then frame() end
end))
frame()
for i = 1, ROWS do hearth.Animated.timing(values[i], { to = 1, duration = 5000 }):start() end
local moving = median(201, function()
  timer.step(timer.now() + FRAME)
  task.settle()
end, os.clock)
line("a frame of a list of 1,000 animated texts", moving, "us", 1666) -- 10 % of a core
for i = 1, ROWS do values[i]:stop_animation() end
timer.fake(false)
mounted:unmount()

local helper = (os.getenv "BUILD" or "build") .. "/pty"
local file = io.open(helper)
if file then
  file:close()
  local me = io.popen("readlink /proc/$PPID/exe"):read "l"
  local pipe = assert(io.popen(("HEARTH_STORE=memory: %s %s run examples/counter.lua"):format(helper, me)))
  local start, key, wakes = pipe:read("n", "n", "n")
  pipe:close()
  line("start to the first frame", start, "ms", 20)
  line("key to the screen", key, "ms", 2)
  line("wake-ups in one second at rest", wakes, "  ", 0)
end
