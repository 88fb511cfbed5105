-- What a store takes of memory beside its cache: 120 MB of records written and read; and then several large values. The child prints how much its
-- resident memory grew: right after the burst, and at rest.
local BOUND = 32 << 20

if arg[1] then
  local store = require "hearth.core.store"
  local task = require "hearth.core.task"
  local function resident()
    collectgarbage()
    collectgarbage()
    local f = assert(io.open "/proc/self/status")
    local kb = f:read("a"):match "VmRSS:%s+(%d+) kB"
    f:close()
    return tonumber(kb) * 1024
  end
  local before = resident()
  local db = store.open(arg[1], { cache = BOUND })
  local fill = ("x"):rep(1000)
  for part = 1, 60 do
    local map = {}
    for i = 1, 2000 do map[("key:%d:%d"):format(part, i)] = fill .. i end
    db:put_many("default", map)
  end
  local tasks = {}
  for part = 1, 60 do
    for i = 1, 2000, 50 do
      tasks[#tasks + 1] = task.spawn(function()
        for k = i, i + 49 do assert(db:get("default", ("key:%d:%d"):format(part, k))) end
      end)
    end
    for _, t in ipairs(tasks) do task.await(t) end
    tasks = {}
  end
  local burst = resident() - before
  require("hearth.core.timer").sleep(1)
  local records = resident() - before
  for i = 1, 8 do
    db:write("default", "big", string.char(64 + i):rep(8 << 20), "text")
    db:get("default", "big")
  end
  for i = 1, 2000 do assert(db:get("default", ("key:%d:%d"):format(1 + i % 60, i))) end
  require("hearth.core.timer").sleep(1)
  print(burst, records, resident() - before, db:stats().cache_bytes)
  db:close()
  return
end

local folder = os.tmpname()
os.remove(folder)
os.execute("mkdir -m 700 '" .. folder .. "'")
local pipe = assert(io.popen(("%s/hearth %s file:%s/store.sqlite3"):format(os.getenv "BUILD" or "build", arg[0], folder)))
local burst, records, large, cached = pipe:read("n", "n", "n", "n")
pipe:close()
local function line(name, bytes, target)
  print(("%-34s %8.1f MB more than the cache's bound%s"):format(name, (bytes - BOUND) / 1e6, target or ""))
end
line(("memory, with a cache of %d MB"):format(BOUND >> 20), records, " (target: 8)")
line("  right after a burst of reads", burst)
line("  after values of 8 MB", large, (" (target: 8), with %.1f MB in the cache"):format(cached / 1e6))
os.execute("rm -rf '" .. folder .. "'")
