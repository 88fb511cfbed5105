-- However a program ends, what was set is on disk, or named on standard error.

local program = require "spec.support.program"
local hearth = require "hearth"
local terminal = require "spec.support.terminal"

local HEAD = [[
  local hearth = require "hearth"
  local testing = require "hearth.testing"
  local set
  local C = hearth.component("C", function()
    local v
    v, set = hearth.use_persisted_state("k", "", {write_delay = 60, max_delay = 60})
    return hearth.Text(v)
  end)
  local screen = testing.render(C {})
  testing.settle()
  set "kept"
  screen:unmount()   -- a mounted user interface would keep the program alive
]]

describe("persisted state at the end of the program", function()
  local store

  local function run(tail)
    store = program.temporary ".sqlite3"
    local script = program.file(HEAD .. tail)
    local out, status, err = program.run {"-e", ("require('hearth.storage.default').use(%q)"):format(store), script}
    os.remove(script)
    return status, err, out
  end

  local function stored()
    local mine <close> = hearth.storage.open {url = store}
    return mine:get_json "k" or mine:get_json "n"
  end

  after_each(function() program.clean(store) end)

  for what, tail in pairs {
    ["the end of the script"] = "",
    ["os.exit"] = "os.exit(0)",
    ["os.exit in a task"] = "hearth.run_async(function() os.exit(0) end) hearth.sleep(5)",
    ["an error in the main chunk"] = "error 'no'",
    SIGTERM = "os.execute('kill -TERM $PPID') hearth.sleep(5)",
    SIGINT = "os.execute('(sleep 0.1; kill -INT $PPID) &') while true do io.stdout:flush() end", -- a call, so that ThreadSanitizer delivers the signal
  } do
    it("is on disk after " .. what, function()
      local from = hearth.now()
      run(tail)
      assert.is_true(hearth.now() - from < 4)
      assert.are.equal("kept", stored())
    end)
  end

  -- A script that mounts a user interface itself runs until that is unmounted, or the program is told to end.
  it("is on disk after SIGTERM to a script whose main chunk has ended and whose screen is still mounted", function()
    local _, err, out = run [[
      screen = testing.render(C {})
      set "on screen"
      hearth.run_async(function()
        hearth.sleep(0.05)
        print "still there"
        io.stdout:flush()
        os.execute "kill -TERM $PPID"
      end)
    ]]
    assert.are.equal("", err)
    assert.are.equal("still there\n", out)
    assert.are.equal("on screen", stored())
  end)

  it("is on disk when the screen is unmounted after the main chunk has ended, which ends the program", function()
    local status, err = run [[
      screen = testing.render(C {})
      set "last"
      hearth.run_async(function()
        hearth.sleep(0.05)
        screen:unmount()
      end)
    ]]
    assert.are.equal("", err)
    assert.are.equal(0, status)
    assert.are.equal("last", stored())
  end)

  it("is on disk also when the program ends before its store was open", function()
    store = program.temporary ".sqlite3"
    local app = program.file [[
      local hearth = require "hearth"
      return hearth.component("Counts", function()
        local n, set = hearth.use_persisted_state("n", 0)
        hearth.use_effect(function()
          set(function(now) return now + 1 end)
          os.exit(0)
        end, {})
        return hearth.Text(n)
      end)
    ]]
    for i = 1, 2 do
      local _, status, err = program.run {"run", app, "--ui=headless", "--store", store}
      assert.are.same({0, ""}, {status, err})
      assert.are.equal(i, stored())
    end
    os.remove(app)
  end)

  it("is named when it cannot be saved, and the status says so", function()
    local status, err = run [[
      require("hearth.core.store").set_faults {fail = {op = "write", nth = 1, times = 100000, code = "ENOSPC"}}
      os.exit(0)
    ]]
    assert.are_not.equal(0, status)
    assert.matches('"k"', err)
    assert.is_nil(stored())
  end)

  -- An app on each user interface that sets what is not due for a minute, and then ends in the way that its argument names.
  describe("in hearth run", function()
    local APP <const> = [==[
      local h = require "hearth"
      local ways = {
        quit = function() end,
        exit = function() os.exit(3) end,
        task = function() h.run_async(function() os.exit(3) end) h.sleep(5) end,
        error = function() error "on purpose" end,
        TERM = function() os.execute "kill -TERM $PPID" h.sleep(5) end,
        INT = function() io.popen("kill -INT $PPID"):close() h.sleep(5) end,   -- os.execute would have it ignored
        HUP = function() os.execute "kill -HUP $PPID" h.sleep(5) end,
        full = function() require("hearth.core.store").set_faults {fail = {op = "write", times = 1e9, code = "ENOSPC"}} os.exit(0) end,
      }
      return h.component("App", function()
        local v, set = h.use_persisted_state("k", "nothing", {write_delay = 60, max_delay = 60})
        local function go()
          set(v .. " kept")
          ways[arg[1]]()
        end
        if arg[2] then h.use_async_effect(go, {}) end
        return h.Column {h.Text("it is " .. v), h.Button("Go", {on_click = go})}
      end)
    ]==]
    local app

    before_each(function()
      store, app = program.temporary ".sqlite3", program.file(APP)
      local mine <close> = hearth.storage.open {url = store}
      mine:set_json("k", "stored")
    end)
    after_each(function() os.remove(app) end)

    local STATUS <const> = {quit = 0, exit = 3, task = 3, error = 1, TERM = 143, INT = 130, HUP = 129}

    for way, expected in pairs(STATUS) do
      it("is on disk after " .. way .. ", in the line UI", function()
        local _, status, err = program.run({"run", app, "--ui=line", "--store", store, "--", way}, {"wait 30", "click Go", "wait 30"})
        assert.are.same({"stored kept", expected}, {stored(), status})
        assert.are.equal(way == "error", err:find("on purpose", 1, true) ~= nil)
        assert.is_nil(err:find('"k"', 1, true))
      end)

    end

    for _, way in ipairs {"quit", "exit", "TERM", "INT"} do
      it("is on disk after " .. way .. ", in the terminal", function()
        local screen = terminal.open {"run", app, "--ui=terminal", "--store", store, "--", way}
        local ok, err = pcall(function()
          screen:see "it is stored"
          screen:press "Enter"
          if way == "quit" then
            screen:see "it is stored kept"
            screen:press "C-q"
          end
          screen:see(("[status %d]"):format(STATUS[way]))
        end)
        screen:close()
        if not ok then error(err, 0) end
        assert.are.equal("stored kept", stored())
      end)
    end

    it("is on disk when a headless app has nothing left to do, also where its load had not landed", function()
      local _, status, err = program.run {"run", app, "--ui=headless", "--store", store, "--", "quit", "at once"}
      assert.are.same({0, ""}, {status, err})
      assert.are.equal("nothing kept", stored())
    end)

    it("is named when it cannot be saved, within two seconds", function()
      local from = hearth.now()
      local _, status, err = program.run({"run", app, "--ui=line", "--store", store, "--", "full"}, {"wait 30", "click Go", "wait 30"})
      assert.is_true(hearth.now() - from < 6)
      assert.are_not.equal(0, status)
      assert.matches('key "k" of use_persisted_state', err)
      assert.are.equal("stored", stored())
    end)
  end)
end)

-- A mounted user interface keeps a program alive, and so does a task that awaits a ticket for which a timer will do something.
describe("a program that awaits the ticket of a set, with nothing on screen", function()
  local function run(options, fault, tail)
    local script = program.file(([[
      local hearth = require "hearth"
      local testing = require "hearth.testing"
      local core = require "hearth.core.store"
      local set
      local C = hearth.component("C", function()
        local v
        v, set = hearth.use_persisted_state("k", 0, {%s})
        return hearth.Text(tostring(v))
      end)
      core.set_faults {fail = {%s}}
      testing.render(C {}):unmount()
    ]]):format(options, fault) .. tail)
    local from = hearth.now()
    local out, status, err = program.run({script}, nil, {HEARTH_STORE = "memory:"})
    os.remove(script)
    return out, status, err, hearth.now() - from
  end

  local AWAIT <const> = "print(set(1):await() > 0)"
  local NO_FAULT <const> = "op = 'read', nth = 1000000"
  local WRITE <const> = "op = 'write', times = 2, code = 'ENOSPC'"

  for what, case in pairs {
    ["a write that is tried again"] = {"", WRITE, AWAIT},
    ["an updater whose write is tried again"] = {"", WRITE, "print(set(function(n) return n + 1 end):await() > 0)"},
    ["a load that is tried again"] = {"", "op = 'read', times = 2, code = 'EIO'", AWAIT},
    ["a store whose opening is tried again"] = {"", "op = 'open', times = 2, code = 'EIO'", AWAIT},
    ["write_delay"] = {"write_delay = 0.05", WRITE, AWAIT},
    ["what another set of the turn has hidden"] = {"", WRITE, "local t = set {1} set {2} print(t:await() > 0)"},
    ["a write of which it heard before"] = {"", WRITE, "local t = set(1) pcall(t.await, t, 0.01) print(t:await() > 0)"},
  } do
    it("gets the answer: " .. what, function()
      local out, status, err = run(case[1], case[2], case[3])
      assert.are.same({"true\n", 0, ""}, {out, status, err})
    end)
  end

  it("gets the answer in a task, after the main chunk has ended", function()
    local out, status, err = run("", WRITE, "hearth.run_async(function() " .. AWAIT .. " end)")
    assert.are.same({"true\n", 0, ""}, {out, status, err})
  end)

  it("gets the answer for a key whose batch waits for another key that cannot be read yet", function()
    local out, status, err = run("", NO_FAULT, [[
      local A = hearth.component("A", function()
        _, A_SET = hearth.use_persisted_state("a", 0)
        return hearth.Text ""
      end)
      core.set_faults {fail = {op = "read", times = 2, code = "EIO"}}
      testing.render(A {}):unmount()
      local k
      hearth.batch(function() k = set(1) A_SET(1) end)
      print(k:await() > 0)
    ]])
    assert.are.same({"true\n", 0, ""}, {out, status, err})
  end)

  it("ends soon when its patience is over, though the write is still tried again", function()
    local out, _, err, seconds = run("", "op = 'write', times = 1e9, code = 'ENOSPC'",
      "print(select(2, pcall(function() set(1):await(0.5) end)).code)")
    assert.are.equal("ETIMEOUT\n", out)
    assert.matches('key "k" of use_persisted_state', err)
    assert.is_true(seconds < 4)
  end)

  it("hears that it waits for ever where nothing is tried again", function()
    local out = run("", NO_FAULT, [[
      local raw = require("hearth.storage.default").await "the script"
      raw:write("default", "newer", "5", "json", nil, nil, 2)
      local Newer = hearth.component("Newer", function()
        _, set = hearth.use_persisted_state("newer", 0, {version = 1})
        return hearth.Text ""
      end)
      testing.render(Newer {}):unmount()
      testing.settle()
      print(select(2, pcall(function() set(1):await() end)).code)
    ]])
    assert.are.equal("ETIMEOUT\n", out)
  end)
end)
