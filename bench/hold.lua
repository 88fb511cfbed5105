-- How long one large value holds the loop: the longest stretch between two polls, by the loop's own check and prepare handles, while a value is
-- set and read back. The targets: 5 ms for a string of 16 MiB, 4 ms per MiB of text for a table. A set has to see the whole table before it gives way;
-- what that takes at least is measured beside it, by a loop in Lua over the same that does nothing.
local hearth = require "hearth"
local uv = require "luv"
local median = require("bench.support.measure").median

local folder = os.tmpname()
os.remove(folder)
os.execute("mkdir -m 700 '" .. folder .. "'")

-- A stretch is as long as the clock says or as the processor worked, whichever is less: on a busy machine the first counts what others took, and
-- the second counts what our own workers do at the same time.
local polled, worked, longest = 0, 0, 0
local function polling_ends() polled, worked = uv.hrtime() / 1e6, os.clock() * 1e3 end
local function polling_begins() longest = math.max(longest, math.min(uv.hrtime() / 1e6 - polled, os.clock() * 1e3 - worked)) end
local check, prepare = uv.new_check(), uv.new_prepare()
check:start(polling_ends)
prepare:start(polling_begins)
check:unref()
prepare:unref()

-- The longest hold, in milliseconds, while fn runs; and how long it took.
local function hold(fn, ...)
  hearth.sleep(0.01)
  longest = 0
  polling_ends()
  local began = uv.hrtime()
  fn(...)
  local took = uv.hrtime() - began
  polling_begins()
  return longest, took / 1e6
end

local ROUNDS, MIB = 7, 1 << 20
local function measure(name, bytes, target, fn, prepare_round)
  local holds, times = {}, {}
  for i = 1, ROUNDS do
    local x = prepare_round and prepare_round(i)
    holds[i], times[i] = hold(fn, x)
    x = nil -- luacheck: ignore 311
  end
  local held = median(holds)
  local line = ("%-40s held %6.2f ms, at worst %6.2f, of %7.2f   "):format(name, held, holds[#holds], median(times))
  if target then
    print(line .. ("(target: %.1f ms)"):format(target))
  else
    print(line .. ("%5.2f ms per MiB (target: 4)"):format(held / (bytes / MIB)))
  end
end

local function visit(t)
  for _, v in next, t do
    if type(v) == "table" then visit(v) end
  end
end

local function empty_loop(value, bytes)
  local times = {}
  for i = 1, ROUNDS do
    hearth.sleep(0.01)
    local began = os.clock()
    visit(value)
    times[i] = os.clock() - began
  end
  print(("    an empty loop over it %64.2f ms per MiB"):format(median(times) * 1e3 / (bytes / MIB)))
end

local function list(n, fn)
  local t = {}
  for i = 1, n do t[i] = fn(i) end
  return t
end

-- Made when their turn comes: what the collector has to walk is the value and little else.
local tables = {
  { "records", function()
    return list(10000, function(i)
      return { id = i, name = "user " .. i, email = ("u%d@example.org"):format(i), active = i % 2 == 0, score = i / 4, tags = { "a", "b" } }
    end)
  end },
  { "integers", function() return list(200000, function(i) return i * 7919 % 1000003 end) end },
  { "floats", function() return list(100000, function(i) return i / 7 end) end },
  { "short strings", function() return list(80000, function(i) return ("string %d"):format(i) end) end },
  { "an object of 60,000 keys", function()
    local t = {}
    for i = 1, 60000 do t["key:" .. i] = i end
    return t
  end },
  { "small arrays", function() return list(60000, function() return { 1, 2, 3, { 4, 5 }, {} } end) end },
}

for _, url in ipairs { "file:" .. folder .. "/store.sqlite3", "memory:" } do
  print(url:match("^%a+"))
  local store = hearth.storage.open { url = url }
  local function big(i) return string.char(96 + i):rep(16 * MIB) end
  measure("  set of a 16 MiB string", nil, 5, function(x) store:set("big", x) end, big)
  measure("  get of a 16 MiB string, cached", nil, 5, function() store:get("big") end)
  measure("  set_json of a 16 MiB string", nil, 5, function(x) store:set_json("big", x) end, big)
  measure("  get_json of a 16 MiB string", nil, 5, function() store:get_json("big") end)
  store:delete("big")
  for _, case in ipairs(tables) do
    local value = case[2]()
    local bytes = #hearth.json.encode(value)
    collectgarbage()
    measure("  set_json of " .. case[1], bytes, nil, function() store:set_json("t", value) end)
    if url == "memory:" then empty_loop(value, bytes) end
    value = nil -- luacheck: ignore 311
    collectgarbage()
    measure("  get_json of " .. case[1], bytes, nil, function() store:get_json("t") end)
  end
  store:close()
end
check:close()
prepare:close()
os.execute("rm -rf '" .. folder .. "'")
