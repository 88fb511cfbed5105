local testing = require "hearth.testing"

describe("examples/two_panes.lua", function()
  local TwoPanes = dofile "examples/two_panes.lua"

  it("mounts a window of its 10,000 rows", function()
    local screen = testing.render(TwoPanes {})
    local list = screen:get_by_id "messages"
    assert.equal(10000, list.props.total)
    assert.is_true(#list.children <= 100)
    assert.truthy(screen:get_by_text "Message 00001")
    assert.is_nil(screen:query_by_text "Message 05000")
  end)

  it("moves the window to where it is scrolled", function()
    local screen = testing.render(TwoPanes {})
    screen:get_by_id("messages").props.on_scroll(5000)
    testing.settle()
    assert.truthy(screen:get_by_text "Message 05000")
    assert.is_nil(screen:query_by_text "Message 00001")
    screen:get_by_id("messages").props.on_scroll(1000000)
    testing.settle()
    assert.truthy(screen:get_by_text "Message 10000")
    assert.is_true(#screen:get_by_id("messages").children <= 100)
  end)

  it("shows the chosen row on the right, and renders only the rows that changed", function()
    local screen = testing.render(TwoPanes {})
    screen:click "Message 00003"
    testing.settle()
    assert.truthy(screen:get_by_text "This is the text of message 3.")
    screen:click "Message 00004"
    testing.settle()
    assert.truthy(screen:get_by_text "This is the text of message 4.")
    screen:click "Close"
    testing.settle()
    assert.truthy(screen:get_by_text "Choose a message")
  end)

  it("finds rows by a part of their title", function()
    local screen = testing.render(TwoPanes {})
    screen:type("Find", "0999")
    testing.settle()
    assert.equal(11, screen:get_by_id("messages").props.total) -- 00999 and 09990 to 09999
    screen:type("Find", "nothing of the kind")
    testing.settle()
    assert.truthy(screen:get_by_text "Nothing found")
  end)
end)
