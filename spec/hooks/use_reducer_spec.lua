-- use_reducer(reducer, initial) -> state, dispatch.
local hearth = require "hearth"
local testing = require "hearth.testing"
local Text = hearth.Text

describe("use_reducer", function()
  -- A counter whose steps are `props.step` long; its dispatch functions, one for each render.
  local function counter(initial)
    local seen = {}
    local Counter = hearth.component("Counter", function(props)
      local n, dispatch = hearth.use_reducer(function(state, action, times)
        if action == "add" then return state + (times or 1) * props.step end
        if action == "stay" then return state end
        error("unknown action " .. tostring(action), 0)
      end, initial)
      seen[#seen + 1] = dispatch
      return Text("n is " .. n)
    end)
    return Counter, seen
  end

  it("shows what the reducer made of the actions, in their order, with one render", function()
    local Counter, seen = counter(1)
    local screen = testing.render(Counter { step = 1 })
    assert.equal("n is 1", screen:text())
    seen[1] "add"
    seen[1]("add", 5)
    assert.equal("n is 1", screen:text()) -- nothing renders inline
    testing.settle()
    assert.equal("n is 7", screen:text())
    assert.equal(2, screen:renders(Counter))
  end)

  it("takes a function as the initial state, called once", function()
    local calls = 0
    local Counter = counter(function()
      calls = calls + 1
      return 40
    end)
    local screen = testing.render(Counter { step = 1 })
    screen:rerender(Counter { step = 2 })
    assert.equal("n is 40", screen:text())
    assert.equal(1, calls)
  end)

  it("does not render for the same state", function()
    local Counter, seen = counter(1)
    local screen = testing.render(Counter { step = 1 })
    seen[1] "stay"
    testing.settle()
    assert.equal(1, screen:renders(Counter))
  end)

  it("has one dispatch for life, which uses the newest reducer and does nothing after the unmount", function()
    local Counter, seen = counter(1)
    local screen = testing.render(Counter { step = 1 })
    screen:rerender(Counter { step = 10 })
    assert.equal(seen[1], seen[2])
    seen[1] "add"
    testing.settle()
    assert.equal("n is 11", screen:text())
    screen:unmount()
    seen[1] "add"
    seen[1] "no such action" -- nobody asks the reducer any more
    testing.settle()
  end)

  it("raises the error of the reducer at the dispatch and keeps the state", function()
    local Counter, seen = counter(1)
    local screen = testing.render(Counter { step = 1 })
    assert.has_error(function() seen[1] "jump" end, "unknown action jump")
    testing.settle()
    assert.equal("n is 1", screen:text())
  end)

  it("refuses what is no function, and a dispatch in a render", function()
    local Bad = hearth.component("Bad", function() hearth.use_reducer({}, 1) end)
    local ok, err = pcall(testing.render, Bad {})
    assert.is_false(ok)
    assert.matches("Bad: use_reducer takes a function, got a table", tostring(err))
    local Eager = hearth.component("Eager", function()
      local _, dispatch = hearth.use_reducer(function(n) return n + 1 end, 1)
      dispatch()
    end)
    ok, err = pcall(testing.render, Eager {})
    assert.is_false(ok)
    assert.matches("EHOOK.*dispatch of use_reducer was called while Eager renders", tostring(err))
  end)
end)
