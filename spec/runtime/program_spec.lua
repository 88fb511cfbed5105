-- The program as its user meets it: options, statuses, signals, and the examples of embedding. Each case is a process of its own.
local build = os.getenv "BUILD" or "build"
local program = build .. "/hearth"
local sanitized = build:match "san$" ~= nil

local function run(command)
  local out = os.tmpname()
  local _, _, status = os.execute(command .. " > " .. out .. " 2>&1 < /dev/null")
  local f = assert(io.open(out))
  local text = f:read "a"
  f:close()
  os.remove(out)
  return status, text
end

local function script(text)
  local name = os.tmpname()
  local f = assert(io.open(name, "w"))
  f:write(text)
  f:close()
  finally(function() os.remove(name) end)
  return name
end

local function hearth(text, args)
  return run(program .. " " .. script(text) .. " " .. (args or ""))
end

describe("hearth SCRIPT", function()
  it("runs the main chunk on Lua's main thread, where an await drives the loop", function()
    local status, out = hearth [[
      local hearth = require "hearth"
      hearth.run_async(function() hearth.sleep(0.001) print "task" end)
      hearth.sleep(0.01)
      print(select(2, coroutine.running()), hearth.in_task())]]
    assert.are.equal("task\ntrue\ttrue\n", out)
    assert.are.equal(0, status)
  end)

  it("ends with 1 and a traceback when the main chunk fails", function()
    local status, out = hearth "local function inner() error 'broken' end inner()"
    assert.are.equal(1, status)
    assert.matches("broken.*stack traceback.*inner", out)
  end)

  it("ends with 1 and that task's traceback when a task fails with nobody to see it, said once", function()
    local status, out = hearth [[require "hearth".run_async(function() error "lost" end)]]
    assert.are.equal(1, status)
    assert.are.equal(1, select(2, out:gsub("lost", "")))
    assert.matches("stack traceback", out)
  end)

  it("reports each task that waits for ever", function()
    local status, out = hearth [[
      local hearth = require "hearth"
      for _ = 1, 2 do hearth.run_async(function() hearth.await(hearth.runtime.create_future()) end) end]]
    assert.are.equal(1, status)
    assert.are.equal(2, select(2, out:gsub("waits for ever", "")))
  end)

  it("knows the options of lua5.4", function()
    assert.are.same({ 0, "3\t7\n" }, { run(program .. " -l m=math -e 'x = 7' -e 'print(m.type(1) and 3, x)'") })
    local status, out = run(program .. " -e")
    assert.are.equal(1, status)
    assert.matches("'%-e' needs argument\nusage: ", out)
    assert.matches("unrecognized option '%-x'", select(2, run(program .. " -x")))
    assert.matches("^Lua 5.4", select(2, run(program .. " -v")))
    assert.are.same({ 0, "a\tb\n" }, { hearth("print(...)", "a b") })
    assert.are.same({ 0, "Lua warning: w\n" }, { run(program .. " -W -e 'warn \"w\"'") })
    assert.are.same({ 0, "1\n" }, { run("LUA_INIT='x = 1' " .. program .. " -e 'print(x)'") })
    assert.are.same({ 0, "nil\n" }, { run("LUA_INIT='x = 1' " .. program .. " -E -e 'print(x)'") })
  end)

  it("exits from wherever os.exit is called", function()
    assert.are.equal(3, (hearth [[require "hearth".run_async(function() os.exit(3) end)]]))
    local status, out = hearth [[
      local hearth = require "hearth"
      hearth.run_async(function()
        local guard <close> = setmetatable({}, { __close = function() hearth.sleep(0) print "closed" end })
        hearth.sleep(100)
      end)
      hearth.run_async(function() os.exit(4, true) end)
      hearth.sleep(100)]]
    assert.are.same({ 4, "closed\n" }, { status, out })
  end)

  local function signalled(name, text)
    return run(("sh -c 'trap - INT; %s -e \"%s\" & p=$!; sleep 0.3; kill -%s $p; wait $p'"):format(program, text, name))
  end

  it("ends with 143 on SIGTERM, also out of a busy loop", function()
    assert.are.equal(143, (signalled("TERM", "while true do end")))
    assert.are.equal(143, (signalled("TERM", "require [[hearth]].sleep(100)")))
    assert.are.equal(143, (signalled("TERM", "local h = require [[hearth]] h.run_async(function() while true do end end)")))
  end)

  it("ends when its standard output goes away", function()
    local status = run("sh -c '" .. program .. [[ -e "while true do print(1) end" | head -1']])
    assert.are.equal(0, status)
  end)
end)

describe("hearth -i", function()
  it("runs lines that await", function()
    local _, out = run("(printf 'require \"hearth\".sleep(0.001) return 6*7\\n' | " .. program .. " -i)")
    assert.matches("42", out)
  end)
end)

describe("embedding", function()
  it("runs the example", function()
    assert.are.same({ 0, "the script counted to 25\n" }, { run(build .. "/examples/embed examples/embed/app.lua") })
  end)

  it("takes turns with a loop of the host's own", function()
    local status, out = run(build .. "/examples/own_loop")
    assert.are.equal(0, status)
    assert.matches("tick 5", out)
    assert.matches("key 3", out)
    assert.matches("done: idle", out)
  end)

  it("works in a plain lua5.4, on luv's loop where luv is loaded", function()
    if sanitized then return assert.is_true(sanitized) end -- the stock interpreter has no sanitizer in it
    local lua = ("LUA_CPATH='%s/?.so;;' lua5.4 "):format(build)
    assert.are.same({ 0, "5\ttrue\n" }, { run(lua .. script [[
      local uv, hearth = require "luv", require "hearth"
      local timer = uv.new_timer()
      local fired
      timer:start(1, 0, function() fired = not hearth.in_task() timer:close() end)
      hearth.sleep(0.02)
      print(hearth.await(hearth.run_async(function() hearth.sleep(0.001) return 5 end)), fired)]]) })
    assert.are.same({ 6, "closed\n" }, { run(lua .. script [[
      local hearth = require "hearth"
      hearth.run_async(function()
        local guard <close> = setmetatable({}, { __close = function() print "closed" end })
        hearth.sleep(100)
      end)
      hearth.sleep(0)
      os.exit(6, true)]]) })
  end)
end)
