local testing = require "hearth.testing"
local program = require "spec.support.program"

describe("examples/theme_toggle.lua", function()
  local function open() return testing.render(dofile "examples/theme_toggle.lua") end

  it("begins light, toggles, and is dark again after a restart", function()
    local screen = open()
    testing.settle()
    assert.truthy(screen:get_by_text "Theme: light")
    screen:click "Toggle theme"
    testing.settle()
    assert.truthy(screen:get_by_text "Theme: dark")
    testing.restart()
    screen = open()
    testing.settle()
    assert.truthy(screen:get_by_text "Theme: dark")
  end)

  it("keeps a click made before the load has landed", function()
    local screen = open()
    screen:click "Toggle theme"
    testing.settle()
    testing.restart()
    screen = open()
    screen:click "Toggle theme" -- over the stored "dark", which this screen has not seen yet
    testing.settle()
    assert.truthy(screen:get_by_text "Theme: light")
  end)

  it("forgets", function()
    local screen = open()
    screen:click "Toggle theme"
    testing.settle()
    screen:click "Forget"
    testing.settle()
    assert.truthy(screen:get_by_text "Theme: light")
    testing.restart()
    screen = open()
    testing.settle()
    assert.truthy(screen:get_by_text "Theme: light")
  end)

  it("does the same through the program, in two runs on one store", function()
    local store = program.temporary ".sqlite3"
    local args = { "run", "examples/theme_toggle.lua", "--ui=line", "--store", store }
    local out, status, err = program.run(args, { "click Toggle theme", "quit" })
    assert.equal("", err)
    assert.equal(0, status)
    assert.matches("Theme: light.*Theme: dark", out)
    out, status = program.run(args, { "tree" })
    program.clean(store)
    assert.equal(0, status)
    local frames = program.frames(out)
    assert.equal("Theme: dark", frames[#frames][1])
  end)
end)
