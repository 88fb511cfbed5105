-- The program as its user meets it: options, statuses, signals, and the examples of embedding. Each case is a process of its own.
local build = os.getenv "BUILD" or "build"
local program = build .. "/hearth"
local sanitized = build:match "san$" ~= nil
-- What a busy loop does: nothing; under ThreadSanitizer a call, since it delivers signals only in one.
local SPIN = sanitized and "io.stdout:flush()" or ""

local function run(command)
  local out = os.tmpname()
  local _, _, status = os.execute(command .. " > " .. out .. " 2>&1 < /dev/null")
  local f = assert(io.open(out))
  local text = f:read "a"
  f:close()
  os.remove(out)
  return status, text
end

local files = {}
teardown(function()
  for _, name in ipairs(files) do os.execute(("rm -f %s %s.db*"):format(name, name)) end
end)

local function temporary()
  local name = os.tmpname()
  files[#files + 1] = name
  return name
end

local function script(text)
  local name = temporary()
  local f = assert(io.open(name, "w"))
  f:write(text)
  f:close()
  return name
end

local function hearth(text, args)
  return run(program .. " " .. script(text) .. " " .. (args or ""))
end

describe("hearth SCRIPT", function()
  it("runs the main chunk on Lua's main thread, where an await drives the loop", function()
    local status, out = hearth [[
      local hearth = require "hearth"
      local task = hearth.run_async(function() hearth.sleep(0.001) print "task" end)
      hearth.await(task)
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

  it("shows where an error began: in a task that was awaited, on a worker thread", function()
    local status, out = hearth [[
      local hearth = require "hearth"
      local function deep() error "lost" end
      local function outer() hearth.await(hearth.run_async(function() deep() end)) end
      outer()]]
    assert.are.equal(1, status)
    assert.matches("lost\nstack traceback:.*'outer'.*\nin the task that was awaited:\nstack traceback:.*'deep'", out)
    status, out = hearth [[
      local hearth = require "hearth"
      hearth.run_async(function()
        hearth.to_thread(function()
          local function deep() error { code = 1 } end
          deep()
        end)
      end)]]
    assert.are.equal(1, status)
    assert.matches("%(error object is a table value%)\nstack traceback:.*to_thread'.*\non the worker thread:\nstack.*'deep'", out)
    assert.are.equal(2, select(2, out:gsub("stack traceback", "")))
    status, out = hearth [[
      local hearth = require "hearth"
      print(pcall(hearth.await, hearth.run_async(error, "same", 0)))
      error("other", 0)]]
    assert.are.equal(1, status)
    assert.not_matches("awaited", out)
  end)

  it("says of an error without text what it is, with its traceback", function()
    local status, out = hearth [[
      local hearth = require "hearth"
      for _, say in ipairs { function() return "spoken" end, function() error "mute" end, function() return {} end } do
        hearth.run_async(function() error(setmetatable({}, { __tostring = say })) end)
      end
      hearth.run_async(function() error() end)]]
    assert.are.equal(1, status)
    assert.matches("error in a task: spoken\nstack traceback", out)
    assert.are.equal(2, select(2, out:gsub("error in a task: %(error object is a table value%)\nstack traceback", "")))
    assert.matches("error in a task: %(error object is a nil value%)\nstack traceback", out)
  end)

  it("shows where a task was that fails because what it awaited was cancelled", function()
    local status, out = hearth [[
      local hearth = require "hearth"
      local function waits(task) hearth.await(task) end
      hearth.run_async(function()
        local task = hearth.run_async(hearth.sleep, 60)
        hearth.sleep(0)
        task:cancel()
        waits(task)
      end)]]
    assert.are.equal(1, status)
    assert.matches("error in a task: ECANCELED: sleep: .*\nstack traceback:.*'waits'", out)
  end)

  it("does not wait for a thread that nobody waits for", function()
    local status, out = hearth [[
      local hearth = require "hearth"
      print(pcall(hearth.timeout, 0.01, hearth.to_thread, function() os.execute "sleep 30" end))]]
    assert.are.equal(0, status)
    assert.matches("ETIMEOUT", out)
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

  -- Signals the program when it says "ready", so that no time is guessed. What a shell starts in the background ignores SIGINT, hence env.
  local function signalled(name, args)
    local out = temporary()
    local status, said = run(([[sh -c 'env --default-signal=INT %s %s > %s 2>&1 & p=$!
      while ! grep -q ready %s; do sleep 0.01; kill -0 $p || break; done; kill -%s $p; wait $p; s=$?; cat %s; exit $s']]):format(
      program, args, out, out, name, out))
    return status, said
  end

  local function chunk(text) return script("io.stdout:setvbuf 'no' h = require 'hearth' " .. text:gsub("SPIN", SPIN)) end

  it("ends with 143 on SIGTERM, also out of a busy loop", function()
    assert.are.equal(143, (signalled("TERM", chunk "print 'ready' while true do SPIN end")))
    assert.are.equal(143, (signalled("TERM", chunk "print 'ready' h.sleep(100)")))
    assert.are.equal(143, (signalled("TERM", chunk "h.run_async(function() print 'ready' while true do SPIN end end)")))
  end)

  it("is interrupted by SIGINT wherever it waits or works, once and for all", function()
    local cases = {
      ["the main chunk waits"] = "h.run_async(function() print 'ready' end) h.sleep(100)",
      ["the main chunk is busy"] = "print 'ready' while true do SPIN end",
      ["a task is busy"] = "h.run_async(function() print 'ready' while true do SPIN end end)",
      ["a task is busy, the main chunk waits"] = "h.run_async(function() print 'ready' while true do SPIN end end) h.sleep(100)",
      ["the main chunk has ended, a task waits"] = "h.run_async(function() print 'ready' h.sleep(100) end)",
      ["both wait"] = "h.run_async(function() print 'ready' h.sleep(100) end) h.sleep(100)",
      ["the main chunk waits for a thread"] = "print 'ready' h.to_thread(function() while true do end end)",
    }
    for name, text in pairs(cases) do
      local start = os.time()
      local status, out = signalled("INT", chunk(text))
      assert.are.equal(1, status, name)
      assert.matches("interrupted!", out, 1, true, name)
      assert.is_true(os.time() - start < 30, name)
    end
  end)

  it("runs <close> variables of the interrupted chunk and of its tasks, and saves what was accepted", function()
    local store = temporary()
    local status, out = signalled("INT", ("-e \"store = [[%s.db]]\" %s"):format(store, chunk [[
      local s = h.storage.open { url = store }
      local function guard(name) return setmetatable({}, { __close = function() print("closed", name) end }) end
      h.run_async(function() local g <close> = guard "task" h.sleep(100) end)
      h.run_async(function() s:set("k", "v") end)
      local g <close> = guard "main"
      h.run_async(function() print "ready" end)
      h.sleep(100)]]))
    assert.are.equal(1, status)
    assert.matches("closed\tmain", out)
    assert.matches("closed\ttask", out)
    local read = "print(require [[hearth]].storage.open{ url = [[%s.db]] }:get [[k]])"
    assert.are.same({ 0, "v\n" }, { run(("%s -e '%s'"):format(program, read:format(store))) })
  end)

  it("may catch an interrupt and go on", function()
    local status, out = signalled("INT", chunk "local ok, err = pcall(function() print 'ready' while true do SPIN end end) print(ok, err)")
    assert.are.equal(0, status)
    assert.matches("false\t.*interrupted!", out)
  end)

  it("ends with 130 on SIGINT in hearth run, and with 143 on SIGTERM", function()
    local app = script [[
      io.stdout:setvbuf "no"
      local h = require "hearth"
      return h.component("App", function()
        h.use_async_effect(function() print "ready" h.sleep(100) end, {})
        return h.Text "hello"
      end)]]
    assert.are.equal(130, (signalled("INT", "run --store memory: --ui=headless " .. app)))
    assert.are.equal(143, (signalled("TERM", "run --store memory: --ui=headless " .. app)))
  end)

  it("starts and ends with nothing to do, and with its standard streams closed", function()
    assert.are.same({ 0, "" }, { run(program .. " -e ''") })
    assert.are.same({ 0, "" }, { run("sh -c '" .. program .. " -e \"print(1)\" >&-'") })
    assert.are.same({ 0, "1\n" }, { run("sh -c '" .. program .. " -e \"print(1)\" <&- 2>&-'") })
    assert.are.equal(1, (run("sh -c '" .. program .. " -e \"error(1)\" 2>&-'")))
    assert.are.same({ 0, "" }, { run(program .. " -") }) -- standard input is empty
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

  it("closes handles of luv that a script left open", function()
    for _, code in ipairs {
      "uv.new_timer()", "uv.new_timer():unref()", "T = uv.new_timer() T:start(1e6, 0, print) T:unref()",
      "T = uv.new_tcp() T:bind('127.0.0.1', 0) T:listen(1, print) T:unref()", "uv.new_timer() os.exit(0, true)",
      "local e uv.spawn('true', {}, function() e = true end) while not e do require 'hearth'.sleep(0.005) end",
      "C = uv.spawn('cat', { stdio = { uv.new_pipe() } }, print) C:unref()",
    } do
      assert.are.same({ 0, "" }, { hearth("local uv = require 'luv' " .. code) }, code)
    end
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
