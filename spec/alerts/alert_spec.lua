local hearth = require "hearth"
local testing = require "hearth.testing"
local alerts = require "hearth.alerts"

local Alert = hearth.Alert

describe("Alert", function()
  local function asking(fn, ...)
    local task = hearth.run_async(fn, ...)
    testing.settle()
    return task
  end

  it("show returns at once something that is done", function()
    local done = Alert.show("Saved", "All is well", "Fine")
    assert.is_true(done:done())
    hearth.await(done)
    assert.same({ { title = "Saved", message = "All is well", buttons = { "Fine" } } }, testing.alerts.log)
    testing.alerts.respond(1)
    assert.is_nil(alerts.open())
  end)

  it("confirm is true, false, or dismissed", function()
    testing.alerts.respond(2)
    assert.is_true(Alert.confirm("Delete?"))
    testing.alerts.respond(1)
    assert.is_false(Alert.confirm("Delete?", "For ever", "Yes", "No"))
    testing.alerts.respond(-1)
    assert.is_false(Alert.confirm("Delete?"))
    assert.same({ title = "Delete?", buttons = { "Cancel", "OK" } }, testing.alerts.log[1])
    assert.same({ title = "Delete?", message = "For ever", buttons = { "No", "Yes" } }, testing.alerts.log[2])
  end)

  it("choose gives the label, or nil", function()
    local options = { options = { "Red", "Blue" }, message = "Which?", destructive = "Red" }
    testing.alerts.respond(2)
    assert.equal("Blue", Alert.choose("Colour", options))
    testing.alerts.respond(3)
    assert.is_nil(Alert.choose("Colour", options))
    testing.alerts.respond(-1)
    assert.is_nil(Alert.choose("Colour", options))
    assert.same({ title = "Colour", message = "Which?", buttons = { "Red", "Blue", "Cancel" } }, testing.alerts.log[1])
  end)

  it("prompt gives the text, or nil", function()
    testing.alerts.respond(2, "Ada")
    assert.equal("Ada", Alert.prompt("Name"))
    testing.alerts.respond(2)
    assert.equal("Bob", Alert.prompt("Name", { default = "Bob" }))
    testing.alerts.respond(1, "Ada")
    assert.equal("nil", tostring(Alert.prompt("Name", "Who are you?"))) -- a value, also for a call
    assert.equal("Who are you?", testing.alerts.log[3].message)
  end)

  it("waits for an answer that comes later", function()
    local task = asking(Alert.confirm, "Sure?")
    assert.is_false(task:done())
    testing.alerts.respond(2)
    assert.is_true(task:await())
  end)

  it("shows one at a time, the others queue", function()
    local first, second = asking(Alert.confirm, "One"), asking(Alert.choose, "Two", { options = { "A" } })
    Alert.show "Three"
    assert.equal(1, #testing.alerts.log)
    testing.alerts.respond(2)
    assert.is_true(first:await())
    assert.equal("Two", testing.alerts.log[2].title)
    testing.alerts.respond(1)
    assert.equal("A", second:await())
    assert.equal("Three", alerts.open().title)
    testing.alerts.respond(1)
    assert.is_nil(alerts.open())
  end)

  it("closes when its task is cancelled, open or queued", function()
    local first, second, third = asking(Alert.confirm, "One"), asking(Alert.confirm, "Two"), asking(Alert.confirm, "Three")
    second:cancel()
    first:cancel()
    testing.settle()
    assert.is_true(first:cancelled() and second:cancelled())
    assert.equal("Three", alerts.open().title)
    assert.same({ "One", "Three" }, { testing.alerts.log[1].title, testing.alerts.log[2].title })
    testing.alerts.respond(2)
    assert.is_true(third:await())
  end)

  it("closes when it has taken too long", function()
    local ok, err = pcall(hearth.timeout, 0.01, Alert.confirm, "Sure?")
    assert.is_false(ok)
    assert.equal("ETIMEOUT", err.code)
    testing.settle()
    assert.is_nil(alerts.open())
  end)

  it("refuses what cannot be asked", function()
    for _, make in ipairs {
      function() Alert.choose("T", { options = {} }) end, function() Alert.choose("T", {}) end, function() Alert.choose "T" end,
      function() Alert.choose("T", { options = { "a" }, destructive = "b" }) end, function() Alert.show() end,
      function() Alert.confirm {} end, function() Alert.choose("T", { options = { {} } }) end,
      function() Alert.prompt("T", { defualt = "x" }) end,
    } do
      local ok, err = pcall(make)
      assert.is_false(ok)
      assert.equal("EINVAL", err.code)
    end
    assert.is_nil(alerts.open())
  end)

  it("an answer that it does not have is the error of who asked, or of who answers", function()
    testing.alerts.respond(3)
    local ok, err = pcall(Alert.confirm, "Sure?")
    assert.is_false(ok)
    assert.equal("EINVAL", err.code)
    local task = asking(Alert.confirm, "Sure?")
    assert.has_error(function() testing.alerts.respond(3) end)
    testing.alerts.respond(-1)
    assert.is_false(task:await())
  end)

  it("cannot wait in a coroutine of one's own, and shows nothing there", function()
    local ok, err = coroutine.resume(coroutine.create(Alert.confirm), "Sure?")
    assert.is_false(ok)
    assert.equal("ENOTASK", err.code)
    assert.is_nil(alerts.open())
  end)

  it("is printed by the line UI and answered with click, type and submit", function()
    local path = os.tmpname()
    local f = assert(io.open(path, "w"))
    f:write [[
local hearth = require "hearth"
local App = hearth.component("App", function()
  local text, set = hearth.use_state "waiting"
  return hearth.Column {
    hearth.Text(text),
    hearth.Button("Ask", { on_click = function() set(tostring(hearth.Alert.confirm("Sure?", "Really", "Yes", "No"))) end }),
    hearth.Button("Name", { on_click = function() set("hello " .. tostring(hearth.Alert.prompt "Name")) end }),
  }
end)
hearth.app { name = "alerts", root = App }
]]
    f:close()
    local host = (os.getenv "BUILD" or "build") .. "/hearth"
    local input = "click Ask\nclick Yes\nclick Name\ntype Name Ada\nsubmit Name\nquit\n"
    local run = assert(io.popen(("printf '%s' | %s run %s --ui=line --store memory: 2>&1"):format(input, host, path)))
    local out = run:read "a"
    run:close()
    os.remove(path)
    assert.truthy(out:find("! Sure?\n  Really\n  [No] [Yes]\n", 1, true), out)
    assert.truthy(out:find("true\n", 1, true), out)
    assert.truthy(out:find("! Name\n  [Ada]\n  [Cancel] [OK]\n", 1, true), out)
    assert.truthy(out:find("hello Ada\n", 1, true), out)
  end)
end)
