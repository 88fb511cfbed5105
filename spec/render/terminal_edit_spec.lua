local edit = require "hearth.render.terminal.edit"

-- A state as text: | is the caret, [ ] the selection.
local function shown(state)
  local from, to = state:selection()
  local text, marks = state.text, { { state.caret, "|" } }
  if from then marks = { { from, "[" }, { to, "]" } } end
  for i = #marks, 1, -1 do text = text:sub(1, marks[i][1]) .. marks[i][2] .. text:sub(marks[i][1] + 1) end
  return text
end

describe("text being edited", function()
  it("puts text at the caret and in place of the selection", function()
    local state = edit.new "hello"
    state:move "start"
    state:insert "oh "
    assert.equal("oh |hello", shown(state))
    state:select_all()
    assert.equal("[oh hello]", shown(state))
    state:insert "x"
    assert.equal("x|", shown(state))
  end)

  it("moves and removes by whole characters", function()
    local state = edit.new "ae\u{301}日"
    state:move "left"
    assert.equal("ae\u{301}|日", shown(state))
    state:move "left"
    assert.equal("a|e\u{301}日", shown(state))
    state:delete "right"
    assert.equal("a|日", shown(state))
    state:delete "left"
    assert.equal("|日", shown(state))
    assert.is_false(state:delete "left")
  end)

  it("moves and removes by words", function()
    local state = edit.new "one two, drei"
    state:move "word_left"
    assert.equal("one two, |drei", shown(state))
    state:move "word_left"
    assert.equal("one |two, drei", shown(state))
    state:delete "word_right"
    assert.equal("one |, drei", shown(state))
    state:delete "word_left"
    assert.equal("|, drei", shown(state))
  end)

  it("extends a selection, and leaves it at the end where the move leads", function()
    local state = edit.new "abc"
    state:move("left", true)
    state:move("left", true)
    assert.equal("a[bc]", shown(state))
    state:move "left"
    assert.equal("a|bc", shown(state))
    state:move("line_end", true)
    state:move "right"
    assert.equal("abc|", shown(state))
  end)

  it("selects the word or the line at a position", function()
    local e = edit.new "one two-three\nfour"
    local function word(at)
      e:select_word(at)
      return e:selected()
    end
    assert.same({ "one", "one", "two", "-", "three", "four" }, { word(0), word(2), word(5), word(7), word(8), word(#e.text) })
    e:select_line(5)
    assert.equal("one two-three", e:selected())
  end)

  it("takes back what was typed in one go, and does it again", function()
    local state = edit.new ""
    for letter in ("abc"):gmatch "." do state:insert(letter, true) end
    state:move "left"
    state:insert("X", true)
    assert.is_true(state:undo())
    assert.equal("abc", state.text)
    assert.is_true(state:undo())
    assert.equal("", state.text)
    assert.is_false(state:undo())
    state:redo()
    state:redo()
    assert.equal("abX|c", shown(state))
    assert.is_false(state:redo())
  end)

  it("keeps the column over shorter lines", function()
    local state = edit.new "first line\nab\nthird"
    state:place(5)
    state:vertical(1)
    assert.equal("first line\nab|\nthird", shown(state))
    state:vertical(1)
    assert.equal("first line\nab\nthird|", shown(state))
    assert.is_false(state:vertical(1))
  end)

  it("keeps the caret between characters when its owner shows another text", function()
    local state = edit.new "abcd"
    state:place(2)
    state:replace "a日x"
    assert.equal("a|日x", shown(state))
  end)
end)
