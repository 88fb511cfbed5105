-- The reactive core beside what Lua itself needs for tables of the same shape, and beside Preact, React, Vue and Solid on Node (bench/ui_peers;
-- tools/peers.sh installs them), in one run; medians of processor time. `quick` leaves the peers out.

local hearth = require "hearth"
local binding_store = hearth.Store(0)
local headless = require "hearth.render.headless"
local hooks_state = hearth.use_state
local flush = require("hearth.ui.commit").flush
local roots = require "hearth.ui.root"
local median = require("bench.support.measure").median
local Text, Column, component = hearth.Text, hearth.Column, hearth.component
local clock = os.clock

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

local scales = { ms = 1e3, ["µs"] = 1e6, ns = 1e9 }
local figures = {} -- {case=, name=, seconds=, unit=, limit=}, for the table of peers

local function say(case, name, seconds, per, unit, limit)
  print(("%-44s %9.2f %s   (at most %g)"):format(name, seconds / per * scales[unit], unit, limit))
  figures[#figures + 1] = { case = case, name = name, seconds = seconds / per, unit = unit, limit = limit }
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
say("raw", "raw tables of 10,000 Text", raw, 1, "ms", 11)

local function unmount(_, root) root:unmount() end
local texts = measure(RUNS, function()
  local children = {}
  for i = 1, N do children[i] = Text "row" end
  return roots.mount(Column(children), headless.new())
end, nil, unmount)
say("texts", "first mount of 10,000 Text", texts, 1, "ms", 11)
print(("%-44s %9.2f times the raw tables"):format("", texts / raw))

local setters = {}
local Cell = component("Cell", function(props)
  local n, set = hooks_state(0)
  setters[props.i] = set
  return Text(n == 0 and "zero" or "more" .. n)
end)
local function cells()
  local children = {}
  for i = 1, N do children[i] = Cell { i = i } end
  return roots.mount(Column(children), headless.new())
end
say("cells", "first mount of 10,000 stateful components", measure(RUNS, cells, function() setters = {} end, unmount), 1, "ms", 20)

local root = cells()
local TIMES = 2000
say("update", "update of one component among 10,000", measure(RUNS, function(_, run)
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
say("sets", "a set of the same component", measure(RUNS, function(_, run)
  local set = setters[1]
  for i = 1, 100000 do set(run * 1000000 + i) end
end, nil, flush), 100000, "ns", 60)
root:unmount()
setters = {}

root = roots.mount(Column { Text(binding_store:bind()) }, headless.new())
say("bound", "update of a bound Text", measure(RUNS, function(_, run)
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
  say(case[1], "1,000 keyed rows: " .. case[2], measure(RUNS * 4 + 1, function(order)
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

-- ---- beside the others

if quick then return end
local build = os.getenv "BUILD" or "build"
if not os.execute("BUILD=" .. build .. " sh tools/peers.sh ui_peers") then
  print "not measured: the peers on Node could not be installed"
  return
end
local names, of, missing = { "preact", "react", "vue", "solid" }, {}, {}
local peers = build .. "/ui_peers/reactive.mjs" -- beside the packages, where Node looks for them
os.execute("cp bench/ui_peers/reactive.mjs " .. peers)
local pipe = assert(io.popen("NODE_ENV=production node --expose-gc --conditions=browser " .. peers))
for line in pipe:lines() do
  local name, case, rest = line:match "^(%S+) (%S+) (.*)$"
  of[name] = of[name] or {}
  if case == "missing" then missing[#missing + 1] = name .. ": " .. rest else of[name][case] = tonumber(rest) end
end
if not pipe:close() then missing[#missing + 1] = "a peer failed; see above" end

-- A mount is the first in its program; in brackets, what it takes once the compiler has seen the code.
local function cell(name, figure)
  local first, again = (of[name] or {})[figure.case], (of[name] or {})[figure.case .. "_again"]
  local scale = scales[figure.unit]
  if not first then return "-" end
  return ("%.2f"):format(first * scale) .. (again and (" (%.1f)"):format(again * scale) or "")
end

print(("\n%-44s %4s %8s %8s %16s %16s %16s %16s"):format("", "", "target", "hearth", table.unpack(names)))
for _, figure in ipairs(figures) do
  if figure.case ~= "raw" then
    local row = {}
    for i, name in ipairs(names) do row[i] = cell(name, figure) end
    print(("%-44s %4s %8g %8.2f %16s %16s %16s %16s"):format(figure.name, figure.unit, figure.limit,
      figure.seconds * scales[figure.unit], table.unpack(row)))
  end
end
for _, text in ipairs(missing) do print("not measured: " .. text) end
