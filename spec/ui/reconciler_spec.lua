local hearth = require "hearth"
local headless = require "hearth.render.headless"
local random_from = require "spec.support.random"
local roots = require "hearth.ui.root"
local testing = require "hearth.testing"
local component, use_state, use_effect = hearth.component, hearth.use_state, hearth.use_effect
local Text, Column, Row, Fragment = hearth.Text, hearth.Column, hearth.Row, hearth.Fragment

-- A renderer that hears insert and remove only, over nodes of the same shape.
local function inserting()
  local ops = 0
  local function index(list, node)
    for i, other in ipairs(list) do if other == node then return i end end
  end
  return {
    create = function(type, props) return { type = type, props = props, children = {} } end,
    update = function(node, props) node.props = props end,
    insert = function(parent, node, before)
      ops = ops + 1
      local at = index(parent.children, node)
      if at then table.remove(parent.children, at) end
      table.insert(parent.children, before and assert(index(parent.children, before), "before is not there") or #parent.children + 1, node)
    end,
    remove = function(parent, node)
      ops = ops + 1
      table.remove(parent.children, assert(index(parent.children, node), "removed twice"))
    end,
  }, function() local n = ops ops = 0 return n end
end

local function dump(node, out)
  out = out or {}
  local props = {}
  for k, v in pairs(node.props) do
    if type(v) == "table" then v = "width " .. tostring(v.width) end
    if type(k) == "string" and k ~= "key" then props[#props + 1] = k .. "=" .. tostring(v) end
  end
  table.sort(props)
  out[#out + 1] = node.type .. "(" .. table.concat(props, ",") .. ")["
  for _, child in ipairs(node.children) do dump(child, out) end
  out[#out + 1] = "]"
  return table.concat(out)
end

describe("children", function()
  it("drop nil, false and true, flatten lists, and take texts and numbers", function()
    local C = component("C", function() return { Text "from", nil, Text "a list" } end)
    local screen = testing.render(Column { false, Text "a", nil,
      { Text "b", true, { "c", 4 } }, Fragment { Text "d", nil, C {} }, nil, Text "e", nil })
    assert.equal("a\nb\nc\n4\nd\nfrom\na list\ne", screen:text())
  end)

  it("may be nothing at all", function()
    local Nothing = component("Nothing", function() return nil end)
    assert.equal("", testing.render(Column { Nothing {} }):text())
    assert.equal("", testing.render(Nothing {}):text())
  end)

  it("are not the component itself, nor a function", function()
    local C = component("Inner", function() return Text "x" end)
    assert.error_matches(function() testing.render(Column { C }) end, "call it: Inner{")
    assert.error_matches(function() testing.render(Column { print }) end, "got a function")
  end)
end)

describe("keys", function()
  local mounts, unmounts
  local Item = component("Item", function(p)
    local id = use_state(function() mounts = mounts + 1 return mounts end)
    use_effect(function() return function() unmounts = unmounts + 1 end end, {})
    return Text(p.name .. "#" .. id)
  end)
  local function list(names)
    local items = {}
    for name in names:gmatch "." do items[#items + 1] = Item { key = name, name = name } end
    return Column { Text "head", items, Text "tail" }
  end
  before_each(function() mounts, unmounts = 0, 0 end)

  for _, case in ipairs {
    { "abcd", "dcba", "d#4 c#3 b#2 a#1" }, { "abcd", "abdc", "a#1 b#2 d#4 c#3" }, { "abcd", "bcd", "b#2 c#3 d#4" },
    { "abcd", "xabcd", "x#5 a#1 b#2 c#3 d#4" },
    { "abcd", "axd", "a#1 x#5 d#4" }, { "abcdef", "fbxdea", "f#6 b#2 x#7 d#4 e#5 a#1" }, { "", "ab", "a#1 b#2" }, { "ab", "", "" },
    { "abcdefgh", "hgxbadyc", "h#8 g#7 x#9 b#2 a#1 d#4 y#10 c#3" },
  } do
    it(("keep the state of %s that become %s"):format(case[1], case[2]), function()
      local screen = testing.render(list(case[1]))
      screen:rerender(list(case[2]))
      assert.equal(("head %s tail"):format(case[3]):gsub("  ", " "), (screen:text():gsub("\n", " ")))
      local gone = 0
      for name in case[1]:gmatch "." do if not case[2]:find(name, 1, true) then gone = gone + 1 end end
      assert.equal(gone, unmounts)
    end)
  end

  it("of siblings must differ, and the message names them", function()
    local err = select(2, pcall(testing.render, list "aba"))
    assert.equal("EINVAL", err.code)
    assert.matches('key "a"', err.message)
    local screen = testing.render(list "ab")
    local before = screen:text()
    assert.has_error(function() screen:rerender(list "abb") end)
    assert.equal(before, screen:text())
  end)

  it("are not NaN, at first or later", function()
    local ok, err = pcall(testing.render, Column { Text("a", { key = 0 / 0 }) })
    assert.is_false(ok)
    assert.matches("EINVAL: a child of Column in the root has NaN as its key", tostring(err), 1, true)
    local screen = testing.render(Column { Text("a", { key = 1 }) })
    ok, err = pcall(screen.rerender, screen, Column { Text("a", { key = 1 }), Text("b", { key = 0 / 0 }) })
    assert.is_false(ok)
    assert.matches("NaN", tostring(err))
    assert.equal("a", screen:text())
  end)

  it("are asked for when a list without them changes its length", function()
    local heard = {}
    require("hearth.ui.diagnostics").listener = function(text) heard[#heard + 1] = text end
    local App = component("App", function(p)
      local items = {}
      for i = 1, p.n do items[i] = Text("row " .. i) end
      return Column { items }
    end)
    local screen = testing.render(App { n = 2 })
    screen:rerender(App { n = 3 })
    screen:rerender(App { n = 4 })
    assert.equal(1, #heard)
    assert.matches("App: a list of children changed its length", heard[1])
  end)
end)

describe("a renderer that hears insert and remove", function()
  it("hears no more than needed", function()
    local renderer, ops = inserting()
    local function list(names)
      local items = {}
      for name in names:gmatch "." do items[#items + 1] = Text(name, { key = name }) end
      return Column(items)
    end
    local root = roots.mount(list "abcdef", renderer)
    ops()
    for _, case in ipairs { { "abcdef", 0 }, { "fabcde", 1 }, { "fabde", 1 }, { "xfabde", 1 }, { "xefabd", 1 }, { "xdfabe", 2 } } do
      root:rerender(list(case[1]))
      assert.equal(case[2], ops(), case[1])
      local shown = {}
      for i, node in ipairs(root.node.children[1].children) do shown[i] = node.props.text end
      assert.equal(case[1], table.concat(shown))
    end
    root:unmount()
  end)
end)

describe("a renderer that raises", function()
  it("is reported, and hears of everything with the next change", function()
    local set
    local App = component("App", function()
      local n, set_n = use_state(0)
      set = set_n
      return Column { Text("a" .. n), Text("b" .. n) }
    end)
    local renderer = headless.new()
    local update, calls = renderer.update, 0
    renderer.update = function(node, props)
      calls = calls + 1
      if calls == 2 then error("no ink", 0) end
      update(node, props)
    end
    local root = roots.mount(App {}, renderer)
    set(1)
    testing.settle()
    local seen = require("hearth.core.task").unseen()
    assert.equal(1, #seen)
    assert.matches("no ink", seen[1])
    set(2)
    testing.settle()
    local column = root.node.children[1]
    assert.same({ "a2", "b2" }, { column.children[1].props.text, column.children[2].props.text })
    root:unmount()
  end)
end)

describe("random trees", function()
  local random = random_from(42)
  local setters = {}
  local Leaf = component("Leaf", function(p)
    local n, set = use_state(0)
    setters[#setters + 1] = set
    return (p.n + n) % 3 ~= 0 and Text("leaf " .. p.n .. "/" .. n) or nil
  end)
  local Pure = component("Pure", function(p)
    if p.n % 4 == 0 then return nil end
    if p.n % 4 == 1 then return { Text "one", Text("two " .. p.n) } end
    if p.n % 4 == 2 then return Row { spacing = p.n, Text "row" } end
    return "text " .. p.n
  end)
  local function tree(depth, stateful)
    local kind = random(depth > 0 and 9 or 5)
    if kind == 1 then return Text("t" .. random(3)) end
    if kind == 2 then return random(2) == 1 and nil end
    if kind == 3 then return Pure { n = random(8) } end
    if kind == 4 then return stateful and Leaf { n = random(4) } or "s" .. random(3) end
    if kind == 5 then return Text("k", { id = "i" .. random(2), style = { width = random(2) } }) end
    local children, n = {}, random(6) - 1
    local keyed = random(2) == 1
    local used = {}
    for i = 1, n do
      local child = tree(depth - 1, stateful)
      if keyed and type(child) == "table" and child.type then
        local key = random(9)
        if not used[key] then
          used[key] = true
          child = { type = child.type, props = child.props, key = key }
        end
      end
      children[i] = child
    end
    children.n = nil
    if kind == 6 then return Column(children) end
    if kind == 7 then children.spacing = random(3) return Row(children) end
    if kind == 8 then return Fragment(children) end
    return #children > 0 and children or Column(children)
  end

  it("patched are as if freshly mounted", function()
    require("hearth.ui.diagnostics").listener = function() end
    for _ = 1, 60 do
      local one, two = roots.mount(Column { tree(4) }, headless.new()), roots.mount(Column {}, (inserting()))
      for _ = 1, 12 do
        local element = Column { tree(4), tree(3), tree(4) }
        one:rerender(element)
        two:rerender(element)
        local fresh = roots.mount(element, headless.new())
        assert.equal(dump(fresh.node), dump(one.node))
        assert.equal(dump(fresh.node), dump(two.node))
        fresh:unmount()
      end
      one:unmount()
      two:unmount()
    end
  end)

  it("with state agree on every renderer after any sets", function()
    require("hearth.ui.diagnostics").listener = function() end
    for _ = 1, 30 do
      setters = {}
      local element = Column { tree(4, true), tree(4, true) }
      local one = roots.mount(element, headless.new())
      local mine = setters
      setters = {}
      local two = roots.mount(element, (inserting()))
      local yours = setters
      assert.equal(#mine, #yours)
      for _ = 1, 6 do
        for i = 1, #mine do
          if random(3) == 1 then
            local v = random(4)
            mine[i](v)
            yours[i](v)
          end
        end
        testing.settle()
        assert.equal(dump(one.node), dump(two.node))
      end
      one:unmount()
      two:unmount()
    end
  end)
end)

describe("memory", function()
  it("returns to where it was after 10,000 mounts and unmounts", function()
    local App = component("App", function(p)
      local n = use_state(p.n)
      use_effect(function() return function() end end, {})
      return Column { Text("n" .. n), hearth.Button("b", { on_click = print }) }
    end)
    local renderer = headless.new()
    local function cycle(times)
      for i = 1, times do roots.mount(App { n = i }, renderer):unmount() end
      collectgarbage()
      collectgarbage()
      return collectgarbage "count"
    end
    local before = cycle(500)
    local after = cycle(10000)
    assert.is_true(after - before < 1, ("%.1f KB more"):format(after - before)) -- 0.1 bytes a mount
  end)
end)

describe("props of a host element", function()
  -- Lua may keep integer keys that were added one by one among the named ones, in any order.
  it("are all there, however its children were put into the table", function()
    for size = 1, 40 do
      local props = { id = "x", label = "y", role = "r", tooltip = "t", class = "c", style = { bold = true }, spacing = 1 }
      local named = {}
      for name in pairs(props) do named[#named + 1] = name end
      for i = 1, size do props[i] = hearth.Text("row") end
      local mounted = roots.mount(hearth.Column(props), headless.new())
      local node = mounted.node.children[1]
      for _, name in ipairs(named) do assert.equal(props[name], node.props[name], name .. " beside " .. size) end
      assert.equal(size, #node.children)
      props = {}
      for name, value in pairs(node.props) do props[name] = value end
      props.tooltip = "other"
      for i = 1, size do props[i] = hearth.Text("row") end
      mounted:rerender(hearth.Column(props))
      assert.equal("other", mounted.node.children[1].props.tooltip)
      local unknown = { wdith = 3, id = "x", label = "y", role = "r", tooltip = "t" }
      for i = 1, size do unknown[i] = hearth.Text("row") end
      assert.has_error(function() hearth.Column(unknown) end)
      mounted:unmount()
    end
  end)
end)
