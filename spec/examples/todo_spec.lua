local testing = require "hearth.testing"

describe("examples/todo.lua", function()
  local function open()
    local screen = testing.render(dofile "examples/todo.lua")
    testing.settle()
    return screen
  end

  local function add(screen, ...)
    for _, text in ipairs { ... } do
      screen:type("What is to do", text)
      testing.settle()
      screen:submit "What is to do"
      testing.settle()
    end
  end

  it("adds, ticks off, filters and clears, and is the same after a restart", function()
    local screen = open()
    add(screen, "milk", "bread", "tea")
    assert.truthy(screen:get_by_text "3 open")
    screen:get_by_label("bread").props.on_change(true)
    testing.settle()
    assert.truthy(screen:get_by_text "2 open")
    screen:click "open"
    testing.settle()
    assert.is_nil(screen:query_by_label "bread")
    screen:click "done"
    testing.settle()
    assert.truthy(screen:get_by_label "bread")
    assert.is_nil(screen:query_by_label "milk")
    testing.restart()
    screen = open()
    assert.is_true(screen:get_by_label("bread").props.value)
    screen:click "Clear done"
    testing.settle()
    assert.is_nil(screen:query_by_label "bread")
    assert.is_nil(screen:query_by_text "Clear done")
  end)

  it("keeps an edit open when the rows around it change", function()
    local screen = open()
    add(screen, "a", "b", "c")
    screen:click "Edit b"
    testing.settle()
    screen:click "Delete a"
    testing.settle()
    assert.truthy(screen:get_by_label "Edit")
    screen:submit("Edit")
    testing.settle()
    assert.truthy(screen:get_by_label "b")
    assert.truthy(screen:get_by_text "2 open")
  end)

  it("adds nothing without words", function()
    local screen = open()
    add(screen, "  ")
    assert.truthy(screen:get_by_text "0 open")
  end)
end)
