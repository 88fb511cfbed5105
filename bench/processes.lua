-- Several processes on one store: three that write as fast as they can, each set awaited, against one alone; and how long one that writes now and then
-- waits while two others do. Rounds alternate, figures are medians. Free, and all on one processor; the one is no measure for the other.
local store = require "hearth.core.store"
local now = require("hearth.core.timer").now
local median = require("bench.support.measure").median

local ROUNDS, SECONDS = 7, 1

local folder = io.popen("mktemp -d"):read "l"
local program = (os.getenv "BUILD" or "build") .. "/hearth"
local url = "file:" .. folder .. "/store.sqlite3"
local script = folder .. "/writer.lua"
do
  local f <close> = assert(io.open(script, "w"))
  f:write(([[
local store = require "hearth.core.store"
local now = require("hearth.core.timer").now
local db = store.open(%q, {})
local n, stop = 0, now() + %f
while now() < stop do
  n = n + 1
  db:write("w" .. arg[1], "k", tostring(n), "text")
end
print(n)
]]):format(url, SECONDS))
end

local function writers(n, prefix)
  local pipes, sum, least = {}, 0, math.huge
  for i = 1, n do pipes[i] = assert(io.popen(("%s %s %s %d"):format(prefix, program, script, i))) end
  for i = 1, n do
    local sets = tonumber(pipes[i]:read "a")
    pipes[i]:close()
    sum, least = sum + sets, math.min(least, sets)
  end
  return sum, least / (sum / n)
end

local function compare(name, prefix)
  local alone, together, ratios, shares = {}, {}, {}, {}
  for i = 1, ROUNDS do
    alone[i] = writers(1, prefix)
    together[i], shares[i] = writers(3, prefix)
    ratios[i] = together[i] / alone[i]
  end
  print(("three processes writing, %-14s %7.0f sets/s   %.2f of one alone (%.0f; at least 0.90); the least has %.2f of its share (0.50)")
    :format(name, median(together) / SECONDS, median(ratios), median(alone) / SECONDS, median(shares)))
end

-- What a set now and then takes while two processes write without a pause.
local function now_and_then()
  local pipes, took = {}, {}
  for i = 1, 2 do pipes[i] = assert(io.popen(("%s %s %d"):format(program, script, i))) end
  local db = store.open(url, {})
  require("hearth.core.timer").sleep(0.1)
  for i = 1, 30 do
    local t = now()
    db:write("w4", "k", tostring(i), "text")
    took[i] = now() - t
    require("hearth.core.timer").sleep(0.01)
  end
  db:close()
  for _, pipe in ipairs(pipes) do pipe:close() end
  local middle = median(took)
  print(("a set while two others write without a pause     %.1f ms, at most %.1f ms"):format(middle * 1e3, took[#took] * 1e3))
end

-- A store that has run for a while: its log has its full length and is written over.
do
  local db = store.open(url, {})
  local big = ("x"):rep(1 << 20)
  for i = 1, 70 do db:write("big", "k", big .. i, "text") end
  db:close()
end
compare("free", "")
compare("one processor", "taskset -c 0")
now_and_then()
os.execute("rm -rf '" .. folder .. "'")
