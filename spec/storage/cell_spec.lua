-- The cell by itself (lua/hearth/storage/cell.lua): no store, no turn, no clock. What each way of replacing the base makes of the log.

local cell_module = require "hearth.storage.cell"
local hearth = require "hearth"
local private = require("hearth.storage.value").private

local owner = {view = function(_, value) return value end}

local function known(value, revision, fields)
  local base = {known = true, value = value, revision = revision or 1}
  for name, field in pairs(fields or {}) do base[name] = field end
  return base
end

local function cell_on(base)
  local cell = cell_module.new()
  cell:rebase(base)
  return cell
end

local function op(kind, fields)
  local new = {kind = kind, owner = owner}
  for name, field in pairs(fields or {}) do new[name] = field end
  return new
end

local function set(value, fields)
  local new = op("set", fields)
  new.value, new.copy = value, private(value)
  new.open = type(value) == "table" or nil
  return new
end

local function add(text, fields)
  local new = op("update", fields)
  new.fn = function(current) return (current or "") .. text end
  return new
end

local function raise_over(bad, text)
  local new = op "update"
  new.fn = function(current) return current == bad and error("not over " .. tostring(bad), 0) or (current or "") .. text end
  return new
end

describe("a cell", function()
  describe("whose operations are on their way", function()
    local cell

    before_each(function()
      cell = cell_on(known "a")
      cell:append(add "b")
      cell:send()
    end)

    it("folds what comes later over what they come to, not over the base", function()
      cell:append(add "c")
      local group = {}
      cell:append(add("d", {group = group}))
      assert.are.equal("abcd", cell:read())
      local gone = cell:withdraw(group)
      assert.are.equal(1, #gone)
      assert.are.equal("abc", cell:read())
    end)

    it("shows them, where what came later is taken back", function()
      local group = {}
      cell:append(set("x", {group = group}))
      cell:withdraw(group)
      assert.are.equal("ab", cell:read())
    end)

    it("keeps a base that comes, for when they have landed: the newest one", function()
      assert.is_false((cell:rebase(known("theirs", 7))))
      assert.is_false((cell:rebase(known("older", 6))))
      assert.are.equal("ab", cell:read())
      cell:landed(5)
      assert.are.equal("theirs", cell:read())
    end)

    it("has not changed when what came is older than what landed", function()
      cell:rebase(known("between", 2))
      cell:landed(5)
      assert.are.equal("ab", cell:read())
      assert.are.equal(5, cell.base.revision)
    end)

    it("folds them over what refused them, or over what came meanwhile if that is newer", function()
      cell:rebase(known("newest", 9))
      cell:refused(known("newer", 8))
      assert.are.equal("newestb", cell:read())
      cell:send()
      cell:rebase(known("late news", 10))
      cell:refused(known("newer still", 11))
      assert.are.equal("newer stillb", cell:read())
    end)

    it("folds over an older revision if that is what refused them: the store was put back", function()
      cell:refused(known("x", 0))
      assert.are.equal("xb", cell:read())
    end)

    it("keeps them in front when they could not be written", function()
      cell:append(add "c")
      cell:rebase(known("z", 3))
      cell:unsent()
      assert.are.equal("zbc", cell:read())
      assert.are.equal(2, cell.n)
    end)

    it("gives them up, and goes on from what came meanwhile, or from where it was", function()
      cell:append(add "c")
      local gone = cell:rollback()
      assert.are.equal(1, #gone)
      assert.are.equal("ac", cell:read())
      cell:send()
      cell:rebase(known("z", 3))
      cell:append(add "d")
      cell:rollback()
      assert.are.equal("zd", cell:read())
    end)

    it("lands a part: the rest is folded over it", function()
      cell:unsent()
      cell:append(add "c")
      cell:append(add "d")
      cell:send(2)
      assert.are.equal("abc", cell.flight.value)
      local landed = cell:landed(2)
      assert.are.equal(2, #landed)
      assert.are.equal("abcd", cell:read())
      assert.are.equal(1, cell.n)
      cell:send()
      assert.are.equal("abcd", cell.flight.value)
    end)
  end)

  describe("that adds an operation", function()
    it("drops an updater that raises over what is stored; over what is not known it waits for that", function()
      local cell = cell_module.new()
      local careful = raise_over(nil, "+")
      assert.are.equal("same", (cell:append(careful)))
      cell:append(add "b")
      assert.are.equal("b", cell:read())
      cell:rebase(cell_module.unknown "EIO")   -- a failed load: still nothing is known
      assert.are.equal(2, cell.n)
      local _, failed = cell:rebase(known "a")
      assert.are.same({}, failed)
      assert.are.equal("a+b", cell:read())
      _, failed = cell:rebase(known(nil, 4))
      assert.are.equal(careful, failed[1].op)
      assert.are.equal("b", cell:read())
      local outcome, failure = cell:append(raise_over("b", "-"))
      assert.are.same({"failed", "not over b", 1}, {outcome, failure.error, cell.n})
    end)

    it("leaves one out that changes nothing, here or on disk", function()
      local cell = cell_on(known "a")
      assert.are.equal("none", (cell:append(set "a")))
      assert.are.equal("none", (cell_on(known(nil, 0)):append(op "remove")))
      assert.are.equal(0, cell.n)
    end)

    it("keeps one that changes the disk alone", function()
      local unreadable = cell_on(known(nil, 3, {error = "ECORRUPT", condition = 3}))
      assert.are.equal("same", (unreadable:append(op "remove")))
      local overtaken = cell_on(known("a", 3, {stale = true}))   -- a verb of this process writes the key
      assert.are.equal("same", (overtaken:append(set "a")))
      local renewed = cell_on(known("a", 3, {expires_at = 10}))
      assert.are.equal("same", (renewed:append(set("a", {expires_at = 20}))))
      for _, cell in ipairs {unreadable, overtaken, renewed} do assert.is_true(cell:send()) end
      assert.are.equal("same", (cell_module.new():append(op "remove")))   -- who knows what is there
    end)

    it("writes nothing where several come to what is on disk", function()
      local cell = cell_on(known "a")
      cell:append(set "b")
      cell:append(set "a")
      assert.is_false(cell:send())
      local ops = cell:landed()
      assert.are.equal(2, #ops)
      assert.are.equal(1, cell.base.revision)
    end)

    it("writes over what has expired, also the same value", function()
      local cell = cell_on(known("a", 3, {expires_at = 10}))
      cell:expire(10)
      cell:append(set "a")
      assert.is_true(cell:send())
      assert.are.equal("a", cell.flight.value)
      cell:unsent()
      cell:append(op "remove")
      assert.is_true(cell:send())
    end)
  end)

  describe("at the end of a turn", function()
    it("takes a table as it is then, and nothing that happens to it later", function()
      local cell, t = cell_on(known(nil, 0)), {1}
      cell:append(set(t))
      t[1] = 2
      assert.is_true((cell:seal()))
      assert.are.same({2}, cell.value)
      t[1] = 3
      assert.is_false((cell:seal()))
      cell:send()
      assert.are.same({2}, cell.flight.value)
    end)

    it("folds what follows again over the table as it is", function()
      local cell, t = cell_on(known(nil, 0)), {"a"}
      cell:append(set(t))
      cell:append(op("update", {fn = function(v) v[2] = "b" return v end}))
      t[1] = "changed"
      cell:seal()
      assert.are.same({"changed", "b"}, cell.value)
    end)

    it("drops a table that can no longer be stored, alone", function()
      local cell, t = cell_on(known "a"), {}
      local bad = set(t)
      cell:append(bad)
      cell:append(op("update", {fn = function(v) return type(v) == "table" and v or v .. "b" end}))
      t.fn = print
      local _, failed = cell:seal()
      assert.are.same({bad, "EINVAL"}, {failed[1].op, failed[1].error.code})
      assert.are.equal("ab", cell:read())
    end)

    it("lets the last plain value take the others with it: their tickets, and their hearth.batch", function()
      local cell, group = cell_on(known "a"), {}
      local first, second, third = add("1", {group = group}), set "2", op "remove"
      cell:append(first)
      cell:append(second)
      cell:seal()
      cell:append(third)
      cell:append(add "4")
      cell:seal()
      assert.are.equal(2, cell.n)
      assert.are.equal(third, cell.log[1])
      assert.are.same({first, second}, third.absorbed)
      assert.are.equal(group, third.group)
      assert.are.equal("4", cell:read())
    end)

    it("leaves those alone that a verb was issued after", function()
      local cell = cell_on(known "a")
      cell:append(add "1")
      cell:append(set "2")
      local seq = cell.log[2].seq
      cell:append(set "3")
      cell:append(set "4")
      cell:seal(seq)
      assert.are.same({3, "4"}, {cell.n, cell:read()})
    end)
  end)

  describe("that is written by a verb", function()
    local cell

    before_each(function()
      cell = cell_on(known "a")
      for _, new in ipairs {add "1", set "2", add "3", add "4"} do cell:append(new) end
    end)

    it("forgets what was issued before, and nothing else", function()
      local hidden = cell:hide(cell.log[2].seq)
      assert.are.equal(2, #hidden)
      assert.are.equal("a34", cell:read())
    end)

    it("keeps updaters at the end for a verb that made its value out of the stored one", function()
      local hidden = cell:hide(cell.log[4].seq, true)
      assert.are.equal(2, #hidden)
      cell:rebase(known("v", 2))
      assert.are.equal("v34", cell:read())
    end)

    it("keeps what is on its way", function()
      cell:send(1)
      local hidden = cell:hide(cell.log[3].seq)
      assert.are.equal(2, #hidden)
      assert.are.equal("a14", cell:read())
      cell:landed(2)
      assert.are.equal("a14", cell:read())
    end)
  end)

  describe("with values that expire", function()
    it("loses what is stored, what is on its way and what waits, each for good", function()
      local cell = cell_on(known("a", 1, {expires_at = 10}))
      assert.is_false(cell:expire(9))
      assert.is_true(cell:expire(10))
      assert.is_nil(cell:read())
      cell:append(set("b", {expires_at = 20}))
      cell:send()
      cell:append(set("c", {expires_at = 30}))
      assert.is_true(cell:expire(30))
      assert.is_nil(cell:read())
      cell:landed(2)   -- by a clock that was set back
      assert.is_nil(cell:read())
      cell:send()
      assert.is_nil(cell.flight.value)
      cell:landed(3)
      assert.is_nil(cell:read())
    end)

    it("folds over nothing where the stored value has expired", function()
      local cell = cell_on(known("a", 1, {expires_at = 10}))
      cell:expire(10)
      cell:append(add "b")
      cell:send()
      assert.are.equal("b", cell.flight.value)
      cell:unsent()
      cell:withdraw {}   -- folds again
      assert.are.equal("b", cell:read())
    end)

    it("keeps what was set after them", function()
      local cell = cell_on(known(nil, 0))
      cell:append(set("b", {expires_at = 20}))
      cell:append(add "c")
      assert.is_false(cell:expire(25))   -- an updater without an expiry took it away
      assert.are.equal("bc", cell:read())
      cell:rebase(known("x", 2))   -- folds again: what it was applied to has expired meanwhile
      assert.are.equal("c", cell:read())
    end)
  end)

  it("knows no older revision than it has, but for a forced one", function()
    local cell = cell_on(known("b", 2))
    cell:rebase(known("a", 1))
    assert.are.equal("b", cell:read())
    cell:rebase(known("a", 1), true)
    assert.are.equal("a", cell:read())
  end)

  it("is equal by content and subtype, and hands out the same object while nothing changes", function()
    local cell = cell_on(known({x = {1, 2}}))
    local shown = cell:read()
    cell:rebase(known({x = {1, 2}}, 2))
    assert.are.equal(shown, cell:read())
    cell:rebase(known({x = {1, 2.0}}, 3))
    assert.are_not.equal(shown, cell:read())
  end)

  it("gives each run of an updater a copy of its own", function()
    local cell = cell_on(known {n = 1})
    local seen
    cell:append(op("update", {fn = function(v) seen = v v.n = v.n + 1 return v end}))
    assert.are.same({n = 1}, cell.base.value)
    seen.n = 100
    cell:rebase(known({n = 10}, 2))
    assert.are.same({n = 11}, cell:read())
  end)

  it("compares its next write with what is there: a revision, nothing, or not at all", function()
    assert.are.equal(7, cell_module.condition(known("a", 7)))
    assert.are.equal(0, cell_module.condition(known(nil, 7)))   -- removed, as revision 7
    assert.are.equal(7, cell_module.condition(known(nil, 7, {error = "ECORRUPT", condition = 7})))
    assert.is_false(cell_module.condition(known(nil, 0, {condition = false})))
  end)

  it("remembers the stored value that the newest write replaces", function()
    local cell = cell_on(known {"a"})
    cell:append(set "b")
    assert.are.same({"a"}, cell:previous())
    cell:send()
    cell:landed(2)
    assert.are.same({"a"}, cell:previous())
    cell:rebase(known("c", 3))
    assert.are.equal("b", cell:previous())
    cell:previous()
    cell:append(set(hearth.null))
    assert.are.equal("c", cell:previous())
  end)
end)
