-- Tarantool as a peer of the store, each commit with its fsync: the same figures as store.js, in its own Lua and its own fibers, without a network.
-- Prints "tarantool VERB MICROSECONDS". Usage: tarantool tarantool.lua FOLDER. bench/peers.lua starts it where Debian's tarantool is installed.
local clock, fiber = require "clock", require "fiber"

local SETS, MANY, ROUNDS, GETS = 500, 10000, 5, 200000
box.cfg { work_dir = arg[1], wal_mode = "fsync", memtx_memory = 256 * 1024 * 1024, log_level = 1 }
local space = box.schema.space.create "record"
space:create_index("key", { parts = { { 1, "string" } } })

local function median(list)
  table.sort(list)
  return list[math.floor(#list / 2) + 1]
end

local function report(verb, n, fn, divisor)
  local took = {}
  for i = 1, n do
    local t = clock.monotonic()
    fn(i)
    took[i] = (clock.monotonic() - t) * 1e6
  end
  print(("tarantool %s %.3f"):format(verb, median(took) / (divisor or 1)))
end

local function value(i) return "value of some length " .. i end

local round = 0
local function many()
  round = round + 1
  box.begin()
  for i = 1, MANY do space:replace { "key:" .. i, value(round * MANY + i) } end
  box.commit()
end

local function together()
  round = round + 1
  local left, done = MANY, fiber.channel(1)
  for i = 1, MANY do
    fiber.new(function()
      space:replace { "key:" .. i, value(round * MANY + i) }
      left = left - 1
      if left == 0 then done:put(true) end
    end)
  end
  done:get()
end

many()
report("set", SETS, function(i) space:replace { "key:" .. i % 100, value(i) } end)
report("together", ROUNDS, together)
report("many", ROUNDS, many)
report("get", 9, function()
  for _ = 1, GETS do space:get "key:1" end
end, GETS)
os.exit(0)
