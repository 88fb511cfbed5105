-- The store where first.lua does not look: uncached reads, large values, several processes. Ratios against raw_read.c in the same run.
local store = require "hearth.core.store"
local now = require("hearth.core.timer").now

local build = os.getenv("BUILD") or "build"
local folder = os.tmpname()
os.remove(folder)
os.execute("mkdir -m 700 '" .. folder .. "'")

local function median(list)
  table.sort(list)
  return list[#list // 2 + 1]
end

local ROUNDS = 2000
local url = "file:" .. folder .. "/store.sqlite3"
local db = store.open(url, {})
local ops = {}
for i = 1, ROUNDS do ops[i] = { ns = "default", key = "cold:" .. i, value = "value of some length " .. i } end
db:apply(ops)
db:close()

local pipe = assert(io.popen(("%s/bench/raw_read %s/store.sqlite3 %d %s/big.sqlite3"):format(build, folder, ROUNDS, folder)))
local raw = {}
for line in pipe:lines() do
  local name, ns = line:match("(%a+) (%d+)")
  raw[name] = tonumber(ns) / 1e9
end
pipe:close()

db = store.open(url, {})
local took = {}
for i = 1, ROUNDS do
  local t = now()
  db:get("default", "cold:" .. i)
  took[i] = now() - t
end
local read = median(took)
print(("uncached awaited get           %8.1f us   %.2f of a raw round trip (%.1f us)"):format(read * 1e6, read / raw.read, raw.read * 1e6))

local sets, gets = {}, {}
for i = 1, 9 do
  local big = string.char(96 + i):rep(4 << 20)
  local t = now()
  db:write("default", "big", big, "text")
  sets[i] = now() - t
  t = now()
  db:get("default", "big")
  gets[i] = now() - t
end
local set, get = median(sets), median(gets)
print(("set of 4 MiB                   %8.1f ms   %.2f of raw (%.1f ms)"):format(set * 1e3, set / raw.set, raw.set * 1e3))
print(("get of 4 MiB, cached           %8.1f ms   %.2f of raw (%.1f ms)"):format(get * 1e3, get / raw.get, raw.get * 1e3))
db:close()

-- Writers in processes of their own, each as fast as it can, for the same second.
local script = folder .. "/writer.lua"
local f = assert(io.open(script, "w"))
f:write(([[
local store = require "hearth.core.store"
local now = require("hearth.core.timer").now
local db = store.open(%q, {})
db:write("w" .. arg[1], "k", "0", "text")
local n, stop = 0, now() + 1.5
while now() < stop do
  n = n + 1
  db:write("w" .. arg[1], "k", tostring(n), "text")
end
print(n)
]]):format(url))
f:close()
local function writers(n)
  local pipes, counts, sum = {}, {}, 0
  for i = 1, n do pipes[i] = assert(io.popen(("%s/hearth %s %d"):format(build, script, i))) end
  for i = 1, n do
    counts[i] = tonumber(pipes[i]:read("a"))
    pipes[i]:close()
    sum = sum + counts[i]
  end
  return sum, counts
end
local alone = writers(1)
local sum, counts = writers(3)
table.sort(counts)
print(("three processes writing        %8d sets   %.2f of one alone (%d); the least has %.2f of its share"):format(sum, sum / alone, alone,
  counts[1] / (sum / 3)))
os.execute("rm -rf '" .. folder .. "'")
