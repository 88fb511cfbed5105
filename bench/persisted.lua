-- use_persisted_state against its targets, on a memory store: what Hearth itself costs, without a disk.
--   hearth bench/persisted.lua

local hearth = require "hearth"
local root = require "hearth.ui.root"
local headless = require "hearth.render.headless"
local default = require "hearth.storage.default"
local core = require "hearth.core.store"
local task = require "hearth.core.task"
local median = require("bench.support.measure").median

default.use(core.open("memory:", {}))

local clock = hearth.now

-- The median of `rounds` runs of fn, which returns seconds.
local function measure(rounds, fn)
  local list = {}
  for i = 1, rounds do list[i] = fn(i) end
  return median(list)
end

local failed = false

local function report(name, value, unit, target)
  local verdict = value <= target and "ok" or "MISSED"
  if value > target then failed = true end
  print(("%-62s %10.3f %s   target %g   %s"):format(name, value, unit, target, verdict))
end

local on_screen   -- when the last frame was complete

local function mount(element)
  return root.mount(element, headless.new(function() on_screen = clock() end))
end

-- ---- a thousand sets in one turn

local set, renders = nil, 0
local One = hearth.component("One", function()
  local n
  n, set = hearth.use_persisted_state("one", 0)
  renders = renders + 1
  return hearth.Text(tostring(n))
end)
local screen = mount(One {})
task.settle()

local base = 0
local per_set = measure(51, function()
  local from = clock()
  for i = 1, 1000 do set(base + i) end
  local spent = clock() - from
  base = base + 1000
  task.settle()
  return spent / 1000 * 1e6
end)
report("a set, of 1,000 scalars in one turn", per_set, "us", 0.3)

local json = require "hearth.core.json"
local encode, encodes = json.encode_stored, 0
json.encode_stored = function(...)
  encodes = encodes + 1
  return encode(...)
end
local before, events = renders, 0
local stop = hearth.AsyncStorage.watch("one", function() events = events + 1 end)
for i = 1, 1000 do set(-i) end
task.settle()
report("renders of 1,000 sets in one turn", renders - before, "", 1)
report("commits of 1,000 sets in one turn", events, "", 1)
report("encodes of 1,000 sets in one turn", encodes, "", 1)
json.encode_stored = encode
stop()

-- ---- a set to a re-rendered frame: everything that happens between the call and the new frame

local next_value = 0
local frame = measure(2001, function()
  next_value = next_value + 1
  local from = clock()
  set(next_value)
  task.settle()
  return (on_screen - from) * 1e6
end)
task.settle()
report("a set to the re-rendered frame", frame, "us", 10)
screen:unmount()

-- ---- ten thousand hooks on ten thousand keys

local N = 10000
for i = 0, N // 1000 - 1 do
  local map = {}
  for j = 1, 1000 do map["key" .. i * 1000 + j] = tostring(i * 1000 + j) end
  hearth.AsyncStorage.set_many(map)
end

local Row = hearth.component("Row", function(props)
  local v = hearth.use_persisted_state(props.name, 0)
  return hearth.Text(tostring(v))
end)
local All = hearth.component("All", function()
  local rows = {}
  for i = 1, N do rows[i] = Row {name = "key" .. i, key = i} end
  return hearth.Column(rows)
end)

local cells = require "hearth.storage.cells"
local many = measure(5, function()
  cells.forget()
  collectgarbage()
  local from = clock()
  local mounted = mount(All {})
  task.settle()
  local spent = clock() - from
  mounted:unmount()
  return spent * 1e3
end)
report("10,000 hooks on 10,000 keys: mounted, loaded, rendered twice", many, "ms", 120)

os.exit(failed and 1 or 0)
