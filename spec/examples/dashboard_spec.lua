local testing = require "hearth.testing"
local program = require "spec.support.program"

describe("examples/dashboard.lua", function()
  it("ticks once a second, stops when it is paused, and goes on", function()
    local clock = testing.fake_clock()
    local screen = testing.render(dofile "examples/dashboard.lua")
    testing.settle()
    assert.matches("^%d+%.%d%d$", screen:get_by_id("load").props.text)
    assert.matches("^%d+ %%$", screen:get_by_id("memory").props.text)
    clock:advance(3)
    assert.truthy(screen:get_by_text "3 s")
    screen:get_by_label("Live").props.on_change(false)
    testing.settle()
    clock:advance(10)
    assert.truthy(screen:get_by_text "3 s")
    screen:get_by_label("Live").props.on_change(true)
    testing.settle()
    clock:advance(50)
    assert.truthy(screen:get_by_text "53 s")
    for _, node in ipairs(screen:get_all_by_type "Text") do
      assert.is_true((utf8.len(node.props.text) or 0) <= 20) -- it forgets what is long ago
    end
  end)

  it("runs as a line UI too", function()
    local out, status, err = program.run({ "run", "examples/dashboard.lua", "--ui=line", "--store", "memory:" }, { "wait 1200" })
    assert.equal("", err)
    assert.equal(0, status)
    assert.matches("1 s", out, 1, true)
  end)
end)
