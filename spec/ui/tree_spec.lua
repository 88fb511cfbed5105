local hearth = require "hearth"
local testing = require "hearth.testing"
local component, use_state, use_effect = hearth.component, hearth.use_state, hearth.use_effect
local Text, Column = hearth.Text, hearth.Column

describe("only what is dirty renders", function()
  it("and a dirty descendant of a dirty ancestor once", function()
    local set_parent, set_child
    local Child = component("Child", function(p)
      local n, set = use_state(0)
      set_child = set
      return Text(("%s/%d"):format(p.of, n))
    end)
    local Other = component("Other", function() return Text "other" end)
    local Parent = component("Parent", function()
      local n, set = use_state(0)
      set_parent = set
      return Column { Child { of = n } }
    end)
    local screen = testing.render(Column { Parent {}, Other {} })
    set_child(1)
    set_parent(1)
    testing.settle()
    assert.equal("1/1\nother", screen:text())
    assert.equal(2, screen:renders(Child))
    assert.equal(2, screen:renders(Parent))
    assert.equal(1, screen:renders(Other))
    set_child(2)
    testing.settle()
    assert.equal(3, screen:renders(Child))
    assert.equal(2, screen:renders(Parent))
  end)

  it("memo components render when their props differ, by rawequal or by the function given", function()
    local Row = component("Row", function(p) return Text(p.text) end)
    local Plain, Same = hearth.memo(Row),
      hearth.memo(component("Same", function(p) return Text(p.text) end), function(a, b) return a.id == b.id end)
    local screen = testing.render(Column { Plain { text = "a" }, Same { id = 1, text = "a" } })
    screen:rerender(Column { Plain { text = "a" }, Same { id = 1, text = "b" } })
    assert.equal("a\na", screen:text())
    assert.equal(1, screen:renders(Plain))
    screen:rerender(Column { Plain { text = "b" }, Same { id = 2, text = "c" } })
    assert.equal("b\nc", screen:text())
    assert.equal(2, screen:renders(Plain))
    assert.equal(2, screen:renders(Same))
  end)

  it("a memo component still hears of its own state and contexts", function()
    local Theme = hearth.create_context "light"
    local set
    local Inner = component("Inner", function()
      local n
      n, set = use_state(0)
      return Text(hearth.use_context(Theme) .. n)
    end)
    local Memo = hearth.memo(Inner)
    local Middle = hearth.memo(component("Middle", function() return Memo {} end))
    local function app(theme) return Theme.Provider { value = theme, Middle {} } end
    local screen = testing.render(app "light")
    set(1)
    testing.settle()
    assert.equal("light1", screen:text())
    screen:rerender(app "dark")
    assert.equal("dark1", screen:text())
    assert.equal(1, screen:renders(Middle))
  end)
end)

describe("contexts", function()
  it("give the default without a Provider, and the nearest value", function()
    local Ctx = hearth.create_context "none"
    local Show = component("Show", function() return Text(tostring(hearth.use_context(Ctx))) end)
    local screen = testing.render(Column { Show {}, Ctx.Provider { value = "a", Show {}, Ctx.Provider { value = false, Show {} } } })
    assert.equal("none\na\nfalse", screen:text())
  end)
end)

describe("ErrorBoundary", function()
  local Bomb = component("Bomb", function(p)
    if p.armed then error("boom", 0) end
    return Text "calm"
  end)

  it("shows its fallback for an error of the first render, tells on_error, and resets", function()
    local heard, armed, reset = {}, true, nil
    local Switched = component("Switched", function() return Bomb { armed = armed } end)
    local screen = testing.render(Column { Text "above", hearth.ErrorBoundary {
      fallback = function(err, r) reset = r return Text("failed: " .. tostring(err)) end,
      on_error = function(err) heard[#heard + 1] = err end,
      Switched {},
    } })
    assert.equal("above\nfailed: boom", screen:text())
    assert.same({ "boom" }, heard)
    reset()
    testing.settle()
    assert.equal("above\nfailed: boom", screen:text())
    armed = false
    reset()
    testing.settle()
    assert.equal("above\ncalm", screen:text())
  end)

  it("takes an element as fallback, and errors of updates, effects and async effects below it", function()
    local set, unmounted
    local Late = component("Late", function(p)
      local how, s = use_state "fine"
      set = s
      use_effect(function()
        if how == "effect" then error("in effect", 0) end
        return function() unmounted = true end
      end, { how })
      hearth.use_async_effect(function()
        if how == "async" then
          hearth.sleep(0)
          error("in async effect", 0)
        end
      end, { how })
      if how == "render" then error("in render", 0) end
      return Text(how .. p.n)
    end)
    for _, how in ipairs { "render", "effect", "async" } do
      unmounted = false
      local errors = {}
      local screen = testing.render(hearth.ErrorBoundary {
        fallback = Text "sorry", on_error = function(e) errors[#errors + 1] = e end, Late { n = 1 } })
      set(how)
      testing.settle()
      testing.settle()
      assert.equal("sorry", screen:text(), how)
      assert.equal(1, #errors)
      assert.is_true(unmounted)
      screen:unmount()
    end
  end)

  it("whose fallback fails hands the error to the next one", function()
    local screen = testing.render(hearth.ErrorBoundary { fallback = function(e) return Text("outer: " .. e) end,
      hearth.ErrorBoundary { fallback = function() error("fallback", 0) end, Bomb { armed = true } } })
    assert.equal("outer: fallback", screen:text())
  end)

  it("is not needed for a first render to fail cleanly", function()
    local cleaned = false
    local Fine = component("Fine", function() use_effect(function() cleaned = true end) return Text "fine" end)
    local ok, err = pcall(testing.render, Column { Fine {}, Bomb { armed = true } })
    assert.is_false(ok)
    assert.equal("boom", err)
    assert.is_false(cleaned)
  end)

  it("is not needed to keep what was on screen when an update fails", function()
    local screen = testing.render(Column { Text "kept", Bomb { armed = false } })
    assert.error_matches(function() screen:rerender(Column { Text "lost", Bomb { armed = true } }) end, "boom")
    assert.equal("kept\ncalm", screen:text())
    screen:rerender(Column { Text "new", Bomb {} })
    assert.equal("new\ncalm", screen:text())
  end)
end)

describe("a failed update", function()
  it("is reported, keeps the screen, and does not hold up others", function()
    local sets = {}
    local C = component("C", function(p)
      local n, set = use_state(0)
      sets[p.name] = set
      if n == 1 and p.fails then error("no", 0) end
      return Text(p.name .. n)
    end)
    local screen = testing.render(Column { C { name = "a", fails = true }, C { name = "b" } })
    sets.a(1)
    sets.b(1)
    testing.settle()
    assert.equal("a0\nb1", screen:text())
    local seen = require("hearth.core.task").unseen()
    assert.equal(1, #seen)
    assert.matches("the render of C: no", seen[1])
    sets.a(function(n) return n + 1 end)
    testing.settle()
    assert.equal("a2\nb1", screen:text())
  end)

  it("undoes what it had rendered of its children, which then show their own changes all the same", function()
    local set_child, set_parent
    local Child = component("Child", function()
      local n, set = use_state(0)
      set_child = set
      return Text("child " .. n)
    end)
    local Bad = component("Bad", function(p) return p.n == 0 and Text "fine" or error("no", 0) end)
    local Parent = component("Parent", function()
      local n, set = use_state(0)
      set_parent = set
      return Column { Text("parent " .. n), Child {}, Bad { n = n } }
    end)
    local screen = testing.render(Parent {})
    set_child(1)
    set_parent(1)
    testing.settle()
    assert.equal("parent 0\nchild 1\nfine", screen:text())
    assert.equal(1, #require("hearth.core.task").unseen())
  end)
end)

describe("Suspense", function()
  it("shows its fallback while a component awaits, and siblings keep their state", function()
    local gate = hearth.runtime.create_future()
    local set
    local Slow = component("Slow", function()
      local v = hearth.await(gate)
      local n = use_state(7)
      return Text(v .. n)
    end)
    local Sibling = component("Sibling", function()
      local n, s = use_state(0)
      set = s
      return Text("sibling" .. n)
    end)
    local screen = testing.render(Column { Sibling {}, hearth.Suspense { fallback = Text "loading", Slow {}, Text "beside" } })
    assert.equal("sibling0\nloading", screen:text())
    set(1)
    testing.settle()
    assert.equal("sibling1\nloading", screen:text())
    hearth.runtime.resolve_future(gate, "loaded")
    testing.settle()
    assert.equal("sibling1\nloaded7\nbeside", screen:text())
  end)

  it("leaves what does not wait alone", function()
    local Quick = component("Quick", function() return Text((use_state "quick")) end)
    local screen = testing.render(hearth.Suspense { fallback = Text "loading", Quick {} })
    assert.equal("quick", screen:text())
    assert.equal(1, screen:commits())
  end)

  it("gives an error after the wait to the boundary", function()
    local gate = hearth.runtime.create_future()
    local Slow = component("Slow", function() hearth.await(gate) error("late", 0) end)
    local screen = testing.render(hearth.ErrorBoundary { fallback = function(e) return Text("failed " .. e) end,
      hearth.Suspense { fallback = Text "loading", Slow {} } })
    assert.equal("loading", screen:text())
    hearth.runtime.resolve_future(gate, 1)
    testing.settle()
    assert.equal("failed late", screen:text())
  end)

  it("remembers a resource over later renders", function()
    local fetched, set = 0, nil
    local R = component("R", function(p)
      local n, s = use_state(0)
      set = s
      local v = hearth.use_resource(function() fetched = fetched + 1 hearth.sleep(0) return "r" .. p.id end, { p.id })
      return Text(v .. "/" .. n)
    end)
    local screen = testing.render(hearth.Suspense { fallback = Text "loading", R { id = 1 } })
    screen:find_by_text "r1/0"
    set(1)
    testing.settle()
    assert.equal("r1/1", screen:text())
    assert.equal(1, fetched)
    screen:rerender(hearth.Suspense { fallback = Text "loading", R { id = 2 } })
    assert.equal("r1/1", screen:text())
    screen:find_by_text "r2/1"
    assert.equal(2, fetched)
  end)

  it("is what an await in a render needs", function()
    local Slow = component("Slow", function() hearth.sleep(0) return Text "x" end)
    local err = select(2, pcall(testing.render, Slow {}))
    assert.equal("ENOTASK", err.code)
    assert.matches("Slow", err.message)
  end)

  it("cancels a render that waits when it is unmounted", function()
    local closed = false
    local Slow = component("Slow", function()
      local _ <close> = setmetatable({}, { __close = function() closed = true end })
      hearth.sleep(100)
    end)
    local screen = testing.render(hearth.Suspense { fallback = Text "loading", Slow {} })
    screen:unmount()
    testing.settle()
    assert.is_true(closed)
  end)
end)

describe("Portal", function()
  it("shows its children at the end of the root", function()
    local Ctx = hearth.create_context "d"
    local Show = component("Show", function() return Text("portal " .. hearth.use_context(Ctx)) end)
    local function app(open) return Column { Ctx.Provider { value = "v", open and hearth.Portal { Show {} } }, Text "after" } end
    local screen = testing.render(app(true))
    assert.equal("after\nportal v", screen:text())
    assert.equal("Text", screen.node.children[2].type)
    screen:rerender(app(false))
    assert.equal("after", screen:text())
    screen:rerender(app(true))
    assert.equal("after\nportal v", screen:text())
  end)
end)

describe("Store", function()
  it("renders what selected a part that changed", function()
    local store = hearth.Store { a = 1, b = 1 }
    local A = component("A", function() return Text("a" .. hearth.use_store(store, function(s) return s.a end)) end)
    local All = component("All", function() return Text("b" .. hearth.use_store(store).b) end)
    local screen = testing.render(Column { A {}, All {} })
    store:set { a = 1, b = 2 }
    testing.settle()
    assert.equal("a1\nb2", screen:text())
    assert.equal(1, screen:renders(A))
    store:set(function(s) return { a = s.a + 1, b = s.b } end)
    testing.settle()
    assert.equal("a2\nb2", screen:text())
    assert.equal(2, screen:renders(A))
    screen:unmount()
    store:set { a = 9, b = 9 }
    testing.settle()
    assert.equal(2, screen:renders(A))
  end)

  it("whose selector raises fails the component that selects, not the set, and the others follow", function()
    local store = hearth.Store { a = 1 }
    local Picky = component("Picky", function()
      return Text("picky " .. hearth.use_store(store, function(s) return s.a.deep or "none" end))
    end)
    local Plain = component("Plain", function() return Text("plain " .. tostring(hearth.use_store(store, function(s) return s.a end))) end)
    store:set { a = {} }
    local screen = testing.render(Column { hearth.ErrorBoundary { fallback = "broken", Picky {} }, Plain {} })
    store:set { a = 5 }
    store:set {}
    testing.settle()
    assert.equal("broken\nplain nil", screen:text())
  end)

  it("tells subscribers as tasks, until they unsubscribe", function()
    local store, heard = hearth.Store(1), {}
    local stop = store:subscribe(function(v, old)
      assert.is_true(hearth.in_task())
      heard[#heard + 1] = v .. "<" .. old
    end)
    store:set(2)
    store:set(2)
    assert.same({}, heard)
    testing.settle()
    stop()
    store:set(3)
    testing.settle()
    assert.same({ "2<1" }, heard)
    assert.equal(3, store:get())
  end)

  it("bound through a function that raises shows the fallback of the boundary above", function()
    local store = hearth.Store(1)
    local function halved(v) return v // (v ~= 2 and 2 or error("two is odd here", 0)) end
    local function fallback(err) return "failed: " .. err end
    local screen = testing.render(Column {
      hearth.ErrorBoundary { fallback = fallback, Column { Text(store:bind(halved)) } }, Text(store:bind()) })
    store:set(2)
    testing.settle()
    assert.equal("failed: two is odd here\n2", screen:text())
  end)

  it("bound to a Text shows any value as tostring does, nil as nothing", function()
    local store = hearth.Store(false)
    local screen = testing.render(Column { Text(store:bind()), Text "end" })
    local named = setmetatable({}, { __tostring = function() return "a table with a name" end })
    for _, v in ipairs { 0, 7, -7, 10, 1234567890, math.maxinteger, math.mininteger, 0.5, -0.0, 1e100, 3.0, true, false, "text", named } do
      store:set(v)
      testing.settle()
      assert.equal(tostring(v) .. "\nend", screen:text())
    end
    store:set(nil)
    testing.settle()
    assert.equal("", screen:get_by_type("Column").children[1].props.text)
  end)

  it("bound to a prop changes the node without a render", function()
    local store = hearth.Store(1)
    local C = component("C", function(p)
      return Column {
        Text(store:bind()), Text(store:bind(function(n) return n * 2 end), { id = "twice" }),
        hearth.ProgressBar { value = store:bind() }, p.on and Text "on" }
    end)
    local screen = testing.render(C {})
    assert.equal("1\n2", screen:text())
    store:set(5)
    testing.settle()
    assert.equal("5\n10", screen:text())
    assert.equal(5, screen:get_by_type "ProgressBar".props.value)
    assert.equal(1, screen:renders(C))
    assert.equal(2, screen:commits())
    screen:rerender(C { on = true })
    store:set(6)
    testing.settle()
    assert.equal("6\n12\non", screen:text())
    screen:unmount()
    assert.is_false(store.links)
  end)
end)

describe("async effects", function()
  it("are cancelled when deps change and at the unmount, and may return a cleanup or an awaitable", function()
    local log = {}
    local C = component("C", function(p)
      hearth.use_async_effect(function()
        log[#log + 1] = "start " .. p.n
        local ok, err = pcall(hearth.sleep, p.n == 3 and 0 or 100)
        if not ok then
          log[#log + 1] = "cancelled " .. p.n
          error(err, 0)
        end
        return function() log[#log + 1] = "cleanup " .. p.n end
      end, { p.n })
      return Text "x"
    end)
    local screen = testing.render(C { n = 1 })
    testing.settle()
    screen:rerender(C { n = 2 })
    testing.settle()
    screen:rerender(C { n = 3 })
    testing.settle()
    hearth.sleep(0.005)
    screen:unmount()
    testing.settle()
    assert.same({ "start 1", "cancelled 1", "start 2", "cancelled 2", "start 3", "cleanup 3" }, log)
  end)
end)

describe("the collector, which a mount holds off", function()
  local roots, headless = require "hearth.ui.root", require "hearth.render.headless"
  local function is_running() return collectgarbage "isrunning" end

  it("goes on once the first frame is committed, for effects too", function()
    local rendering, in_effect
    local C = component("C", function()
      rendering = is_running()
      use_effect(function() in_effect = is_running() end)
      return Text "x"
    end)
    local root = roots.mount(C {}, headless.new())
    assert.same({ false, true, true }, { rendering, in_effect, is_running() })
    root:unmount()
  end)

  it("goes on after a layout effect that shows its root again, a render and a renderer that fail", function()
    local root, C
    C = component("C", function(p)
      hearth.use_layout_effect(function()
        if p.n == 2 then root:rerender(C { n = 3 }) end
      end, { p.n })
      return p.n < 4 and Text("x") or error "no"
    end)
    root = roots.mount(C { n = 1 }, headless.new())
    root:rerender(C { n = 2 })
    assert.is_true(is_running())
    assert.has_error(function() root:rerender(C { n = 4 }) end)
    assert.is_true(is_running())
    root:unmount()

    local renderer = headless.new()
    local children = renderer.children
    renderer.children = function(node, nodes)
      if #nodes > 0 then error "a renderer that fails" end
      children(node, nodes)
    end
    assert.has_error(function() roots.mount(C { n = 1 }, renderer) end)
    assert.is_true(is_running())
  end)

  -- A first mount puts the collector off until as much has been made again; mounts in a row must not put it off for ever.
  it("runs also in a program that mounts and unmounts without end", function()
    local C = component("C", function()
      local rows = {}
      for i = 1, 1000 do rows[i] = Text(tostring(i), { key = i }) end
      return Column(rows)
    end)
    collectgarbage()
    local before, highest = collectgarbage "count", 0
    for _ = 1, 100 do
      roots.mount(C {}, headless.new()):unmount()
      highest = math.max(highest, collectgarbage "count")
    end
    assert.is_true(highest - before < 16384, ("%.0f KiB more than before"):format(highest - before))
  end)
end)
