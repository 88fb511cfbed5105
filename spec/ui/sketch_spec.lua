-- Text and Button in a render that is not the first are only compared with what is on the screen; what is new or differs is checked and
-- copied as ever.
local hearth = require "hearth"
local testing = require "hearth.testing"
local Text, Button, Column = hearth.Text, hearth.Button, hearth.Column

describe("a text that is rendered again", function()
  local function app(render)
    local show
    local App = hearth.component("App", function()
      local state, set = hearth.use_state(nil)
      show = set
      return render(state)
    end)
    local screen = testing.render(hearth.ErrorBoundary { fallback = function(err) return Text("failed: " .. tostring(err)) end, App {} })
    return screen, function(v)
      show(v)
      testing.settle()
    end
  end

  local cases = {
    { "the same key", { key = 1 }, { key = 1 } }, { "another key", { key = 1 }, { key = 2 } },
    { "a prop more", { key = 1 }, { key = 1, id = "x" } },
    { "a prop less", { key = 1, id = "x" }, { key = 1 } }, { "an equal style", { style = { bold = true } }, { style = { bold = true } } },
    { "another style", { style = { bold = true } }, { style = { bold = true, dim = true } } },
    { "a smaller style", { style = { bold = true, dim = true } }, { style = { bold = true } } },
    { "the text among its props too", { id = "x" }, { id = "x", text = "other" } }, { "no props", { id = "x" }, nil },
    { "props for the first time", nil, { id = "x" } },
  }
  for _, case in ipairs(cases) do
    it(("with %s is what it would be if it were new"):format(case[1]), function()
      for _, text in ipairs { "a", "b" } do
        local screen, show = app(function(again)
          if again then return Column { Text(text, case[3]), "tail" } end
          return Column { Text("a", case[2]), "tail" }
        end)
        show(true)
        local fresh = testing.render(Column { Text(text, case[3]), "tail" })
        assert.same(fresh:get_all_by_type "Text"[1].props, screen:get_all_by_type "Text"[1].props)
        screen:unmount()
      end
    end)
  end

  it("tells the renderer nothing when nothing differs", function()
    local screen, show = app(function(n)
      return Column { Text("a", { key = 1, style = { bold = true } }), Button("b", { id = "b" }), Text(n and 3 or "3", { id = "n" }),
        "text" }
    end)
    local before = screen:commits()
    local props = screen:get_by_id "b".props
    show(1)
    assert.equal(before, screen:commits())
    assert.equal(props, screen:get_by_id "b".props)
  end)

  it("is an element like any other to a component that looks at its children", function()
    local seen = {}
    local Tabs = hearth.component("Tabs", function(props)
      for i, child in ipairs(props) do seen[i] = { child.type, child.props.text, child.props.id, child.key } end
      return Column(props)
    end)
    local _, show = app(function(n) return Tabs { Text("a", { id = "x", key = 1 }), Text(n and "c" or "b", { key = "k" }) } end)
    show(1)
    assert.same({ { "Text", "a", "x", 1 }, { "Text", "c", nil, "k" } }, seen)
  end)

  it("has what its props held when it was called", function()
    local screen, show = app(function(n)
      local rows, shared = {}, {}
      for i = 1, 3 do
        shared.key, shared.id = i, "row" .. i
        rows[i] = Text(n and "later" or "first", shared)
      end
      return Column(rows)
    end)
    show(1)
    for i = 1, 3 do assert.equal("later", screen:get_by_id("row" .. i).props.text) end
  end)

  it("has its key when a nested list grows", function()
    local warned = {}
    local diagnostics = require "hearth.ui.diagnostics"
    local warn = diagnostics.warn
    diagnostics.warn = function(_, message) warned[#warned + 1] = message end
    local _, show = app(function(n)
      local rows = {}
      for i = 1, n or 1 do rows[i] = Text("row", { key = i }) end
      return Column { "head", rows }
    end)
    show(2)
    diagnostics.warn = warn
    assert.same({}, warned)
  end)

  it("is refused as the first one is", function()
    for _, case in ipairs {
      { function() return Text("a", { colr = "red" }) end, 'unknown prop "colr".*color' },
      { function() return Text("a", 5) end, "props must be a table" },
      { function() return Button("a", { on_click = 5 }) end, "on_click must be a function" },
      { function() return Text({}, {}) end, "two tables" }, { function() return Text(print, { id = "x" }) end, "call it, or bind a Store" },
    } do
      local screen, show = app(function(again) return Column { again and case[1]() or Text "fine" } end)
      show(true)
      assert.matches("failed: EINVAL.*" .. case[2], screen:text())
      assert.matches("App", screen:text())
      screen:unmount()
    end
  end)

  it("may be remembered, and shown elsewhere", function()
    local screen, show = app(function(n)
      local kept = hearth.use_memo(function() return Text("kept " .. tostring(n), { id = "kept" }) end, { n ~= 1 })
      return n == 2 and Column { "x", Column { kept } } or Column { kept }
    end)
    for _, n in ipairs { 1, 2, 3 } do show(n) end
    assert.equal("kept 2", screen:text())
    assert.equal("kept 2", screen:get_by_id "kept".props.text)
  end)

  it("may be the whole of a component, a row of a FlatList, or follow a Store", function()
    local store = hearth.Store "s"
    local screen, show = app(function(n)
      return Column {
        hearth.FlatList({ "r1", "r2" }, { render_item = function(r) return Text(r, { style = { bold = n ~= nil } }) end }),
        Text(store:bind(), { id = "bound" }), Text(n and store:bind() or "plain", { id = "later" }),
        Text(n == 2 and "was bound" or store:bind(), { id = "before" }) }
    end)
    show(1)
    assert.equal("r1\nr2\ns\ns\ns", screen:text())
    show(2)
    store:set "t"
    testing.settle()
    assert.equal("r1\nr2\nt\nt\nwas bound", screen:text())
  end)
end)

describe("a list that is rendered again", function()
  -- A node and all below it, as text; functions and styles apart.
  local function shown(node)
    local parts = {}
    for name, value in pairs(node.props) do
      if type(value) ~= "function" and name ~= "style" then parts[#parts + 1] = name .. "=" .. tostring(value) end
    end
    table.sort(parts)
    for _, child in ipairs(node.children) do parts[#parts + 1] = shown(child) end
    return ("%s(%s)"):format(node.type, table.concat(parts, " "))
  end

  local Cell = hearth.component("Cell", function(props)
    assert.equal(props.name, hearth.use_ref(props.name).current) -- state stays with its key
    return Text(props.text, { id = "cell" .. props.name })
  end)

  -- Four kinds of rows; 0 is a hole, what is below a row without a key.
  local function row(n, seed)
    local text = "text " .. seed % 3
    if n == 0 then return false end
    if n < 0 then return "plain " .. n end
    if n % 4 == 0 then return Text(text, { key = n }) end
    if n % 4 == 1 then return Button(text, { key = n, style = { bold = seed % 2 == 0 } }) end
    if n % 4 == 2 then return Cell { key = n, name = n, text = text } end
    return Column { key = n, spacing = 1, text, Text("inner", { id = "x" .. seed % 2 }) }
  end

  it("is what it would be if it were new, whatever moved, came, went or changed", function()
    local List = hearth.component("List", function(props)
      local items = { n = #props.rows }
      for i, n in ipairs(props.rows) do items[i] = row(n, props.seed) end
      return Column { Column(items), props.nested and items or nil }
    end)
    local screen
    for seed = 1, 300 do
      math.randomseed(seed)
      local pool, rows = {}, {}
      for i = 1, 15 do pool[i] = i end
      for i = 1, math.random(0, 12) do
        local kind = math.random(10)
        rows[i] = kind == 1 and 0 or kind == 2 and -math.random(2) or table.remove(pool, math.random(#pool))
      end
      local element = List { rows = rows, seed = math.random(0, 3), nested = math.random(2) == 1 }
      if screen then screen:rerender(element) else screen = testing.render(element) end
      local fresh = testing.render(element)
      assert.equal(shown(fresh:get_all_by_type "Column"[1]), shown(screen:get_all_by_type "Column"[1]), "seed " .. seed)
      fresh:unmount()
    end
  end)
end)

-- The sketches of a render of many are kept, and recalled by the next one.
describe("a long list of texts that is rendered again", function()
  local show
  local List = hearth.component("List", function(props)
    local rows, set = hearth.use_state(props.rows)
    show = set
    local items = {}
    for i, r in ipairs(rows) do
      items[i] = (r.button and Button or Text)(r.text, { key = r.key, id = r.id, ref = r.ref, style = r.style })
      if r.read then assert.equal(r.text, items[i].props.text or items[i].props.label) end
      if r.write then items[i].key = items[i].key end
    end
    return Column(items)
  end)
  local function listed(screen)
    local out = {}
    for i, node in ipairs(screen:get_by_type "Column".children) do
      local p = node.props
      out[i] = { node.type, p.text or p.label, p.key, p.id, p.style and p.style.width or false }
    end
    return out
  end

  it("is what it would be if it were new, whatever moved, came, went, changed, or was looked at", function()
    local rows, made = {}, 0
    local function new()
      made = made + 1
      return { key = made, text = "text " .. math.random(3), id = math.random(3) == 1 and "id" .. made or nil, button = math.random(9) == 1,
        style = math.random(5) == 1 and { width = math.random(2) } or nil }
    end
    math.randomseed(7)
    for i = 1, 30 do rows[i] = new() end
    local screen = testing.render(List { rows = rows })
    local column, before = screen:get_by_type "Column", {}
    for round = 1, 300 do
      local next = table.move(rows, 1, #rows, 1, {})
      for _ = 1, math.random(0, 3) do
        local kind, i, j = math.random(8), math.random(#next), math.random(#next)
        local r = {}
        for k, v in pairs(next[i]) do r[k] = v end
        if kind == 1 then table.insert(next, i, new()) end
        if kind == 2 and #next > 12 then table.remove(next, i) end
        if kind == 3 then next[i], next[j] = next[j], next[i] end
        if kind == 4 then for k = 1, #next // 2 do next[k], next[#next + 1 - k] = next[#next + 1 - k], next[k] end end
        if kind == 5 then r.text, next[i] = "text " .. math.random(3), r end
        if kind == 6 then r.style, next[i] = { width = math.random(2) }, r end
        if kind == 7 then r.read, r.write, next[i] = math.random(2) == 1, math.random(2) == 1, r end
        if kind == 8 then r.id, next[i] = r.id == nil and "new" or nil, r end
      end
      rows = next
      show(rows)
      testing.settle()
      local fresh = testing.render(List { rows = rows })
      assert.same(listed(fresh), listed(screen), "round " .. round)
      fresh:unmount()
      local there = {}
      for _, node in ipairs(column.children) do
        there[node] = true
        assert.equal(column, node.parent)
      end
      for _, node in ipairs(before) do assert.equal(there[node] and column or false, node.parent) end
      before = column.children
      screen:rerender(List { rows = rows })
    end
  end)

  it("notices that a prop is given no more", function()
    local Rows = hearth.component("Rows", function(props)
      local items = {}
      for i = 1, 12 do items[i] = Text("row", { key = i, [props.name] = props.value }) end
      return Column(items)
    end)
    for _, name in ipairs { "id", "label", "role", "tooltip", "class" } do -- some of them stand behind the key
      local screen = testing.render(Rows { name = name, value = "x" })
      for _, value in ipairs { "x", "x", false } do screen:rerender(Rows { name = name, value = value or nil }) end
      local rows = screen:get_by_type "Column".children
      for i = 1, 12 do assert.is_nil(rows[i].props[name]) end
      screen:unmount()
    end
  end)

  it("tells one number from another that is equal, and a text from both", function()
    local function of(text)
      local rows = {}
      for i = 1, 12 do rows[i] = { key = i, text = text } end
      return rows
    end
    local screen = testing.render(List { rows = of(1) })
    for _, text in ipairs { 1, 1.0, "1", 1, "1.0", 1.0 } do
      show(of(text))
      testing.settle()
      assert.equal((tostring(text) .. "\n"):rep(12):sub(1, -2), screen:text())
    end
  end)

  it("lets go of the rows that went, and of all with its end", function()
    local alive = setmetatable({}, { __mode = "k" })
    local function of(n)
      local rows = {}
      for i = 1, n do
        rows[i] = { key = i, text = "row", ref = {} }
        alive[rows[i].ref] = true
      end
      return rows
    end
    local function living()
      collectgarbage()
      collectgarbage()
      local n = 0
      for _ in pairs(alive) do n = n + 1 end
      return n
    end
    local screen = testing.render(List { rows = {} })
    for _ = 1, 3 do
      show(of(100))
      testing.settle()
    end
    for _ = 1, 3 do
      show(of(20))
      testing.settle()
    end
    assert.is_true(living() <= 60, "what two renders said, and the state")
    local kept = show
    screen:unmount()
    kept {}
    assert.is_true(living() <= 20, "the state that a setter holds")
  end)
end)

describe("every element", function()
  for _, name in ipairs { "Text", "Button", "TextInput", "Checkbox", "Switch", "Picker", "Slider", "ProgressBar", "ActivityIndicator",
    "Image", "Spacer", "Column", "Row", "View", "ScrollView", "Modal", "Pressable" } do
    it(("%s takes new props and goes away"):format(name), function()
      local App = hearth.component("App", function(p)
        if p.id == "gone" then return Column { nil, "end" } end
        local given = { id = p.id }
        local says = name == "Text" or name == "Button"
        return Column { says and hearth[name]("x", given) or hearth[name](given), "end" }
      end)
      local screen = testing.render(App { id = "a" })
      screen:rerender(App { id = "b" })
      assert.equal(name, screen:get_by_id "b".type)
      screen:rerender(App { id = "gone" })
      assert.equal("end", screen:text())
    end)
  end
end)
