-- The runtime: what a task, an await and a suspended task cost, and the program at rest. Medians; ratios are to something bare.
local hearth = require "hearth"

local function median(n, fn)
  local times = {}
  for i = 1, n do
    collectgarbage()
    times[i] = fn()
  end
  table.sort(times)
  return times[(n + 1) // 2]
end

local function timed(n, fn)
  local start = os.clock()
  fn()
  return (os.clock() - start) / n * 1e9
end

local switch = median(9, function()
  local co = coroutine.wrap(function() while true do coroutine.yield() end end)
  return timed(1000000, function() for _ = 1, 1000000 do co() end end)
end)

local at_once = median(9, function()
  local done = hearth.runtime.create_future()
  done:resolve(1)
  return timed(200000, function()
    hearth.await(hearth.run_async(function() for _ = 1, 200000 do hearth.await(done) end end))
  end)
end)

local task = median(9, function()
  local gate = hearth.runtime.create_future()
  return timed(10000, function()
    for _ = 1, 10000 do hearth.run_async(function() hearth.await(gate) end) end
    hearth.run_async(function() gate:resolve() end)
    hearth.await(hearth.run_async(function() hearth.await(gate) end))
    hearth.sleep(0)
  end)
end)

-- A coroutine that waits for nothing of ours, and a task with the operation that it waits for: resident bytes each.
local function resident()
  for line in io.lines "/proc/self/status" do
    local kb = line:match "^VmRSS:%s+(%d+)"
    if kb then return tonumber(kb) * 1024 end
  end
end

local function bytes_each(n, start)
  local kept = {}
  collectgarbage()
  local before = resident()
  for i = 1, n do kept[i] = start() end
  hearth.sleep(0)
  collectgarbage()
  return (resident() - before) / n, kept
end

local gate = hearth.runtime.create_future()
local suspended = bytes_each(100000, function() hearth.run_async(function() hearth.await(gate) end) end)
local bare = bytes_each(100000, function()
  local co = coroutine.create(function() coroutine.yield() end)
  coroutine.resume(co)
  return co
end)

print(("coroutine switch          %6.0f ns"):format(switch))
print(("await answered at once    %6.0f ns   %4.1f of a switch (at most 160 ns)"):format(at_once, at_once / switch))
print(("task: start, await, end   %6.0f ns   %4.1f of a switch (at most 1000 ns)"):format(task, task / switch))
print(("a suspended task          %6.0f bytes %4.2f of a suspended coroutine (at most 1600 bytes)"):format(suspended, suspended / bare))
gate:resolve()

-- The C side is a program of its own: `make bench` builds it.
local build = os.getenv "BUILD" or "build"
os.execute(build .. "/bench/thread")
os.execute(("%s/bench/startup %s/hearth -"):format(build, build))

-- Memory at rest, of this program doing nothing.
local probe = "for l in io.lines [[/proc/self/status]] do local n = l:match [[^VmRSS:%s+(%d+)]] if n then print(n) end end"
local status = io.popen(('%s/hearth -e "%s"'):format(build, probe))
print(("resident at rest          %6.1f MB (at most 12)"):format(tonumber(status:read "a") / 1024))
status:close()
