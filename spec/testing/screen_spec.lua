local hearth = require "hearth"
local testing = require "hearth.testing"
local component, use_state = hearth.component, hearth.use_state
local Text, Button, Column, TextInput = hearth.Text, hearth.Button, hearth.Column, hearth.TextInput

local Form = component("Form", function(props)
  local name, set_name = use_state ""
  local sent, send = use_state "nothing"
  return Column {
    TextInput { label = "Name", placeholder = "your name", value = name, on_change = set_name, on_submit = send, id = "name" },
    Text("hello " .. name),
    Text("sent " .. sent),
    Button("Go", { on_click = props.on_go, disabled = props.disabled }),
    hearth.Pressable { on_click = function() send "pressed" end, Text "inside" },
    hearth.Checkbox { label = "Agree", value = false, on_change = function(v) send(tostring(v)) end },
    Text("secret", { hidden = true }),
  }
end)

describe("a screen", function()
  it("is looked at by text, label, type and id", function()
    local screen = testing.render(Form {})
    assert.equal("hello \nsent nothing\nGo\ninside", screen:text())
    assert.equal("Text", screen:get_by_text "sent nothing".type)
    assert.equal("Text", screen:get_by_text({ pattern = "^sent" }).type)
    assert.equal(screen:get_by_id "name", screen:get_by_label "Name")
    assert.equal("Button", screen:get_by_type "Button".type)
    assert.equal("Button", screen:get_by_type(hearth.Button).type)
    assert.equal(3, #screen:get_all_by_type "Text")
    assert.is_nil(screen:query_by_text "secret")
    assert.is_nil(screen:query_by_text "no such")
    assert.equal(1, screen:commits())
  end)

  it("prints the tree where a look-up fails", function()
    local screen = testing.render(Form {})
    for _, verb in ipairs { "get_by_text", "get_all_by_label", "click", "submit" } do
      local ok, err = pcall(screen[verb], screen, "no such")
      assert.is_false(ok)
      assert.matches('no such', tostring(err), 1, true)
      assert.matches('TextInput id="name" label="Name"', tostring(err), 1, true)
    end
    assert.error_matches(function() screen:get_by_type "Text" end, "3 nodes have the type")
  end)

  it("is typed into and submitted", function()
    local screen = testing.render(Form {})
    screen:type("Name", "Ada")
    screen:submit "Name"
    testing.settle()
    assert.truthy(screen:get_by_text "hello Ada")
    assert.truthy(screen:get_by_text "sent Ada")
    assert.equal("Ada", screen:get_by_label "Name".props.value)
  end)

  it("is clicked: handlers are tasks, what contains the text is clicked, a disabled control is not", function()
    local waited = false
    local screen = testing.render(Form { on_go = function()
      hearth.sleep(0)
      waited = true
    end })
    screen:click "Go":await()
    assert.is_true(waited)
    screen:click "inside":await()
    assert.truthy(screen:find_by_text "sent pressed")
    screen:click "Agree"
    testing.settle()
    assert.truthy(screen:get_by_text "sent true")
    screen:rerender(Form { disabled = true, on_go = error })
    screen:click "Go":await()
  end)

  it("waits for what is to come, on the real clock", function()
    local Late = component("Late", function()
      local v, set = use_state "early"
      hearth.use_async_effect(function()
        hearth.sleep(0.01)
        set "late"
      end, {})
      return Text(v)
    end)
    local screen = testing.render(Late {})
    assert.equal("late", screen:find_by_text "late".props.text)
    assert.error_matches(function() screen:find_by_text("never", 0.01) end, "within 0.01 s")
  end)

  it("has a clock that the test moves", function()
    local clock = testing.fake_clock()
    local C = component("C", function()
      local n, set = use_state(0)
      hearth.use_async_effect(function()
        while true do
          hearth.sleep(10)
          set(function(v) return v + 1 end)
        end
      end, {})
      return Text("n" .. n)
    end)
    local screen = testing.render(C {})
    local before = clock:now()
    clock:advance(25)
    assert.equal("n2", screen:text())
    clock:advance(5)
    assert.equal("n3", screen:text())
    assert.equal(30, math.floor(clock:now() - before + 0.5))
  end)

  it("has a clock that adds up: it begins at a whole second, and ten tenths are one", function()
    local clock = testing.fake_clock()
    local start = clock:now()
    assert.equal(start, math.floor(start))
    for n = 1, 200 do
      local woken = false
      hearth.run_async(function()
        hearth.sleep(n / 10)
        woken = true
      end)
      for _ = 1, n - 1 do clock:advance(0.1) end
      assert.is_false(woken)
      clock:advance(0.1)
      assert.is_true(woken, n .. " tenths")
    end
    assert.equal(2010, clock:now() - start)
  end)

  it("may have its clock moved back: nothing runs until the time is there again", function()
    local clock = testing.fake_clock()
    local start = clock:now()
    local log = {}
    for _, seconds in ipairs { 3, 1, 2 } do
      hearth.run_async(function()
        hearth.sleep(seconds)
        log[#log + 1] = seconds
      end)
    end
    clock:advance(-10)
    assert.equal(-10, clock:now() - start)
    assert.same({}, log)
    clock:advance(10.5)
    assert.same({}, log)
    clock:advance(2)
    assert.same({ 1, 2 }, log)
    clock:advance(-2)
    hearth.run_async(function()
      hearth.sleep(0.5)
      log[#log + 1] = "later"
    end)
    clock:advance(0.5)
    assert.same({ 1, 2, "later" }, log)
    clock:advance(2)
    assert.same({ 1, 2, "later", 3 }, log)
  end)

  it("is unmounted by restart", function()
    local screen = testing.render(Form {})
    testing.restart()
    assert.equal("", screen:text())
  end)
end)

describe("a test", function()
  it("that leaves a task behind is told so", function()
    local task = require "hearth.core.task"
    testing._begin_test "inner"
    hearth.run_async(function() hearth.sleep(1000) end)
    hearth.sleep(0)
    local problems = testing._end_test()
    testing._begin_test "again"
    assert.equal(1, #problems)
    assert.matches("a task outlived the test", problems[1])
    assert.equal(0, #task.unseen())
  end)
end)
