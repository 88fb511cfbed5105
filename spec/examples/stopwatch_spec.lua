local testing = require "hearth.testing"

describe("examples/stopwatch.lua", function()
  local Stopwatch = dofile "examples/stopwatch.lua"

  it("runs, laps, stops and goes on", function()
    local clock = testing.fake_clock()
    local screen = testing.render(Stopwatch {})
    assert.equal("00:00.0", screen:get_by_id("time").props.text)
    screen:click "Start"
    testing.settle()
    clock:advance(1.55)
    testing.settle()
    assert.equal("00:01.5", screen:get_by_id("time").props.text)
    screen:click "Lap"
    testing.settle()
    assert.truthy(screen:get_by_text "Lap 1: 00:01.5")
    screen:click "Stop"
    testing.settle()
    clock:advance(100)
    testing.settle()
    assert.equal("00:01.5", screen:get_by_id("time").props.text)
    screen:click "Start"
    testing.settle()
    clock:advance(60.05)
    testing.settle()
    assert.equal("01:01.5", screen:get_by_id("time").props.text)
  end)

  it("leaves no task behind when it is closed while it runs", function()
    testing.fake_clock()
    local screen = testing.render(Stopwatch {})
    screen:click "Start"
    testing.settle()
    screen:unmount()
    testing.settle()
  end)

  it("cannot take a lap while it stands", function()
    local screen = testing.render(Stopwatch {})
    assert.is_true(screen:get_by_text("Lap").props.disabled)
  end)
end)
