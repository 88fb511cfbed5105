-- hearth test [busted options] [FILES]: busted inside the runtime. Every block may await, because busted runs on Lua's main thread.

local runner = require "hearth.testing.busted"

local test = {}

-- The options that are ours are taken out of the arguments; busted gets the rest.
local function take_options(args)
  local rest = { [0] = "hearth test" }
  local i = 1
  while i <= #args do
    local a = args[i]
    local value = a:match "^%-%-timeout=(.*)$"
    if a == "--timeout" then
      i = i + 1
      value = args[i] or ""
    end
    if value then
      local seconds = tonumber(value)
      if not (seconds and seconds > 0) then return nil, "hearth test: --timeout expects a number of seconds, got '" .. value .. "'" end
      runner.timeout = seconds
    else
      rest[#rest + 1] = a
    end
    i = i + 1
  end
  return rest
end

-- busted ends by os.exit: here it ends by unwinding, so that what was accepted is flushed and the report is kept.
local finished = {}

-- HEARTH_GC runs the specs in another mode of the collector than the generational one of the program.
local function collector(mode)
  if mode == "incremental" then
    collectgarbage "incremental"
  elseif mode == "aggressive" then
    collectgarbage("incremental", 10, 1000, 4)
  end
end

local function run(args)
  collector(os.getenv "HEARTH_GC")
  local compatibility = require "busted.compatibility"
  local old_exit, old_arg = compatibility.exit, _G.arg
  compatibility.exit = function(code)
    finished.code = code
    error(finished, 0)
  end
  _G.arg = args
  local ok, err = xpcall(require "busted.runner", function(e)
    return e == finished and e or debug.traceback(tostring(e), 2)
  end, { standalone = false })
  compatibility.exit = old_exit
  _G.arg = old_arg
  if ok then return 0 end
  if err == finished then return finished.code end
  io.stderr:write("hearth test: ", tostring(err), "\n")
  return 1
end

-- Machine-readable reports stay what they are: the closing line then goes to standard error.
local function closing_stream(args)
  for i, a in ipairs(args) do
    local name = a:match "^%-%-output=(.*)$" or a:match "^%-o(.+)$" or ((a == "-o" or a == "--output") and args[i + 1])
    if name and name ~= "utfTerminal" and name ~= "plainTerminal" then return io.stderr end
  end
  return io.stdout
end

local function has(args, ...)
  for _, a in ipairs(args) do
    for _, wanted in ipairs { ... } do
      if a == wanted then return true end
    end
  end
end

---@param args string[] what follows `hearth test`
---@return integer status
function test.main(args)
  local found = pcall(require, "busted.core")
  if not found then
    io.stderr:write("hearth test: busted is not installed (Debian: apt-get install lua-busted)\n")
    return 1
  end
  local rest, message = take_options(args)
  if not rest then
    io.stderr:write(message, "\n")
    return 2
  end
  local have_testing, testing = pcall(require, "hearth.testing")
  if have_testing then runner.use(testing) end
  local code = run(rest)
  if has(rest, "--help", "-h", "--version", "--list", "-l") then return code == 0 and 0 or 1 end
  local counts = runner.counts
  if counts.passed + counts.failed + counts.skipped == 0 and code == 0 then
    io.stderr:write("hearth test: no test was run; give it files, or check --filter and --tags\n")
    code = 1
  end
  io.stdout:flush()
  closing_stream(rest):write(("%d passed, %d failed, %d skipped\n"):format(counts.passed, counts.failed, counts.skipped))
  -- A test that failed may have left a server or a timer behind: the run is over all the same.
  os.exit(code == 0 and counts.failed == 0, true)
end

return test
