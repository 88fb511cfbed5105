local testing = require "hearth.testing"
local program = require "spec.support.program"

describe("examples/counter.lua", function()
  local function open() return testing.render(dofile "examples/counter.lua") end

  it("counts every click, before and after the load", function()
    local screen = open()
    for _ = 1, 41 do screen:click "+1" end
    testing.settle()
    assert.truthy(screen:get_by_text "Count: 41")
    testing.restart()
    screen = open()
    screen:click "+1"
    testing.settle()
    assert.truthy(screen:get_by_text "Count: 42")
  end)

  it("renders once for ten sets in one turn", function()
    local screen = open()
    testing.settle()
    local before = screen:commits()
    screen:click "+10"
    testing.settle()
    assert.truthy(screen:get_by_text "Count: 10")
    assert.equal(before + 1, screen:commits())
  end)

  it("resets only what was counted", function()
    local screen = open()
    testing.settle()
    assert.is_true(screen:get_by_text("Reset").props.disabled)
    screen:click "-1"
    testing.settle()
    screen:click "Reset"
    testing.settle()
    assert.truthy(screen:get_by_text "Count: 0")
  end)

  it("counts on over two runs of the program", function()
    local store = program.temporary ".sqlite3"
    local args = { "run", "examples/counter.lua", "--ui=line", "--store", store }
    local out, status, err = program.run(args, { "click +1", "click +1", "click -1", "click +10" })
    assert.equal("", err)
    assert.equal(0, status)
    assert.matches("Count: 11", out)
    out, status = program.run(args, { "click +1" })
    program.clean(store)
    assert.equal(0, status)
    local frames = program.frames(out)
    assert.equal("Count: 12", frames[#frames][1])
  end)
end)
