-- The store where first.lua does not look: uncached reads, large values. Ratios against raw_read.c in the same run.
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

os.execute("rm -rf '" .. folder .. "'")
