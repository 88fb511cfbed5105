local tw = require "hearth.ui.text_width"

describe("text width", function()
  it("counts cells, not bytes", function()
    assert.equal(5, tw.width "hello")
    assert.equal(0, tw.width "")
    assert.equal(4, tw.width "naïf")
    assert.equal(4, tw.width "日本")
    assert.equal(1, tw.width "e\u{301}")
    assert.equal(2, tw.width "\u{1F600}")
    assert.equal(2, tw.width "\u{1F44D}\u{1F3FD}")
    assert.equal(2, tw.width "a\0b")
  end)

  it("takes a byte that is not UTF-8 for one sign", function()
    assert.equal(3, tw.width "a\xFFb")
    assert.equal(2, tw.width "\xC3(")
    assert.equal(3, tw.width "\xED\xA0\x80") -- a surrogate
    assert.equal(1, tw.width "\xE6")
  end)

  it("truncates without cutting a character", function()
    assert.equal("hello", tw.truncate("hello", 5))
    assert.equal("hel…", tw.truncate("hello", 4))
    assert.equal("日…", tw.truncate("日本語", 4))
    assert.equal("", tw.truncate("hello", 0))
    assert.equal("e\u{301}…", tw.truncate("e\u{301}xyz", 2))
  end)

  it("wraps at blanks, and inside words that are too long", function()
    local cases = {
      { "one two three", 7, { "one two", "three" }, 7 },
      { "one two three", 3, { "one", "two", "thr", "ee" }, 3 },
      { "abcdefgh", 3, { "abc", "def", "gh" }, 3 },
      { "a\n\nb", 10, { "a", "", "b" }, 1 },
      { "日本語", 4, { "日本", "語" }, 4 },
      { "日", 1, { "日" }, 2 },
      { "ab cd", 2, { "ab", "cd" }, 2 },
      { "ab  cd ", 2, { "ab", "cd" }, 2 },
      { "", 5, { "" }, 0 },
      { "one two", nil, { "one two" }, 7 },
      { "one\ntwo", nil, { "one", "two" }, 3 },
    }
    for _, case in ipairs(cases) do
      local lines, width = tw.wrap(case[1], case[2])
      assert.same(case[3], lines)
      assert.equal(case[4], width)
    end
  end)

  it("knows the longest word", function()
    assert.equal(5, tw.longest_word "one two three")
    assert.equal(4, tw.longest_word "a 日本 b")
    assert.equal(0, tw.longest_word "")
  end)
end)
