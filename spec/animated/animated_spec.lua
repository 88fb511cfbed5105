local hearth = require "hearth"
local testing = require "hearth.testing"
local frames = require "hearth.animated.frames"

local Animated = hearth.Animated

describe("Animated", function()
  local clock
  before_each(function() clock = testing.fake_clock() end)

  local function near(want, got)
    assert.is_true(math.abs(want - got) < 1e-9, ("wanted %.12g, got %.12g"):format(want, got))
  end

  local function linear(value, to, duration) return Animated.timing(value, { to = to, duration = duration, easing = "linear" }) end

  -- What the callback of a started animation was given: nil, true or false.
  local function start(handle)
    local seen = {}
    handle:start(function(result) seen[#seen + 1] = result.finished end)
    return seen
  end

  describe("timing", function()
    it("moves a value exactly by the clock", function()
      local v = Animated.Value(10)
      local seen = start(linear(v, 20, 1000))
      assert.equal(10, v.value)
      clock:advance(0.25)
      assert.equal(12.5, v.value)
      clock:advance(0.333)
      near(15.83, v.value)
      clock:advance(0.417)
      assert.equal(20, v.value)
      assert.same({ true }, seen)
      assert.is_false(frames.active())
    end)

    it("lasts 300 ms with ease_in_out where nothing else is said", function()
      local v = Animated.Value(0)
      local seen = start(Animated.timing(v, { to = 1 }))
      clock:advance(0.15)
      near(0.5, v.value)
      clock:advance(0.1)
      assert.same({}, seen)
      clock:advance(0.05)
      assert.same({ true }, seen)
      assert.equal(1, v.value)
    end)

    it("meets its end however the time before it is cut up", function()
      local v = Animated.Value(0)
      local seen = start(linear(v, 1, 300))
      for _ = 1, 3 do clock:advance(0.1) end
      assert.same({ true }, seen)
      assert.equal(1, v.value)
    end)

    it("of no duration is over at once", function()
      local v = Animated.Value(0)
      local seen = start(linear(v, 5, 0))
      clock:advance(0)
      assert.same({ true }, seen)
      assert.equal(5, v.value)
    end)

    it("may begin after a delay", function()
      local v = Animated.Value(0)
      Animated.timing(v, { to = 1, duration = 100, delay = 200, easing = "linear" }):start()
      clock:advance(0.2)
      assert.equal(0, v.value)
      clock:advance(0.05)
      assert.equal(0.5, v.value)
      clock:advance(0.05)
      assert.equal(1, v.value)
    end)

    it("refuses what cannot be meant", function()
      local v = Animated.Value(0)
      for _, bad in ipairs {
        {}, { to = "1" }, { to = 0 / 0 }, { to = 1, duration = -1 }, { to = 1, easing = "no_such" }, { to = 1, length = 5 }, 5,
      } do
        local ok, err = pcall(Animated.timing, v, bad)
        assert.is_false(ok)
        assert.equal("EINVAL", err.code)
      end
      assert.has_error(function() Animated.timing(5, { to = 1 }) end)
      assert.has_error(function() Animated.timing(v + 1, { to = 1 }) end)
      assert.has_error(function() Animated.Value "x" end)
    end)

    it("whose easing raises ends, and says so", function()
      local v = Animated.Value(0)
      local task = require "hearth.core.task"
      local seen = start(Animated.timing(v, { to = 1, easing = function() error "odd" end }))
      clock:advance(0.1)
      assert.same({ false }, seen)
      assert.is_false(frames.active())
      assert.truthy(task.unseen()[1]:find "odd")
    end)
  end)

  describe("a handle", function()
    it("is started by awaiting it and gives {finished=}", function()
      local v = Animated.Value(0)
      local task = hearth.run_async(function() return hearth.await(linear(v, 1, 100)) end)
      clock:advance(0.1)
      assert.same({ finished = true }, task:await())
      assert.equal(1, v.value)
    end)

    it("may be awaited by method, with a time-out that leaves it running", function()
      local v = Animated.Value(0)
      local handle = linear(v, 1, 200)
      local task = hearth.run_async(function() return pcall(handle.await, handle, 0.1) end)
      clock:advance(0.1)
      local ok, err = task:await()
      assert.is_false(ok)
      assert.equal("ETIMEOUT", err.code)
      assert.is_true(handle:active())
      clock:advance(0.1)
      assert.equal(1, v.value)
    end)

    it("gives the same result to all who await it, afterwards too", function()
      local handle = linear(Animated.Value(0), 1, 100)
      local a = hearth.run_async(hearth.await, handle)
      local b = hearth.run_async(hearth.await, handle)
      clock:advance(0.1)
      assert.same({ true, true }, { a:await().finished, b:await().finished })
      assert.is_true(handle:await().finished)
    end)

    it("stops where it is", function()
      local v = Animated.Value(0)
      local handle = linear(v, 1, 100)
      local seen = start(handle)
      clock:advance(0.05)
      handle:stop()
      clock:advance(1)
      assert.same({ false }, seen)
      assert.equal(0.5, v.value)
      handle:stop()
      assert.same({ false }, seen)
    end)

    it("stops when its awaiter is cancelled", function()
      local v = Animated.Value(0)
      local handle = linear(v, 1, 100)
      local task = hearth.run_async(hearth.await, handle)
      clock:advance(0.05)
      task:cancel()
      pcall(task.await, task)
      clock:advance(1)
      assert.equal(0.5, v.value)
      assert.is_false(handle:active())
    end)

    it("that an async effect awaits stops with its component, and leaves nothing behind", function()
      local v = Animated.Value(0)
      local App = hearth.component("App", function()
        hearth.use_async_effect(function() hearth.all { Animated.sequence { linear(v, 1, 100), linear(v, 0, 100) } } end, {})
        return Animated.Text(v)
      end)
      local screen = testing.render(App {})
      testing.settle()
      clock:advance(0.05)
      assert.equal("0.5", screen:text())
      screen:unmount() -- that nothing outlives the test is looked at by whoever runs it
      testing.settle()
      assert.is_false(frames.active())
    end)

    it("stops when its awaiter is cancelled, also one that catches that and goes on", function()
      local v, w = Animated.Value(0), Animated.Value(0)
      local one, many = linear(v, 1, 100), linear(w, 1, 100)
      local went_on = {}
      local tasks = {
        hearth.run_async(function()
          went_on[1] = hearth.is_cancelled(select(2, pcall(hearth.await, one)))
          hearth.sleep(10)
        end),
        hearth.run_async(function()
          went_on[2] = hearth.is_cancelled(select(2, pcall(hearth.all, { many })))
          hearth.sleep(10)
        end),
      }
      clock:advance(0.05)
      for _, task in ipairs(tasks) do task:cancel() end
      clock:advance(1)
      assert.same({ true, true }, went_on)
      assert.same({ 0.5, 0.5 }, { v.value, w.value })
      assert.is_false(one:active() or many:active())
      clock:advance(10)
      for _, task in ipairs(tasks) do assert.is_true(task:done()) end
    end)

    it("goes on for others when one who waits with a time-out gives up", function()
      local v = Animated.Value(0)
      local handle = linear(v, 1, 100)
      local patient = hearth.run_async(hearth.await, handle)
      local hasty = hearth.run_async(function() return pcall(hearth.await, handle, 0.05) end)
      clock:advance(0.06)
      assert.is_false((hasty:await()))
      clock:advance(0.1)
      assert.is_true(patient:await().finished)
    end)

    it("stops when it loses a race, and when another of `all` fails", function()
      local a, b = Animated.Value(0), Animated.Value(0)
      local slow, fast = linear(a, 1, 200), linear(b, 1, 100)
      local task = hearth.run_async(hearth.race, { slow, fast })
      clock:advance(0.1)
      assert.is_true(task:await().finished)
      testing.settle()
      assert.is_false(slow:active())
      assert.equal(0.5, a.value)
      task = hearth.run_async(function()
        return pcall(hearth.all, { slow, hearth.run_async(function() error("no", 0) end) })
      end)
      assert.is_false((task:await()))
      testing.settle()
      assert.is_false(slow:active())
    end)

    it("may be started again", function()
      local v = Animated.Value(0)
      local handle = linear(v, 1, 100)
      handle:start()
      clock:advance(0.1)
      v:set_value(0)
      local seen = start(handle)
      clock:advance(0.05)
      assert.equal(0.5, v.value)
      clock:advance(0.05)
      assert.same({ true }, seen)
    end)
  end)

  it("a second animation stops the first, and so does set_value", function()
    local v = Animated.Value(0)
    local first = start(linear(v, 1, 100))
    clock:advance(0.05)
    local second = start(linear(v, 0, 100))
    clock:advance(0)
    assert.same({ false }, first)
    assert.equal(0.5, v.value)
    clock:advance(0.05)
    assert.equal(0.25, v.value)
    v:set_value(7)
    clock:advance(1)
    assert.same({ false }, second)
    assert.equal(7, v.value)
  end)

  describe("spring", function()
    -- The closed form of a damped oscillator that is let go at distance x0.
    local function form(k, c, m, x0, t)
      local w0, zeta = math.sqrt(k / m), c / (2 * math.sqrt(k * m))
      if zeta < 1 then
        local w = w0 * math.sqrt(1 - zeta ^ 2)
        return math.exp(-zeta * w0 * t) * x0 * (math.cos(w * t) + zeta * w0 / w * math.sin(w * t))
      elseif zeta == 1 then
        return math.exp(-w0 * t) * x0 * (1 + w0 * t)
      end
      local w = w0 * math.sqrt(zeta ^ 2 - 1)
      local function cosh(x) return (math.exp(x) + math.exp(-x)) / 2 end
      local function sinh(x) return (math.exp(x) - math.exp(-x)) / 2 end
      return math.exp(-zeta * w0 * t) * x0 * (cosh(w * t) + zeta * w0 / w * sinh(w * t))
    end

    for name, p in pairs { swinging = { 100, 10, 1 }, critical = { 100, 20, 1 }, heavy = { 170, 26, 2.5 }, slow = { 50, 40, 1 } } do
      it(name .. " follows its closed form and comes to rest", function()
        local v = Animated.Value(2)
        local seen = start(Animated.spring(v, { to = 12, stiffness = p[1], damping = p[2], mass = p[3] }))
        for i = 1, 30 do
          clock:advance(0.02)
          near(12 + form(p[1], p[2], p[3], -10, i * 0.02), v.value)
        end
        clock:advance(20)
        assert.same({ true }, seen)
        assert.equal(12, v.value)
        assert.is_false(frames.active())
      end)
    end

    it("goes past its end, or not", function()
      local function highest(overshoot)
        local v, top = Animated.Value(0), 0
        Animated.spring(v, { to = 1, damping = 5, overshoot = overshoot }):start()
        for _ = 1, 100 do
          clock:advance(0.02)
          top = math.max(top, v.value)
        end
        return top
      end
      assert.is_true(highest(nil) > 1.2)
      assert.equal(1, highest(false))
    end)
  end)

  it("decay follows its closed form and ends where it would come to rest", function()
    local v = Animated.Value(5)
    local seen = start(Animated.decay(v, { velocity = 1, deceleration = 0.99 }))
    for i = 1, 10 do
      clock:advance(0.05)
      near(5 + 100 * (1 - math.exp(-0.01 * 50 * i)), v.value)
    end
    clock:advance(1)
    assert.same({ true }, seen)
    near(105, v.value)
    assert.has_error(function() Animated.decay(v, { velocity = 1, deceleration = 1 }) end)
  end)

  describe("composition:", function()
    it("a sequence is one after another, to the microsecond", function()
      local v = Animated.Value(0)
      local seen = start(Animated.sequence { linear(v, 1, 100), Animated.delay(50), linear(v, 3, 100) })
      clock:advance(0.12)
      assert.equal(1, v.value)
      clock:advance(0.08)
      assert.equal(2, v.value)
      clock:advance(0.05)
      assert.equal(3, v.value)
      assert.same({ true }, seen)
      assert.same({ true }, start(Animated.sequence {}) and { true })
    end)

    it("parallel ends with the last, and one that is stopped stops all", function()
      local a, b = Animated.Value(0), Animated.Value(0)
      local seen = start(Animated.parallel { linear(a, 1, 100), linear(b, 1, 200) })
      clock:advance(0.1)
      assert.same({}, seen)
      clock:advance(0.1)
      assert.same({ true }, seen)
      seen = start(Animated.parallel { linear(a, 0, 100), linear(b, 0, 200) })
      clock:advance(0.05)
      a:set_value(9)
      clock:advance(1)
      assert.same({ false }, seen)
      assert.equal(0.75, b.value)
    end)

    it("stagger begins each some time after the one before", function()
      local list, values = {}, {}
      for i = 1, 3 do
        values[i] = Animated.Value(0)
        list[i] = linear(values[i], 1, 100)
      end
      local seen = start(Animated.stagger(50, list))
      clock:advance(0.1)
      assert.same({ 1, 0.5, 0 }, { values[1].value, values[2].value, values[3].value })
      clock:advance(0.1)
      assert.same({ 1, 1, 1 }, { values[1].value, values[2].value, values[3].value })
      assert.same({ true }, seen)
    end)

    it("loop begins again where it was at first", function()
      local v = Animated.Value(2)
      local seen = start(Animated.loop(linear(v, 4, 100), { iterations = 3 }))
      clock:advance(0.05)
      assert.equal(3, v.value)
      clock:advance(0.1)
      assert.equal(3, v.value)
      clock:advance(0.15)
      assert.same({ true }, seen)
      assert.equal(4, v.value)
    end)

    it("loop goes on for ever until it is stopped", function()
      local v = Animated.Value(0)
      local handle = Animated.loop(Animated.sequence { linear(v, 1, 100), linear(v, 0, 100) })
      local seen = start(handle)
      clock:advance(10.05)
      assert.same({}, seen)
      near(0.5, v.value)
      handle:stop()
      clock:advance(1)
      assert.same({ false }, seen)
      assert.is_false(frames.active())
    end)

    it("a loop of nothing turns once a frame, not for ever", function()
      local handle = Animated.loop(Animated.delay(0))
      handle:start()
      clock:advance(0.1)
      assert.is_true(handle:active())
      handle:stop()
      local seen = start(Animated.loop(Animated.delay(0), { iterations = 5 }))
      clock:advance(0)
      clock:advance(0.1)
      assert.same({ true }, seen)
    end)

    it("stops as a whole", function()
      local v, w = Animated.Value(0), Animated.Value(0)
      local handle = Animated.sequence { Animated.delay(50), Animated.parallel { linear(v, 1, 100), linear(w, 1, 100) }, linear(v, 5, 100) }
      local seen = start(handle)
      clock:advance(0.1)
      handle:stop()
      clock:advance(1)
      assert.same({ false }, seen)
      assert.equal(0.5, v.value)
      assert.equal(0.5, w.value)
    end)

    it("refuses what is no animation", function()
      for _, make in ipairs {
        function() Animated.sequence { 5 } end, function() Animated.parallel(5) end, function() Animated.loop {} end,
        function() Animated.delay(-1) end, function() Animated.stagger("x", {}) end,
        function() Animated.loop(Animated.delay(1), { iterations = 1.5 }) end,
      } do
        local ok, err = pcall(make)
        assert.is_false(ok)
        assert.equal("EINVAL", err.code)
      end
    end)
  end)

  describe("interpolation", function()
    local v
    before_each(function() v = Animated.Value(0) end)

    local function at(node, x)
      v:set_value(x)
      return node.value
    end

    it("maps numbers, piece by piece, and goes on beyond the ends", function()
      local n = v:interpolate { input = { 0, 1, 2 }, output = { 0, 100, 0 } }
      assert.same({ 0, 50, 100, 50, 0, -100, -50 }, { at(n, 0), at(n, 0.5), at(n, 1), at(n, 1.5), at(n, 2), at(n, 3), at(n, -0.5) })
    end)

    it("stays at the ends with clamp", function()
      local n = v:interpolate { input = { 0, 1 }, output = { 10, 20 }, clamp = true }
      assert.same({ 10, 15, 20 }, { at(n, -5), at(n, 0.5), at(n, 5) })
      n = v:interpolate { input_range = { 0, 1 }, output_range = { 10, 20 }, extrapolate_left = "clamp", extrapolate_right = "identity" }
      assert.same({ 10, 5 }, { at(n, -5), at(n, 5) })
    end)

    it("maps colours", function()
      local n = v:interpolate { input = { 0, 1 }, output = { "#000000", "#ff8000" }, clamp = true }
      assert.same({ "#000000", "#804000", "#ff8000" }, { at(n, 0), at(n, 0.5), at(n, 2) })
      n = v:interpolate { input = { 0, 1 }, output = { "rgba(255, 0, 0, 0)", "#f00" } }
      assert.same({ "#ff000080", "#ff0000" }, { at(n, 0.5), at(n, 1) })
      n = v:interpolate { input = { 0, 1 }, output = { "white", "black" } }
      assert.equal("#808080", at(n, 0.5))
    end)

    it("maps texts with numbers in them", function()
      local n = v:interpolate { input = { 0, 1 }, output = { "0%", "50%" } }
      assert.equal("12.5%", at(n, 0.25))
    end)

    it("follows what moves", function()
      local n = v:interpolate { input = { 0, 1 }, output = { 0, 10 } }
      linear(v, 1, 100):start()
      clock:advance(0.05)
      assert.equal(5, n.value)
    end)

    it("refuses ranges that do not fit", function()
      for _, bad in ipairs {
        { input = { 0 }, output = { 1 } }, { input = { 0, 1 }, output = { 1 } }, { input = { 1, 0 }, output = { 0, 1 } },
        { input = { 0, 1 }, output = { "#fff", "nocolour" } }, { input = { 0, 1 }, output = { "1px", "2em" } },
        { input = { 0, 1 }, output = { 0, 1 }, extrapolate = "x" }, { input = { 0, 1 }, output = { 0, 1 }, clmp = true }, 5,
      } do
        local ok, err = pcall(v.interpolate, v, bad)
        assert.is_false(ok)
        assert.equal("EINVAL", err.code)
      end
    end)
  end)

  it("calculates with values, by operators and by name", function()
    local a, b = Animated.Value(7), Animated.Value(2)
    assert.same({ 9, 5, 14, 3.5, 1, -7, 8, 10 }, {
      (a + b).value, (a - b).value, (a * b).value, (a / b).value, (a % b).value, (-a).value, Animated.add(a, 1).value, (3 + a).value,
    })
    local sum = Animated.multiply(Animated.add(a, b), 10)
    a:set_value(1)
    assert.equal(30, sum.value)
    b:set_value(0)
    assert.equal(0, (a / b).value)
    local hidden = Animated.diff_clamp(a, 0, 5)
    a:set_value(3)
    assert.equal(3, hidden.value)
    a:set_value(100)
    assert.equal(5, hidden.value)
    a:set_value(98)
    assert.equal(3, hidden.value)
  end)

  it("event puts fields of an event into values", function()
    local x, y = Animated.Value(0), Animated.Value(0)
    local seen
    local handler = Animated.event({ offset = { x = x, y = y } }, { listener = function(e) seen = e.offset and e.offset.x end })
    handler { offset = { x = 3, y = 4 } }
    assert.same({ 3, 4, 3 }, { x.value, y.value, seen })
    Animated.event(x)(9)
    assert.equal(9, x.value)
    handler {}
    assert.equal(9, x.value)
    assert.has_error(function() Animated.event { x = 5 } end)
  end)

  it("listeners hear of each change", function()
    local v, seen = Animated.Value(0), {}
    local remove = v:add_listener(function(x) seen[#seen + 1] = x end)
    v:set_value(1)
    v:set_value(1)
    testing.settle()
    assert.same({ 1 }, seen)
    remove()
    v:set_value(2)
    testing.settle()
    assert.same({ 1 }, seen)
  end)

  describe("on screen", function()
    it("moves props without rendering the component", function()
      local v = Animated.Value(0)
      local App = hearth.component("App", function()
        return Animated.View { id = "box", style = { width = v, height = 5 },
          Animated.Text(v:interpolate { input = { 0, 1 }, output = { 0, 100 } }, { id = "text" }) }
      end)
      local screen = testing.render(App {})
      linear(v, 1, 100):start()
      clock:advance(0.05)
      assert.equal("50", screen:get_by_id "text".props.text)
      assert.same({ width = 0.5, height = 5 }, screen:get_by_id "box".props.style)
      clock:advance(0.05)
      assert.equal("100", screen:get_by_id "text".props.text)
      assert.equal(1, screen:get_by_id "box".props.style.width)
      assert.equal(1, screen:renders(App))
    end)

    it("is one commit for all values of a frame", function()
      local values, children = {}, {}
      for i = 1, 5 do
        values[i] = Animated.Value(0)
        children[i] = Animated.Text(values[i])
      end
      local screen = testing.render(hearth.Column(children))
      for i = 1, 5 do linear(values[i], 1, 100):start() end
      local before = screen:commits()
      clock:advance(0.1)
      assert.is_true(screen:commits() - before <= 8)
    end)

    it("moves several values of one style, at any depth", function()
      local x, y = Animated.Value(0), Animated.Value(0)
      local screen = testing.render(Animated.View { id = "box", style = { { width = x, color = "red" }, { height = y * 2 } } })
      x:set_value(3)
      y:set_value(4)
      testing.settle()
      assert.same({ { width = 3, color = "red" }, { height = 8 } }, screen:get_by_id "box".props.style)
    end)

    it("goes on in a style that was rendered again, also one that follows two values or is shown twice", function()
      local x, y = Animated.Value(1), Animated.Value(2)
      local set
      local App = hearth.component("App", function()
        local n, s = hearth.use_state(0)
        set = s
        local height = (x * 2):interpolate { input = { 0, 1 }, output = { 0, 10 } }
        local box = Animated.View { style = { width = x + y, height = height, padding = n } }
        return hearth.Column { box, box }
      end)
      local screen = testing.render(App {})
      local function shown()
        testing.settle()
        local seen = {}
        for i, node in ipairs(screen:get_all_by_type "View") do
          local style = node.props.style
          seen[i] = ("%g %g %g"):format(style.width, style.height, style.padding)
        end
        return seen
      end
      assert.same({ "3 20 0", "3 20 0" }, shown())
      x:set_value(2)
      assert.same({ "4 40 0", "4 40 0" }, shown())
      set(1)
      assert.same({ "4 40 1", "4 40 1" }, shown())
      x:set_value(3)
      y:set_value(5)
      assert.same({ "8 60 1", "8 60 1" }, shown())
      set(2)
      y:set_value(6)
      assert.same({ "9 60 2", "9 60 2" }, shown())
      screen:unmount()
      assert.same({ false, false }, { x.links, y.links })
    end)

    it("is an update for a renderer that does not take single props: with a table of its own", function()
      local seen = {}
      local renderer = require "hearth.render.headless".new()
      renderer.set = nil
      local update = renderer.update
      renderer.update = function(node, props, old)
        seen[#seen + 1] = { props.opacity, old.opacity }
        update(node, props, old)
      end
      local v = Animated.Value(0)
      local mounted = require "hearth.ui.root".mount(Animated.View { opacity = v }, renderer)
      v:set_value(1)
      testing.settle()
      v:set_value(2)
      testing.settle()
      assert.same({ { 1, 0 }, { 2, 1 } }, seen)
      mounted:unmount()
    end)

    it("what follows a value is held by it only while somebody looks", function()
      local v = Animated.Value(1)
      local screen = testing.render(Animated.Text((v + v):interpolate { input = { 0, 1 }, output = { 0, 10 } }))
      local remove = (v * 2):add_listener(function() end)
      v:set_value(2)
      testing.settle()
      assert.equal("40", screen:text())
      screen:unmount()
      assert.is_truthy(v.links)
      remove()
      remove()
      assert.is_false(v.links)
    end)

    it("does not move where an element has gone", function()
      local v = Animated.Value(0)
      local screen = testing.render(Animated.Text(v))
      linear(v, 1, 100):start()
      screen:unmount()
      clock:advance(0.2)
      assert.equal(1, v.value)
      assert.is_false(v.links)
    end)

    it("use_animated_value keeps its value over renders and stops with the component", function()
      local values, set = {}, nil
      local App = hearth.component("App", function()
        local v = hearth.use_animated_value(function() return 3 end)
        local _, s = hearth.use_state(0)
        set = s
        values[#values + 1] = v
        return Animated.Text(v)
      end)
      local screen = testing.render(App {})
      set(1)
      testing.settle()
      assert.is_true(#values >= 2)
      assert.equal(values[1], values[#values])
      Animated.loop(linear(values[1], 4, 100)):start()
      clock:advance(0.05)
      assert.equal("3.5", screen:text())
      screen:unmount()
      assert.is_false(frames.active())
    end)
  end)

  it("sets no timer while nothing moves", function()
    local v = Animated.Value(0)
    assert.is_false(frames.active())
    linear(v, 1, 100):start()
    assert.is_true(frames.active())
    clock:advance(0.2)
    assert.is_false(frames.active())
    assert.is_false(require("hearth.core.timer").step(clock:now() + 100)) -- nothing was due
  end)
end)
