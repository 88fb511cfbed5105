-- How fast the codec is, as ratios to lua-cjson in the same run: medians of alternating rounds, above 1 is faster than cjson.
-- usage: hearth bench/json.lua [ROUNDS]

local json = require "hearth.core.json"
local cjson = require "cjson".new()
local median = require("bench.support.measure").median

local rounds = tonumber(arg[1]) or 15

local random = math.random
math.randomseed(42)

local function list(n, fn)
  local t = {}
  for i = 1, n do t[i] = fn(i) end
  return t
end

local function text(n)
  local t = {}
  for i = 1, n do t[i] = string.char(random(97, 122)) end
  return table.concat(t)
end

local cases = {
  {"integers", list(50000, function() return random(-1000000, 1000000) end)},
  {"small integers", list(50000, function() return random(0, 99) end)},
  {"floats, short", list(50000, function() return random(0, 100000) / 100 end)},
  {"floats, 17 digits", list(50000, function() return random() end)},
  {"strings, short", list(50000, function() return text(random(4, 16)) end)},
  {"strings, 1 KB", list(1000, function() return text(1000) end)},
  {"strings, escapes", list(10000, function() return text(10) .. "\n\"" .. text(10) .. "\\é\t" .. text(5) end)},
  {"arrays", list(10000, function() return {1, 2, 3, {4, 5}, {}} end)},
  {"records", list(10000, function(i)
    return {id = i, name = "user " .. i, email = text(8) .. "@example.org", active = i % 2 == 0, score = i / 4, tags = {"a", "b"}}
  end)},
  {"a record", {id = 7, name = "user 7", email = "seven@example.org", active = true, score = 1.75, tags = {"a", "b"}}, 5000},
  {"a number", 41, 20000},
  {"a string", "hello, world", 20000},
}

-- The median times of two functions, run in turns.
local function compare(a, b, x, y, times)
  local ta, tb = {}, {}
  for round = 1, rounds do
    collectgarbage()
    local t0 = os.clock()
    for _ = 1, times do a(x) end
    local t1 = os.clock()
    collectgarbage()
    local t2 = os.clock()
    for _ = 1, times do b(y) end
    ta[round], tb[round] = t1 - t0, os.clock() - t2
  end
  return median(ta), median(tb)
end

print(("%-20s %10s %8s %8s %8s"):format("", "bytes", "encode", "decode", "MB/s out, in"))
for _, case in ipairs(cases) do
  local name, value, times = case[1], case[2], case[3] or 1
  local ours, theirs = json.encode(value), cjson.encode(value)
  local e, ce = compare(json.encode, cjson.encode, value, value, times)
  local d, cd = compare(json.decode, cjson.decode, ours, theirs, times)
  print(("%-20s %10d %7.2fx %7.2fx %8.0f %8.0f"):format(name, #ours, ce / e, cd / d, #ours * times / e / 1e6, #ours * times / d / 1e6))
end
