-- busted in the host: each test begins with a fresh store and fails for tasks that it leaves behind, for errors that nobody saw, and for
-- waiting longer than its timeout. Works on busted's core object, whoever made it: `hearth test`, or a stock runner in this host.

local task = require "hearth.core.task"
local timer = require "hearth.core.timer"
local errors = require "hearth.errors"

---@class hearth.testing.busted
local runner = { timeout = 5, counts = { passed = 0, failed = 0, skipped = 0 } }

-- Tracebacks of the tasks that have not ended, for the report of a test that waits too long.
local function waiting()
  local lines = {}
  for _, t in ipairs(task.live()) do
    lines[#lines + 1] = ("task %s\n%s"):format(t:name(), task.traceback(t) or "")
  end
  return table.concat(lines, "\n")
end

local testing -- hearth.testing, once a spec or the runner has loaded it
local installed, running -- on a core of busted; the name of the test that runs

---hearth.testing makes itself known. Loaded in the middle of a test it begins with that one.
---@param module table
function runner.use(module)
  if testing == module then return end
  testing = module
  if not installed then return end
  if running then
    testing._begin_test(running)
  else
    testing._between()
  end
end

-- Where the main chunk waits, seen from a callback of the loop: the frames between the loop and those of busted.
local function waiting_main()
  local lines = {}
  for line in debug.traceback("", 3):gmatch "[^\n]+" do
    if line:find("/busted/", 1, true) then break end
    if line:find("%S") and not line:find "^stack traceback" and (#lines > 0 or not line:find "in %?$") then lines[#lines + 1] = line end
  end
  while lines[#lines] and lines[#lines]:find "%[C%]: in function '[xp]*call'$" do lines[#lines] = nil end
  return "stack traceback:\n" .. table.concat(lines, "\n") .. "\n"
end

local function begin(element)
  running = element.name or "test"
  if testing then testing._begin_test(running) end
  local seconds = runner.timeout
  return timer.after(seconds, function()
    local text = ("the test waited longer than %g s (--timeout)\n%s%s"):format(seconds, waiting_main(), waiting())
    task.interrupt(errors.new("ETIMEOUT", text, { op = "test" }))
  end, "ru")
end

-- What is wrong although the test itself passed: a list of messages.
local function finish()
  running = nil
  local problems = testing and testing._end_test() or {}
  for _, text in ipairs(task.unseen()) do problems[#problems + 1] = text end
  return problems
end

local function run_test(core, executor, safe_publish, element)
  local parent = core.context.parent(element)
  local held -- the end of the test is told after its after_each blocks and our own checks
  core.safe_publish = function(descriptor, channel, what, ...)
    if channel[1] == "test" and channel[2] == "end" and what == element then
      held = { descriptor, channel, what, ... }
      return true
    end
    return safe_publish(descriptor, channel, what, ...)
  end
  task.capture(true)
  local limit = begin(element)
  executor(element)
  limit:stop()
  task.interrupt(nil)
  local ok, problems = pcall(finish)
  task.capture(false)
  if not ok then problems = { tostring(problems) } end
  core.safe_publish = safe_publish
  local status = held and held[5]
  if #problems > 0 then
    if status == "success" or not status then
      status = "error"
      core.publish({ "error", "it" }, element, parent, table.concat(problems, "\n"), element.trace)
    else
      io.stderr:write(table.concat(problems, "\n"), "\n")
    end
  end
  if held then safe_publish(held[1], held[2], held[3], held[4], status) end
end

---Hooks the core object of one busted run.
---@param core table what `require "busted.core"` makes
---@return table core
function runner.install(core)
  local register, safe_publish = core.register, core.safe_publish
  installed = true
  if testing then testing._between() end
  function core.register(descriptor, executor, attributes)
    if descriptor == "it" and type(executor) == "function" then
      local original = executor
      executor = function(element) return run_test(core, original, safe_publish, element) end
    end
    return register(descriptor, executor, attributes)
  end
  local counts = runner.counts
  local outcome = { success = "passed", pending = "skipped", failure = "failed", error = "failed" }
  core.subscribe({ "test", "end" }, function(_, _, status)
    local name = outcome[status] or "failed"
    counts[name] = counts[name] + 1
    return nil, true
  end)
  -- Errors outside a test: a file that does not load, a setup that fails.
  core.subscribe({ "error" }, function(element)
    if element.descriptor ~= "it" then counts.failed = counts.failed + 1 end
    return nil, true
  end)
  return core
end

return runner
