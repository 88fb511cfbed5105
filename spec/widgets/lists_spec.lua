local hearth = require "hearth"
local testing = require "hearth.testing"
local Text, FlatList, SectionList = hearth.Text, hearth.FlatList, hearth.SectionList

local function numbers(n)
  local list = {}
  for i = 1, n do list[i] = i end
  return list
end
local function row(item) return Text("row " .. item) end

describe("FlatList", function()
  it("mounts a short list whole, in both forms", function()
    local screen = testing.render(FlatList { data = numbers(3), render_item = row })
    assert.equal("row 1\nrow 2\nrow 3", screen:text())
    screen = testing.render(FlatList({ "a" }, { render_item = function(item, index) return Text(item .. index) end }))
    assert.equal("a1", screen:text())
  end)

  it("mounts only a window of a long list, which on_scroll moves", function()
    local calls = 0
    local screen = testing.render(FlatList {
      data = numbers(10000), window_size = 20,
      render_item = function(item) calls = calls + 1; return row(item) end,
    })
    local list = screen:get_by_type "FlatList"
    assert.equal(20, #list.children)
    assert.equal(20, calls)
    list.props.on_scroll(5000)
    testing.settle()
    assert.truthy(screen:get_by_text "row 5000")
    assert.equal(20, #list.children)
    list.props.on_scroll(-3)
    testing.settle()
    assert.truthy(screen:get_by_text "row 1")
    assert.equal(1, list.props.first)
  end)

  it("keeps a row's state by key when the data moves, and scrolled-out rows are gone", function()
    local Row = hearth.component("Row", function(props)
      local mark = hearth.use_state(function() return props.name end)
      return Text(props.name .. "=" .. mark)
    end)
    local function list(data)
      return FlatList { data = data, key_extractor = function(item) return item end,
        render_item = function(item) return Row { name = item } end }
    end
    local screen = testing.render(list { "a", "b" })
    screen:rerender(list { "b", "c", "a" })
    assert.equal("b=b\nc=c\na=a", screen:text())
  end)

  it("takes keys from the items: key, id, else the index", function()
    local screen = testing.render(FlatList { data = { { id = "x", t = 1 }, { id = "y", t = 2 } },
      render_item = function(item) return Text(item.t) end })
    local first = screen:get_by_text "1"
    screen:rerender(FlatList { data = { { id = "y", t = 2 }, { id = "x", t = 1 } },
      render_item = function(item) return Text(item.t) end })
    assert.equal(first, screen:get_by_text "1")
  end)

  it("shows header, footer, separators, and what stands for nothing", function()
    local function list(data)
      return FlatList {
        data = data, render_item = row, header = Text "head", footer = Text "foot", empty = Text "none",
          separator = function() return Text "-" end,
      }
    end
    local screen = testing.render(list { 1, 2 })
    assert.equal("head\nrow 1\n-\nrow 2\nfoot", screen:text())
    screen:rerender(list {})
    assert.equal("head\nnone\nfoot", screen:text())
  end)

  it("stays inside when the data shrinks, and says when its end is reached", function()
    local ends = 0
    local function list(n) return FlatList { data = numbers(n), window_size = 10, render_item = row,
      on_end_reached = function() ends = ends + 1 end } end
    local screen = testing.render(list(100))
    screen:get_by_type("FlatList").props.on_scroll(100)
    testing.settle()
    assert.equal(1, ends)
    assert.truthy(screen:get_by_text "row 100")
    screen:rerender(list(5))
    assert.equal("row 1\nrow 2\nrow 3\nrow 4\nrow 5", screen:text())
  end)

  it("shows nothing for data that is not there yet", function()
    assert.equal("", testing.render(FlatList { render_item = row }):text())
  end)

  it("refuses what cannot work", function()
    local function says(text, ...)
      local ok, err = pcall(...)
      assert.is_false(ok)
      assert.equal("EINVAL", err.code)
      assert.matches(text, tostring(err), 1, true)
    end
    says("FlatList: render_item is missing", FlatList, { data = {} })
    says('unknown prop "renderItem"; did you mean "render_item"?', FlatList, { data = {}, renderItem = row })
    says("FlatList takes one table", FlatList, "x")
    says("FlatList: data must be a list, got a string", FlatList, { data = "x", render_item = row })
    says("props must be a table, got a string", FlatList, {}, "x")
  end)
end)

describe("SectionList", function()
  local function list(sections, more)
    local given = { sections = sections, render_item = function(item, index, section) return Text(section.title .. index .. item) end }
    for k, v in pairs(more or {}) do given[k] = v end
    return SectionList(given)
  end

  it("shows a header before the rows of each section", function()
    local screen = testing.render(list { { title = "A", data = { "x", "y" } }, { title = "B", data = {} }, { title = "C",
      data = { "z" } } })
    assert.equal("A\nA1x\nA2y\nB\nC\nC1z", screen:text())
  end)

  it("takes a header of one's own, and mounts a window over all sections", function()
    local sections = {}
    for i = 1, 100 do sections[i] = { title = "s" .. i, data = numbers(100) } end
    local screen = testing.render(list(sections, { window_size = 5,
      render_section_header = function(s) return Text("== " .. s.title) end }))
    local node = screen:get_by_type "SectionList"
    assert.equal(100 * 101, node.props.total)
    assert.equal("== s1\ns111\ns122\ns133\ns144", screen:text())
    node.props.on_scroll(102)
    testing.settle()
    assert.truthy(screen:get_by_text "== s2")
    assert.equal(5, #node.children)
  end)
end)
