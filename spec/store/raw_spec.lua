-- What every engine promises, by the raw verbs (docs/internals.md, "Store").
local store = require "hearth.core.store"
local task = require "hearth.core.task"
local files = require "spec.support.files"

local temporary = files.temporary

local engines = {
  memory = function() return "memory:" .. temporary() end,
  sqlite = function() return "file:" .. temporary() .. ".d/store.sqlite3" end,
  json = function() return "json:" .. temporary() .. ".d/store.json" end,
}

local function code_of(fn, ...)
  local ok, err = pcall(fn, ...)
  return not ok and (err.code or err) or nil
end

local only = os.getenv("HEARTH_ENGINE")

for engine, new_url in pairs(engines) do
  if not only or only == engine then
    describe("the " .. engine .. " engine", function()
      local url, db

      before_each(function()
        url = new_url()
        db = store.open(url, {})
      end)

      after_each(function()
        store.set_faults(nil)
        db:close()
        local folder = url:match("^%a+:(.*%.d)/")
        if folder then files.remove(folder) end
      end)

      it("gives back what was written, any bytes under any key", function()
        local values = { "", "dark", "a\0b", "\255\254", ("x"):rep(70000), "grüße", "line\nline" }
        local keys = { "", "a", "a\0", "a.b", "\255", ("k"):rep(65536), "ключ" }
        for i, key in ipairs(keys) do db:write("ns", key, values[i], "text") end
        for i, key in ipairs(keys) do assert.equal(values[i], (db:get("ns", key))) end
        db:close()
        db = store.open(url, {})
        for i, key in ipairs(keys) do assert.equal(values[i], (db:get("ns", key))) end
        assert.is_nil((db:get("ns", "missing")))
        assert.is_nil((db:get("other", "a")))
      end)

      it("counts revisions for ever, also over a delete", function()
        local a = db:write("ns", "k", "1", "text")
        local b = db:write("ns", "k", "2", "text")
        assert.is_true(b > a)
        local _, revision, version = db:get("ns", "k")
        assert.equal(b, revision)
        assert.equal(0, version)
        local c = db:write("ns", "k", nil)
        assert.is_true(c > b)
        assert.same({ nil, 0 }, { db:get("ns", "k") })
        local d = db:write("ns", "k", "3", "text")
        assert.is_true(d > c)
        db:close()
        db = store.open(url, {})
        assert.is_true(db:write("ns", "k", "4", "text") > d)
      end)

      it("checks a condition inside the commit", function()
        local a = db:write("ns", "k", "1", "text", nil, 0)
        assert.equal("ECONFLICT", code_of(db.write, db, "ns", "k", "2", "text", nil, 0))
        assert.equal("ECONFLICT", code_of(db.write, db, "ns", "k", "2", "text", nil, a + 100))
        assert.equal("1", (db:get("ns", "k")))
        local b = db:write("ns", "k", "2", "text", nil, a)
        assert.equal("ECONFLICT", code_of(db.write, db, "ns", "k", nil, nil, nil, a))
        db:write("ns", "k", nil, nil, nil, b)
        assert.is_nil((db:get("ns", "k")))
        db:write("ns", "k", "3", "text", nil, 0)
      end)

      it("applies a batch whole or not at all, and says what is there instead", function()
        local a = db:write("ns", "a", "1", "text")
        local revision, records = db:apply {
          { ns = "ns", key = "a", value = "2", if_revision = a + 7 },
          { ns = "ns", key = "b", value = "2" },
        }
        assert.is_nil(revision)
        assert.equal("1", records[1].value)
        assert.equal(a, records[1].revision)
        assert.equal(0, records[2].revision)
        assert.is_nil((db:get("ns", "b")))
        revision = db:apply {
          { ns = "ns", key = "a", value = "2", if_revision = a, kind = "json", version = 4 },
          { ns = "other", key = "b", value = "3" },
          { ns = "ns", key = "c", if_revision = 0, check = true },
        }
        local got = db:read("ns", { "a", "b", "c" })
        assert.equal(revision, got.a.revision)
        assert.equal("json", got.a.kind)
        assert.equal(4, got.a.version)
        assert.equal(1, got.a.size)
        assert.same({ revision = 0 }, got.b)
        assert.same({ revision = 0 }, got.c)
        assert.equal("3", db:read_many({ { "other", "b" } })[1].value)
      end)

      it("lands writes in the order in which they were issued", function()
        local answers = {}
        for i = 1, 300 do
          db:submit({ { ns = "ns", key = "k", value = tostring(i) } }, function(revision) answers[i] = revision end)
        end
        assert.equal("300", (db:get("ns", "k"))) -- a reader sees what is queued
        db:flush()
        for i = 2, 300 do assert.is_true(answers[i] > answers[i - 1]) end
        assert.equal("300", db:read("ns", { "k" }).k.value)
      end)

      it("lets a batch of a group fail alone", function()
        local first, second, third
        db:submit({ { ns = "ns", key = "a", value = "1" } }, function(...) first = { ... } end)
        db:submit({ { ns = "ns", key = "a", value = "2", if_revision = 99999 } }, function(...) second = { ... } end)
        db:submit({ { ns = "ns", key = "b", value = "3" } }, function(...) third = { ... } end)
        assert.equal("1", (db:get("ns", "a")))
        db:flush()
        assert.is_number(first[1])
        assert.is_nil(second[1])
        assert.equal("1", second[2][1].value)
        assert.is_number(third[1])
      end)

      it("scans keys in byte order", function()
        for _, key in ipairs { "b", "a", "ab", "a\0", "\255\255", "\255", "B" } do db:write("ns", key, "x", "text") end
        db:write("ns2", "a", "x", "text")
        assert.same({ "B", "a", "a\0", "ab", "b", "\255", "\255\255" }, db:scan("ns"))
        assert.same({ "a", "a\0", "ab" }, db:scan("ns", "a"))
        assert.same({ "ab", "a\0", "a" }, db:scan("ns", "a", nil, nil, true))
        assert.same({ "a\0", "ab", "b" }, db:scan("ns", "", "a\0", 3))
        assert.same({ "a\0", "a", "B" }, db:scan("ns", "", "a\0", nil, true))
        assert.same({ "\255\255", "\255" }, db:scan("ns", "\255", nil, nil, true))
        assert.same({}, db:scan("ns", "zz"))
        assert.same({}, db:scan("ns", "", nil, 0))
        assert.same({}, db:scan("nothing"))
      end)

      it("clears one namespace and no other, and tells of each key", function()
        db:apply { { ns = "ns", key = "a", value = "1" }, { ns = "ns", key = "b", value = "2" }, { ns = "n", key = "a", value = "3" } }
        local seen = {}
        local stop = db:subscribe(function(events)
          for _, e in ipairs(events) do seen[#seen + 1] = e.ns .. e.key .. tostring(e.value) .. tostring(e.old) end
        end)
        db:apply { { ns = "ns", clear = true }, { ns = "ns", key = "c", value = "4", tag = "t" } }
        stop()
        assert.same({}, db:scan("none"))
        assert.same({ "c" }, db:scan("ns"))
        assert.equal("3", (db:get("n", "a")))
        assert.is_nil((db:get("ns", "a")))
        assert.same({ "n", "ns" }, db:namespaces())
        for _, ns in ipairs { "", "\0", "!", "0", "00", "\255", "ns\0" } do db:write(ns, "k", "v", "text") end
        assert.same({ "", "\0", "!", "0", "00", "n", "ns", "ns\0", "\255" }, db:namespaces())
        table.sort(seen)
        assert.same({ "nsanil1", "nsbnil2" }, { seen[1], seen[2] })
      end)

      it("tells subscribers in commit order, before the write is answered", function()
        local seen = {}
        local stop = db:subscribe(function(events) for _, e in ipairs(events) do seen[#seen + 1] = e end end)
        local tag = {}
        local revision = db:apply { { ns = "ns", key = "k", value = "1", tag = tag } }
        assert.equal(1, #seen)
        local e = seen[1]
        assert.same({ "ns", "k", "1", nil, revision, "local" }, { e.ns, e.key, e.value, e.old, e.revision, e.source })
        assert.equal(tag, seen[1].tag)
        db:write("ns", "k", "2", "text")
        db:write("ns", "k", "2", "text")
        db:write("ns", "k", nil)
        db:write("ns", "k", nil)
        assert.equal(4, #seen)
        assert.equal("1", seen[2].old)
        assert.is_true(seen[3].same)
        assert.equal("2", seen[4].old)
        assert.is_nil(seen[4].value)
        stop()
        db:write("ns", "k", "3", "text")
        assert.equal(4, #seen)
      end)

      it("shares data between two opens of one URL, and closes each alone", function()
        local other = store.open(url, {})
        assert.equal(db:id(), other:id())
        other:write("ns", "k", "1", "text")
        assert.equal("1", (db:get("ns", "k")))
        other:close()
        other:close()
        assert.equal("ECLOSED", code_of(other.get, other, "ns", "k"))
        assert.equal("1", (db:get("ns", "k")))
      end)

      it("keeps a quota, and says EQUOTA before anything is written", function()
        local small = store.open(url, { quota = 100 })
        small:write("ns", "a", ("x"):rep(60), "text")
        assert.equal("EQUOTA", code_of(small.write, small, "ns", "b", ("x"):rep(60), "text"))
        assert.is_nil((small:get("ns", "b")))
        small:write("other", "b", ("x"):rep(60), "text")
        small:write("ns", "a", ("x"):rep(20), "text")
        small:write("ns", "b", ("x"):rep(60), "text")
        local two = { { ns = "ns", key = "c", value = ("x"):rep(10) }, { ns = "ns", key = "d", value = ("x"):rep(20) } }
        assert.equal("EQUOTA", code_of(small.apply, small, two))
        assert.equal("EQUOTA", code_of(small.write, small, "ns", "a", ("x"):rep(90), "text"))
        local usage = small:usage("ns")
        assert.same({ 2, 82, 100 }, { usage.keys, usage.bytes, usage.quota })
        small:close()
      end)

      it("refuses what is too big or of the wrong type, before anything is written", function()
        assert.equal("EBIG", code_of(db.write, db, "ns", ("k"):rep(65537), "x", "text"))
        assert.equal("EINVAL", code_of(db.write, db, "ns", 1, "x", "text"))
        assert.equal("EINVAL", code_of(db.write, db, "ns", "k", 1, "text"))
        for _, ttl in ipairs { 0, -1, 0 / 0, math.huge, "1" } do
          assert.equal("EINVAL", code_of(db.write, db, "ns", "k", "x", "text", ttl))
        end
        assert.same({}, db:scan("ns"))
      end)

      it("makes what has expired absent", function()
        local clock = require "hearth.core.timer"
        clock.fake(true)
        finally(function() clock.fake(false) end)
        local events = {}
        local stop = db:subscribe(function(list) for _, e in ipairs(list) do events[#events + 1] = e end end)
        db:write("ns", "k", "1", "text", 10)
        db:write("ns", "l", "1", "text", 1000)
        local _, _, _, expires_at = db:get("ns", "k")
        assert.is_true(math.abs(expires_at - clock.wall() - 10) < 0.01)
        local to = clock.now() + 11
        while clock.step(to) do task.settle() end
        task.settle()
        assert.is_nil((db:get("ns", "k")))
        assert.same({ "l" }, db:scan("ns"))
        db:flush()
        task.settle()
        assert.equal(3, #events)
        assert.equal("k", events[3].key)
        assert.is_nil(events[3].value)
        clock.step(clock.now() - 20) -- a clock that is set back does not resurrect
        assert.is_nil((db:get("ns", "k")))
        stop()
      end)

      it("sets a damaged record aside, alone", function()
        db:write("ns", "good", "1", "text")
        db:write("ns", "k", "1", "text")
        db:put_raw("ns", "k", "broken")
        db:put_raw("ns", "new", "bytes")
        assert.equal("ECORRUPT", code_of(db.get, db, "ns", "k"))
        assert.equal("ECORRUPT", code_of(db.get, db, "ns", "k"))
        local got = db:read("ns", { "good", "k", "new" })
        assert.equal("1", got.good.value)
        assert.equal("ECORRUPT", got.k.error.code)
        assert.is_nil(got.k.value)
        assert.equal("ECORRUPT", got.new.error.code)
        assert.same({ "good", "k", "new" }, db:scan("ns"))
        local kept = db:quarantine()
        assert.same({ "broken", "bytes" }, { kept[1].bytes, kept[2].bytes })
        assert.equal("k", kept[1].key)
        db:write("ns", "k", "2", "text")
        assert.equal("2", (db:get("ns", "k")))
        db:write("ns", "new", nil)
        assert.is_nil((db:get("ns", "new")))
        assert.equal(2, #db:quarantine())
        assert.is_true(db:quarantine_take(kept[1].id))
        assert.is_false(db:quarantine_take(kept[1].id))
        assert.equal(1, #db:quarantine())
      end)

      it("keeps the bytes of a damaged record that is overwritten unread, the newest three", function()
        for i = 1, 5 do
          db:put_raw("ns", "k", "bad" .. i)
          db:write("ns", "k", "good", "text")
        end
        local kept = db:quarantine()
        assert.same({ "bad3", "bad4", "bad5" }, { kept[1].bytes, kept[2].bytes, kept[3].bytes })
        assert.equal(3, #kept)
      end)

      it("verifies", function()
        db:write("ns", "a", "1", "text")
        db:put_raw("ns", "b", "x")
        local report = db:verify()
        assert.equal(2, report.records)
        assert.same({ { ns = "ns", key = "b" } }, report.damaged)
        assert.same({}, report.problems)
      end)

      it("fails as a test asks, in front of the cache", function()
        db:write("ns", "k", "1", "text")
        store.set_faults { fail = { op = "read", nth = 2, times = 1, code = "EACCES" } }
        assert.equal("1", (db:get("ns", "k")))
        assert.equal("EACCES", code_of(db.get, db, "ns", "k"))
        assert.equal("1", (db:get("ns", "k")))
        store.set_faults { fail = { op = "write", times = 2 } }
        assert.equal("EIO", code_of(db.write, db, "ns", "k", "2", "text"))
        assert.equal("EIO", code_of(db.apply, db, { { ns = "ns", key = "k", value = "2" } }))
        db:write("ns", "k", "3", "text")
        store.set_faults { fail = { op = "open" } }
        assert.equal("EIO", code_of(store.open, url, {}))
      end)

      it("waits as a test asks, and keeps the order", function()
        store.set_faults { latency = 0.02 }
        local got = {}
        db:submit({ { ns = "ns", key = "k", value = "1" } }, function() got[#got + 1] = "write" end)
        db:fetch({ { "ns", "k" } }, function(records) got[#got + 1] = records[1].value end)
        assert.same({}, got)
        store.set_faults {}
        assert.equal("1", (db:get("ns", "k")))
        task.settle()
        table.sort(got)
        assert.same({ "1", "write" }, got)
      end)

      it("forgets what is queued when it crashes", function()
        db:write("ns", "a", "1", "text")
        store.set_faults { latency = 5 }
        local err
        db:submit({ { ns = "ns", key = "b", value = "1" } }, function(_, _, e) err = e end)
        db:crash()
        store.set_faults {}
        assert.is_nil((db:get("ns", "b")))
        assert.equal("1", (db:get("ns", "a")))
        task.settle()
        assert.equal("ECANCELED", err.code)
      end)
    end)
  end
end
