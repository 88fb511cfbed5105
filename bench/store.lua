-- The store against raw SQLite in C with the same settings (raw_sqlite.c, raw_read.c). The two take turns: a ratio is the median of those of the rounds,
-- a time the median over all of them. Run it free and under `taskset -c 0`; the one is no measure for the other.
local hearth = require "hearth"
local store = require "hearth.core.store"
local measure = require "bench.support.measure"
local median, timed = measure.median, measure.timed

local ROUNDS, ROWS, READS = 5, 10000, 2000
local build = os.getenv "BUILD" or "build"
local folder = io.popen("mktemp -d"):read "l"
local url = "file:" .. folder .. "/store.sqlite3"

-- The medians that a raw program prints, "NAME NANOSECONDS" a line, in seconds.
local function raw(command, ...)
  local pipe = assert(io.popen((build .. "/bench/" .. command):format(...)))
  local found = {}
  for line in pipe:lines() do
    local name, ns = line:match "(%a+) (%d+)"
    found[name] = tonumber(ns) / 1e9
  end
  assert(pipe:close())
  return found
end

-- What was measured: name -> {ours=, raw=, ratio=}, lists with an entry for each round.
local results = {}
local function note(name, ours, theirs)
  local r = results[name] or { ours = {}, raw = {}, ratio = {} }
  results[name] = r
  table.insert(r.ours, ours)
  table.insert(r.raw, theirs)
  table.insert(r.ratio, ours / theirs)
end

local function report(name, unit, target)
  local r = results[name]
  local scale = unit == "ms" and 1e3 or 1e6
  print(("%-34s %8.1f %s   %.2f of raw (%.1f %s)   (target: %s)"):format(name, median(r.ours) * scale, unit, median(r.ratio),
    median(r.raw) * scale, unit, target))
end

-- ---- writing

local db = hearth.storage.open { url = url }
local count = 0
local function value()
  count = count + 1
  return "value of some length " .. count
end

local function durable_set()
  local took = {}
  for i = 1, 1000 do took[i] = timed(db.set, db, "key:" .. i % 100, value()) end
  return median(took)
end

-- In a task of their own: what is awaited together is awaited by tasks, not by the program's main line.
local function in_task(fn) return hearth.run_async(fn):await() end

local function many_tasks()
  return in_task(function()
    local texts, tasks = {}, {}
    for i = 1, ROWS do texts[i] = value() end
    collectgarbage()
    return timed(function()
      for i = 1, ROWS do tasks[i] = hearth.run_async(db.set, db, "key:" .. i, texts[i]) end
      hearth.all(tasks)
    end)
  end)
end

local function set_many()
  local map = {}
  for i = 1, ROWS do map["key:" .. i] = value() end
  collectgarbage()
  return timed(db.set_many, db, map)
end

many_tasks()
for _ = 1, ROUNDS do
  os.execute("rm -f " .. folder .. "/raw.*")
  local r = raw("raw_sqlite %s/raw.sqlite3 %d %d", folder, 1000, 5)
  local tasks, many = {}, {}
  for i = 1, 5 do tasks[i], many[i] = many_tasks(), set_many() end
  note("one awaited durable set", durable_set(), r.commit)
  note("10,000 sets, a task each", median(tasks), r.transaction)
  note("10,000 in one set_many", median(many), r.transaction)
end
report("one awaited durable set", "us", "1.3; 1.2 on one processor")
report("10,000 sets, a task each", "ms", "1.4")
report("10,000 in one set_many", "ms", "1.2")

-- ---- reading

local function cached_get()
  db:set("hot", "value")
  local took = {}
  for i = 1, 15 do
    took[i] = timed(function()
      for _ = 1, 100000 do db:get "hot" end
    end) / 100000
  end
  return median(took)
end
print(("%-34s %8.3f us   (target: 0.3)"):format("cached awaited get", cached_get() * 1e6))

do
  local map = {}
  for i = 1, READS do map["cold:" .. i] = value() end
  db:set_many(map)
  db:close()
end

-- A store that was just opened has read nothing: each get is the first of its key, and its misses say so.
for _ = 1, ROUNDS do
  local r = raw("raw_read %s/store.sqlite3 %d %s/big.sqlite3", folder, READS, folder)
  local fresh = store.open(url, {})
  local get, took = fresh:getter("default", "get"), {}
  for i = 1, READS do took[i] = timed(get, "cold:" .. i) end
  assert(fresh:stats().cache_misses == READS)
  note("uncached awaited get", median(took), r.read)
  local sets, gets = {}, {}
  for i = 1, 9 do
    local big = string.char(96 + i):rep(4 << 20)
    sets[i] = timed(fresh.write, fresh, "default", "big", big, "text")
    gets[i] = timed(get, "big")
  end
  note("set of 4 MiB", median(sets), r.set)
  note("get of 4 MiB, cached", median(gets), r.get)
  fresh:close()
  -- Against a raw get that is as cold: it opens its connection too, and has no pages from an earlier one.
  fresh = store.open(url, {})
  note("get of 4 MiB, uncached", timed(fresh.get, fresh, "default", "big"), r.first)
  fresh:close()
  os.execute("rm -f " .. folder .. "/big.*")
end
report("uncached awaited get", "us", "1.2")
report("set of 4 MiB", "ms", "1.5")
report("get of 4 MiB, cached", "ms", "1.5")
report("get of 4 MiB, uncached", "ms", "1.5")

os.execute("rm -rf '" .. folder .. "'")
