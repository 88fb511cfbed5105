local testing = require "hearth.testing"
local program = require "spec.support.program"

describe("examples/notes.lua", function()
  local function open()
    local screen = testing.render(dofile "examples/notes.lua")
    testing.settle()
    return screen
  end

  it("keeps a draft per user over a restart", function()
    local screen = open()
    screen:type("Note", "buy mi")
    testing.settle()
    screen:get_by_label("User").props.on_change "grace"
    testing.settle()
    assert.equal("", screen:get_by_label("Note").props.value)
    testing.restart()
    screen = open()
    assert.truthy(screen:get_by_text "0 notes of grace")
    screen:get_by_label("User").props.on_change "ada"
    testing.settle()
    assert.equal("buy mi", screen:get_by_label("Note").props.value)
  end)

  it("turns the draft into a note, and deletes one", function()
    local screen = open()
    for _, text in ipairs { "one", "two" } do
      screen:type("Note", text)
      testing.settle()
      screen:submit "Note"
      testing.settle()
      assert.equal("", screen:get_by_label("Note").props.value)
    end
    assert.truthy(screen:get_by_text "2 notes of ada")
    screen:click "Delete 1"
    testing.settle()
    assert.is_nil(screen:query_by_text "one")
    assert.truthy(screen:get_by_text "two")
    testing.restart()
    screen = open()
    assert.truthy(screen:get_by_text "1 notes of ada")
    assert.truthy(screen:get_by_text "two")
  end)

  it("saves no empty note", function()
    local screen = open()
    assert.is_true(screen:get_by_text("Save").props.disabled)
    screen:type("Note", "   ")
    testing.settle()
    screen:submit "Note"
    testing.settle()
    assert.truthy(screen:get_by_text "0 notes of ada")
  end)

  it("keeps draft and notes over two runs of the program", function()
    local store = program.temporary ".sqlite3"
    local args = { "run", "examples/notes.lua", "--ui=line", "--store", store }
    local out, status, err = program.run(args, { "type Note first note", "submit Note", "type Note half a", "type User grace" })
    assert.equal("", err)
    assert.equal(0, status)
    assert.matches("1 notes of ada", out)
    assert.matches("0 notes of grace", out)
    out, status = program.run(args, { "type User ada" })
    program.clean(store)
    assert.equal(0, status)
    local frames = program.frames(out)
    local last = table.concat(frames[#frames], "\n")
    assert.matches("first note", last, 1, true)
    assert.matches("Note: _half a_", last, 1, true)
  end)
end)
