-- The reactive core beside what Lua itself needs for tables of the same shape, in one run; medians.

local hearth = require "hearth"
local binding_store = hearth.Store(0)
local headless = require "hearth.render.headless"
local hooks_state = hearth.use_state
local flush = require("hearth.ui.commit").flush
local roots = require "hearth.ui.root"
local Text, Column, component = hearth.Text, hearth.Column, hearth.component
local clock = os.clock

local function median(times)
  table.sort(times)
  return times[#times // 2 + 1]
end

-- Seconds of fn(), the median of `runs`; prepare() runs before each, off the clock.
local function measure(runs, fn, prepare, after)
  local times = {}
  for i = 1, runs do
    local x = prepare and prepare(i)
    collectgarbage()
    local t = clock()
    local y = fn(x, i)
    times[i] = clock() - t
    if after then after(x, y) end
  end
  return median(times)
end

local function say(name, seconds, per, unit, limit)
  local scale = unit == "ms" and 1e3 or unit == "µs" and 1e6 or 1e9
  print(("%-44s %9.2f %s   (at most %g)"):format(name, seconds / per * scale, unit, limit))
end

local N = 10000
local quick = arg and arg[1] == "quick"
local RUNS = quick and 3 or 11

-- The same number of tables and fields, with nothing done to them: what Lua itself asks.
local raw = measure(RUNS, function()
  local list = {}
  for i = 1, N do
    local element = { type = "Text", props = { text = "row" }, key = nil }
    list[i] = {
      { element.type, element.props, false, list, false, { type = "Text", props = element.props, children = list, parent = list } } }
  end
  return list
end)
say("raw tables of 10,000 Text", raw, 1, "ms", 11)

local function unmount(_, root) root:unmount() end
local texts = measure(RUNS, function()
  local children = {}
  for i = 1, N do children[i] = Text "row" end
  return roots.mount(Column(children), headless.new())
end, nil, unmount)
say("first mount of 10,000 Text", texts, 1, "ms", 11)
print(("%-44s %9.2f times the raw tables"):format("", texts / raw))

local setters = {}
local Cell = component("Cell", function(props)
  local n, set = hooks_state(0)
  setters[props.i] = set
  return Text(n == 0 and "zero" or "more")
end)
local function cells()
  local children = {}
  for i = 1, N do children[i] = Cell { i = i } end
  return roots.mount(Column(children), headless.new())
end
say("first mount of 10,000 stateful components", measure(RUNS, cells, function() setters = {} end, unmount), 1, "ms", 20)

local root = cells()
local TIMES = 2000
say("update of one component among 10,000", measure(RUNS, function(_, run)
  for i = 1, TIMES do
    setters[i](run * 2 + i % 2)
    flush()
  end
end), TIMES, "µs", 2)
collectgarbage() collectgarbage()
local before = collectgarbage "count"
collectgarbage "stop"
for i = 1, TIMES do setters[i](-i) flush() end
print(("%-44s %9.0f bytes of garbage"):format("", (collectgarbage "count" - before) * 1024 / TIMES))
collectgarbage "restart"
say("a set of the same component", measure(RUNS, function(_, run)
  local set = setters[1]
  for i = 1, 100000 do set(run * 1000000 + i) end
end, nil, flush), 100000, "ns", 60)
root:unmount()
setters = {}

root = roots.mount(Column { Text(binding_store:bind()) }, headless.new())
say("update of a bound Text", measure(RUNS, function(_, run)
  for i = 1, TIMES do
    binding_store:set(run * 100000 + i)
    flush()
  end
end), TIMES, "µs", 0.8)
root:unmount()

local ROWS = 1000
local show
local List = component("List", function()
  local order, set = hooks_state {}
  show = set
  local rows = {}
  for i = 1, #order do rows[i] = Text("row", { key = order[i] }) end
  return Column(rows)
end)
local function order_of(kind)
  local order = {}
  for i = 1, ROWS do order[i] = i end
  if kind == "swap" then order[2], order[ROWS - 1] = order[ROWS - 1], order[2] end
  if kind == "reverse" then for i = 1, ROWS do order[i] = ROWS + 1 - i end end
  if kind == "insert" then table.insert(order, 1, 0) end
  return order
end
root = roots.mount(List {}, headless.new())
for _, case in ipairs {
  { "same", "unchanged", 350 }, { "swap", "swap two", 450 }, { "reverse", "reverse", 900 }, { "insert", "insert or remove first", 430 } } do
  say("1,000 keyed rows: " .. case[2], measure(RUNS * 4 + 1, function(order)
    show(order)
    flush()
  end, function(i)
    return order_of(i % 2 == 0 and case[1] or "same")
  end), 1, "µs", case[3])
end
root:unmount()

local function memory(make)
  collectgarbage() collectgarbage()
  local base = collectgarbage "count"
  local r = make()
  collectgarbage() collectgarbage()
  local used = (collectgarbage "count" - base) * 1024 / N
  r:unmount()
  return used
end
setters = {}
for i = 1, N do setters[i] = false end
print(("%-44s %9.0f bytes (at most 500)"):format("a mounted Text", memory(function()
  local children = {}
  for i = 1, N do children[i] = Text("row" .. i % 10) end
  return roots.mount(Column(children), headless.new())
end)))
print(("%-44s %9.0f bytes (at most 1024)"):format("a stateful component with its Text", memory(cells)))
