-- equal and copy: values without text.
local hearth = require "hearth"
local core = require "hearth.core.json"
local equal, copy = core.equal, core.copy

describe("equal", function()
  it("goes by content and by subtype", function()
    for _, pair in ipairs{{1, 1}, {"a", "a"}, {{1, {x = {}}}, {1, {x = {}}}}, {hearth.null, hearth.null},
      {0 / 0, 0 / 0}, {nil, nil},
      {hearth.array{1}, {1}}, {hearth.array{}, hearth.array{}}, {hearth.Set{1}, hearth.Set{1}}, {print, print},
      {setmetatable({1}, {}), {1}}} do
      assert.is_true(equal(pair[1], pair[2]))
    end
    for _, pair in ipairs{{1, 1.0}, {0.0, -0.0}, {"1", 1}, {{1}, {1.0}}, {{1}, {1, 2}}, {{1, 2}, {1}}, {{a = 1}, {b = 1}},
      {{}, hearth.null},
      {{}, hearth.array{}}, {hearth.Set{}, {}}, {hearth.Set{1}, hearth.Set{1.0}}, {false, nil}, {print, error}} do
      assert.is_false(equal(pair[1], pair[2]))
      assert.is_false(equal(pair[2], pair[1]))
    end
  end)

  it("ends on cycles", function()
    local a, b = {}, {}
    a[1], a[2], b[1], b[2] = a, a, b, b
    assert.is_false(equal(a, b))
    assert.is_true(equal(a, a))
  end)
end)

describe("copy", function()
  it("is deep, with marks and sets", function()
    local value = {1, 2.0, {a = hearth.array{}, b = {}, c = hearth.Set{1, 1.0, "x"}}, hearth.null, "s", false}
    local other = copy(value)
    assert.is_true(equal(value, other))
    assert.are_not.equal(value[3], other[3])
    assert.is_true(core.is_array(other[3].a))
    assert.is_false(core.is_array(other[3].b))
    other[3].c:add "y"
    assert.is_false(value[3].c:contains "y")
    other[3].b.x = 1
    assert.is_nil(value[3].b.x)
    for _, scalar in ipairs{1, 1.5, "x", true, hearth.null} do assert.equal(scalar, copy(scalar)) end
    assert.is_nil(copy(nil))
  end)

  it("of what cannot be stored is EINVAL with the path", function()
    local ok, err = pcall(copy, {a = {print}})
    assert.is_false(ok)
    assert.equal("EINVAL", err.code)
    assert.equal("$.a[1]", err.path)
    local t = {}
    t.t = t
    ok, err = pcall(copy, t)
    assert.is_false(ok)
    assert.equal("$.t", err.path)
  end)
end)

describe("array", function()
  it("marks a table and gives it back", function()
    local t = {}
    assert.equal(t, hearth.array(t))
    assert.is_true(core.is_array(t))
    assert.equal(t, hearth.array(t))
    assert.is_true(core.is_array(hearth.json.decode "[]"))
    assert.is_false(core.is_array{})
    assert.is_false(core.is_array "x")
  end)

  it("is EINVAL for what has a metatable, or is no table", function()
    for _, value in ipairs{setmetatable({}, {}), hearth.Set{}, "x", 5} do
      local ok, err = pcall(hearth.array, value)
      assert.is_false(ok)
      assert.equal("EINVAL", err.code)
    end
  end)
end)
