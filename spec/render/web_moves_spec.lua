-- Animations that a page runs by itself: it is told once where a style goes, and hears of no frame.

local hearth = require "hearth"
local root = require "hearth.ui.root"
local testing = require "hearth.testing"
local web = require "hearth.render.web"

local Animated = hearth.Animated

describe("an animation in a page", function()
  local clock, renderer, mounted

  before_each(function() clock = testing.fake_clock() end)
  after_each(function() mounted:unmount() end)

  -- Shows an element; its patches so far are taken.
  local function show(element)
    renderer = web.new()
    mounted = root.mount(element, renderer)
    renderer.html()
    renderer.take()
  end

  local function patches()
    testing.settle()
    local text = renderer.take()
    return text and hearth.json.decode(text) or {}
  end

  -- All patches while time passes in frames.
  local function during(seconds)
    local all = {}
    for _ = 1, seconds * 60 do
      clock:advance(1 / 60)
      for _, p in ipairs(patches()) do all[#all + 1] = p end
    end
    return all
  end

  it("is one message where the style follows evenly, and nothing more", function()
    local x = Animated.Value(0)
    show(Animated.View { style = { opacity = x, width = x * 10 } })
    Animated.timing(x, { to = 1, duration = 400, easing = "ease_out" }):start()
    local first = patches()
    assert.equal(1, #first)
    assert.same({ "m", 1, "opacity:1;width:10ch", 400, "ease-out" }, first[1])
    assert.same({}, during(1))
    assert.equal(1, x.value)
  end)

  it("is told also after a render that made the style anew, with the same numbers in it", function()
    local x, again = Animated.Value(0), nil
    show(hearth.component(function()
      local n, set = hearth.use_state(0)
      again = set
      local fade = x:interpolate { input = { 0, 1 }, output = { 1, 0 } }
      return hearth.Column { hearth.Text(tostring(n)), Animated.View { style = { opacity = fade } } }
    end) {})
    again(1)
    patches()
    Animated.timing(x, { to = 1, duration = 400, easing = "linear" }):start()
    local moved = patches()
    assert.same({ "opacity:0", 400, "linear" }, { table.unpack(moved[1], 3) })
    assert.same({}, during(1))
  end)

  it("moves colours, and curves for which CSS has no name", function()
    local x = Animated.Value(0)
    show(Animated.View { style = { color = x:interpolate { input = { 0, 1 }, output = { "#000000", "#ff8000" } } } })
    Animated.timing(x, { to = 1, duration = 200, easing = "bounce" }):start()
    local m = patches()[1]
    assert.equal("m", m[1])
    assert.equal("color:#ff8000", m[3])
    assert.truthy(m[5]:match "^linear%(0,.*,1%)$")
    assert.same({}, during(0.5))
    Animated.timing(x, { to = 0, easing = { 0.1, 0.2, 0.3, 1.4 } }):start()
    assert.equal("cubic-bezier(0.1,0.2,0.3,1.4)", patches()[1][5])
    during(0.5)
    Animated.spring(x, { to = 1 }):start()
    m = patches()[1]
    assert.truthy(m[4] > 500 and m[5]:match "^linear%(")
    assert.same({}, during(4))
  end)

  it("is one message too from where another was stopped, however close to its beginning", function()
    local x = Animated.Value(1e-7)
    show(Animated.View { style = { opacity = x, width = x * 40 } })
    Animated.timing(x, { to = 1, duration = 100 }):start()
    assert.same({ { "m", 1, "opacity:1;width:40ch", 100, "ease-in-out" } }, patches())
    assert.same({}, during(0.3))
  end)

  it("is two motions together when they are alike", function()
    local x, y = Animated.Value(0), Animated.Value(0)
    show(Animated.View { style = { opacity = x, width = y } })
    Animated.parallel { Animated.timing(x, { to = 1, duration = 100 }), Animated.timing(y, { to = 5, duration = 100 }) }:start()
    assert.same({ { "m", 1, "opacity:1;width:5ch", 100, "ease-in-out" } }, patches())
    assert.same({}, during(0.3))
  end)

  it("is frames where a browser could not know the way", function()
    local x, y = Animated.Value(0), Animated.Value(0)
    local function frames(element, start)
      show(element)
      start()
      local all = patches()
      for _, p in ipairs(during(0.3)) do all[#all + 1] = p end
      mounted:unmount()
      assert.truthy(#all > 5, #all)
      for _, p in ipairs(all) do assert.equal("u", p[1]) end
      return all[#all][3]
    end
    local corner = x:interpolate { input = { 0, 0.5, 1 }, output = { 0, 1, 0 } }
    assert.truthy(frames(Animated.View { style = { opacity = corner } }, function()
      Animated.timing(x, { to = 1, duration = 200 }):start()
    end):find("opacity:0", 1, true))
    x:set_value(0)
    assert.truthy(frames(Animated.Text(x, { style = { opacity = x } }), function()
      Animated.timing(x, { to = 1, duration = 200 }):start()
    end):find(">1<", 1, true))
    x:set_value(0)
    assert.truthy(frames(Animated.View { style = { opacity = x, width = y } }, function()
      Animated.timing(x, { to = 1, duration = 200 }):start()
      Animated.timing(y, { to = 1, duration = 250 }):start()
    end):find("opacity:1;width:1ch", 1, true))
    show(hearth.Text "end")
  end)

  it("stops on the page where it is stopped", function()
    local x = Animated.Value(0)
    show(Animated.View { style = { opacity = x } })
    local handle = Animated.timing(x, { to = 1, duration = 1000, easing = "linear" }):start()
    assert.equal("m", patches()[1][1])
    assert.same({}, during(0.5))
    handle:stop()
    local p = patches()
    assert.equal(1, #p)
    assert.equal("u", p[1][1])
    assert.truthy(p[1][3]:find("opacity:0.5", 1, true), p[1][3])
    assert.same({}, during(1))
    -- Stopped before a frame: the page is told that it goes nowhere.
    handle = Animated.timing(x, { to = 1, duration = 1000 }):start()
    assert.equal("m", patches()[1][1])
    handle:stop()
    p = patches()
    assert.equal("u", p[1][1])
  end)

  it("takes another way in the middle, and what is set meanwhile", function()
    local x, y = Animated.Value(0), Animated.Value(2)
    show(Animated.View { style = { opacity = x, width = y } })
    Animated.timing(x, { to = 1, duration = 1000, easing = "linear" }):start()
    assert.equal("m", patches()[1][1])
    during(0.5)
    Animated.timing(x, { to = 0, duration = 500, easing = "linear" }):start()
    local p = patches()
    assert.same({ "u", "m" }, { p[1][1], p[2][1] })
    assert.same({ "opacity:0;width:2ch", 500 }, { p[2][3], p[2][4] })
    during(0.1)
    y:set_value(7)
    p = patches()
    assert.truthy(p[1][3]:find("width:7ch", 1, true))
    p = during(1)
    assert.truthy(p[#p][3]:find("opacity:0;width:7ch", 1, true))
  end)

  it("shows another prop that changes meanwhile, in the style or not", function()
    local x, y = Animated.Value(0), Animated.Value(2)
    for props, shown in pairs { [{ opacity = x }] = ">7<", [{ opacity = x, width = y * 2 }] = "width:14ch" } do
      y:set_value(2)
      x:set_value(0)
      show(Animated.Text(y, props))
      Animated.timing(x, { to = 1, duration = 1000, easing = "linear" }):start()
      assert.equal("m", patches()[1][1])
      during(0.1)
      y:set_value(7)
      assert.truthy(patches()[1][3]:find(shown, 1, true))
      mounted:unmount()
    end
  end)

  it("is frames from when its component changes something else", function()
    local x, set = Animated.Value(0), nil
    local App = hearth.component("App", function()
      local n
      n, set = hearth.use_state(0)
      return Animated.View { style = { opacity = x }, tooltip = "n " .. n }
    end)
    show(App {})
    Animated.timing(x, { to = 1, duration = 200 }):start()
    assert.equal("m", patches()[1][1])
    during(0.1)
    set(1)
    assert.truthy(patches()[1][3]:find("n 1", 1, true))
    local p = during(0.5)
    assert.truthy(p[#p][3]:find("opacity:1", 1, true))
  end)
end)
