-- hearth.batch(fn): what is set in fn belongs together.
local hearth = require "hearth"
local testing = require "hearth.testing"

describe("hearth.batch", function()
  local function pair()
    local sets = {}
    local Pair = hearth.component("Pair", function()
      local a, set_a = hearth.use_state(1)
      local b, set_b = hearth.use_state(1)
      sets.a, sets.b = set_a, set_b
      return hearth.Text(a .. " and " .. b)
    end)
    return Pair, sets, testing.render(Pair {})
  end

  it("gives what fn returned, nil among it, and renders once", function()
    local Pair, sets, screen = pair()
    local results = table.pack(hearth.batch(function(x, y)
      sets.a(2)
      sets.b(3)
      return x, nil, y, nil
    end, "x", "y"))
    assert.same({ "x", nil, "y", nil, n = 4 }, results)
    assert.equal("1 and 1", screen:text())
    testing.settle()
    assert.equal("2 and 3", screen:text())
    assert.equal(2, screen:renders(Pair))
  end)

  it("raises what fn raised, as it is; what was set stays set", function()
    local _, sets, screen = pair()
    local raised = {}
    local ok, err = pcall(hearth.batch, function()
      sets.a(2)
      error(raised)
    end)
    assert.is_false(ok)
    assert.equal(raised, err)
    testing.settle()
    assert.equal("2 and 1", screen:text())
  end)

  it("inside another belongs to the outer one: persisted states are committed together, when the outer one ends", function()
    local sets = {}
    local App = hearth.component("App", function()
      local _, set_a = hearth.use_persisted_state("a", 0)
      local _, set_b = hearth.use_persisted_state("b", 0)
      sets.a, sets.b = set_a, set_b
      return nil
    end)
    testing.render(App {})
    testing.settle()
    hearth.batch(function()
      hearth.batch(function() sets.a(1) end)
      hearth.sleep(0.01) -- the batch goes on while it waits
      assert.is_nil(hearth.AsyncStorage.get "a")
      sets.b(1)
    end)
    testing.settle()
    local a, b = hearth.AsyncStorage.info "a", hearth.AsyncStorage.info "b"
    assert.is_true(a.revision > 0)
    assert.equal(a.revision, b.revision) -- one commit
  end)

  it("takes a function", function()
    local ok, err = pcall(hearth.batch, { 1 })
    assert.is_false(ok)
    assert.equal("EINVAL", err.code)
    assert.matches("hearth.batch takes a function, got a table", tostring(err))
  end)
end)
