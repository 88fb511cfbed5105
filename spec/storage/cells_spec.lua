-- The cells of a store, on a store that is driven by hand: who waits for what, what is written when, and what happens when it cannot be.

local cells = require "hearth.storage.cells"
local errors = require "hearth.errors"
local hearth = require "hearth"
local json = require "hearth.core.json"
local pool_module = require "hearth.storage.pool"
local support = require "spec.support.plain_store"
local timer = require "hearth.core.timer"
require "hearth.hooks.use_persisted_state"   -- lets hearth.batch know of cells

local function turn() hearth.run_async(function() end):await() end

local function later(seconds)
  local to = timer.now() + seconds
  while timer.step(to) do turn() end
  turn()
end

-- The wall clock is set back.
local function back(seconds)
  timer.step(timer.now() - seconds)
  turn()
end

describe("the cells of a store", function()
  local db, handle, pool
  local heard

  local function voice(fields)
    local v = {changed = function() heard = heard + 1 end, view = function(_, value) return value end, errors = {}}
    v.on_error = function(err) table.insert(v.errors, err) end
    for name, value in pairs(fields or {}) do v[name] = value end
    v.options = fields
    return v
  end

  local function cell_of(key, v)
    local cell = pool:cell("default", key)
    pool:subscribe(cell, v or voice())
    return cell
  end

  -- What was there before the app began.
  local function put(key, text, fields)
    db:put("default", key, text, fields)
    while handle:deliver() do end
  end

  local function drain() handle:drain(turn) end

  local function stored(key)
    local row = db:row("default", key)
    return row and json.decode_stored(row.value)
  end

  local function shown(cell) return (cell:read()) end

  local function increment(n) return (n or 0) + 1 end

  before_each(function()
    timer.fake(true)
    db = support.new()
    handle = db:open()
    pool = cells.pool(handle)
    heard = 0
  end)

  after_each(function()
    cells.forget()
    timer.fake(false)
  end)

  it("reads all keys of a turn with one multi-get", function()
    for i = 1, 100 do cell_of("k" .. i) end
    turn()
    assert.are.equal(1, #handle.queue)
    assert.are.equal(100, #handle.queue[1].load // 2)
    drain()
    cell_of("k1")
    turn()
    assert.are.equal(0, #handle.queue)   -- known: no read
  end)

  it("keeps a set that was made before the load landed, writes it once, and remembers what was stored", function()
    put("theme", '"light"')
    local cell = cell_of "theme"
    local ticket = cells.set(cell, "dark")
    assert.are.equal("dark", shown(cell))
    drain()
    assert.are.equal("dark", shown(cell))
    assert.are.equal("dark", stored "theme")
    assert.are.equal("light", cell:previous())
    assert.is_true(ticket:done())
    assert.are.equal(2, #db.commits)
  end)

  it("folds an updater that was made before the load landed over the stored value: 41 and one is 42", function()
    put("n", "41")
    local cell = cell_of "n"
    cells.update(cell, increment)
    assert.are.equal(1, shown(cell))
    drain()
    assert.are.equal(42, shown(cell))
    assert.are.equal(42, stored "n")
  end)

  it("writes a thousand sets of a turn as one value, in one commit", function()
    local cell = cell_of "n"
    drain()
    for i = 1, 1000 do cells.set(cell, i) end
    drain()
    assert.are.equal(1, #db.commits)
    assert.are.equal(1000, stored "n")
  end)

  it("neither tells nor writes an equal value", function()
    put("t", '{"a":[1,2]}')
    local cell = cell_of "t"
    drain()
    heard = 0
    local ticket = cells.set(cell, {a = json.array {1, 2}})
    assert.is_true(ticket:done())
    drain()
    assert.are.equal(0, heard)
    assert.are.equal(1, #db.commits)
    cells.set(cell, {a = json.array {1, 2.0}})   -- 2.0 is another value
    drain()
    assert.are.equal(2, #db.commits)
  end)

  it("sees a table that was changed in place, and writes a table as it is at the end of the turn", function()
    local cell = cell_of "t"
    drain()
    local t = {n = 1}
    cells.set(cell, t)
    t.n = 2
    drain()
    assert.are.same({n = 2}, stored "t")
    t.n = 3
    heard = 0
    cells.set(cell, t)
    assert.is_true(heard > 0)
    drain()
    assert.are.same({n = 3}, stored "t")
  end)

  it("gives each run of an updater a copy of its own", function()
    put("t", '{"list":[1]}')
    local cell = cell_of "t"
    drain()
    local before = shown(cell)
    cells.update(cell, function(t) t.list[2] = 2 return t end)
    assert.are.same({1}, before.list)
    assert.are.same({1, 2}, shown(cell).list)
  end)

  it("drops an updater that raises, alone", function()
    local cell, v = cell_of "n", voice()
    drain()
    cells.update(cell, increment, v)
    local bad = cells.update(cell, function() error("boom", 0) end, v)
    cells.update(cell, increment, v)
    drain()
    assert.are.equal(2, stored "n")
    assert.are.equal("boom", v.errors[1])
    local ok, err = pcall(bad.await, bad)
    assert.is_false(ok)
    assert.are.equal("boom", err)
  end)

  it("refuses what cannot be stored at the call, and names the path", function()
    local cell = cell_of "t"
    drain()
    local ok, err = pcall(cells.set, cell, {on = {click = print}})
    assert.is_false(ok)
    assert.are.equal("EINVAL", err.code)
    assert.are.equal("t", err.key)
    assert.matches("%$%.on%.click", tostring(err))
    for _, bad in ipairs {0 / 0, 1 / 0, print} do
      if type(bad) ~= "function" then assert.has_error(function() cells.set(cell, bad) end) end
    end
    drain()
    assert.are.equal(0, #db.commits)
  end)

  it("folds again over what somebody else wrote first", function()
    put("n", "10")
    local cell = cell_of "n"
    drain()
    cells.update(cell, increment)
    turn()
    db:put("default", "n", "20")
    drain()
    assert.are.equal(21, stored "n")
    assert.are.equal(21, shown(cell))
  end)

  it("takes what came from outside while its own write was on its way", function()
    local cell = cell_of "k"
    drain()
    cells.set(cell, "mine")
    turn()
    handle:perform()
    db:put("default", "k", '"theirs"')
    while handle:deliver() do end   -- both events, then the answer of the older write
    assert.are.equal("theirs", shown(cell))
    assert.are.equal(db.revision, cell.base.revision)
  end)

  it("does not go back to an older record when a load lands late", function()
    put("k", '"old"')
    local cell = cell_of "k"
    turn()
    handle:perform()
    db:put("default", "k", '"new"')
    while handle:deliver() do end   -- the event, then the answer of the load
    assert.are.equal("new", shown(cell))
    cells.set(cell, "mine")
    drain()
    assert.are.equal(1, #db.commits - 2)   -- over the right revision: nothing was refused
  end)

  it("does not hear its own commits, and hears those of others", function()
    local cell = cell_of "n"
    drain()
    cells.set(cell, 1)
    drain()
    heard = 0
    db:put("default", "n", "1")
    drain()
    local other = db:open()
    other:submit {{ns = "default", key = "n", value = "2", kind = "json"}}
    other:perform()
    drain()
    assert.are.equal(2, shown(cell))
  end)

  describe("when the load fails", function()
    it("holds writes, never overwrites, and reads again after 50 ms, doubling", function()
      put("n", "41")
      local v = voice()
      local cell = cell_of("n", v)
      turn()
      handle:perform(errors.new("EIO", "disk"))
      handle:deliver()
      turn()
      assert.are.equal("EIO", cell.base.error.code)
      local ticket = cells.update(cell, increment)
      drain()
      assert.are.equal("held", cells.save_state(cell))
      assert.are.equal(1, shown(cell))
      assert.are.equal(41, stored "n")
      later(0.04)
      assert.are.equal(0, #handle.queue)
      later(0.02)
      handle:perform(errors.new("EIO", "disk"))
      handle:deliver()
      later(0.09)
      assert.are.equal(0, #handle.queue)
      later(0.02)
      drain()
      assert.are.equal(42, stored "n")
      assert.is_true(ticket:done())
      assert.are.equal(2, #v.errors)
    end)

    it("waits at most a minute between two tries", function()
      local cell = cell_of "n"
      local tries = 0
      local function fail()
        turn()
        while handle:perform(errors.new("EIO", "disk")) do tries = tries + 1 end
        while handle:deliver() do end
      end
      for _ = 1, 14 do fail() later(61) end
      assert.are.equal(14, tries)
      assert.are.equal(14, cell.load_tries + #handle.queue - 1)
    end)

    it("overwrites if the hook says so", function()
      put("n", "41")
      local cell = cell_of("n", voice {on_load_error = function() return "overwrite" end})
      turn()
      handle:perform(errors.new("EIO", "disk"))
      handle:deliver()
      cells.set(cell, 7)
      drain()
      assert.are.equal(7, stored "n")
    end)
  end)

  it("shows nothing for unreadable bytes, keeps them in quarantine, and takes a new value", function()
    put("n", "{oops")
    local v = voice()
    local cell = cell_of("n", v)
    drain()
    assert.is_nil(shown(cell))
    assert.are.equal("ECORRUPT", cell.base.error.code)
    assert.are.equal("{oops", db:row("default", "n").value)
    assert.are.equal(1, #v.errors)
    cells.set(cell, 1)
    drain()
    assert.are.equal(1, stored "n")
    assert.is_nil(cell.base.error)
    assert.are.equal("{oops", db.kept[1].bytes)   -- what it replaced is in quarantine
  end)

  describe("when a write fails", function()
    it("keeps the value on screen, says failed, and writes again", function()
      local v = voice()
      local cell = cell_of("n", v)
      drain()
      local ticket = cells.set(cell, 1)
      turn()
      handle:perform(errors.new("ENOSPC", "full"))
      handle:deliver()
      drain()
      assert.are.equal("failed", cells.save_state(cell))
      assert.are.equal(1, shown(cell))
      assert.is_false(ticket:done())
      assert.are.equal("ENOSPC", v.errors[1].code)
      later(0.06)
      drain()
      assert.are.equal(1, stored "n")
      assert.is_true(ticket:done())
      assert.are.equal("clean", cells.save_state(cell))
    end)

    it("drops what failed with on_write_error = rollback", function()
      put("n", "5")
      local v = voice {on_write_error = "rollback"}
      local cell = cell_of("n", v)
      drain()
      local ticket = cells.set(cell, 6, v)
      turn()
      handle:perform(errors.new("ENOSPC", "full"))
      handle:deliver()
      assert.are.equal(5, shown(cell))
      assert.is_true(ticket:done())
      assert.is_false((pcall(ticket.await, ticket)))
      drain()
      assert.are.equal(5, stored "n")
    end)

    it("drops what is too big to be written ever, and goes on with what is stored", function()
      put("n", "5")
      local v = voice()
      local cell, other = cell_of("n", v), cell_of "other"
      drain()
      local ticket = cells.set(cell, "a text of more than 64 MiB", v)
      cells.set(other, 1)
      turn()
      handle:perform(errors.new("EBIG", "too big"))
      handle:deliver()   -- each goes alone
      handle:perform(errors.new("EBIG", "too big"))
      drain()
      assert.are.same({5, "clean", 5, 1}, {shown(cell), cells.save_state(cell), stored "n", stored "other"})
      assert.are.same({"EBIG"}, {v.errors[1].code, v.errors[2]})
      local ok, err = pcall(ticket.await, ticket)
      assert.are.same({false, "EBIG"}, {ok, err.code})
    end)

    it("does not let one bad key hold back the others of the turn", function()
      local a, b = cell_of "a", cell_of "b"
      drain()
      cells.set(a, 1)
      cells.set(b, 2)
      turn()
      handle:perform(errors.new("EQUOTA", "too much"))
      handle:deliver()
      handle:perform(errors.new("EQUOTA", "too much"))   -- alone again
      drain()
      assert.are.equal(1, (stored "a" and 1 or 0) + (stored "b" and 1 or 0))
    end)
  end)

  describe("that nobody looks at any more", function()
    it("are dropped when there are many, but for those with something to save; a setter that was kept still works", function()
      put("kept", "1")
      local v, set_later = voice(), voice()
      local kept, dirty = cell_of("kept", set_later), cell_of "dirty"
      local watched = cell_of("watched", v)
      drain()
      pool:leave(kept, set_later)
      cells.set(dirty, 1)
      turn()
      pool:leave(dirty, dirty.next_voice)
      for i = 1, 10001 do
        local passing = voice()
        pool:leave(cell_of("key" .. i, passing), passing)
        if i == 10000 then drain() end
      end
      for _ = 1, 2 do   -- sweeps happen as cells are left
        local passing = voice()
        pool:leave(cell_of("one more", passing), passing)
      end
      assert.is_nil(pool:find("default", "kept"))
      assert.is_nil(pool:find("default", "key5"))
      assert.are.equal(watched, pool:find("default", "watched"))
      assert.is_true(pool.idle < 10000)
      local again = cell_of "kept"
      drain()
      cells.update(kept, increment, set_later)
      assert.are.equal(2, shown(again))
      drain()
      assert.are.same({2, 1}, {stored "kept", stored "dirty"})
    end)

    it("are not counted twice, nor when somebody looks again", function()
      local cell = cell_of "n"
      local other = voice()
      for _ = 1, 3 do
        pool:leave(cell, cell.next_voice)
        assert.are.equal(1, pool.idle)
        pool:leave(cell, other)
        assert.are.equal(1, pool.idle)
        pool:subscribe(cell, other)
        pool:subscribe(cell, other)
        assert.are.equal(0, pool.idle)
      end
    end)
  end)

  describe("when memory runs out in the middle of a turn", function()
    local pack, reports = json.pack, {}
    local task = require "hearth.core.task"
    local report = task.report

    before_each(function()
      reports = {}
      task.report = function(err, where) table.insert(reports, tostring(where) .. ": " .. tostring(err)) end
    end)
    after_each(function()
      json.pack, task.report = pack, report
    end)

    local function out_of_memory() error("not enough memory", 0) end

    it("says so, and writes what was set a moment later, once", function()
      put("n", "41")
      put("m", "1")
      local n, m = cell_of "n", cell_of "m"
      drain()
      local v = voice()
      json.pack = out_of_memory
      local first, second = cells.update(n, increment, v), cells.set(m, {1, 2})
      drain()
      assert.are.equal(1, #reports)
      assert.matches("not enough memory", reports[1])
      assert.are.equal(41, stored "n")
      assert.are.equal(42, shown(n))
      assert.is_false(first:done())
      json.pack = pack
      later(0.06)
      drain()
      assert.are.equal(42, stored "n")
      assert.are.same({1, 2}, stored "m")
      assert.is_true(first:done() and second:done())
      assert.are.same({"clean", "clean"}, {cells.save_state(n), cells.save_state(m)})
    end)

    it("also when it runs out while the answer of a write is taken: the write counts once", function()
      local n = cell_of "n"
      drain()
      local landed = n.landed
      cells.update(n, increment)
      n.landed = out_of_memory
      drain()
      assert.are.equal(1, #reports)
      n.landed = landed
      cells.update(n, increment)
      later(0.06)
      drain()
      assert.are.equal(2, stored "n")
      assert.are.equal(2, shown(n))
      assert.are.equal(0, n.n)
    end)

    it("also when it runs out while a load is taken", function()
      put("a", '"one"')
      put("b", '"two"')
      local a, b = cell_of "a", cell_of "b"
      a.begin = out_of_memory
      drain()
      a.begin = nil
      assert.are.equal(1, #reports)
      later(0.06)
      drain()
      assert.are.same({"one", "two"}, {shown(a), shown(b)})
    end)

    it("at the end of the program too", function()
      local n = cell_of "n"
      drain()
      json.pack = out_of_memory
      cells.set(n, 1)
      assert.is_false(cells.save_all())
      json.pack = pack
      assert.is_false(cells.save_all())
      drain()
      assert.is_true(cells.save_all())
      assert.are.equal(1, stored "n")
    end)
  end)

  describe("hearth.batch", function()
    it("writes its keys in one commit, or none of them", function()
      local a, b = cell_of "a", cell_of "b"
      drain()
      heard = 0
      hearth.batch(function()
        cells.set(a, 1)
        cells.set(b, 2)
        assert.are.equal(0, heard)
      end)
      turn()
      assert.are.equal(1, #handle.queue)
      handle:perform(errors.new("EIO", "disk"))
      handle:deliver()
      drain()
      assert.is_nil(stored "a")
      assert.is_nil(stored "b")
      later(0.06)
      assert.are.equal(2, #handle.queue[1].ops)
      drain()
      assert.are.same({1, 2}, {stored "a", stored "b"})
    end)

    it("holds all while one is held", function()
      local a = cell_of "a"
      drain()
      local b = cell_of "b"
      turn()
      handle:perform(errors.new("EIO", "disk"))
      handle:deliver()
      hearth.batch(function()
        cells.set(a, 1)
        cells.set(b, 2)
      end)
      drain()
      assert.are.equal("held", cells.save_state(a))
      assert.is_nil(stored "a")
      later(0.06)
      drain()
      assert.are.same({1, 2}, {stored "a", stored "b"})
    end)

    it("does nothing when its function raises", function()
      put("a", "7")
      local a = cell_of "a"
      drain()
      local ticket
      assert.has_error(function()
        hearth.batch(function()
          ticket = cells.set(a, 1)
          error "no"
        end)
      end)
      assert.are.equal(7, shown(a))
      drain()
      assert.are.equal(7, stored "a")
      assert.is_false((pcall(ticket.await, ticket)))
    end)

    it("waits while its function waits: nothing of it is shown or sent before its end", function()
      local a, b = cell_of "a", cell_of "b"
      drain()
      heard = 0
      hearth.batch(function()
        cells.set(a, 1)
        drain()
        cells.set(b, 2)
        drain()
        assert.are.equal(0, heard)
        assert.is_nil(db:row("default", "a"))
      end)
      turn()
      assert.are.equal(2, #handle.queue[1].ops)
      drain()
      assert.are.same({1, 2}, {stored "a", stored "b"})
    end)

    it("stays together after a conflict, also when the next try fails", function()
      local a, b = cell_of "a", cell_of "b"
      drain()
      hearth.batch(function()
        cells.update(a, increment)
        cells.set(b, 2)
      end)
      turn()
      put("a", "40")
      handle:perform()
      while handle:deliver() do end   -- refused: 40 is there
      turn()
      assert.are.equal(2, #handle.queue[1].ops)
      handle:perform(errors.new("EIO", "disk"))
      handle:deliver()
      drain()
      assert.are.same({40}, {stored "a", stored "b"})
      later(0.2)
      assert.are.equal(2, #handle.queue[1].ops)
      drain()
      assert.are.same({41, 2}, {stored "a", stored "b"})
    end)

    it("is given up as a whole where one of its hooks says rollback", function()
      put("b", "5")
      local a, b = cell_of "a", cell_of "b"
      drain()
      local tickets = {}
      hearth.batch(function()
        tickets[1] = cells.set(a, 1, voice {on_write_error = "rollback"})
        tickets[2] = cells.set(b, 2)
      end)
      turn()
      handle:perform(errors.new("EIO", "disk"))
      handle:deliver()
      drain()
      later(0.2)
      drain()
      assert.are.same({nil, 5, "clean"}, {shown(a), shown(b), cells.save_state(b)})
      assert.is_nil(stored "a")
      assert.are.equal(5, stored "b")
      for _, ticket in ipairs(tickets) do assert.is_false((pcall(ticket.await, ticket))) end
    end)

    it("does not hold its other keys for one of which nothing is left", function()
      local b = cell_of "b"
      drain()
      local a = cell_of "a"
      turn()
      handle:perform(errors.new("EIO", "disk"))
      handle:deliver()
      hearth.batch(function()
        cells.set(a, 1)
        cells.set(b, 2)
      end)
      drain()
      assert.is_nil(stored "b")
      pool:hide(a, a.issued)   -- a verb has written it
      drain()
      assert.is_nil(stored "a")
      assert.are.equal(2, stored "b")
    end)

    it("refuses a second store", function()
      local a = cell_of "a"
      local other = cells.pool(support.new():open()):cell("default", "b")
      local ok, err = pcall(hearth.batch, function()
        cells.set(a, 1)
        cells.set(other, 2)
      end)
      assert.is_false(ok)
      assert.are.equal("EINVAL", err.code)
      assert.is_nil(shown(a))
    end)
  end)

  describe("and the verbs that write the same key", function()
    local function verb(key, value, relative)
      local write = cells.before_write(handle, "default", {key}, relative)
      handle:submit({{ns = "default", key = key, value = json.encode_stored(value), kind = "json"}}, function(_, _, err)
        if write then write:__close(err) end
      end)
    end

    it("hurry what waits for its write_delay, and come after it", function()
      put("k", '"a"')
      local v = voice {write_delay = 60}
      local cell = cell_of("k", v)
      drain()
      cells.update(cell, function(text) return text .. "b" end, v)
      drain()
      assert.are.equal("a", stored "k")
      local written
      hearth.run_async(function()
        verb("k", "verb")
        written = true
      end)
      drain()
      assert.is_true(written)
      assert.are.same({"a", "ab", "verb"}, {json.decode_stored(db.commits[1].value), json.decode_stored(db.commits[2].value), stored "k"})
    end)

    it("are followed by a set to what is shown still, which changes something once they have landed", function()
      put("k", "1")
      local cell = cell_of "k"
      drain()
      verb("k", 2)
      local ticket = cells.set(cell, 1)
      drain()
      assert.are.same({1, 1}, {stored "k", shown(cell)})
      assert.is_true(ticket:done())
    end)

    it("write in the order of issue: set, then verb", function()
      local cell = cell_of "k"
      drain()
      cells.set(cell, "hook")
      verb("k", "verb")
      drain()
      assert.are.equal("verb", stored "k")
      assert.are.equal("verb", shown(cell))
      assert.are.equal(2, #db.commits)
    end)

    it("write in the order of issue: verb, then set, then verb", function()
      local cell = cell_of "k"
      drain()
      verb("k", "one")
      cells.set(cell, "two")
      verb("k", "three")
      cells.set(cell, "four")
      drain()
      local order = {}
      for _, c in ipairs(db.commits) do order[#order + 1] = json.decode_stored(c.value) end
      assert.are.same({"one", "two", "three", "four"}, order)
      assert.are.equal("four", shown(cell))
    end)

    it("write in the order of issue: an updater over a verb that has not landed, then a verb, then an updater", function()
      local cell = cell_of "k"
      drain()
      verb("k", 10)
      cells.update(cell, increment)
      local task = hearth.run_async(function() verb("k", 100) end)
      turn()
      cells.update(cell, increment)
      for _ = 1, 10 do drain() end
      task:await()
      for _ = 1, 10 do drain() end
      local order = {}
      for _, c in ipairs(db.commits) do order[#order + 1] = json.decode_stored(c.value) end
      assert.are.same({10, 11, 100, 101}, order)
    end)

    it("wait for a load, so that a set before it does not overtake them", function()
      local cell = cell_of "k"
      cells.set(cell, "hook")
      local task = hearth.run_async(function() verb("k", "verb") end)
      for _ = 1, 5 do drain() end
      task:await()
      drain()
      assert.are.equal("verb", stored "k")
      assert.are.equal("verb", shown(cell))
    end)

    describe("while operations are held", function()
      local function fail()
        turn()
        handle:perform(errors.new("EIO", "disk"))
        handle:deliver()
      end

      it("do not wait for them, and are never overwritten by them", function()
        local cell = cell_of "k"
        fail()
        local first, last = cells.set(cell, "hook"), cells.update(cell, function(now) return now .. "!" end)
        verb("k", "verb")
        drain()
        assert.are.equal("verb", stored "k")
        assert.are.equal("verb", shown(cell))
        assert.are.equal(1, #db.commits)
        assert.is_true(first:await() == db.revision and last:await() == db.revision)   -- as if written just before
        later(1)
        drain()
        assert.are.equal("verb", stored "k")
      end)

      it("leave what was issued after them", function()
        local cell = cell_of "k"
        fail()
        cells.set(cell, "hook")
        verb("k", "verb")
        cells.update(cell, function(now) return now .. "+" end)
        drain()
        assert.are.equal("verb+", stored "k")
        assert.are.equal("verb+", shown(cell))
        assert.are.equal(2, #db.commits)
      end)

      it("are no plain value's place to hide in", function()
        local cell, mine = cell_of "k", voice()
        fail()
        cells.set(cell, "hook", mine)
        verb("k", "verb")
        cells.set(cell, "later", mine)
        drain()
        assert.are.equal("later", stored "k")
        assert.are.equal(2, #db.commits)
      end)

      it("change nothing for them when they fail themselves", function()
        local cell = cell_of "k"
        fail()
        cells.set(cell, "hook")
        verb("k", "verb")
        handle:perform(errors.new("EIO", "disk"))
        while handle:deliver() do end
        later(1)
        drain()
        assert.are.equal("hook", stored "k")
      end)

      it("hide plain values and keep updaters when they made their value out of the stored one", function()
        local cell = cell_of "k"
        fail()
        cells.set(cell, 5)
        cells.update(cell, increment)
        verb("k", 100, true)
        drain()
        assert.are.equal(101, stored "k")
      end)

      it("come after a write that failed", function()
        local cell = cell_of "k"
        drain()
        cells.set(cell, "hook")
        fail()
        assert.are.equal("failed", cells.save_state(cell))
        verb("k", "verb")
        drain()
        assert.are.equal("verb", stored "k")
        assert.are.equal("clean", cells.save_state(cell))
        later(1)
        drain()
        assert.are.equal("verb", stored "k")
      end)

      it("come after a write that fails while they are on their way", function()
        local cell = cell_of "k"
        drain()
        cells.set(cell, "hook")
        verb("k", "verb")
        handle:perform(errors.new("EIO", "disk"))
        handle:perform()
        while handle:deliver() do end
        later(1)
        drain()
        assert.are.equal("verb", stored "k")
        assert.are.equal("verb", shown(cell))
      end)
    end)

    it("see what was set before, when they read", function()
      local cell = cell_of "k"
      drain()
      cells.set(cell, "hook")
      assert.is_true(cells.is_pending(handle, "default", "k"))
      cells.before_read(handle, "default", "k")
      assert.is_false(cells.is_pending(handle, "default", "k"))
      handle:perform()
      assert.are.equal("hook", stored "k")
    end)

    it("wait for a load when they read what is to be folded over it", function()
      put("k", "41")
      local cell = cell_of "k"
      cells.update(cell, increment)
      local seen
      local reader = hearth.run_async(function()
        cells.before_read(handle, "default", "k")
        seen = stored "k"
      end)
      drain()
      reader:await()
      assert.are.equal(42, seen)
    end)

    it("are not held up by one that was cancelled while it waited", function()
      local cell = cell_of "k"
      cells.update(cell, increment)
      local task = hearth.run_async(function() verb("k", 5) end)
      turn()
      task:cancel()
      turn()
      drain()
      drain()
      assert.are.equal(1, stored "k")
    end)
  end)

  describe("ttl", function()
    it("is absent when it has expired, live, and a clock that is set back does not bring it back", function()
      local v = voice {ttl = 10}
      local cell = cell_of("k", v)
      drain()
      cells.set(cell, "x", v)
      drain()
      later(9)
      assert.are.equal("x", shown(cell))
      later(2)
      assert.is_nil(shown(cell))
      assert.is_true(heard > 0)
      cells.set(cell, "y", v)
      drain()
      assert.are.equal("y", stored "k")
      later(5)
      cells.set(cell, "y", v)   -- equal, and renews
      drain()
      later(6)
      assert.are.equal("y", shown(cell))
      later(5)
      assert.is_nil(shown(cell))
      cells.update(cell, function() return "z" end, v)   -- an updater renews as well
      drain()
      later(9)
      assert.are.equal("z", shown(cell))
      later(2)
      assert.is_nil(shown(cell))
    end)

    it("ends what others have stored, when its time has come", function()
      put("k", '"theirs"', {expires_at = timer.wall() + 5})
      local cell, heard_of = cell_of "k", cell_of "other"
      drain()
      put("other", '"theirs too"', {expires_at = timer.wall() + 5})
      drain()
      assert.are.same({"theirs", "theirs too"}, {shown(cell), shown(heard_of)})
      heard = 0
      later(6)
      assert.are.same({2}, {heard, shown(cell), shown(heard_of)})
    end)

    it("ends what could not be written in time: it is not shown again, and the disk gets a removal", function()
      local v = voice {ttl = 10}
      put("k", '"old"')
      local cell = cell_of("k", v)
      drain()
      cells.set(cell, "x", v)
      local function fail()
        turn()
        handle:perform(errors.new("EIO", "disk"))
        while handle:deliver() do end
      end
      fail()
      assert.are.equal("x", shown(cell))
      for _ = 1, 11 do later(1) fail() end
      assert.is_nil(shown(cell))
      back(9)
      cells.update(cell, function(now) return now end)   -- folds again
      assert.is_nil(shown(cell))
      later(60)
      drain()
      assert.is_nil(shown(cell))
      assert.is_nil(db:row("default", "k"))
    end)

    it("ends also while the write is on its way, for good", function()
      local v = voice {ttl = 10}
      local cell = cell_of("k", v)
      drain()
      cells.set(cell, "x", v)
      turn()
      handle:perform()
      later(11)
      assert.is_nil(shown(cell))
      back(9)
      while handle:deliver() do end
      assert.is_nil(shown(cell))
      turn()
      assert.is_nil(shown(cell))
    end)
  end)

  describe("write_delay", function()
    it("waits for the end of the typing, and no longer than max_delay", function()
      local v = voice {write_delay = 1, max_delay = 3}
      local cell = cell_of("k", v)
      drain()
      for i = 1, 3 do
        cells.set(cell, "draft " .. i, v)
        later(0.9)
        drain()
        assert.is_nil(stored "k")
      end
      cells.set(cell, "draft 4", v)
      later(0.5)
      drain()
      assert.are.equal("draft 4", stored "k")
      cells.set(cell, "draft 5", v)
      local ticket = pool:flush_cell(cell)
      drain()
      assert.are.equal("draft 5", stored "k")
      assert.is_true(ticket:done())
    end)
  end)

  describe("migrations", function()
    local function with(key, schema)
      local cell = cell_of(key)
      pool:use_schema(cell, schema)
      return cell
    end
    local chain = {version = 2, migrate = {
      function(v) return {name = v} end,
      function(v) v.size = 1 return v end,
    }}

    it("go through every version, commit once, and keep the old record", function()
      put("s", '"ann"')
      local cell = with("s", chain)
      drain()
      assert.are.same({name = "ann", size = 1}, shown(cell))
      assert.are.same({name = "ann", size = 1}, stored "s")
      assert.are.equal(2, db:row("default", "s").version)
      assert.are.equal('"ann"', db.kept[1].bytes)
    end)

    it("may be one function that awaits; a set meanwhile comes after it", function()
      put("s", '"ann"', {version = 1})
      local gate = require("hearth.core.task").future()
      local cell = with("s", {version = 5, migrate = function(v, from)
        gate:await()
        return {v, from}
      end})
      drain()
      cells.update(cell, function(v) return {old = v or "nothing"} end)
      assert.are.equal("nothing", shown(cell).old)
      gate:resolve()
      turn()
      drain()
      assert.are.same({old = {"ann", 1}}, stored "s")
    end)

    it("that fail leave the record untouched, and hold writes", function()
      put("s", '"ann"')
      local v = voice()
      local cell = pool:cell("default", "s")
      pool:subscribe(cell, v)
      pool:use_schema(cell, {version = 1, migrate = {function() error "cannot" end}})
      drain()
      assert.are.equal("EMIGRATE", cell.base.error.code)
      local ticket = cells.set(cell, "bob")
      drain()
      assert.are.equal("bob", shown(cell))
      assert.are.equal("ann", stored "s")
      assert.is_false(ticket:done())
      assert.are.equal("held", cells.save_state(cell))
      assert.are.equal(1, #v.errors)
    end)

    it("that are missing, or return nil, are EMIGRATE", function()
      put("a", "1")
      put("b", "1")
      local a, b = with("a", {version = 1}), with("b", {version = 1, migrate = {function() end}})
      drain()
      assert.are.equal("EMIGRATE", a.base.error.code)
      assert.matches("migrate%[1%]", tostring(a.base.error))
      assert.are.equal("EMIGRATE", b.base.error.code)
    end)

    it("never overwrite what another process has written meanwhile", function()
      put("s", '"ann"')
      local gate = require("hearth.core.task").future()
      local cell = with("s", {version = 1, migrate = {function(v) gate:await() return v .. "?" end}})
      drain()
      db:put("default", "s", '"theirs"', {version = 1})
      gate:resolve()
      turn()
      drain()
      assert.are.equal("theirs", stored "s")
      assert.are.equal("theirs", shown(cell))
    end)

    it("refuse a store that is newer than the code, and write nothing", function()
      put("s", "1", {version = 9})
      local cell = with("s", chain)
      drain()
      assert.are.equal("ENEWER", cell.base.error.code)
      cells.set(cell, 2)
      drain()
      assert.are.equal(1, stored "s")
    end)

    it("hold a write that meets what a newer program has written meanwhile", function()
      put("s", "1", {version = 2})
      local cell = with("s", chain)
      drain()
      local ticket = cells.set(cell, 5)
      turn()
      put("s", "9", {version = 3})
      handle:perform()
      while handle:deliver() do end
      drain()
      assert.are.equal("ENEWER", cell.base.error.code)
      assert.are.same({"held", 5, 9}, {cells.save_state(cell), shown(cell), stored "s"})
      assert.is_false(ticket:done())
    end)

    it("fold a write over what an older program has written meanwhile, migrated", function()
      put("s", '{"name":"ann","size":1}', {version = 2})
      local cell = with("s", chain)
      drain()
      cells.update(cell, function(v) v.size = v.size + 1 return v end)
      turn()
      put("s", '"bob"')
      handle:perform()
      while handle:deliver() do end
      drain()
      assert.are.same({name = "bob", size = 2}, stored "s")
      assert.are.equal(2, db:row("default", "s").version)
    end)

    it("of two processes at once happen once", function()
      put("n", "1")
      local schema = {version = 1, migrate = {function(v) return v * 10 end}}
      local other_handle = db:open()
      local other_pool = pool_module.new(other_handle)
      local cell, other = with("n", schema), other_pool:cell("default", "n")
      other_pool:use_schema(other, schema)
      turn()
      handle:perform()
      other_handle:perform()
      for _ = 1, 5 do
        drain()
        other_handle:drain(turn)
      end
      assert.are.equal(10, stored "n")
      assert.are.equal(10, shown(cell))
      assert.are.equal(10, (other:read()))
      other_pool:forget(pool_module.lost())
    end)
  end)

  it("treats what validate refuses as unreadable", function()
    put("age", "-5")
    local cell = cell_of "age"
    pool:use_schema(cell, {validate = function(v) return v >= 0, "below zero" end})
    drain()
    assert.is_nil(shown(cell))
    assert.are.equal("ECORRUPT", cell.base.error.code)
    assert.matches("below zero", tostring(cell.base.error))
    cells.set(cell, 5)
    drain()
    assert.are.equal("-5", db.kept[1].bytes)
  end)

  it("names at the end what is not on disk", function()
    local cell = cell_of "k"
    drain()
    cells.set(cell, 1)
    turn()
    handle:perform(errors.new("EIO", "disk"))
    handle:deliver()
    assert.is_false(cells.save_all())
    assert.matches('"k"', cells.unsaved()[1])
    drain()
    assert.is_true(cells.save_all())
    assert.are.equal(0, #cells.unsaved())
    assert.are.equal(1, stored "k")
  end)
end)
