local hearth = require "hearth"
local testing = require "hearth.testing"
local component, use_state, use_effect, use_layout_effect = hearth.component, hearth.use_state, hearth.use_effect, hearth.use_layout_effect
local Text, Column, ErrorBoundary = hearth.Text, hearth.Column, hearth.ErrorBoundary

local function fallback(err) return "failed: " .. tostring(err) end

describe("a flush in which components fail", function()
  it("gives each error to its boundary and renders every other component once, however many fail", function()
    local N, setters = 120, {}
    local Cell = component("Cell", function(p)
      local n, set = use_state(0)
      setters[p.i] = set
      if n > 0 and p.i % 2 == 0 then error("no " .. p.i, 0) end
      return Text(p.i .. ":" .. n)
    end)
    local children, expected = {}, {}
    for i = 1, N do
      children[i] = ErrorBoundary { fallback = fallback, key = i, Cell { i = i } }
      expected[i] = i % 2 == 0 and "failed: no " .. i or i .. ":1"
    end
    local Alone = component("Alone", function() end)
    children[N + 1] = Alone { key = "alone" }
    local screen = testing.render(Column(children))
    for i = 1, N do setters[i](1) end
    testing.settle()
    assert.equal(table.concat(expected, "\n"), screen:text())
    assert.equal(N + N, screen:renders(Cell))
    assert.equal(1, screen:renders(Alone))
    assert.equal(2, screen:commits())
  end)

  it("keeps what was on screen of one without a boundary, reports it, and goes on with the others", function()
    local setters, reported = {}, {}
    local Cell = component("Cell", function(p)
      local n, set = use_state(0)
      setters[p.name] = set
      return Text(p.name .. (n == "bad" and error("no " .. p.name, 0) or n))
    end)
    local task = require "hearth.core.task"
    local report = task.report
    task.report = function(err, where) reported[#reported + 1] = err .. " in " .. where end
    finally(function() task.report = report end)
    local screen = testing.render(Column { Cell { name = "a" }, Cell { name = "b" }, Cell { name = "c" } })
    setters.a(1)
    setters.b "bad"
    setters.c(3)
    testing.settle()
    assert.equal("a1\nb0\nc3", screen:text())
    assert.same({ "no b in the render of Cell" }, reported)
    setters.b(2)
    testing.settle()
    assert.equal("a1\nb2\nc3", screen:text())
  end)

  it("runs the effects of what was committed before the one that failed", function()
    local log, set_bad = {}, nil
    local Bad = component("Bad", function()
      local bad, set = use_state(false)
      set_bad = set
      return Text(bad and error("bad", 0) or "fine")
    end)
    local Good = component("Good", function(p)
      use_layout_effect(function()
        log[#log + 1] = "layout " .. p.n
        if p.n == 2 then set_bad(true) end
      end, { p.n })
      use_effect(function() log[#log + 1] = "effect " .. p.n end, { p.n })
      return Text("good " .. p.n)
    end)
    local function app(n) return Column { Good { n = n }, ErrorBoundary { fallback = fallback, Bad {} } } end
    local screen = testing.render(app(1))
    screen:rerender(app(2))
    assert.equal("good 2\nfailed: bad", screen:text())
    assert.same({ "layout 1", "effect 1", "layout 2", "effect 2" }, log)
    assert.equal(2, screen:commits())
  end)

  it("lets every bound value follow but those that fail", function()
    local store = hearth.Store(1)
    local children, expected = {}, {}
    for i = 1, 9 do
      local fails = i % 3 == 0
      children[i] = ErrorBoundary { fallback = fallback,
        Column { Text(store:bind(function(v) return fails and v > 1 and error("no " .. i, 0) or i * v end)) } }
      expected[i] = fails and "failed: no " .. i or tostring(i * 2)
    end
    local screen = testing.render(Column(children))
    store:set(2)
    testing.settle()
    assert.equal(table.concat(expected, "\n"), screen:text())
    store:set(1)
    testing.settle()
    assert.matches("^1\n2\nfailed: no 3\n4\n", screen:text())
  end)
end)

describe("a root that is mounted in an effect", function()
  it("shows its first frame at once, and the flush around it goes on", function()
    for _, use in ipairs { use_layout_effect, use_effect } do
      local log, inner = {}, nil
      local Inner = component("Inner", function()
        local n, set = use_state(0)
        use_effect(function()
          log[#log + 1] = "inner effect " .. n
          if n == 0 then set(1) end
        end, { n })
        return Text("inner " .. n)
      end)
      local Outer = component("Outer", function(p)
        local n, set = use_state(0)
        use(function()
          if n == 0 then
            inner = testing.render(Inner {})
            log[#log + 1] = inner:text()
            set(1)
          end
        end, { n })
        use_effect(function() log[#log + 1] = p.name .. " effect " .. n end, { n })
        return Text(p.name .. n)
      end)
      local After = component("After", function()
        use_effect(function() log[#log + 1] = "after" end, {})
        return Text "after"
      end)
      local screen = testing.render(Column { Outer { name = "outer" }, After {} })
      assert.equal("outer1\nafter", screen:text())
      assert.equal("inner 1", inner:text())
      assert.same({ "inner effect 0", "inner effect 1", "inner 1", "outer effect 0", "after", "outer effect 1" }, log)
      screen:unmount()
      inner:unmount()
    end
  end)

  it("runs no effect of the flush around it", function()
    local log, inner = {}, nil
    local Outer = component("Outer", function()
      local n, set = use_state(0)
      use_layout_effect(function()
        if n == 0 then return set(1) end
        inner = testing.render(Text "inner")
        log[#log + 1] = "mounted"
      end, { n })
      use_effect(function() log[#log + 1] = "effect " .. n end, { n })
      return Text("outer " .. n)
    end)
    local Other = component("Other", function() use_effect(function() log[#log + 1] = "effect" end, {}) end)
    local screen = testing.render(Column { Other {}, Outer {} })
    assert.equal("outer 1", screen:text())
    assert.equal("inner", inner:text())
    assert.same({ "effect", "effect 0", "mounted", "effect 1" }, log)
  end)

  it("that fails raises there, and does not end the flush around it", function()
    local Broken = component("Broken", function() error("broken", 0) end)
    local caught
    local Outer = component("Outer", function()
      use_layout_effect(function()
        local _, err = pcall(testing.render, Broken {})
        caught = err
      end, {})
      use_effect(function() caught = caught .. ", and then the effect" end, {})
      return Text "outer"
    end)
    local screen = testing.render(Outer {})
    assert.equal("outer", screen:text())
    assert.equal("broken, and then the effect", caught)
  end)
end)

describe("the garbage of an update", function()
  local flush = require("hearth.ui.commit").flush
  local roots, headless = require "hearth.ui.root", require "hearth.render.headless"

  -- Bytes that one call of change(i) and its flush leave behind, in a tree of n; the least of some, as Lua's table of strings grows now and then.
  local function garbage(element, change)
    local root = roots.mount(element, headless.new())
    local TIMES <const> = 100
    local function run(from)
      for i = from, from + TIMES - 1 do
        change(i)
        flush()
      end
    end
    run(1000)
    local made = math.huge
    for round = 2, 5 do
      collectgarbage()
      collectgarbage "stop"
      local before = collectgarbage "count"
      run(round * 1000)
      made = math.min(made, (collectgarbage "count" - before) * 1024 / TIMES)
      collectgarbage "restart"
    end
    root:unmount()
    return made
  end

  local function of_component(n)
    local setter
    local Cell = component("Cell", function(p)
      local v, set = use_state(0)
      if p.i == n // 2 then setter = set end
      return Text("cell " .. v)
    end)
    local children = {}
    for i = 1, n do children[i] = Cell { i = i } end
    return garbage(Column(children), function(v) setter(v) end)
  end

  local function of_bound(n)
    local store = hearth.Store(0)
    local children = {}
    for i = 1, n do children[i] = i == n // 2 and Text(store:bind()) or Text "still" end
    return garbage(Column(children), function(v) store:set(v) end)
  end

  it("does not grow with the tree", function()
    assert.is_true(math.abs(of_component(4) - of_component(4000)) < 16) -- a byte for each component would be 4,000
    assert.is_true(of_component(4000) < 600)
  end)

  it("of a bound text is the text", function()
    assert.is_true(math.abs(of_bound(4) - of_bound(4000)) < 16)
    assert.is_true(of_bound(4000) < 100)
  end)
end)
