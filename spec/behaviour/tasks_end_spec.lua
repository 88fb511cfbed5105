-- Who gives up on tasks, and when: what is left behind has ended by the time the answer is there.

local hearth = require "hearth"

local function sleeper(log, name)
  return hearth.run_async(function()
    local guard <close> = setmetatable({}, { __close = function() log[#log + 1] = name end })
    hearth.sleep(60)
  end)
end

describe("what is cancelled has closed its variables when", function()
  it("timeout raises", function()
    local log = {}
    local ok, err = pcall(hearth.timeout, 0.005, function()
      local guard <close> = setmetatable({}, { __close = function() log[1] = "closed" end })
      hearth.sleep(60)
    end)
    assert.is_false(ok)
    assert.are.equal("ETIMEOUT", err.code)
    assert.are.same({ "closed" }, log)
  end)

  it("race has its first", function()
    local log = {}
    local slow = sleeper(log, "slow")
    hearth.sleep(0)
    assert.are.equal(1, hearth.race { slow, hearth.run_async(function() return 1 end) })
    assert.are.same({ "slow" }, log)
    assert.is_true(slow:cancelled())
  end)

  it("all fails", function()
    local log = {}
    local slow = sleeper(log, "slow")
    hearth.sleep(0)
    local ok, err = pcall(hearth.all, { slow, hearth.run_async(error, "bad", 0) })
    assert.are.same({ false, "bad", { "slow" } }, { ok, err, log })
  end)
end)

describe("a scope", function()
  it("hears of a child that fails while its function still waits", function()
    local log = {}
    local ok, err = pcall(hearth.scope, function(scope)
      scope:run_async(function() error("bad", 0) end)
      local guard <close> = setmetatable({}, { __close = function() log[1] = "closed" end })
      hearth.sleep(60)
    end)
    assert.are.same({ false, "bad", { "closed" } }, { ok, err, log })
  end)

  it("hears of a grandchild that fails while a child still waits", function()
    local ok, err = pcall(hearth.scope, function(scope)
      scope:run_async(function()
        scope:run_async(function() error("bad", 0) end)
        hearth.sleep(60)
      end)
    end)
    assert.are.same({ false, "bad" }, { ok, err })
  end)

  it("gives the error of its function, not those of the children that it cancelled", function()
    local child
    local ok, err = pcall(hearth.scope, function(scope)
      child = scope:run_async(hearth.sleep, 60)
      hearth.sleep(0)
      error("mine", 0)
    end)
    assert.are.same({ false, "mine", true }, { ok, err, child:cancelled() })
  end)
end)
