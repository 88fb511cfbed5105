local testing = require "hearth.testing"

describe("examples/gallery.lua", function()
  local Gallery = dofile "examples/gallery.lua"

  local function open(page)
    local screen = testing.render(Gallery {})
    testing.settle()
    if page then
      screen:click(page)
      testing.settle()
    end
    return screen
  end

  it("counts its visits, and opens on the page where it was left", function()
    local screen = open()
    assert.truthy(screen:get_by_text "This is your first visit.")
    screen:click "Typing"
    testing.settle()
    testing.restart()
    screen = open()
    assert.truthy(screen:get_by_text "0 characters in the note, 0 in the secret")
    screen:click "Welcome"
    testing.settle()
    assert.truthy(screen:get_by_text "Visit 2. The counter is in the store.")
  end)

  it("keeps what was set, and sets it back", function()
    local screen = open "Controls"
    screen:click "Press me"
    screen:click "Primary"
    testing.settle()
    assert.truthy(screen:get_by_text "11 presses")
    screen:click "I read the manual"
    screen:click "Wireless"
    testing.settle()
    assert.same({ agreed = true, wifi = false, size = "medium", volume = 40 }, require("hearth").AsyncStorage.get_json "controls")
    testing.restart()
    screen = open()
    assert.is_true(screen:get_by_label("I read the manual").props.value)
    screen:click(screen:get_by_type "Pressable")
    testing.settle()
    assert.is_false(screen:get_by_label("I read the manual").props.value)
  end)

  it("keeps what was typed, but no secret", function()
    local screen = open "Typing"
    screen:type("Name", "Ada")
    screen:type("Secret", "sesame")
    testing.settle()
    assert.truthy(screen:get_by_text "0 characters in the note, 6 in the secret")
    screen:submit "Name"
    testing.settle()
    assert.truthy(screen:get_by_text "Hello, Ada!")
    testing.settle()
    testing.restart()
    screen = open()
    assert.equal("Ada", screen:get_by_label("Name").props.value)
    assert.truthy(screen:get_by_text "0 characters in the note, 0 in the secret")
  end)

  it("mounts a window of its 100,000 rows and keeps the chosen one", function()
    local screen = open "Lists"
    assert.is_true(#screen:get_all_by_text { pattern = "^Row %d+$" } < 200)
    screen:click "Row 000003"
    testing.settle()
    testing.restart()
    assert.truthy(open():get_by_text "Chosen: row 3")
  end)

  it("shows progress while it works, and asks", function()
    local clock = testing.fake_clock()
    local screen = open "Feedback"
    screen:click "Start some work"
    clock:advance(0.5)
    assert.truthy(screen:get_by_text "Working")
    clock:advance(0.6)
    assert.truthy(screen:get_by_text "Start some work")
    screen:click "Ask me something"
    testing.settle()
    screen:click "Yes"
    testing.settle()
    assert.truthy(screen:get_by_text "You said yes")
  end)
end)
