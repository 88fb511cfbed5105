-- A write that a verb has accepted is on disk when the program has ended, also when the verb was the first use of the store and has not even
-- got it open; and nothing else of a task goes on once the program was told to end.

local hearth = require "hearth"
local program = require "spec.support.program"

local HEAD = [[
  local hearth = require "hearth"
  local A = hearth.AsyncStorage
]]

describe("a write that was accepted when the program ends", function()
  local store

  local function run(text)
    store = program.temporary ".sqlite3"
    local script = program.file(HEAD .. text)
    local out, status, err = program.run({ script }, nil, { HEARTH_STORE = store })
    os.remove(script)
    return out, status, err
  end

  local function stored(namespace)
    local mine <close> = hearth.storage.open { url = store, namespace = namespace }
    local all = {}
    for _, key in ipairs(mine:all_keys()) do all[key] = mine:get(key) end
    return all
  end

  after_each(function() program.clean(store) end)

  for name, case in pairs {
    set = { "A.set, 'k', 'v'", { k = "v" } },
    set_json = { "A.set_json, 'k', {1}", { k = "[1]" } },
    set_many = { "A.set_many, {a = '1', b = '2'}", { a = "1", b = "2" } },
    increment = { "A.increment, 'n'", { n = "1" } },
    update = { "A.update, 'k', function() return 'new' end", { k = "new" } },
    merge_json = { "A.merge_json, 'k', {a = 1}", { k = '{"a":1}' } },
  } do
    it(name .. ", given to run_async and followed at once by os.exit", function()
      local _, status, err = run(("hearth.run_async(%s) os.exit(0)"):format(case[1]))
      assert.are.same({ 0, "" }, { status, err })
      assert.are.same(case[2], stored())
    end)
  end

  it("AppStorage's set, given to run_async and followed at once by os.exit", function()
    local _, status, err = run "local S = hearth.AppStorage{app_name = 'x'} hearth.run_async(S.set, S, 'k', 1) os.exit(0)"
    assert.are.same({ 0, "" }, { status, err })
    assert.are.same({ k = "1" }, stored "app:x")
  end)

  for what, ending in pairs {
    ["os.exit"] = "os.exit(0)",
    ["os.exit in another task"] = "hearth.run_async(function() os.exit(0) end) hearth.sleep(5)",
    ["os.exit(code, true)"] = "os.exit(0, true)",
    SIGTERM = "os.execute 'kill -TERM $PPID' hearth.sleep(5)",
    SIGHUP = "os.execute 'kill -HUP $PPID' hearth.sleep(5)",
    ["an error in the main chunk"] = "error 'no'",
  } do
    it("in a task that waits for the store to open, before " .. what, function()
      run([[
        hearth.run_async(function() A.set("first", "1") A.set("second", "2") end)
        hearth.run_async(function() A.delete "none" A.set_json("third", {}) end)
        hearth.sleep(0)
      ]] .. ending)
      local all = stored()
      assert.are.equal("1", all.first)
    end)
  end

  it("comes in the order of issue", function()
    local _, status = run [[
      for i = 1, 20 do hearth.run_async(A.set, "k", tostring(i)) end
      os.exit(0)
    ]]
    assert.are.equal(0, status)
    assert.are.same({ k = "20" }, stored())
  end)

  it("is written behind what a hook holds back for the same key", function()
    local _, status, err = run [[
      local testing = require "hearth.testing"
      require("hearth.storage.default").use(os.getenv "HEARTH_STORE")
      local set
      local C = hearth.component("C", function()
        local _
        _, set = hearth.use_persisted_state("k", "", {write_delay = 60, max_delay = 60})
        return hearth.Text "x"
      end)
      local screen = testing.render(C {})
      set "of the hook"   -- not loaded yet: held
      screen:unmount()
      hearth.run_async(A.set_json, "k", "of the verb")
      os.exit(0)
    ]]
    assert.are.same({ 0, "" }, { status, err })
    assert.are.same({ k = '"of the verb"' }, stored())
  end)

  it("is the only thing that goes on: no line of a task runs after os.exit", function()
    local out, status, err = run [[
      hearth.run_async(function() print "began" end)
      hearth.run_async(function() A.set("k", "v") print "went on" end)
      hearth.run_async(function() A.get "k" print "read" end)
      hearth.run_async(A.set, "k", "v"):on_done(function() print "heard" end)
      os.exit(0)
    ]]
    assert.are.same({ "", 0, "" }, { out, status, err })
    assert.are.same({ k = "v" }, stored())
  end)

  it("does not make a task go on that had awaited it", function()
    local out, status = run [[
      hearth.run_async(function() A.set("k", "v") print "went on" A.set("l", "v") end)
      hearth.sleep(0)
      os.exit(0)
    ]]
    assert.are.same({ "", 0 }, { out, status })
    assert.are.equal("v", stored().k)
  end)

  it("is an error that is told when it is refused after all", function()
    local _, status, err = run [[
      hearth.run_async(A.set, "k", 5)
      os.exit(0)
    ]]
    assert.are.equal(1, status)
    assert.matches("EINVAL: AsyncStorage.set", err, 1, true)
  end)

  it("is told when the store cannot be opened", function()
    store = "/dev/null/none"
    local script = program.file(HEAD .. "hearth.run_async(A.set, 'k', 'v') os.exit(0)")
    local _, status, err = program.run({ script }, nil, { HEARTH_STORE = store })
    os.remove(script)
    assert.are.equal(1, status)
    assert.matches("AsyncStorage.set", err, 1, true)
  end)
end)
