-- Cases worked out by hand from CSS Flexible Box Layout Level 1; the section is named where a case is about one rule.
local layout = require "hearth.ui.layout"
local text_width = require "hearth.ui.text_width"

-- B{style fields…, child, child} is a row, C a column, T{"text", style fields…} a leaf; a string among the children is a leaf too.
local function T(spec)
  local text = spec[1]
  local box = {
    style = {},
    measure = function(_, limit)
      local lines, width = text_width.wrap(text, limit)
      return width, #lines, text_width.longest_word(text)
    end,
  }
  for k, v in pairs(spec) do
    if type(k) == "string" then box.style[k] = v end
  end
  return box
end
local function B(spec)
  local box = { style = { direction = "row" }, children = {} }
  for k, v in pairs(spec) do
    if type(k) ~= "number" then box.style[k] = v end
  end
  for i, child in ipairs(spec) do box.children[i] = type(child) == "string" and T { child } or child end
  return box
end
local function C(spec)
  spec.direction = spec.direction or "column"
  return B(spec)
end

-- All boxes but the root, in document order, as "x,y wxh".
local function flat(box, out)
  for _, child in ipairs(box.children or {}) do
    out[#out + 1] = ("%d,%d %dx%d"):format(child.x, child.y, child.width, child.height)
    flat(child, out)
  end
  return out
end

local cases = {
  { "row: items stand side by side and stretch (9.4)", B { "ab", "cde" }, 10, 3, { "0,0 2x3", "2,0 3x3" } },
  { "column: items stand below each other and stretch", C { "ab", "cde" }, 10, 5, { "0,0 10x1", "0,1 10x1" } },
  { "row_reverse begins at the right", B { direction = "row_reverse", "ab", "cde" }, 10, 1, { "8,0 2x1", "5,0 3x1" } },
  { "column_reverse begins at the bottom", C { direction = "column_reverse", "ab", "cd" }, 4, 5, { "0,4 4x1", "0,3 4x1" } },

  { "grow shares the free space", B { T { "a", grow = 1 }, T { "b", grow = 1 } }, 10, 1, { "0,0 5x1", "5,0 5x1" } },
  { "grow by factors, over the base size", B { B { width = 2, grow = 1 }, B { width = 2, grow = 3 } }, 12, 1,
    { "0,0 4x1", "4,0 8x1" } },
  { "basis 0 ignores the content", B { T { "aaaa", grow = 1, basis = 0 }, T { "b", grow = 1, basis = 0 } }, 10, 1,
    { "0,0 5x1", "5,0 5x1" } },
  { "but an item is not smaller than its content (4.5)", B { T { "aaaaaaaa", grow = 1, basis = 0 }, T { "b", grow = 1, basis = 0 } },
    10, 1,
    { "0,0 8x1", "8,0 2x1" } },
  { "min 0 lets it be", B { T { "aaaaaaaa", grow = 1, basis = 0, min_width = 0 }, T { "b", grow = 1, basis = 0 } }, 10, nil,
    { "0,0 5x2", "5,0 5x2" } },
  { "factors below one leave space (9.7)", B { B { grow = 0.25, basis = 0 }, B { grow = 0.25, basis = 0 } }, 8, 1,
    { "0,0 2x1", "2,0 2x1" } },
  { "fractions add up to the whole", B { B { grow = 1, basis = 0 }, B { grow = 1, basis = 0 }, B { grow = 1, basis = 0 } }, 10, 1,
    { "0,0 3x1", "3,0 4x1", "7,0 3x1" } },
  { "max stops growing, the others take the rest", B { B { grow = 1, basis = 0, max_width = 2 }, B { grow = 1, basis = 0 },
    B { grow = 1, basis = 0 } },
    12, 1, { "0,0 2x1", "2,0 5x1", "7,0 5x1" } },
  { "min wins over growing evenly", B { B { grow = 1, basis = 0, min_width = 8 }, B { grow = 1, basis = 0 } }, 12, 1,
    { "0,0 8x1", "8,0 4x1" } },

  { "shrink is weighted by the base size", B { B { width = 6, min_width = 0 }, B { width = 12, min_width = 0 } }, 12, 1,
    { "0,0 4x1", "4,0 8x1" } },
  { "shrink 0 keeps the size", B { B { width = 6, shrink = 0 }, B { width = 6 } }, 8, 1, { "0,0 6x1", "6,0 2x1" } },
  { "shrink by factors", B { B { width = 8, shrink = 3 }, B { width = 8, shrink = 1 } }, 12, 1, { "0,0 5x1", "5,0 7x1" } },
  { "text shrinks to its longest word and wraps", B { "one two", B { width = 10, shrink = 0 } }, 13, nil, { "0,0 3x2", "3,0 10x2" } },
  { "and overflows below that", B { "onetwo", B { width = 10, shrink = 0 } }, 13, nil, { "0,0 6x1", "6,0 10x1" } },
  { "overflow hidden may shrink to nothing", B { B { T { "onetwo" }, overflow = "hidden" }, B { width = 12, shrink = 0 } }, 13, 1,
    { "0,0 1x1", "0,0 6x1", "1,0 12x1" } },
  { "a column does not squeeze texts", C { "a", "b", "c" }, 3, 2, { "0,0 3x1", "0,1 3x1", "0,2 3x1" } },
  { "a scrolling child takes what is left", C { "head", C { "a", "b", "c", overflow = "scroll", grow = 1 }, "foot" }, 4, 4,
    { "0,0 4x1", "0,1 4x2", "0,1 4x1", "0,2 4x1", "0,3 4x1", "0,3 4x1" } },
  { "percentage shrink base, huge basis", B { B { basis = "100%", min_width = 0 }, B { basis = "100%", min_width = 0 } }, 10, 1,
    { "0,0 5x1", "5,0 5x1" } },

  { "gap stands between items only", B { column_gap = 2, "a", "b", "c" }, 20, 1, { "0,0 1x1", "3,0 1x1", "6,0 1x1" } },
  { "gap comes off the free space", B { column_gap = 2, B { grow = 1 }, B { grow = 1 } }, 12, 1, { "0,0 5x1", "7,0 5x1" } },
  { "row gap in a column", C { row_gap = 1, "a", "b" }, 4, 9, { "0,0 4x1", "0,2 4x1" } },
  { "padding moves the content", B { padding_left = 2, padding_top = 1, padding_right = 3, padding_bottom = 1, T { "a", grow = 1 } },
    10, 5,
    { "2,1 5x3" } },
  { "border takes a cell on each side", B { border = 1, T { "a", grow = 1 } }, 10, 3, { "1,1 8x1" } },
  { "padding in percent is of the width", C { B { padding_top = "10%", padding_left = "10%", "x" } }, 20, nil,
    { "0,0 20x3", "2,2 1x1" } },
  { "margins keep neighbours away, and do not collapse", C { T { "a", margin_bottom = 1 }, T { "b", margin_top = 2,
    margin_left = 3 } }, 9, nil,
    { "0,0 9x1", "3,4 6x1" } },
  { "an auto margin takes the free space (8.1)", B { "a", T { "b", margin_left = "auto" } }, 10, 1, { "0,0 1x1", "9,0 1x1" } },
  { "two auto margins centre", B { T { "ab", margin_left = "auto", margin_right = "auto" } }, 10, 1, { "4,0 2x1" } },
  { "auto margins across do not stretch", C { T { "ab", margin_left = "auto", margin_right = "auto" } }, 10, 3, { "4,0 2x1" } },

  { "justify end", B { justify = "end", "a", "b" }, 6, 1, { "4,0 1x1", "5,0 1x1" } },
  { "justify center", B { justify = "center", "a", "b" }, 6, 1, { "2,0 1x1", "3,0 1x1" } },
  { "justify space_between", B { justify = "space_between", "a", "b", "c" }, 9, 1, { "0,0 1x1", "4,0 1x1", "8,0 1x1" } },
  { "justify space_around", B { justify = "space_around", "a", "b" }, 10, 1, { "2,0 1x1", "7,0 1x1" } },
  { "justify space_evenly", B { justify = "space_evenly", "a", "b" }, 11, 1, { "3,0 1x1", "7,0 1x1" } },
  { "space_between overflows at the end", B { justify = "space_between", B { width = 6, shrink = 0 }, B { width = 6, shrink = 0 } },
    10, 1,
    { "0,0 6x1", "6,0 6x1" } },
  { "center overflows both sides", B { justify = "center", B { width = 14, shrink = 0 } }, 10, 1, { "-2,0 14x1" } },

  { "align start", B { align = "start", "a", T { "b\nc" } }, 9, 4, { "0,0 1x1", "1,0 1x2" } },
  { "align center", B { align = "center", "a", T { "b\nc" } }, 9, 4, { "0,1 1x1", "1,1 1x2" } },
  { "align end", B { align = "end", "a" }, 9, 4, { "0,3 1x1" } },
  { "baselines of first texts are on one row (8.5)",
    B { align = "baseline", "a", T { "b", padding_top = 2 }, C { B { padding_top = 1, "c" } } }, 9, nil,
    { "0,2 1x1", "1,0 1x3", "2,1 1x2", "2,1 1x2", "2,2 1x1" } },
  { "baseline with margins, and what does not share it", B { align = "baseline", T { "a", margin_top = 1 }, "b",
    T { "c", align_self = "end" } }, 9, 4, { "0,1 1x1", "1,1 1x1", "2,3 1x1" } },
  { "align_self overrides", C { align = "center", "ab", T { "cd", align_self = "end" } }, 10, 4, { "4,0 2x1", "8,1 2x1" } },
  { "stretch respects max", C { T { "a", max_width = 4 } }, 10, 4, { "0,0 4x1" } },
  { "stretch does not touch a definite size", C { B { width = 4, height = 2 } }, 10, 4, { "0,0 4x2" } },
  { "auto height follows the tallest item", B { "a", T { "b\nc\nd" } }, 9, nil, { "0,0 1x3", "1,0 1x3" } },

  { "wrap begins a new line when full (9.3)", B { wrap = "wrap", align_content = "start", "aaa", "bbb", "cc" }, 7, 5,
    { "0,0 3x1", "3,0 3x1", "0,1 2x1" } },
  { "wrap counts the gap", B { wrap = "wrap", column_gap = 2, row_gap = 1, align_content = "start", "aaa", "bbb", "cc" }, 7, 5,
    { "0,0 3x1", "0,2 3x1", "5,2 2x1" } },
  { "lines stretch over the free cross space (9.4.9)", B { wrap = "wrap", "aaaa", "bbbb" }, 5, 6, { "0,0 4x3", "0,3 4x3" } },
  { "align_content center", B { wrap = "wrap", align_content = "center", "aaaa", "bbbb" }, 5, 6, { "0,2 4x1", "0,3 4x1" } },
  { "align_content end", B { wrap = "wrap", align_content = "end", "aaaa", "bbbb" }, 5, 6, { "0,4 4x1", "0,5 4x1" } },
  { "align_content space_around", B { wrap = "wrap", align_content = "space_around", "aaaa", "bbbb" }, 5, 6, { "0,1 4x1", "0,4 4x1" } },
  { "align_content space_evenly", B { wrap = "wrap", align_content = "space_evenly", "aaaa", "bbbb" }, 5, 8, { "0,2 4x1", "0,5 4x1" } },
  { "align_content space_between", B { wrap = "wrap", align_content = "space_between", "aaaa", "bbbb" }, 5, 6,
    { "0,0 4x1", "0,5 4x1" } },
  { "each line flexes alone", B { wrap = "wrap", align_content = "start", B { width = 4, grow = 1 }, B { width = 4, grow = 1 },
    B { width = 4, grow = 1 } },
    10, 2, { "0,0 5x0", "5,0 5x0", "0,0 10x0" } },
  { "wrap_reverse stacks lines upwards", B { wrap = "wrap_reverse", align_content = "start", "aaaa", "bbbb" }, 5, 4,
    { "0,3 4x1", "0,2 4x1" } },
  { "a wrapping row has the height of its lines", C { B { wrap = "wrap", "aaa", "bbb", "ccc" }, "x" }, 7, nil,
    { "0,0 7x2", "0,0 3x1", "3,0 3x1", "0,1 3x1", "0,2 7x1" } },

  { "percent of the parent", B { B { width = "50%" }, B { width = "25%", height = "50%" } }, 20, 4, { "0,0 10x4", "10,0 5x2" } },
  { "percent of something unknown is auto", C { C { C { T { "ab", height = "50%" } } } }, 10, nil,
    { "0,0 10x1", "0,0 10x1", "0,0 10x1" } },
  { "min and max in percent", B { B { width = 2, min_width = "50%" }, B { width = 20, max_width = "25%" } }, 20, 1,
    { "0,0 10x1", "10,0 5x1" } },
  { "min wins over max", B { B { width = 5, min_width = 8, max_width = 4 } }, 20, 1, { "0,0 8x1" } },
  { "min height of a column makes room to grow", C { min_height = 6, "a", T { "b", grow = 1 } }, 4, nil, { "0,0 4x1", "0,1 4x5" } },
  { "max height of a scrolling column holds", C { C { overflow = "scroll", max_height = 2, "a", "b", "c" }, "z" }, 4, nil,
    { "0,0 4x2", "0,0 4x1", "0,1 4x1", "0,2 4x1", "0,2 4x1" } },

  { "an inner row shrinks to fit", C { align = "start", B { column_gap = 1, "ab", "cd" } }, 20, nil,
    { "0,0 5x1", "0,0 2x1", "3,0 2x1" } },
  { "an inner column is as wide as its widest item", B { C { "a", "bbb" }, "x" }, 20, 2,
    { "0,0 3x2", "0,0 3x1", "0,1 3x1", "3,0 1x2" } },
  { "a row that does not fit wraps the text inside", B { C { "one two three" }, C { "x", shrink = 0, width = 4 } }, 11, nil,
    { "0,0 7x2", "0,0 7x2", "7,0 4x2", "7,0 4x1" } },
  { "nested grow", C { B { grow = 1, B { grow = 1 }, B { width = 3 } } }, 10, 4, { "0,0 10x4", "0,0 7x4", "7,0 3x4" } },
  { "display none takes no room", B { column_gap = 1, "a", T { "x", display = "none" }, "b" }, 9, 1,
    { "0,0 1x1", "0,0 0x0", "2,0 1x1" } },
  { "relative moves a box and nothing else", B { T { "a", position = "relative", left = 2, top = 1 }, T { "b", position = "relative",
    right = 1, bottom = "50%" }, "c" }, 9, 2, { "2,1 1x2", "0,-1 1x2", "2,0 1x2" } },
  { "absolute is out of the flow, inside the border", B { border = 1, T { "x", position = "absolute", right = 1, bottom = 0 }, "y" },
    10, 5,
    { "7,3 1x1", "1,1 1x3" } },
  { "absolute between two edges", B { B { position = "absolute", left = 2, right = 3, top = 1, bottom = 1 } }, 10, 5, { "2,1 5x3" } },
  { "wide characters count two", B { "日本", "x" }, 9, 1, { "0,0 4x1", "4,0 1x1" } },
  { "nothing is narrower than its padding", B { B { width = 1, padding_left = 2, padding_right = 2, shrink = 0 } }, 9, 1,
    { "0,0 4x1" } },
}

describe("flex layout", function()
  for _, case in ipairs(cases) do
    it(case[1], function()
      layout.compute(case[2], case[3], case[4])
      assert.same(case[5], flat(case[2], {}))
    end)
  end

  it("gives the same answer when asked again, and another one after a change", function()
    local tree = C { T { "one two three", grow = 1 }, "x" }
    layout.compute(tree, 20, 5)
    local first = flat(tree, {})
    layout.compute(tree, 20, 5)
    assert.same(first, flat(tree, {}))
    layout.compute(tree, 5, nil)
    assert.same({ "0,0 5x3", "0,3 5x1" }, flat(tree, {}))
  end)

  it("says how large a tree is without a height", function()
    local w, h = layout.compute(C { "one two three", "x" }, 7)
    assert.equal(7, w)
    assert.equal(3, h)
  end)

  it("takes work in proportion to the number of boxes, however deep they are nested", function()
    local calls = 0
    local leaf = { style = {}, measure = function() calls = calls + 1 return 3, 1, 3 end }
    local tree = leaf
    for depth = 1, 40 do tree = { style = { direction = depth % 2 == 0 and "row" or "column" }, children = { tree } } end
    layout.compute(tree, 80, 24)
    assert.is_true(calls < 200, "measured " .. calls .. " times")
    assert.equal(3, leaf.width)
  end)
end)
