local testing = require "hearth.testing"
local program = require "spec.support.program"

describe("examples/shared_todo.lua", function()
  local function open()
    local screen = testing.render(dofile "examples/shared_todo.lua")
    testing.settle()
    return screen
  end
  local function add(screen, text)
    screen:type("New", text)
    testing.settle()
    screen:submit "New"
    testing.settle()
  end

  it("is one list on two screens", function()
    local ada, bob = open(), open()
    add(ada, "water the plants")
    add(bob, "answer letters")
    for _, screen in ipairs { ada, bob } do
      assert.truthy(screen:get_by_label "water the plants")
      assert.truthy(screen:get_by_text "2 of 2 open")
    end
    ada:click(ada:get_by_label "answer letters")
    testing.settle()
    assert.is_true(bob:get_by_label("answer letters").props.value)
    bob:click "Remove what is done"
    testing.settle()
    assert.is_nil(ada:query_by_label "answer letters")
    assert.truthy(ada:get_by_text "1 of 1 open")
  end)

  it("keeps both of two changes of one moment, the list and a draft over a restart, and adds nothing empty", function()
    local screen = open()
    add(screen, "   ")
    assert.truthy(screen:get_by_text "Nothing to do")
    local other = open()
    screen:type("New", "one")
    testing.settle()
    screen:submit "New"
    other:submit "New" -- the same draft: one user in a test
    testing.settle()
    assert.truthy(screen:get_by_text "2 of 2 open")
    screen:type("New", "half a")
    testing.settle()
    testing.restart()
    screen = open()
    assert.truthy(screen:get_by_text "2 of 2 open")
    assert.equal("half a", screen:get_by_label("New").props.value)
  end)

  it("runs as a line UI too", function()
    local store = program.temporary ".sqlite3"
    local args = { "run", "examples/shared_todo.lua", "--ui=line", "--store", store }
    local out, status, err = program.run(args, { "type New milk", "submit New", "click milk" })
    program.clean(store)
    assert.equal("", err)
    assert.equal(0, status)
    local frames = program.frames(out)
    assert.matches("0 of 1 open", table.concat(frames[#frames], "\n"), 1, true)
  end)
end)
