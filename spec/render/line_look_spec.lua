-- What a tree looks like in the line UI, and which node a label means: on plain nodes, without a reconciler.
local commands = require "hearth.render.line.commands"
local look = require "hearth.render.line.look"

local function node(type, props, children)
  local n = { type = type, props = props or {}, children = children or {} }
  for _, child in ipairs(n.children) do child.parent = n end
  return n
end

describe("line UI: what is printed", function()
  it("has a line per text or control, indented by depth", function()
    local tree = node("Column", {}, {
      node("Text", { text = "Hello" }),
      node("Row", {}, { node("Button", { label = "Go" }), node("Button", { label = "No", disabled = true }) }),
      node("Text", { text = "two\nlines" }),
      node("Spacer"),
      node("TextInput", { label = "Name", value = "Ada" }),
      node("TextInput", { placeholder = "search" }),
      node("TextInput", { label = "Password", value = "äbc", secure = true }),
      node("Checkbox", { label = "Agree", value = true }),
      node("Switch", { label = "Wi-Fi", value = false }),
      node("Picker", { label = "Size", value = 2, options = { { value = 1, label = "small" }, { value = 2, label = "large" } } }),
      node("Slider", { label = "Volume", value = 3, max = 10 }),
      node("ProgressBar", { label = "Copying", value = 0.256 }),
      node("ActivityIndicator", { label = "Loading" }),
      node("Image", { source = "x.png", alt = "a cat" }),
      node("Modal", { title = "Sure?" }, { node("Button", { label = "OK" }) }),
    })
    assert.same({
      "  Hello", "    [Go]", "    (No)", "  two", "  lines", "  Name: _Ada_", "  _(search)_", "  Password: _•••_", "  [x] Agree",
        "  Wi-Fi: off",
      "  Size: <large>", "  Volume: 3 (0 to 10)", "  Copying: 26 %", "  Loading...", "  [image: a cat]", "  == Sure? ==", "    [OK]",
    }, look.lines { tree })
  end)

  it("leaves out what is hidden", function()
    assert.same({ "  c" }, look.lines {
      node("Text", { text = "a", hidden = true }), node("View", { style = { display = "none" } }, { node("Text", { text = "b" }) }),
      node("Modal", { visible = false }, { node("Text", { text = "x" }) }), node("Text", { text = "" }), node("Text", { text = "c" }),
    })
  end)

  it("says which part of a long list is mounted", function()
    local rows = { node("Text", { text = "row 5" }) }
    assert.same({ "  (5 to 5 of 9)", "  row 5" }, look.lines { node("FlatList", { first = 5, last = 5, total = 9 }, rows) })
    assert.same({ "  row 5" }, look.lines { node("FlatList", { first = 1, last = 1, total = 1 }, rows) })
  end)
end)

describe("line UI: commands", function()
  local fired
  local function screen(...)
    fired = {}
    return { nodes = { node("Column", {}, { ... }) }, fire = function(fn, ...) fired[#fired + 1] = { fn, ... } end,
      changed = function() end }
  end
  local function f() end
  local function g() end

  it("clicks the first that shows the label and can be clicked", function()
    local s = screen(node("Text", { text = "Save" }), node("Button", { label = "Save", on_click = f }), node("Button",
      { label = "Save", on_click = g }))
    assert.is_nil(commands.run(s, "click Save"))
    assert.same({ { f } }, fired)
  end)

  it("takes the rest of the line as the label", function()
    local s = screen(node("Button", { label = "Save all of it", on_click = f }), node("Button", { label = "Save", on_click = g }))
    commands.run(s, "click Save all of it \r")
    assert.same({ { f } }, fired)
  end)

  it("clicks around a text, by id and by inner text", function()
    commands.run(screen(node("Pressable", { on_click = f }, { node("Text", { text = "card" }), node("Text", { text = "two" }) })),
      "click two")
    assert.same({ { f } }, fired)
    commands.run(screen(node("View", { id = "box", on_click = f })), "click box")
    assert.same({ { f } }, fired)
    commands.run(screen(node("Pressable", { on_click = f }, { node("Text", { text = "a" }), node("Text", { text = "b" }) })), "click a b")
    assert.same({ { f } }, fired)
  end)

  it("prefers what lies on top", function()
    local s = screen(node("Button", { label = "OK", on_click = f }), node("Modal", {}, { node("Button", { label = "OK",
      on_click = g }) }))
    commands.run(s, "click OK")
    assert.same({ { g } }, fired)
  end)

  it("toggles a Checkbox or a Switch", function()
    commands.run(screen(node("Checkbox", { label = "Agree", value = true, on_change = f })), "click Agree")
    assert.same({ { f, false } }, fired)
    commands.run(screen(node("Switch", { label = "Wi-Fi", on_change = f })), "click Wi-Fi")
    assert.same({ { f, true } }, fired)
  end)

  it("types: the longest label wins, what follows is the text, blanks and all", function()
    local s = screen(node("TextInput", { label = "Your", on_change = f }), node("TextInput", { label = "Your name", on_change = g }))
    commands.run(s, "type Your name  Ada ")
    commands.run(s, "type Your x")
    commands.run(s, "type Your name")
    assert.same({ { g, " Ada " }, { f, "x" }, { g, "" } }, fired)
  end)

  it("does not take half a word for a label", function()
    assert.matches('no input is labelled like "Named x"', (commands.run(screen(node("TextInput", { label = "Name", on_change = f })),
      "type Named x")), 1, true)
  end)

  it("finds an input without a label by placeholder or id", function()
    local s = screen(node("TextInput", { placeholder = "search here", on_change = f }), node("TextInput", { id = "q", on_change = g }))
    commands.run(s, "type search here lua")
    commands.run(s, "type q x")
    assert.same({ { f, "lua" }, { g, "x" } }, fired)
  end)

  it("submits what stands there", function()
    commands.run(screen(node("TextInput", { label = "Note", value = "kept", on_submit = f })), "submit Note")
    assert.same({ { f, "kept" } }, fired)
    local free = screen(node("TextInput", { label = "Note", on_submit = f }))
    commands.run(free, "type Note hello")
    commands.run(free, "submit Note")
    assert.same({ { f, "hello" } }, fired)
    commands.run(screen(node("TextInput", { label = "Note", on_submit = f })), "submit Note")
    assert.same({ { f, "" } }, fired)
  end)

  it("cuts at max_length, refuses read-only and what a Slider or a Picker cannot take", function()
    commands.run(screen(node("TextInput", { label = "Pin", max_length = 3, on_change = f })), "type Pin äöüß")
    assert.same({ { f, "äöü" } }, fired)
    assert.matches("is read-only", (commands.run(screen(node("TextInput", { label = "Pin", read_only = true, on_change = f })),
      "type Pin 1")), 1, true)
    local slider = screen(node("Slider", { label = "Volume", max = 10, on_change = f }))
    assert.matches("takes a number from 0 to 10", (commands.run(slider, "type Volume 11")), 1, true)
    commands.run(slider, "type Volume 7")
    assert.same({ { f, 7 } }, fired)
    local picker = screen(node("Picker", { label = "Size", options = { { value = 1, label = "small" }, "large" }, on_change = g }))
    assert.matches('has no option "huge"; there is "small", "large"', (commands.run(picker, "type Size huge")), 1, true)
    commands.run(picker, "type Size small")
    assert.same({ { g, 1 } }, fired)
  end)

  it("scrolls a list", function()
    local s = screen(node("FlatList", { total = 10, first = 1, last = 2, on_scroll = f }), node("FlatList", { id = "b", total = 10,
      on_scroll = g }))
    commands.run(s, "scroll 7")
    commands.run(s, "scroll b 8")
    assert.same({ { f, 7 }, { g, 8 } }, fired)
    assert.matches('no list is labelled "c"', (commands.run(s, "scroll c 8")), 1, true)
  end)

  it("says what it could not do, and what there is", function()
    local s = screen(node("Button", { label = "Save", on_click = f }), node("Button", { label = "Off", on_click = f, disabled = true }),
      node("Text", { text = "words" }), node("TextInput", { label = "Name" }))
    local cases = {
      { "click Nope", 'click: nothing is labelled "Nope"; there is "Save", "Off"' },
      { "click words", 'click: "words" cannot be clicked; there is "Save", "Off"' },
      { "click Off", 'click: "Off" is disabled' },
      { "click", "click: say what: click LABEL" },
      { "type Nope x", 'type: no input is labelled like "Nope x"; there is "Name"' },
      { "submit Nope", 'submit: no input is labelled "Nope"; there is "Name"' },
      { "submit Name", 'submit: "Name" has no on_submit' },
      { "wait x", 'wait: "x" is not a number of milliseconds' },
      { "wait -1", 'wait: "-1" is not a number of milliseconds' },
      { "dance",
        '"dance" is not a command; there is click LABEL, type LABEL TEXT, submit LABEL, scroll [LABEL] ROW, wait MS, tree, quit' },
      { "run x", '"run" is not a command; there is click LABEL, type LABEL TEXT, submit LABEL, scroll [LABEL] ROW, wait MS, tree, quit' },
    }
    for _, case in ipairs(cases) do assert.equal(case[2], (commands.run(s, case[1]))) end
    assert.same({}, fired)
  end)

  it("steps over empty lines and comments, and quits", function()
    local s = screen()
    assert.is_nil(commands.run(s, ""))
    assert.is_nil(commands.run(s, "  # a comment"))
    local err, quit = commands.run(s, "quit")
    assert.is_nil(err)
    assert.is_true(quit)
  end)
end)
