local hearth = require "hearth"
local testing = require "hearth.testing"

describe("use_async_effect", function()
  local log
  before_each(function() log = {} end)

  local function note(text) log[#log + 1] = text end

  -- A component whose effect is fn(props), by props.deps.
  local function with(fn)
    return hearth.component("WithEffect", function(props)
      hearth.use_async_effect(function() return fn(props) end, props.deps)
      return hearth.Text "here"
    end)
  end

  -- As many turns of the loop as the effect below takes, and some more.
  local function turns()
    for _ = 1, 5 do
      testing.settle()
      hearth.sleep(0)
    end
  end

  it("runs as a task after the commit, once for {}, again for other deps, and each time without", function()
    local C = with(function(props)
      assert(hearth.in_task())
      hearth.sleep(0)
      note(props.n)
    end)
    local screen = testing.render(C { n = 1, deps = {} })
    assert.same({}, log) -- not inside the render
    turns()
    screen:rerender(C { n = 2, deps = {} })
    turns()
    assert.same({ 1 }, log)
    screen:unmount()

    log = {}
    screen = testing.render(C { n = 1, deps = { "a" } })
    turns()
    screen:rerender(C { n = 2, deps = { "a" } })
    screen:rerender(C { n = 3, deps = { "b" } })
    turns()
    assert.same({ 1, 3 }, log)
    screen:unmount()

    log = {}
    screen = testing.render(C { n = 1 })
    turns()
    screen:rerender(C { n = 2 })
    turns()
    assert.same({ 1, 2 }, log)
  end)

  it("never runs when the component has gone before its turn", function()
    local screen = testing.render(with(function() note "ran" end) { deps = {} })
    screen:unmount()
    testing.settle()
    assert.same({}, log)
  end)

  it("awaits what it returns, and cancels that with itself", function()
    local clock = testing.fake_clock()
    local value = hearth.Animated.Value(0)
    local screen = testing.render(with(function()
      return hearth.Animated.timing(value, { to = 1, duration = 100, easing = "linear" })
    end) { deps = {} })
    clock:advance(0.05)
    assert.equal(0.5, value.value)
    screen:unmount()
    clock:advance(1)
    assert.equal(0.5, value.value)
  end)

  it("runs a cleanup before the next one begins, and one that comes too late at once", function()
    local clock = testing.fake_clock()
    local C = with(function(props)
      note("begin " .. props.n)
      if props.n == 2 then pcall(hearth.sleep, 10) end -- it does not hear of its cancel
      return function() note("cleanup " .. props.n) end
    end)
    local screen = testing.render(C { n = 1, deps = { 1 } })
    testing.settle()
    screen:rerender(C { n = 2, deps = { 2 } })
    testing.settle()
    screen:rerender(C { n = 3, deps = { 3 } })
    testing.settle()
    screen:unmount()
    clock:advance(20)
    assert.same({ "begin 1", "cleanup 1", "begin 2", "cleanup 2", "begin 3", "cleanup 3" }, log)
  end)

  it("an error of it, and of what it returns, goes to the nearest boundary", function()
    for _, fn in ipairs {
      function() error("no luck", 0) end,
      function()
        hearth.sleep(0)
        error("no luck", 0)
      end,
      function() return hearth.run_async(error, "no luck", 0) end,
    } do
      local screen = testing.render(hearth.ErrorBoundary {
        fallback = function(err) return hearth.Text("caught " .. tostring(err)) end, with(fn) { deps = {} },
      })
      screen:find_by_text { pattern = "caught .*no luck" }
      screen:unmount()
    end
  end)

  it("an error after its cancel is nobody's any more, nor is what it sets", function()
    local renders, set = 0, nil
    local C = hearth.component("C", function(props)
      renders = renders + 1
      local _, s = hearth.use_state(0)
      set = s
      hearth.use_async_effect(function()
        pcall(hearth.sleep, 100)
        set(7)
        error("too late", 0)
      end, { props.n })
      return hearth.Text "here"
    end)
    local screen = testing.render(C { n = 1 })
    testing.settle()
    screen:unmount()
    testing.settle()
    assert.equal(1, renders)
  end)
end)
