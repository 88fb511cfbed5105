-- The verbs of storage, promise by promise, over every engine.

local hearth = require "hearth"
local testing = require "hearth.testing"
local json = require "hearth.core.json"
local support = require "spec.storage.support"

local err = support.err

for _, engine in ipairs(support.engines) do
  describe("storage verbs on " .. engine.name, function()
    local store, url

    before_each(function() store, url = support.open(engine) end)
    after_each(support.clean)

    describe("one key", function()
      it("gives back what was set, and nil for what was not", function()
        assert.is_nil(store:get "theme")
        store:set("theme", "dark")
        assert.equal("dark", store:get "theme")
        store:set("theme", "light")
        assert.equal("light", store:get "theme")
      end)

      it("takes any bytes as key and value", function()
        local all = {}
        for i = 0, 255 do all[#all + 1] = string.char(i) end
        all = table.concat(all)
        for _, key in ipairs { "", "\0", "a\0b", "a.b", "\255\254", "ключ", all } do
          store:set(key, key .. all)
          assert.equal(key .. all, store:get(key))
        end
        store:set("empty", "")
        assert.equal("", store:get "empty")
      end)

      it("deletes, also what is not there", function()
        store:set("a", "1")
        store:delete "a"
        assert.is_nil(store:get "a")
        assert.is_false(store:contains_key "a")
        store:delete "a"
      end)

      it("refuses a value that is no string before anything is written", function()
        for _, value in ipairs { 1, true, {}, print } do
          local e = err(store.set, store, "a", value)
          assert.equal("EINVAL", e.code)
          assert.equal("a", e.key)
          assert.matches("set_json", e.message, 1, true)
        end
        assert.equal("EINVAL", err(store.set, store, "a", nil).code)
        assert.is_false(store:contains_key "a")
      end)

      it("refuses a key that is no string", function()
        for _, method in ipairs {
          "get", "set", "delete", "get_json", "set_json", "contains_key", "get_or_default", "info", "update", "increment", "watch",
        } do
          for _, key in ipairs { 1, true, print } do
            local e = err(store[method], store, key, "v")
            assert.equal("EINVAL", e.code, method)
            assert.matches(method, e.op, 1, true)
          end
        end
      end)

      it("holds the limits: keys of 64 KiB, values of 64 MiB", function()
        local key = ("k"):rep(64 * 1024)
        store:set(key, "v")
        assert.equal("v", store:get(key))
        assert.equal("EBIG", err(store.set, store, key .. "k", "v").code)
        assert.equal("EBIG", err(store.get, store, key .. "k").code)
        assert.equal("EBIG", err(store.set, store, "big", ("x"):rep(64 * 1024 * 1024 + 1)).code)
        assert.same({ key }, store:all_keys())
      end)

      it("gives a default for a missing key only", function()
        assert.equal("d", store:get_or_default("a", "d"))
        store:set("a", "")
        assert.equal("", store:get_or_default("a", "d"))
      end)

      it("names the verb, the key and the namespace in an error", function()
        store:set("a", "1")
        local e = err(store.set, store, "a", "2", { if_revision = 0 })
        assert.equal("ECONFLICT", e.code)
        assert.equal("store:set", e.op)
        assert.equal("a", e.key)
        assert.equal("default", e.namespace)
        assert.matches('^ECONFLICT: store:set%("a"%): ', tostring(e))
      end)
    end)

    describe("JSON", function()
      it("keeps integers, floats, empty lists and objects, null and sets", function()
        local value = {
          big = math.maxinteger, small = math.mininteger, float = 3.0, third = 1 / 3, list = json.array {}, object = {},
          null = json.null, no = false, text = "a\0\255", nested = { { { 1 } } }, set = json.set { 1, "a" },
        }
        store:set_json("v", value)
        local back = store:get_json "v"
        assert.is_true(json.equal(value, back))
        assert.equal("float", math.type(back.float))
        assert.is_true(back.set:contains "a")
      end)

      it("tells a missing key from invalid text", function()
        assert.same({ nil, "ENOKEY", n = 2 }, table.pack(store:get_json "a"))
        store:set("a", "{not json")
        assert.same({ nil, "ECORRUPT", n = 2 }, table.pack(store:get_json "a"))
        store:set("a", " [1, 2.5] ")
        assert.same({ 1, 2.5 }, store:get_json "a")
        store:set_json("a", false)
        assert.is_false(store:get_json "a")
      end)

      it("refuses what cannot be stored, naming its path, and writes nothing", function()
        local e = err(store.set_json, store, "v", { users = { {}, { on_click = print } } })
        assert.equal("EINVAL", e.code)
        assert.equal("v", e.key)
        assert.matches("users[2].on_click", tostring(e), 1, true)
        assert.equal("EINVAL", err(store.set_json, store, "v", 0 / 0).code)
        assert.equal("EINVAL", err(store.set_json, store, "v", nil).code)
        assert.is_false(store:contains_key "v")
      end)

      it("reads and writes large values", function()
        local list = {}
        for i = 1, 20000 do list[i] = { id = i, name = "item " .. i } end
        store:set_json("large", list)
        local back = store:get_json "large"
        assert.equal(20000, #back)
        assert.same(list[20000], back[20000])
      end)
    end)

    describe("many keys", function()
      it("reads a map of what is there", function()
        store:set("a", "1")
        store:set("b", "2")
        local values, damaged = store:get_many { "a", "b", "c", "a" }
        assert.same({ a = "1", b = "2" }, values)
        assert.same({}, damaged)
        assert.same({}, (store:get_many {}))
      end)

      it("writes and deletes in one commit", function()
        store:set_many { a = "1", b = "2", c = "3" }
        assert.equal(store:info "a".revision, store:info "c".revision)
        store:delete_many { "a", "c", "x" }
        assert.same({ "b" }, store:all_keys())
        store:set_many {}
        store:delete_many {}
      end)

      it("writes none of them when one is refused", function()
        assert.equal("EINVAL", err(store.set_many, store, { a = "1", b = 2 }).code)
        assert.equal("EINVAL", err(store.set_many, store, { a = "1", [2] = "2" }).code)
        store:set("b", "old")
        local e = err(store.set_many, store, { a = "1", b = "2" }, { if_revision = 0 })
        assert.equal("ECONFLICT", e.code)
        assert.equal("b", e.key)
        assert.same({ "b" }, store:all_keys())
        assert.equal("old", store:get "b")
      end)

      it("lists keys in byte order", function()
        for _, key in ipairs { "b", "a", "\255", "", "ab", "B" } do store:set(key, "v") end
        assert.same({ "", "B", "a", "ab", "b", "\255" }, store:all_keys())
      end)

      it("lists by prefix, start, limit and backwards", function()
        for i = 1, 5 do
          store:set("a" .. i, "v")
          store:set("b" .. i, "v")
        end
        assert.same({ "a1", "a2", "a3", "a4", "a5" }, store:keys { prefix = "a" })
        assert.same({ "a3", "a4", "a5" }, store:keys { prefix = "a", start = "a3" })
        assert.same({ "a3", "a4" }, store:keys { prefix = "a", start = "a3", limit = 2 })
        assert.same({ "a5", "a4" }, store:keys { prefix = "a", limit = 2, reverse = true })
        assert.same({ "a3", "a2" }, store:keys { prefix = "a", start = "a3", limit = 2, reverse = true })
        assert.same({ "b4", "b5" }, store:keys { start = "b4" })
        assert.same({}, store:keys { limit = 0 })
        assert.equal(10, #store:keys())
        assert.same({}, store:keys { prefix = "c" })
        assert.equal("EINVAL", err(store.keys, store, { limit = -1 }).code)
        assert.equal("EINVAL", err(store.keys, store, { prefx = "a" }).code)
        assert.equal("EINVAL", err(store.keys, store, { prefix = 1 }).code)
      end)

      it("takes a prefix byte by byte", function()
        for _, key in ipairs { "a\255", "a\255\255", "b", "a%", "aX", "a_" } do store:set(key, "v") end
        assert.same({ "a\255", "a\255\255" }, store:keys { prefix = "a\255" })
        assert.same({ "a%" }, store:keys { prefix = "a%" })
        assert.same({ "a_" }, store:keys { prefix = "a_" })
      end)

      it("clears this namespace and no other", function()
        local other = hearth.storage.open { url = url, namespace = "other" }
        store:set_many { a = "1", b = "2" }
        other:set("a", "theirs")
        store:clear()
        assert.same({}, store:all_keys())
        assert.equal("theirs", other:get "a")
        other:close()
      end)
    end)

    describe("conditions", function()
      it("gives each record a revision that only grows, also over a delete", function()
        store:set("a", "1")
        local first = store:info "a".revision
        store:set("a", "2")
        local second = store:info "a".revision
        assert.is_true(second > first)
        store:delete "a"
        store:set("a", "3")
        assert.is_true(store:info "a".revision > second)
      end)

      it("writes only over the revision that was named", function()
        store:set("a", "1")
        local revision = store:info "a".revision
        store:set("a", "2", { if_revision = revision })
        assert.equal("ECONFLICT", err(store.set, store, "a", "3", { if_revision = revision }).code)
        assert.equal("2", store:get "a")
        assert.equal("ECONFLICT", err(store.delete, store, "a", { if_revision = revision }).code)
        store:delete("a", { if_revision = store:info "a".revision })
        assert.is_nil(store:get "a")
      end)

      it("takes 0 as: must not exist", function()
        store:set("a", "1", { if_revision = 0 })
        assert.equal("ECONFLICT", err(store.set, store, "a", "2", { if_revision = 0 }).code)
        assert.equal("1", store:get "a")
        store:delete "a"
        store:set("a", "3", { if_revision = 0 })
        assert.equal("3", store:get "a")
      end)

      it("refuses bad options before anything is written", function()
        for _, options in ipairs {
          { ttl = 0 }, { ttl = -1 }, { ttl = 1 / 0 }, { ttl = 0 / 0 }, { ttl = "1" }, { if_revision = -1 }, { if_revision = 1.5 },
          { if_revision = "1" }, { tll = 1 }, 60,
        } do
          assert.equal("EINVAL", err(store.set, store, "a", "1", options).code)
        end
        assert.is_nil(store:get "a")
      end)
    end)

    describe("info and usage", function()
      it("tells revision, size and times", function()
        assert.is_nil(store:info "a")
        store:set("a", "12345")
        local first = store:info "a"
        assert.equal(5, first.size)
        assert.is_true(math.abs(first.created_at - os.time()) < 60)
        assert.is_nil(first.expires_at)
        hearth.sleep(0.01)
        store:set("a", "1", { ttl = 100 })
        local second = store:info "a"
        assert.equal(first.created_at, second.created_at)
        assert.is_true(second.updated_at > first.updated_at)
        assert.is_true(math.abs(second.expires_at - os.time() - 100) < 60)
      end)

      it("counts the bytes of keys and values", function()
        store:set("abc", "12345")
        store:set("d", "")
        local usage = store:usage()
        assert.equal(2, usage.keys)
        assert.equal(9, usage.bytes)
        assert.is_nil(usage.quota)
        assert.equal("integer", math.type(usage.file_bytes))
      end)
    end)

    describe("ttl", function()
      it("ends a record", function()
        local clock = testing.fake_clock()
        store:set("a", "1", { ttl = 30 })
        store:set("b", "2")
        assert.equal("1", store:get "a")
        clock:advance(31)
        assert.is_nil(store:get "a")
        assert.is_false(store:contains_key "a")
        assert.is_nil(store:info "a")
        assert.same({ "b" }, store:all_keys())
        assert.same({ b = "2" }, (store:get_many { "a", "b" }))
        store:set("a", "new", { if_revision = 0 })
        assert.equal("new", store:get "a")
      end)

      it("is taken away by a set without one", function()
        local clock = testing.fake_clock()
        store:set("a", "1", { ttl = 30 })
        store:set("a", "2")
        clock:advance(31)
        assert.equal("2", store:get "a")
      end)

      it("is kept with the record: given, changed, as it was and taken away", function()
        testing.fake_clock()
        for _, key in ipairs { "given", "changed", "same", "taken" } do store:set(key, "1", { ttl = key ~= "given" and 30 or nil }) end
        store:set("given", "2", { ttl = 60 })
        store:set("changed", "2", { ttl = 60 })
        store:set("same", "2", { ttl = 30 })
        store:set("taken", "2")
        local before = store:info "same".expires_at
        store:close()
        local again <close> = hearth.storage.open { url = url }
        for _, key in ipairs { "given", "changed", "same", "taken" } do assert.equal("2", again:get(key)) end
        assert.equal(before, again:info "same".expires_at)
        assert.equal(before + 30, again:info "given".expires_at)
        assert.equal(before + 30, again:info "changed".expires_at)
        assert.is_nil(again:info "taken".expires_at)
      end)

      it("stays with a key that is updated in place", function()
        local clock = testing.fake_clock()
        store:set("n", "1", { ttl = 30 })
        store:increment "n"
        assert.is_number(store:info "n".expires_at)
        clock:advance(31)
        assert.is_nil(store:get "n")
      end)
    end)

    describe("update", function()
      it("reads, changes and writes as one step", function()
        assert.equal("x", store:update("a", function(v)
          assert.is_nil(v)
          return "x"
        end))
        assert.equal("xy", store:update("a", function(v) return v .. "y" end))
        assert.is_nil(store:update("a", function() return nil end))
        assert.is_false(store:contains_key "a")
        assert.is_nil(store:update("a", function() return nil end))
      end)

      it("loses nothing between tasks", function()
        local tasks = {}
        for i = 1, 20 do
          tasks[i] = hearth.run_async(function()
            store:update("a", function(v) return (v or "") .. "x" end)
          end)
        end
        hearth.all(tasks)
        assert.equal(("x"):rep(20), store:get "a")
      end)

      it("writes nothing when its function fails", function()
        store:set("a", "1")
        local ok, e = pcall(store.update, store, "a", function() error("boom", 0) end)
        assert.is_false(ok)
        assert.equal("boom", e)
        assert.equal("EINVAL", err(store.update, store, "a", function() return 1 end).code)
        assert.equal("EINVAL", err(store.update, store, "a", "f").code)
        assert.equal("1", store:get "a")
        assert.equal("2", store:update("a", function() return "2" end))
      end)

      it("refuses a function that awaits", function()
        local e = err(store.update, store, "a", function()
          hearth.sleep(0)
          return "x"
        end)
        assert.equal("ENOTASK", e.code)
        assert.matches("must not await", e.message, 1, true)
        assert.equal("EINVAL", err(store.update, store, "a", coroutine.yield).code)
        assert.is_nil(store:get "a")
      end)

      it("has a form for values", function()
        store:update_json("u", function(v)
          assert.is_nil(v)
          return { n = 1 }
        end)
        local new = store:update_json("u", function(v)
          v.n = v.n + 1
          return v
        end)
        assert.same({ n = 2 }, new)
        assert.same({ n = 2 }, store:get_json "u")
        store:set_json("u", false)
        store:update_json("u", function(v)
          assert.is_false(v)
          return nil
        end)
        assert.is_false(store:contains_key "u")
        store:set("u", "{")
        assert.equal("ECORRUPT", err(store.update_json, store, "u", function() return 1 end).code)
        assert.equal("{", store:get "u")
      end)

      it("keeps to a revision that was named", function()
        store:set("a", "1")
        local revision = store:info "a".revision
        store:update("a", function() return "2" end, { if_revision = revision })
        assert.equal("ECONFLICT", err(store.update, store, "a", function() return "3" end, { if_revision = revision }).code)
        assert.equal("2", store:get "a")
      end)
    end)

    describe("increment", function()
      it("counts from nothing, by one or by n", function()
        assert.equal(1, store:increment "n")
        assert.equal(42, store:increment("n", 41))
        assert.equal(40, store:increment("n", -2.0))
        assert.equal("40", store:get "n")
        assert.equal(40, store:get_json "n")
      end)

      it("is exact in 64 bits and refuses to overflow", function()
        store:set("n", tostring(math.maxinteger - 1))
        assert.equal(math.maxinteger, store:increment "n")
        assert.equal("EINVAL", err(store.increment, store, "n").code)
        assert.equal(tostring(math.maxinteger), store:get "n")
        store:set("n", tostring(math.mininteger))
        assert.equal("EINVAL", err(store.increment, store, "n", -1).code)
      end)

      it("refuses what is no number", function()
        for _, n in ipairs { "1", 1.5, {}, true, 1 / 0, 0 / 0 } do
          assert.equal("EINVAL", err(store.increment, store, "n", n).code)
        end
        for _, text in ipairs { "abc", '"1"', "1.5", "", "{}" } do
          store:set("n", text)
          assert.equal("EINVAL", err(store.increment, store, "n").code)
          assert.equal(text, store:get "n")
        end
      end)

      it("sums over tasks", function()
        local tasks = {}
        for i = 1, 50 do tasks[i] = hearth.run_async(store.increment, store, "n", i) end
        hearth.all(tasks)
        assert.equal(1275, store:get_json "n")
      end)
    end)

    describe("merge_json", function()
      -- The cases of RFC 7396, appendix A, whose patch is an object or a list: stored, patch, result.
      local cases = {
        { '{"a":"b"}', '{"a":"c"}', '{"a":"c"}' }, { '{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}' },
        { '{"a":"b"}', '{"a":null}', "{}" }, { '{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}' },
        { '{"a":["b"]}', '{"a":"c"}', '{"a":"c"}' }, { '{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}' },
        { '{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}' },
        { '{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}' }, { '["a","b"]', '["c","d"]', '["c","d"]' },
        { '{"a":"b"}', '["c"]', '["c"]' }, { '{"e":null}', '{"a":1}', '{"a":1,"e":null}' },
        { "[1,2]", '{"a":"b","c":null}', '{"a":"b"}' }, { "{}", '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}' },
      }
      for i, case in ipairs(cases) do
        it(("follows RFC 7396, case %d"):format(i), function()
          store:set("v", case[1])
          store:merge_json("v", json.decode(case[2]))
          assert.equal(case[3], store:get "v")
        end)
      end

      it("begins with an empty object, and gives back the new value", function()
        assert.same({ a = { b = 1 } }, store:merge_json("v", { a = { b = 1, c = json.null } }))
        assert.equal('{"a":{"b":1}}', store:get "v")
      end)

      it("raises ECORRUPT over invalid JSON and EINVAL for a patch that is no table", function()
        store:set("v", "{")
        local e = err(store.merge_json, store, "v", { a = 1 })
        assert.equal("ECORRUPT", e.code)
        assert.equal("v", e.key)
        assert.equal("{", store:get "v")
        assert.equal("EINVAL", err(store.merge_json, store, "v", "x").code)
        assert.equal("EINVAL", err(store.merge_json, store, "v", { f = print }).code)
      end)
    end)

    describe("order", function()
      it("lands writes of a key in the order in which they were issued", function()
        local tasks = {}
        for i = 1, 100 do
          tasks[i] = hearth.run_async(function()
            if i % 10 == 0 then store:delete "a" else store:set("a", tostring(i)) end
          end)
        end
        tasks[101] = hearth.run_async(store.set, store, "a", "last")
        hearth.all(tasks)
        assert.equal("last", store:get "a")
      end)

      it("shows a task what this process has queued", function()
        local seen
        hearth.run_async(store.set, store, "a", "queued")
        hearth.run_async(function() seen = store:get "a" end):await()
        assert.equal("queued", seen)
        store:flush()
      end)
    end)

    describe("await", function()
      it("is refused where it cannot work, naming the verb, and nothing has been started", function()
        local calls = {
          set = { "a", "1" }, set_json = { "a", 1 }, delete = { "a" }, clear = {}, set_many = { { a = "1" } }, delete_many = { { "a" } },
          update = { "a", tostring }, update_json = { "a", tostring }, merge_json = { "a", {} }, increment = { "a" }, get = { "a" },
          get_json = { "a" }, get_many = { { "a" } }, contains_key = { "a" }, get_or_default = { "a" }, keys = {}, all_keys = {},
          info = { "a" }, watch = { "a", print }, batch = { print }, flush = {}, usage = {}, quarantine = {},
        }
        store:set("a", "before")
        for method, args in pairs(calls) do
          local ok, e = coroutine.wrap(function() return pcall(store[method], store, table.unpack(args)) end)()
          assert.is_false(ok, method)
          assert.equal("ENOTASK", e.code)
          assert.equal("store:" .. method, e.op)
        end
        assert.equal("before", store:get "a")
        assert.same({ "a" }, store:all_keys())
      end)
    end)

    describe("damage", function()
      -- A value whose bytes do not match their checksum, as a failing disk makes them.
      local function damage(key, bytes)
        local raw, namespace = hearth.storage.raw(store)
        raw:put_raw(namespace, key, bytes)
      end

      it("affects that key alone, until it is set or deleted", function()
        store:set_many { a = "1", b = "2", c = "3" }
        damage("b", "garbage")
        local e = err(store.get, store, "b")
        assert.equal("ECORRUPT", e.code)
        assert.equal("b", e.key)
        assert.equal("store:get", e.op)
        assert.equal("ECORRUPT", err(store.get_json, store, "b").code)
        assert.equal("ECORRUPT", err(store.get_or_default, store, "b", "d").code)
        assert.equal("ECORRUPT", err(store.increment, store, "b").code)
        assert.equal("1", store:get "a")
        assert.is_true(store:contains_key "b")
        assert.same({ "a", "b", "c" }, store:all_keys())
        local values, damaged = store:get_many { "a", "b", "c" }
        assert.same({ a = "1", c = "3" }, values)
        assert.equal("ECORRUPT", damaged.b.code)
        assert.is_nil(damaged.a)
        assert.equal("ECORRUPT", err(store.get, store, "b").code)
        store:set("b", "new")
        assert.equal("new", store:get "b")
        damage("c", "x")
        store:delete "c"
        assert.is_nil(store:get "c")
      end)

      it("keeps the bytes in quarantine, the newest three of a key", function()
        assert.same({}, store:quarantine())
        for i = 1, 4 do
          store:set("a", "v" .. i)
          damage("a", "bytes" .. i)
          err(store.get, store, "a")
          store:flush()
        end
        store:set("a", "good")
        local kept = {}
        for _, item in ipairs(store:quarantine()) do
          assert.equal("a", item.key)
          assert.is_number(item.time)
          kept[#kept + 1] = item.bytes
        end
        table.sort(kept)
        assert.same({ "bytes2", "bytes3", "bytes4" }, kept)
      end)
    end)
  end)
end
