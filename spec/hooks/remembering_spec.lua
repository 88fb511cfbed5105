-- use_memo, use_callback and use_ref: what a component remembers without rendering for it.
local hearth = require "hearth"
local testing = require "hearth.testing"
local Text = hearth.Text

-- Mounts a component that calls hook(n) in each render, for n of 1, 2, …; gives what it returned in each.
local function results_of(hook, ...)
  local results = {}
  local C = hearth.component("C", function(props)
    results[#results + 1] = table.pack(hook(props.n))
    return Text "here"
  end)
  local screen
  for _, n in ipairs { ... } do
    if screen then screen:rerender(C { n = n }) else screen = testing.render(C { n = n }) end
  end
  screen:unmount()
  return results
end

describe("use_memo", function()
  it("computes again only when deps change, and gives the same table until then", function()
    local calls = 0
    local got = results_of(function(n)
      return hearth.use_memo(function()
        calls = calls + 1
        return { half = n // 2 }
      end, { n // 2 })
    end, 2, 3, 4)
    assert.equal(2, calls)
    assert.equal(got[1][1], got[2][1])
    assert.same({ half = 2 }, got[3][1])
  end)

  it("remembers nil and false too", function()
    for _, value in ipairs { { n = 1 }, { false, n = 1 } } do
      local calls = 0
      results_of(function()
        return hearth.use_memo(function()
          calls = calls + 1
          return value[1]
        end, {})
      end, 1, 2, 3)
      assert.equal(1, calls)
    end
  end)

  it("computes in each render without deps, and compares holes through deps()", function()
    local plain, holes, counted = 0, 0, 0
    results_of(function(n)
      hearth.use_memo(function() plain = plain + 1 end)
      hearth.use_memo(function() holes = holes + 1 end, hearth.deps(nil, n == 3 or nil, nil))
      hearth.use_memo(function() counted = counted + 1 end, { nil, n == 3 or nil, nil, n = 3 })
    end, 1, 2, 3, 3)
    assert.same({ 4, 2, 2 }, { plain, holes, counted })
  end)

  it("takes another number of deps as other deps, and compares with rawequal", function()
    local calls = 0
    local always_equal = { __eq = function() return true end }
    local deps = { { 1 }, { 1, 2 }, { setmetatable({}, always_equal) }, { setmetatable({}, always_equal) } }
    results_of(function(n) hearth.use_memo(function() calls = calls + 1 end, deps[n]) end, 1, 2, 3, 4)
    assert.equal(4, calls)
  end)

  it("gives its error to the render, and computes again in the next one", function()
    local broken = true
    local C = hearth.component("C", function()
      return Text(hearth.use_memo(function() return broken and error("no value", 0) or "value" end, {}))
    end)
    local screen = testing.render(hearth.ErrorBoundary {
      fallback = function(err, reset) return hearth.Button("failed: " .. err, { on_click = reset }) end, C {} })
    assert.equal("failed: no value", screen:text())
    broken = false
    screen:click "failed: no value":await()
    testing.settle()
    assert.equal("value", screen:text())
  end)

  it("refuses what is no function, and deps that are no list", function()
    for _, case in ipairs {
      { function() hearth.use_memo(5, {}) end, "C: use_memo takes a function, got a number" },
      { function() hearth.use_memo(function() end, 5) end, "C: the deps of use_memo must be a list, got a number" },
      { function() hearth.use_callback "f" end, "C: use_callback takes a function, got a string" },
    } do
      local ok, err = pcall(results_of, case[1], 1)
      assert.is_false(ok)
      assert.equal("EHOOK", err.code)
      assert.matches(case[2], tostring(err), 1, true)
    end
  end)
end)

describe("use_callback", function()
  it("is the function of the render in which deps changed last", function()
    local got = results_of(function(n) return hearth.use_callback(function() return n end, { n // 2 }) end, 2, 3, 4)
    assert.equal(got[1][1], got[2][1])
    assert.equal(2, got[2][1]())
    assert.not_equal(got[2][1], got[3][1])
    assert.equal(4, got[3][1]())
  end)

  it("is a new one each time without deps", function()
    local got = results_of(function(n) return hearth.use_callback(function() return n end) end, 1, 2)
    assert.equal(2, got[2][1]())
  end)

  it("lets a memo component stay as it is", function()
    local Child = hearth.component("Child", function(props) return hearth.Button("go", { on_click = props.on_go }) end)
    local MemoChild = hearth.memo(Child)
    local App = hearth.component("App", function(props)
      local stable = hearth.use_callback(function() end, {})
      return hearth.Column { Text("n " .. props.n), MemoChild { on_go = stable } }
    end)
    local screen = testing.render(App { n = 1 })
    screen:rerender(App { n = 2 })
    assert.equal("n 2\ngo", screen:text())
    assert.equal(1, screen:renders(Child))
  end)
end)

describe("use_ref", function()
  it("is one table for life, whose changes render nothing", function()
    local renders = 0
    local got = results_of(function()
      renders = renders + 1
      local ref = hearth.use_ref(10)
      ref.current = ref.current + 1
      return ref
    end, 1, 2, 3)
    assert.equal(got[1][1], got[3][1])
    assert.equal(13, got[1][1].current)
    assert.equal(3, renders)
  end)

  it("begins with nil, and each instance has its own", function()
    local refs = {}
    local C = hearth.component("C", function()
      refs[#refs + 1] = hearth.use_ref()
      return nil
    end)
    testing.render(hearth.Column { C {}, C {} })
    assert.is_nil(refs[1].current)
    assert.not_equal(refs[1], refs[2])
  end)
end)
