local hearth = require "hearth"
local testing = require "hearth.testing"

describe("examples/form.lua", function()
  local Form = dofile "examples/form.lua"

  local function fill(screen)
    screen:type("Name", "Ada")
    screen:type("E-mail", "ada@example.org")
    screen:type("Password", "correct horse")
    screen:get_by_label("I accept the terms").props.on_change(true)
    testing.settle()
  end

  it("shows no faults before anything was touched", function()
    local screen = testing.render(Form {})
    assert.is_nil(screen:query_by_text "A name has two letters or more")
  end)

  it("shows a field's fault once it was touched, and takes it away when it is right", function()
    local screen = testing.render(Form {})
    screen:type("E-mail", "ada@")
    testing.settle()
    assert.truthy(screen:get_by_text "That is not an e-mail address")
    assert.is_nil(screen:query_by_text "A name has two letters or more")
    screen:type("E-mail", "ada@example.org")
    testing.settle()
    assert.is_nil(screen:query_by_text "That is not an e-mail address")
  end)

  it("shows all faults when sent, and sends nothing", function()
    local sent = 0
    local screen = testing.render(Form { send = function() sent = sent + 1 end })
    screen:click "Send"
    testing.settle()
    assert.truthy(screen:get_by_text "A name has two letters or more")
    assert.truthy(screen:get_by_text "Please accept the terms")
    assert.equal(0, sent)
  end)

  it("sends what is right, once, and is locked meanwhile", function()
    local answer, sent = hearth.runtime.create_future(), {}
    local screen = testing.render(Form { send = function(values) sent[#sent + 1] = values; answer:await() end })
    fill(screen)
    screen:click "Send"
    testing.settle()
    assert.is_true(screen:get_by_text("Sending…").props.disabled)
    assert.is_true(screen:get_by_label("Name").props.disabled)
    hearth.runtime.resolve_future(answer, true)
    testing.settle()
    assert.truthy(screen:get_by_text "Welcome, Ada")
    assert.equal(1, #sent)
    assert.equal("ada@example.org", sent[1].email)
  end)

  it("says that sending failed", function()
    local screen = testing.render(Form { send = function() error("no network", 0) end })
    fill(screen)
    screen:submit "Name"
    testing.settle()
    assert.truthy(screen:get_by_text "It did not work: no network")
    assert.is_false(screen:get_by_text("Send").props.disabled)
  end)
end)
