-- One key, several processes: nothing is lost, everybody sees the newest value, and nobody hears himself.

local program = require "spec.support.program"
local hearth = require "hearth"
local testing = require "hearth.testing"

local PROCESSES, INCREMENTS = 4, 50

-- A script that increments through the hook; it says how often it rendered after the end.
local INCREMENT = ([[
  local hearth = require "hearth"
  local testing = require "hearth.testing"
  local set
  local C = hearth.component("C", function()
    local n
    n, set = hearth.use_persisted_state("n", 0)
    return hearth.Text(tostring(n))
  end)
  local screen = testing.render(C {})
  local tickets = {}
  for i = 1, %d do
    tickets[i] = set(function(n) return n + 1 end)
    hearth.sleep(0)
  end
  hearth.all(tickets)
  print "done"
  screen:unmount()
]]):format(INCREMENTS)

local MIGRATE = [[
  local hearth = require "hearth"
  local testing = require "hearth.testing"
  local C = hearth.component("C", function()
    local n, _, info = hearth.use_persisted_state("n", 0, {version = 1, migrate = {function(v)
      hearth.sleep(0.02)
      return v * 10
    end}})
    return hearth.Text(n .. " " .. info.status)
  end)
  local screen = testing.render(C {})
  screen:find_by_text("70 ready", 5)
  print "done"
  screen:unmount()
]]

describe("persisted state in several processes", function()
  local store, script

  local function begin(text)
    store, script = program.temporary ".sqlite3", program.file(text)
  end

  local function start()
    local out = program.start {"-e", ("require('hearth.storage.default').use(%q)"):format(store), script}
    out:read "l"
    return out
  end

  after_each(function()
    program.clean(store)
    os.remove(script)
  end)

  it("sums N processes times M increments exactly", function()
    begin(INCREMENT)
    local running = {}
    for i = 1, PROCESSES do running[i] = start() end
    for _, out in ipairs(running) do
      assert.are.equal("done\n", out:read "a")
      out:close()
    end
    local mine <close> = hearth.storage.open {url = store}
    assert.are.equal(PROCESSES * INCREMENTS, mine:get_json "n")
  end)

  it("renders what another process wrote, and does not echo to the writer", function()
    begin(INCREMENT)
    local mine <close> = hearth.storage.open {url = store}
    local renders, set = 0, nil
    local C = hearth.component("C", function()
      local n
      n, set = hearth.use_persisted_state("n", 0, {store = mine})
      renders = renders + 1
      return hearth.Text("n is " .. n)
    end)
    local screen = testing.render(C {})
    testing.settle()
    local out = start()
    assert.truthy(screen:find_by_text("n is " .. INCREMENTS, 4))
    out:read "a"
    out:close()
    testing.settle()
    local before = renders
    set(1000):await()
    hearth.sleep(0.1)   -- an echo would come within this
    assert.are.equal(before + 1, renders)
  end)

  -- kill -9 before, in, between and after the steps of a migration.
  it("migrates whole or not at all when it is killed in the middle", function()
    begin [[
      local hearth = require "hearth"
      local testing = require "hearth.testing"
      local function stop(where) if os.getenv "DIE_AT" == where then os.execute "kill -9 $PPID" end end
      local C = hearth.component("C", function()
        local n, set, info = hearth.use_persisted_state("n", 0, {version = 2, migrate = {
          function(v) stop "first" hearth.sleep(0.001) return v * 10 end,
          function(v) stop "second" hearth.sleep(0.001) stop "late" return v + 1 end,
        }})
        hearth.use_effect(function() if info.status == "loading" then set(function(now) return now * 100 end) end end, {})
        return hearth.Text(n .. " " .. info.status)
      end)
      local screen = testing.render(C {})
      screen:find_by_text("7100 ready", 5)
      stop "shown"
      screen:unmount()
      print "done"
    ]]
    for _, where in ipairs {"first", "second", "late", "shown"} do
      local mine <close> = hearth.storage.open {url = store}
      mine:clear()
      mine:set_json("n", 7)
      local _, status = program.run({"-e", ("require('hearth.storage.default').use(%q)"):format(store), script}, nil, {DIE_AT = where})
      assert.are_not.equal(0, status)
      local now, version = mine:get_json "n", hearth.storage.raw(mine):read("default", {"n"}).n.version
      if now == 7 then
        assert.are.equal(0, version)
      else   -- the migration has landed, perhaps with the set that came after it
        assert.are.equal("shown", where)
        assert.is_true(now == 71 or now == 7100)
        assert.are.equal(2, version)
      end
      if now ~= 7100 then
        mine:set_json("n", 7)
        assert.are.equal("done\n", (program.run {"-e", ("require('hearth.storage.default').use(%q)"):format(store), script}))
        assert.are.equal(7100, mine:get_json "n")
      end
    end
  end)

  it("migrates once when two start at the same moment", function()
    begin(MIGRATE)
    local mine <close> = hearth.storage.open {url = store}
    mine:set_json("n", 7)
    local one, two = start(), start()
    assert.are.same({"done\n", "done\n"}, {one:read "a", two:read "a"})
    one:close()
    two:close()
    assert.are.equal(70, mine:get_json "n")
    assert.are.equal(1, #mine:quarantine())
  end)
end)
