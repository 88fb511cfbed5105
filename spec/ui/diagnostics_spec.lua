local hearth = require "hearth"
local testing = require "hearth.testing"
local component, use_state, use_effect = hearth.component, hearth.use_state, hearth.use_effect
local Text, Column = hearth.Text, hearth.Column

local function failure(fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok)
  return err
end

describe("misuse of hooks", function()
  it("in another order names the component, both hooks and the fix", function()
    local C = component("Form", function(p)
      if p.flip then use_effect(function() end) else use_state(1) end
      return Text "x"
    end)
    local App = component("App", function(p) return Column { C { flip = p.flip, key = 7 } } end)
    local screen = testing.render(App {})
    local err = failure(screen.rerender, screen, App { flip = true })
    assert.equal("EHOOK", err.code)
    assert.matches("App > Form[7]: use_effect was called where use_state was called before", err.message, 1, true)
    assert.matches("same order", err.message)
  end)

  it("more or fewer of them", function()
    local C = component("C", function(p)
      use_state(1)
      if p.more then use_state(2) end
      return Text "x"
    end)
    local screen = testing.render(C {})
    assert.matches("more hooks", failure(screen.rerender, screen, C { more = true }).message)
    screen = testing.render(C { more = true })
    assert.matches("fewer hooks", failure(screen.rerender, screen, C {}).message)
  end)

  it("outside a component", function()
    local err = failure(use_state, 1)
    assert.equal("EHOOK", err.code)
    assert.matches("use_state was called outside a component", err.message)
  end)

  it("by a set in a render", function()
    local C = component("Eager", function()
      local _, set = use_state(1)
      set(2)
    end)
    local err = failure(testing.render, C {})
    assert.equal("EHOOK", err.code)
    assert.matches("Eager", err.message)
    assert.matches("use_effect", err.message)
    local store = hearth.Store(1)
    assert.equal("EHOOK", failure(testing.render, component("S", function() store:set(2) end) {}).code)
  end)

  it("by a set in a render that waits, but not by others meanwhile", function()
    local store, sets, results = hearth.Store(1), nil, {}
    local Other = component("Other", function()
      local n, set = use_state(0)
      sets = set
      return Text("other " .. n)
    end)
    local Late = component("Late", function()
      local _, set = use_state(1)
      hearth.sleep(0.01)
      for i, fn in ipairs { set, function(v) store:set(v) end } do
        local ok, err = pcall(fn, 2)
        results[i] = ok and "was set" or err.code
      end
      return Text "late"
    end)
    local screen = testing.render(Column { Other {}, hearth.Suspense { fallback = "wait", Late {} } })
    sets(function(n) return n + 1 end)
    sets(function(n) return n + 1 end)
    store:set(5)
    screen:find_by_text "late"
    testing.settle()
    assert.same({ "EHOOK", "EHOOK" }, results)
    assert.equal("other 2\nlate", screen:text())
    store:set(6)
    assert.equal(6, store:get())
  end)

  it("by an effect that never settles", function()
    local C = component("Loop", function()
      local n, set = use_state(0)
      use_effect(function() set(n + 1) end)
      return Text("n" .. n)
    end)
    local err = failure(testing.render, C {})
    assert.equal("EHOOK", err.code)
    assert.matches("Too many re%-renders", err.message)
    assert.matches("Loop", err.message)
    local screen = testing.render(hearth.ErrorBoundary { fallback = function(e) return Text(e.code) end, C {} })
    assert.equal("EHOOK", screen:text())
  end)

  it("an effect cannot await", function()
    local C = component("C", function()
      use_effect(function() hearth.sleep(0) end, {})
      return Text "x"
    end)
    local err = failure(testing.render, hearth.Column { C {} })
    assert.equal("ENOTASK", err.code)
    assert.matches("in use_effect of C%).*use_async_effect", err.message)
  end)

  it("nor can a cleanup", function()
    local C = component("C", function()
      use_effect(function() return function() hearth.sleep(0) end end)
      return Text "x"
    end)
    local P = component("P", function(p) return p.n == 1 and C {} or nil end)
    local screen = testing.render(P { n = 1 })
    local err = failure(screen.rerender, screen, P { n = 2 })
    assert.equal("ENOTASK", err.code)
    assert.matches("in use_effect of P > C)", err.message, 1, true)
  end)

  it("deps that are no list", function()
    local C = component("C", function() use_effect(function() end, 1) return nil end)
    assert.matches("deps of use_effect must be a list", failure(testing.render, C {}).message)
  end)
end)

describe("a component that renders itself", function()
  local Again
  Again = component("Again", function(p)
    local _, set = use_state(0)
    if p.n == p.last then set(1) end
    return Again { n = p.n + 1, last = p.last }
  end)

  it("without end fails, soon", function()
    assert.matches("stack overflow", tostring(failure(testing.render, Again { n = 1 })))
  end)

  it("many times is named by the two ends of its path", function()
    local App = component("App", function(p) return Again { n = 1, last = p.depth } end)
    local function path(depth) return failure(testing.render, App { depth = depth }).component end
    assert.equal("App" .. (" > Again"):rep(99), path(99))
    assert.equal("App" .. (" > Again"):rep(49) .. " > …" .. (" > Again"):rep(50), path(100))
    assert.equal("App" .. (" > Again"):rep(49) .. " > …" .. (" > Again"):rep(50), path(1000))
  end)
end)

describe("an unknown prop", function()
  it("names the element, what was meant, and the component", function()
    local App = component("App", function() return Column { hearth.Button("x", { onclick = print }) } end)
    local err = failure(testing.render, App {})
    assert.equal("EINVAL", err.code)
    assert.matches("onclick", err.message)
    assert.matches("on_click", err.message)
    assert.matches("App", err.message)
  end)
end)

describe("children given as a prop", function()
  it("are refused with the way that works", function()
    local err = failure(hearth.Column, { children = { Text "a" } })
    assert.equal("EINVAL", err.code)
    assert.matches('Column: unknown prop "children"; children go into one table: Column{ child, child }', err.message, 1, true)
  end)
end)

describe("a component without a name", function()
  it("is named after the place where it was defined", function()
    local C = component(function() error "x" end)
    assert.matches("^diagnostics_spec%.lua:%d+$", C.name)
  end)
  it("is made of a function", function()
    assert.equal("EINVAL", failure(component, 5).code)
    assert.equal("EINVAL", failure(hearth.memo, function() end).code)
  end)
end)
