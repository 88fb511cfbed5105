-- What scope "session" has stored ends with its session: a program that ends clears its own, and what a killed one has left is cleared by
-- the next program that uses the scope. Sessions that are still running are left alone.

local program = require "spec.support.program"
local core = require "hearth.core.store"

local APP <const> = [[
  local hearth = require "hearth"
  local C = hearth.component("C", function()
    local mine, set_mine = hearth.use_persisted_state("mine", "none", {scope = "session"})
    local all, set_all = hearth.use_persisted_state("all", "none")
    hearth.use_effect(function() set_mine "private" set_all "shared" end, {})
    return hearth.Text(mine .. " " .. all)
  end)
  local testing = require "hearth.testing"
  testing.render(C {})
  testing.settle()
]]

describe("scope session of a program in a terminal", function()
  local store

  before_each(function() store = program.temporary ".sqlite3" end)
  after_each(function() program.clean(store) end)

  local function run(tail)
    local script = program.file(APP .. tail)
    local _, status = program.run {"-e", ("require('hearth.storage.default').use(%q)"):format(store), script}
    os.remove(script)
    return status
  end

  local function sessions()
    local raw = core.open(store, {})
    local list = {}
    for _, ns in ipairs(raw:namespaces()) do
      if ns:find "^session:" then list[#list + 1] = ns end
    end
    local all = raw:get("default", "all")
    raw:close()
    return list, all
  end

  local function put(ns)
    local raw = core.open(store, {})
    raw:write(ns, "mine", '"old"', "json")
    raw:close()
  end

  for what, tail in pairs {
    ["os.exit"] = "os.exit(0)",
    ["SIGTERM"] = "os.execute('kill -TERM $PPID') hearth.sleep(5)",
    ["SIGINT"] = "os.execute('(sleep 0.1; kill -INT $PPID) &') hearth.sleep(5)",
    ["an error in the main chunk"] = "hearth.run_async(function() os.exit(1) end) error 'no'",
  } do
    it("is cleared after " .. what .. ", and nothing else is", function()
      run(tail)
      local list, all = sessions()
      assert.are.same({}, list)
      assert.are.equal('"shared"', all)
    end)
  end

  it("is left by a program that is killed, and cleared by the next one that uses it", function()
    run "os.execute 'kill -9 $PPID'"
    assert.are.equal(1, #sessions())
    run "os.exit(0)"
    assert.are.same({}, sessions())
  end)

  it("is left alone while its program runs, and where nobody can tell whether it does", function()
    run "os.execute 'kill -9 $PPID'"
    local killed = sessions()[1]
    local host, random = killed:match "^session:(%x+)%..*%.(%x+)$"
    local stat = io.open("/proc/self/stat"):read "a"
    local pid, start = stat:match "^%d+", nil
    local i = 2
    for field in stat:match("^.*%) (.*)$"):gmatch "%S+" do
      i = i + 1
      if i == 22 then start = field end
    end
    local alive = ("session:%s.%s.%s.%s"):format(host, pid, start, random)
    local elsewhere = ("session:abc.%s.%s.%s"):format(pid, "1", random)
    local restarted = ("session:%s.%s.%s.%s"):format(host, pid, "1", random)   -- the number is used again
    for _, ns in ipairs {alive, elsewhere, restarted, "session:of a browser"} do put(ns) end
    run "os.exit(0)"
    local left = sessions()
    local expected = {alive, elsewhere, "session:of a browser"}
    table.sort(left)
    table.sort(expected)
    assert.are.same(expected, left)
  end)
end)
