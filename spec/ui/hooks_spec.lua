local hearth = require "hearth"
local testing = require "hearth.testing"
local component, use_state, use_effect = hearth.component, hearth.use_state, hearth.use_effect
local Text, Button, Column = hearth.Text, hearth.Button, hearth.Column

describe("use_state", function()
  local Counter = component("Counter", function(props)
    local n, set = use_state(props.start or 0)
    return Column {
      Text("n=" .. n),
      Button("+1", { on_click = function() set(n + 1) end }),
      Button("twice", { on_click = function()
        set(function(v) return v + 1 end)
        set(function(v) return v * 2 end)
      end }),
      Button("same", { on_click = function() set(n) end }),
      Button("there and back", { on_click = function() set(n + 1) set(n) end }),
    }
  end)

  it("shows what was set when the turn ends", function()
    local screen = testing.render(Counter { start = 1 })
    assert.equal("n=1", screen:get_by_text({ pattern = "^n=" }).props.text)
    screen:click "+1":await()
    testing.settle()
    assert.truthy(screen:get_by_text "n=2")
    assert.equal(2, screen:renders(Counter))
    assert.equal(2, screen:commits())
  end)

  it("runs updaters in order and renders once", function()
    local screen = testing.render(Counter { start = 1 })
    screen:click "twice"
    testing.settle()
    assert.truthy(screen:get_by_text "n=4")
    assert.equal(2, screen:renders(Counter))
  end)

  it("does not render for an equal value, nor for one that came back", function()
    local screen = testing.render(Counter {})
    screen:click "same"
    screen:click "there and back"
    testing.settle()
    assert.equal(1, screen:renders(Counter))
    assert.equal(1, screen:commits())
  end)

  it("keeps the identity of the setter, and ignores it after the unmount", function()
    local setters = {}
    local C = component("C", function()
      local n, set = use_state(0)
      setters[#setters + 1] = set
      return Text("n=" .. n)
    end)
    local screen = testing.render(C {})
    setters[1](1)
    testing.settle()
    assert.equal(setters[1], setters[2])
    screen:unmount()
    setters[1](2)
    testing.settle()
    assert.equal(2, screen:renders(C))
  end)

  it("calls a function given as initial value once", function()
    local calls = 0
    local C = component("C", function()
      local v, set = use_state(function() calls = calls + 1 return "made" end)
      return Button(v, { on_click = function() set "changed" end })
    end)
    local screen = testing.render(C {})
    screen:click "made"
    testing.settle()
    assert.truthy(screen:get_by_text "changed")
    assert.equal(1, calls)
  end)
end)

describe("effects", function()
  it("run after the commit: cleanups, layout effects, effects; children first", function()
    local log = {}
    local function note(s) log[#log + 1] = s end
    local Child = component("Child", function(p)
      use_effect(function() note("child effect " .. p.n) return function() note("child cleanup " .. p.n) end end)
      hearth.use_layout_effect(function() note("child layout " .. p.n) return function() note("child layout cleanup " .. p.n) end end)
      return Text "child"
    end)
    local Parent = component("Parent", function(p)
      use_effect(function() note("parent effect " .. p.n) return function() note("parent cleanup " .. p.n) end end)
      return Child { n = p.n }
    end)
    local screen = testing.render(Parent { n = 1 })
    assert.same({ "child layout 1", "child effect 1", "parent effect 1" }, log)
    log = {}
    screen:rerender(Parent { n = 2 })
    assert.same({ "child cleanup 1", "child layout cleanup "
      .. "1", "parent cleanup 1", "child layout 2", "child effect 2", "parent effect 2" }, log)
    log = {}
    screen:unmount()
    assert.same({ "child cleanup 2", "child layout cleanup 2", "parent cleanup 2" }, log)
  end)

  it("run for each commit, also where a layout effect has set something", function()
    local log, runs = {}, 0
    local C = component("C", function()
      local n, set = use_state(0)
      hearth.use_layout_effect(function() if n < 2 then set(n + 1) end end, { n })
      use_effect(function()
        log[#log + 1] = "effect " .. n
        return function() log[#log + 1] = "cleanup " .. n end
      end, { n })
      use_effect(function() runs = runs + 1 end)
      return Text("n = " .. n)
    end)
    local screen = testing.render(C {})
    assert.equal("n = 2", screen:text())
    assert.same({ "effect 0", "cleanup 0", "effect 1", "cleanup 1", "effect 2" }, log)
    assert.equal(3, runs)
  end)

  it("run when deps change, once for {}, and see nil holes through deps()", function()
    local log = {}
    local C = component("C", function(p)
      use_effect(function() log[#log + 1] = "once" end, {})
      use_effect(function() log[#log + 1] = "holes" end, hearth.deps(nil, p.a, nil))
      return nil
    end)
    local screen = testing.render(C { a = 1 })
    screen:rerender(C { a = 1 })
    screen:rerender(C { a = nil })
    screen:rerender(C {})
    assert.same({ "once", "holes", "holes" }, log)
  end)

  it("that set state are rendered before render returns", function()
    local C = component("C", function()
      local v, set = use_state "first"
      use_effect(function() set "second" end, {})
      return Text(v)
    end)
    assert.equal("second", testing.render(C {}):text())
  end)
end)
