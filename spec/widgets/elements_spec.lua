-- Host elements as a script makes them: what is kept, what is refused and what the message says.
local hearth = require "hearth"

local function message_of(fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok)
  assert.equal("EINVAL", err.code)
  return tostring(err)
end

describe("host elements", function()
  it("are a type, props and a key", function()
    local a = hearth.Text "a"
    assert.equal("Text", a.type)
    assert.equal("a", a.props.text)
    local column = hearth.Column { spacing = 8, key = "k", a, nil, false }
    assert.equal("Column", column.type)
    assert.equal("k", column.key)
    assert.equal(a, column.props[1])
    assert.equal(8, column.props.spacing)
  end)

  it("take a text first, and copy the props that may be shared", function()
    local shared = { style = { bold = true } }
    local one, two = hearth.Text("one", shared), hearth.Text("two", shared)
    assert.equal("one", one.props.text)
    assert.equal("two", two.props.text)
    assert.is_nil(shared.text)
    assert.equal(shared.style, two.props.style)
    assert.equal("Save", hearth.Button("Save", { on_click = print }).props.label)
  end)

  it("show any scalar as text", function()
    assert.equal("3", hearth.Text(3).props.text)
    assert.equal("0.5", hearth.Text(0.5).props.text)
    assert.equal("true", hearth.Text(true).props.text)
    assert.equal("", hearth.Text(nil).props.text)
    assert.equal("hi", hearth.Text { "hi", id = "x" }.props.text)
    assert.equal("hi", hearth.Text { text = "hi" }.props.text)
    assert.equal("3", hearth.Button { 3 }.props.label)
  end)

  it("refuse what cannot be shown", function()
    assert.matches("Text: the text must be a string or a number, got a function", message_of(hearth.Text, print), 1, true)
    assert.matches("Column takes one table", message_of(hearth.Column, "x"), 1, true)
    assert.matches('got a string; write Button("…"', message_of(hearth.Button, "x", "y"), 1, true)
  end)

  it("name an unknown prop and the one that was meant", function()
    local function says(text, fn, ...) assert.matches(text, message_of(fn, ...), 1, true) end
    says('EINVAL: Button: unknown prop "on_clik"; did you mean "on_click"?', hearth.Button, "x", { on_clik = print })
    says('Button: unknown prop "onPress"; did you mean "on_click"?', hearth.Button, "x", { onPress = print })
    says('TextInput: unknown prop "valeu"; did you mean "value"?', hearth.TextInput, { valeu = "x" })
    says('Column: unknown prop "spacng"; did you mean "spacing"?', hearth.Column, { spacng = 1, hearth.Text "a" })
    says('Text: unknown prop "zzzzzzzz"', hearth.Text, "x", { zzzzzzzz = 1 })
    says("children go into one table: Column{ child, child }", hearth.Column, hearth.Text "a")
  end)

  it("find an unknown prop behind children, holes included", function()
    message_of(hearth.Column, { hearth.Text "a", nil, hearth.Text "b", wrng = 1 })
  end)

  it("name an unknown style key and the one that was meant", function()
    local function says(text, style) assert.matches(text, message_of(hearth.Text, "x", { style = style }), 1, true) end
    says('Text: unknown style key "colour"; did you mean "color"?', { colour = "red" })
    says('unknown style key "backgroundColor"; did you mean "background_color"?', { { bold = true }, { backgroundColor = "red" } })
    says('style align must be one of "baseline", "center", "end", "start", "stretch", got "middle"', { align = "middle" })
    says('style width must be a number of cells, a percentage such as "50%" or "auto", got "wide"', { width = "wide" })
    says("style bold must be true or false, got \"yes\"", { bold = "yes" })
    assert.matches("style must be a table, got a string", message_of(hearth.Text, "x", { style = "bold" }), 1, true)
  end)

  it("refuse a handler that is no function", function()
    local text = message_of(hearth.Button, "x", { on_click = "go" })
    assert.matches("Button: on_click must be a function, got a string; write function() … end, without calling it", text, 1, true)
    assert.has_no.errors(function() hearth.Button("x", { on_click = false }) end)
  end)

  it("have a Spacer that takes cells", function()
    assert.equal(2, hearth.Spacer(2).props.size)
    assert.equal(2, hearth.Spacer { size = 2 }.props.size)
    assert.same({}, hearth.Spacer().props)
  end)
end)

describe("style", function()
  local style = require "hearth.ui.style"

  it("given as a list is one table on the node, in any element", function()
    local base, off = { bold = true, color = "red" }, false
    local list = { base, off, { flex_grow = 1 }, color = "blue" }
    local wanted = { bold = true, color = "blue", grow = 1 }
    local screen = require "hearth.testing".render(hearth.Column {
      hearth.Text("text", { style = list }), hearth.View { id = "view", style = list, "child" },
      hearth.FlatList { id = "list", style = list, data = { 1 }, render_item = function(v) return v end },
    })
    assert.same(wanted, screen:get_by_text "text".props.style)
    assert.same(wanted, screen:get_by_id "view".props.style)
    assert.equal("child", screen:get_by_id "view".children[1].props.text)
    assert.same(wanted, screen:get_by_id "list".props.style)
    assert.same({ { bold = true, color = "red" }, false, { flex_grow = 1 }, color = "blue" }, list) -- what was given stays as it is
  end)


  it("merges left to right, holes and nested lists included", function()
    assert.same({ bold = false, color = "red", dim = true },
      style.flatten { { bold = true, color = "blue" }, false, { { color = "red" } }, nil, { bold = false }, dim = true })
    assert.same({}, style.flatten(nil))
  end)

  it("spreads shorthands, the more specific wins", function()
    local s = style.resolve("Column", { spacing = 2, style = { padding = 1, padding_x = 3, padding_left = 5, margin = "auto" } })
    assert.equal(5, s.padding_left)
    assert.equal(3, s.padding_right)
    assert.equal(1, s.padding_top)
    assert.equal("auto", s.margin_bottom)
    assert.equal(2, s.row_gap)
    assert.equal("column", s.direction)
    assert.is_nil(s.padding)
  end)

  it("knows the names and values of CSS and React Native", function()
    local s = style.resolve("Row",
      { style = { justify_content = "space-between", align_items = "flex-end", flex_wrap = "wrap", flex_grow = 1 } })
    assert.equal("space_between", s.justify)
    assert.equal("end", s.align)
    assert.equal("wrap", s.wrap)
    assert.equal(1, s.grow)
    assert.equal("row", s.direction)
  end)

  it("reads flex, border, hidden and Spacer", function()
    local s = style.resolve("View", { style = { flex = 2, border = "rounded" } })
    assert.equal(2, s.grow)
    assert.equal(0, s.basis)
    assert.equal(1, s.border)
    assert.equal("rounded", s.border_style)
    assert.equal("none", style.resolve("View", { hidden = true }).display)
    assert.equal("none", style.resolve("Modal", { visible = false }).display)
    assert.equal(1, style.resolve("Spacer", {}).grow)
    assert.equal(2, style.resolve("Spacer", { size = 2 }).basis)
    assert.is_nil(style.resolve("View", { border = "none" }).border)
  end)
end)
