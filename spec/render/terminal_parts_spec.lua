-- A bound prop that changes is painted, or a part is laid out, where that is enough: what is on the screen, and where each box lies, is what it
-- would be if all were resolved, laid out and painted anew.

local hearth = require "hearth"
local feature = require "hearth.core.feature"
local layout = require "hearth.ui.layout"
local random_from = require "spec.support.random"
local root = require "hearth.ui.root"
local stage = require "hearth.render.terminal.stage"
local task = require "hearth.core.task"
local terminal = require "hearth.render.terminal"

local Animated, Column, Row, ScrollView, Text, View, Button = hearth.Animated, hearth.Column, hearth.Row, hearth.ScrollView, hearth.Text,
  hearth.View, hearth.Button

local WIDTH <const>, HEIGHT <const> = 40, 16

local TEXTS <const> = {
  "", "a", "word", "words", "two words", "other words", "a longer text of some words", "averyveryverylongwordthatdoesnotfitanywhere",
  "line\nand line", "wide 日本語", "tab\there", "the end.", "123456", "12345", "1 2 3", " blank before", "blanks after  ",
  "a text that is so long that it takes several lines wherever it happens to be shown on this small screen",
}
local COLOURS <const> = { "red", "green", "#123456" }

describe("the terminal UI, when bound props change", function()
  local cells = feature.load "term"
  local mounted
  after_each(function()
    if mounted then mounted:unmount() end
    mounted = nil
  end)

  local function mount(element)
    cells.canvas(WIDTH, HEIGHT)
    local owner, st, layouts = { laid_out = false }, stage.new(cells, 256), 0
    local function frame()
      if not mounted then return end
      if not owner.laid_out then
        owner.laid_out, layouts = true, layouts + 1
        st:layout(mounted.node, WIDTH, HEIGHT)
      end
      st:paint(mounted.node)
      cells.diff()
    end
    mounted = root.mount(element, terminal.renderer(owner, frame))
    frame()
    local screen = {}
    function screen.layouts() return layouts end
    -- What is seen, where each box is, and what takes the focus.
    function screen.look()
      local rows, boxes = {}, {}
      for y = 0, HEIGHT - 1 do
        rows[#rows + 1] = cells.row(y) .. "|"
        for x = 0, WIDTH - 1 do
          rows[#rows + 1] = ("%s %d %d %d %d"):format(cells.cell(x, y))
        end
      end
      local function walk(node)
        boxes[#boxes + 1] = ("%s %d,%d %dx%d %s"):format(node.type, node.x, node.y, node.width, node.height, node.scroll or "")
        for _, child in ipairs(node.children) do walk(child) end
      end
      walk(mounted.node)
      for _, node in ipairs(st.order) do boxes[#boxes + 1] = "focus " .. tostring(node.props.id) end
      return table.concat(rows, "\n"), table.concat(boxes, "\n")
    end
    function screen.anew()
      local function forget(node)
        node.stale, node.wrapped = true, nil
        layout.touch(node)
        for _, child in ipairs(node.children) do forget(child) end
      end
      forget(mounted.node)
      st:layout(mounted.node, WIDTH, HEIGHT)
      owner.laid_out = true
      local function hear(node) -- a painting leaves nothing out
        node.silent = false
        for _, child in ipairs(node.children) do hear(child) end
      end
      hear(mounted.node)
      st:paint(mounted.node)
    end
    return screen
  end

  local function check(screen)
    local rows, boxes = screen.look()
    screen.anew()
    local all_rows, all_boxes = screen.look()
    assert.equal(all_boxes, boxes)
    assert.equal(all_rows, rows)
  end

  it("shows what it would show if all were laid out anew", function()
    local random = random_from(7)
    local function one_of(list) return list[random(#list)] end
    local texts, colours, widths, id

    local function leaf()
      local kind = random(6)
      if kind == 1 then
        id = id + 1
        return Button(one_of(TEXTS), { id = id })
      end
      local s = hearth.Store(one_of(TEXTS))
      texts[#texts + 1] = s
      local style = {}
      if random(6) == 1 then style.width = random(12) end
      if random(8) == 1 then style.max_width = random(12) end
      if random(8) == 1 then style.padding_left = random(3) end
      if random(8) == 1 then style.text_wrap = "truncate" end
      if random(8) == 1 then style.text_align = "right" end
      return Text(s:bind(), { style = style, max_lines = random(8) == 1 and 2 or nil })
    end

    local function tree(depth)
      if depth == 0 or random(5) == 1 then return leaf() end
      local children = {}
      for i = 1, random(5) do children[i] = tree(depth - 1) end
      local style = { grow = random(3) == 1 and 1 or nil, overflow = random(6) == 1 and "hidden" or nil }
      if random(5) == 1 then style.height = random(4) end
      if random(6) == 1 then style.border = "single" end
      if random(5) == 1 then style.background = one_of(COLOURS) end
      children.style = style
      local kind = random(8)
      if kind == 1 then return Row { style = { spacing = 1 }, children } end
      if kind == 2 then return ScrollView { style = { height = random(6) }, children } end
      if kind == 3 then return Row(children) end
      if random(2) == 1 then
        local v = Animated.Value(0)
        colours[#colours + 1] = v
        style[one_of { "background", "color" }] = v:interpolate { input = { 0, 1 }, output = { "#ff0000", "#0000ff" } }
      end
      if random(3) == 1 then
        local v = Animated.Value(random(20))
        widths[#widths + 1], style.width = v, v
      end
      return Animated.View(children)
    end

    for _ = 1, 10 do
      texts, colours, widths, id = {}, {}, {}, 0
      local rows = {}
      for i = 1, random(30) do rows[i] = tree(random(3)) end
      local screen = mount(random(2) == 1 and ScrollView { rows } or Column { rows })
      for _ = 1, 12 do
        for _ = 1, random(3) do
          if texts[1] then one_of(texts):set(one_of(TEXTS)) end
          if colours[1] and random(2) == 1 then one_of(colours):set_value(random(10) / 10) end
          if widths[1] and random(4) == 1 then one_of(widths):set_value(random(20)) end
        end
        task.settle()
        check(screen)
      end
      mounted:unmount()
      mounted = nil
    end
  end)

  local function list(make)
    local rows, sources = {}, {}
    for i = 1, 100 do
      sources[i] = hearth.Store(("row %03d"):format(i))
      rows[i] = make(sources[i])
    end
    return mount(ScrollView(rows)), sources
  end

  it("lays nothing out for a line of text in a column, whatever its length", function()
    local screen, sources = list(function(s) return Text(s:bind()) end)
    local before = screen.layouts()
    for i, s in ipairs(sources) do s:set(("x"):rep(i % 30 + 1)) end
    task.settle()
    assert.equal(before, screen.layouts())
    check(screen)
  end)

  it("lays out a row and not the list for a text of another length in it", function()
    local screen, sources = list(function(s) return Row { Text(s:bind()), Text "|" } end)
    local before = screen.layouts()
    sources[3]:set "a longer row"
    sources[90]:set "short"
    task.settle()
    assert.equal(before, screen.layouts())
    assert.matches("a longer row|", (screen.look()))
    check(screen)
    before = screen.layouts()
    sources[2]:set "two\nlines"
    task.settle()
    assert.equal(before + 1, screen.layouts())
    check(screen)
  end)

  it("paints what reaches into sight out of boxes that are not", function()
    local text, empty = hearth.Store "in", {}
    for i = 1, 30 do empty[i] = View { style = { height = 1, shrink = 0 } } end
    local screen = mount(ScrollView {
      style = { height = 10 },
      View { View { Row { style = { width = 5, height = 1, align = "start" }, Text(text:bind()) } } },
      empty,
    })
    local before = screen.layouts()
    mounted.node.children[1].scroll = 1
    text:set "a line, and below"
    task.settle()
    assert.equal(before, screen.layouts())
    assert.matches("^line,", (screen.look()))
    check(screen)
  end)

  it("lays nothing out for a colour, which what lies inside takes on", function()
    local value = Animated.Value(0)
    local colour = value:interpolate { input = { 0, 1 }, output = { "#ff0000", "#0000ff" } }
    local screen = mount(Column { Animated.View { style = { color = colour }, Text "shown" }, View {} })
    local rows, before = screen.look(), screen.layouts()
    value:set_value(0.5)
    task.settle()
    assert.equal(before, screen.layouts())
    assert.not_equal(rows, (screen.look()))
    check(screen)
  end)

  it("does not remember every colour and every length that an animation has made", function()
    local colour, resolve = require("hearth.render.terminal.theme").colour, require("hearth.ui.layout.lengths").resolve
    local function run(from)
      for i = from, from + 20000 do
        local r, g, b = i & 255, i >> 8 & 255, i >> 16
        assert(colour(("rgba(%d, %d, %d, 1)"):format(r, g, b)) == 2 << 24 | r << 16 | g << 8 | b)
        assert(resolve(("%d.%d%%"):format(i % 100, i), 0) == 0)
      end
      collectgarbage()
      collectgarbage()
      return collectgarbage "count"
    end
    local before = run(1)
    assert.is_true(run(30000) - before < 512)
  end)
end)
