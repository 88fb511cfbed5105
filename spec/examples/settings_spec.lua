local hearth = require "hearth"
local testing = require "hearth.testing"

describe("examples/settings.lua", function()
  local Settings = dofile "examples/settings.lua"
  local AsyncStorage = hearth.AsyncStorage

  local function open()
    local screen = testing.render(Settings {})
    testing.settle()
    return screen
  end

  it("begins with the defaults and writes nothing", function()
    assert.truthy(open():get_by_text "Theme light, 12 points, sound on")
    assert.are.same({}, AsyncStorage.all_keys())
  end)

  it("migrates what the first version has left, and keeps the old record", function()
    AsyncStorage.set_json("settings", "dark")
    testing.restart()
    assert.truthy(open():get_by_text "Theme dark, 12 points, sound on")
    assert.are.same({theme = "dark", size = 12}, AsyncStorage.get_json "settings")
    assert.are.equal('"dark"', testing.store():quarantine()[1].bytes)
  end)

  it("changes, survives, and goes back to the defaults", function()
    local screen = open()
    screen:click "Theme"
    screen:click "Bigger"
    screen:click "Sound"
    testing.settle()
    testing.restart()
    screen = open()
    assert.truthy(screen:get_by_text "Theme dark, 13 points, sound off")
    screen:click "Defaults"
    testing.settle()
    assert.truthy(screen:get_by_text "Theme light, 12 points, sound on")
  end)

  it("says so when the stored settings are of no use, and takes new ones", function()
    AsyncStorage.set_json("settings", "dark")
    testing.store():put_raw("settings", "rubbish")
    testing.restart()
    local screen = open()
    assert.truthy(screen:get_by_id "error")
    screen:click "Bigger"
    testing.settle()
    assert.is_nil(screen:query_by_id "error")
  end)
end)
