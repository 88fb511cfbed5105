-- hearth.Set, and values with sets in them.
local hearth = require "hearth"
local core = require "hearth.core.json"
local Set = hearth.Set

local function elements(set)
  local list = {}
  for element in pairs(set) do list[#list + 1] = (math.type(element) or type(element)) .. " " .. tostring(element) end
  table.sort(list)
  return list
end

local function stored(value) return core.decode_stored(core.encode_stored(value)) end

describe("a Set", function()
  it("adds, discards, contains and counts", function()
    local set = Set{"a", "b", "a"}
    assert.equal(2, #set)
    assert.is_true(set:contains "a")
    assert.is_false(set:contains "c")
    assert.equal(set, set:add "c")
    assert.equal(3, #set)
    set:add "c"
    assert.equal(3, #set)
    assert.is_true(set:discard "a")
    assert.is_false(set:discard "a")
    assert.is_false(set:contains "a")
    assert.equal(2, #set)
    assert.equal(0, #Set())
    assert.equal(0, #Set{})
  end)

  it("is walked by pairs, also while elements are discarded", function()
    local set = Set{"x", 1, 1.0, 2.0, 2.5, false, true, hearth.null, -3}
    assert.equal(9, #set)
    assert.equal(9, #elements(set))
    assert.same({"float 1.0", "float 2.0", "float 2.5", "integer -3", "integer 1"}, (function()
      local list = {}
      for _, e in ipairs(elements(set)) do if e:find "^[fi]%l+ %-?%d" then list[#list + 1] = e end end
      return list
    end)())
    for element in pairs(set) do set:discard(element) end
    assert.equal(0, #set)
  end)

  it("tells 1 from 1.0", function()
    local set = Set{1}
    assert.is_false(set:contains(1.0))
    set:add(1.0)
    assert.equal(2, #set)
    set:discard(1)
    assert.is_true(set:contains(1.0))
    assert.is_false(set:contains(1))
    assert.is_true(Set{1} ~= Set{1.0})
  end)

  it("is equal to one of the same elements", function()
    assert.is_true(Set{"a", 1} == Set{1, "a"})
    assert.is_false(Set{"a"} == Set{"a", "b"})
    assert.is_false(Set{"a"} == Set{"b"})
    assert.is_true(Set{} == Set{})
    assert.same({tags = Set{"a"}}, {tags = Set{"a"}})
  end)

  it("is copied from another set", function()
    local a = Set{1, 1.0, "x"}
    local b = Set(a)
    assert.is_true(a == b)
    b:add "y"
    assert.is_false(a == b)
  end)

  it("takes what a store can hold, no tables", function()
    local set = Set{}
    for _, value in ipairs{{}, print, 0 / 0, 1 / 0, coroutine.create(print), Set{}} do
      local ok, err = pcall(set.add, set, value)
      assert.is_false(ok)
      assert.equal("EINVAL", err.code)
    end
    for _, list in ipairs{"a", 5, {a = 1}, {1, nil, 3}, {{}}} do
      local ok, err = pcall(Set, list)
      assert.is_false(ok)
      assert.equal("EINVAL", err.code)
    end
    assert.equal("EINVAL", select(2, pcall(set.add, set)).code)
    assert.equal("EINVAL", select(2, pcall(set.add, "a")).code)
    assert.equal("EINVAL", select(2, pcall(function() set.field = 1 end)).code)
    assert.equal("EINVAL", select(2, pcall(function() set[1] = 1 end)).code)
    assert.equal(0, #set)
  end)

  it("has methods, whatever its elements are called", function()
    local set = Set{"add", "discard", "contains"}
    assert.is_true(set:contains "add")
    set:discard "add"
    assert.equal(2, #set)
  end)
end)

describe("stored values", function()
  it("keep sets at any depth", function()
    local value = {a = {b = {Set{1, 2.0, "x", true, hearth.null}, Set{}}}, c = Set{0.1}}
    local back = stored(value)
    assert.is_true(core.equal(value, back))
    assert.is_true(core.is_set(back.a.b[2]))
    assert.is_true(back.a.b[1] == value.a.b[1])
    assert.is_true(stored(Set{"top"}) == Set{"top"})
  end)

  it("have equal text for equal sets", function()
    assert.equal(core.encode_stored(Set{3, 1, 2, "b", "a", 1.0, 1.5}), core.encode_stored(Set{1.5, 1.0, "a", "b", 2, 1, 3}))
  end)

  it("tell a table that looks like a set from a set", function()
    local text = core.encode_stored(Set{1, 2})
    local key = next(hearth.json.decode(text))
    local names = {key}
    for i = 1, 70 do names[#names + 1] = ("$"):rep(i) .. key end
    for _, name in ipairs(names) do
      for _, value in ipairs{{1, 2}, hearth.array{}, {}, {{}}, 1, "x", {x = 1}, Set{1}, {[name] = {1}}} do
        local table_ = {[name] = value}
        local back = stored(table_)
        assert.is_false(core.is_set(back))
        assert.is_true(core.equal(table_, back), core.encode_stored(table_))
        assert.is_true(core.equal({deep = {table_}}, stored{deep = {table_}}))
      end
      assert.is_true(core.equal({[name] = {1}, other = 1}, stored{[name] = {1}, other = 1}))
    end
    local raw = hearth.json.decode(text)
    assert.is_true(core.equal(raw, stored(raw)))
  end)

  it("count a set as the two levels that its text has", function()
    local function nest(levels)
      local value = Set{1}
      for _ = 1, levels do value = {value} end
      return value
    end
    assert.is_true(core.equal(nest(998), stored(nest(998))))
    assert.equal("EINVAL", select(2, pcall(core.encode_stored, nest(999))).code)
  end)

  it("name verb and key in errors", function()
    local ok, err = pcall(core.encode_stored, {print}, "AppStorage.set", "the key")
    assert.is_false(ok)
    assert.equal("AppStorage.set", err.op)
    assert.equal("the key", err.key)
    assert.equal("$[1]", err.path)
    assert.truthy(err.message:find("AppStorage.set", 1, true))
  end)
end)
