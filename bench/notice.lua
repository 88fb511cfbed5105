-- How soon a hook sees what another process has written, from before that write until the new frame, and what it costs to listen while
-- nothing happens. The store is a file; both processes read the same monotonic clock.
--   hearth bench/notice.lua

local hearth = require "hearth"
local root = require "hearth.ui.root"
local headless = require "hearth.render.headless"
local default = require "hearth.storage.default"
local task = require "hearth.core.task"

local WRITES, PAUSE, REST = 300, 0.005, 5

local role, path = arg[1], arg[2]

if role == "write" then
  default.use(path)
  for _ = 1, WRITES do
    hearth.AsyncStorage.set_json("sent", hearth.now())
    hearth.sleep(PAUSE)
  end
  hearth.AsyncStorage.set_json("sent", "done")
  os.exit(0)
end

path = os.tmpname()
os.remove(path)
default.use(path)

local late, done = {}, hearth.runtime.create_future()
local Clock = hearth.component("Clock", function()
  local sent = hearth.use_persisted_state("sent", 0)
  hearth.use_layout_effect(function()
    if sent == "done" then
      hearth.runtime.resolve_future(done, true)
    elseif sent ~= 0 then
      late[#late + 1] = (hearth.now() - sent) * 1e3
    end
  end, {sent})
  return hearth.Text(tostring(sent))
end)
local screen = root.mount(Clock {}, headless.new(function() end))
task.settle()

local binary = arg[-1]
local child = io.popen(("%s %s write %s"):format(binary, arg[0], path))
done:await(60)
child:close()

local failed = false
local function report(name, value, unit, target)
  if value > target then failed = true end
  print(("%-62s %10.3f %s   target %g   %s"):format(name, value, unit, target, value <= target and "ok" or "MISSED"))
end

table.sort(late)
print(("%d writes, %d of them seen on their own"):format(WRITES, #late))
report("a write in another process to the frame, median", late[#late // 2 + 1], "ms", 2)
report("a write in another process to the frame, p99", late[math.ceil(#late * 0.99)], "ms", 50)

local before = os.clock()
hearth.sleep(REST)
report("processor time at rest", (os.clock() - before) / REST * 100, "%", 0.2)

screen:unmount()
for _, suffix in ipairs {"", "-wal", "-shm", ".lock", ".touch", ".gate"} do os.remove(path .. suffix) end
os.exit(failed and 1 or 0)
