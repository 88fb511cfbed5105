-- hearth.AppStorage: any value, an app's own namespace, migrations.

local hearth = require "hearth"
local json = require "hearth.core.json"
local support = require "spec.storage.support"
local testing = require "hearth.testing"

local err = support.err

for _, engine in ipairs(support.engines) do
  describe("AppStorage on " .. engine.name, function()
    local store, storage

    before_each(function()
      store = hearth.storage.open { url = engine.url() }
      storage = hearth.AppStorage { app_name = "notes", store = store }
    end)

    after_each(function()
      store:close()
      support.clean()
    end)

    it("gives back any value", function()
      for _, value in ipairs { false, true, 0, 0.0, "", {}, json.array {}, json.null, { a = { 1, 2 } }, "text\0", json.set { 1 } } do
        storage:set("k", value)
        assert.is_true(json.equal(value, storage:get "k"))
        assert.is_true(json.equal(value, storage:get_or_default("k", "other")))
        assert.is_true(storage:contains_key "k")
      end
    end)

    it("keeps sets at any depth, and a table that looks like one", function()
      storage:set("k", { tags = { json.set { "a", "b" } } })
      local tags = storage:get "k".tags[1]
      assert.is_true(json.is_set(tags))
      assert.equal(2, #tags)
      local text = json.encode_stored(json.set { 1 })
      local lookalike = json.decode(text)
      storage:set("k", lookalike)
      assert.is_false(json.is_set(storage:get "k"))
      assert.is_true(json.equal(lookalike, storage:get "k"))
    end)

    it("raises ENOKEY for a missing key and ECORRUPT for unreadable data", function()
      assert.equal("ENOKEY", err(storage.get, storage, "k").code)
      assert.equal("d", storage:get_or_default("k", "d"))
      assert.is_nil(storage:get_or_default "k")
      local other = hearth.storage.open { url = store:url(), namespace = "app:notes" }
      other:set("k", "{broken")
      local e = err(storage.get, storage, "k")
      assert.equal("ECORRUPT", e.code)
      assert.equal("k", e.key)
      assert.equal("storage:get", e.op)
      assert.equal("ECORRUPT", err(storage.get_or_default, storage, "k", 1).code)
      local raw = hearth.storage.raw(other)
      raw:put_raw("app:notes", "k", "bytes")
      assert.equal("ECORRUPT", err(storage.get, storage, "k").code)
      assert.equal("ECORRUPT", err(storage.get_or_default, storage, "k", 1).code)
      assert.is_true(storage:contains_key "k")
      assert.is_true(storage:remove "k")
      assert.is_false(storage:contains_key "k")
      other:close()
    end)

    it("says whether it removed something", function()
      storage:set("k", 1)
      assert.is_true(storage:remove "k")
      assert.is_false(storage:remove "k")
      storage:set("k", 1)
      local a = hearth.run_async(storage.remove, storage, "k")
      local b = hearth.run_async(storage.remove, storage, "k")
      local results = hearth.all { a, b }
      assert.is_true(results[1] ~= results[2])
    end)

    it("shares nothing with another app, one with a longer name included", function()
      local other = hearth.AppStorage { app_name = "notes.b", store = store }
      storage:set("b.k", 1)
      other:set("k", 2)
      assert.same({ "b.k" }, storage:get_keys())
      assert.same({ "k" }, other:get_keys())
      storage:clear()
      assert.same({}, storage:get_keys())
      assert.equal(2, other:get "k")
      assert.same({}, store:all_keys())
    end)

    it("ends values after their ttl", function()
      local clock = testing.fake_clock()
      storage:set("k", 1, { ttl = 20 })
      assert.equal(1, storage:get "k")
      clock:advance(21)
      assert.equal("ENOKEY", err(storage.get, storage, "k").code)
      assert.equal("EINVAL", err(storage.set, storage, "k", 1, { ttl = 0 }).code)
    end)

    it("cleans up by prefix", function()
      for _, key in ipairs { "cache.1", "cache.2", "cached", "kept" } do storage:set(key, 1) end
      assert.equal(2, storage:cleanup { prefix = "cache." })
      assert.same({ "cached", "kept" }, storage:get_keys())
      assert.equal(0, storage:cleanup { prefix = "cache." })
      assert.equal("EINVAL", err(storage.cleanup, storage).code)
      assert.equal("EINVAL", err(storage.cleanup, storage, {}).code)
    end)

    it("refuses bad input", function()
      assert.equal("EINVAL", err(storage.set, storage, "k", nil).code)
      assert.equal("EINVAL", err(storage.set, storage, 1, 1).code)
      assert.equal("EINVAL", err(storage.set, storage, "k", { f = print }).code)
      assert.equal("EINVAL", err(storage.get, storage, nil).code)
      assert.equal("EINVAL", err(storage.get, "k").code)
      assert.equal("EINVAL", err(hearth.AppStorage, { app_name = "" }).code)
      assert.equal("EINVAL", err(hearth.AppStorage, {}).code)
      assert.equal("EINVAL", err(hearth.AppStorage).code)
      assert.equal("EINVAL", err(hearth.AppStorage, { app_name = 1 }).code)
      assert.same({}, storage:get_keys())
    end)

    describe("migrate", function()
      it("runs the missing steps in order, once", function()
        local ran = {}
        local steps = {
          function(s)
            ran[#ran + 1] = 1
            s:set("name", "Ada")
          end,
          function(s)
            ran[#ran + 1] = 2
            hearth.sleep(0)
            assert.same({ "name" }, s:get_keys())
            s:set("user", { name = s:get "name" })
            assert.is_true(s:remove "name")
            assert.is_false(s:contains_key "name")
            assert.same({ "user" }, s:get_keys())
          end,
        }
        assert.equal(2, storage:migrate(2, steps))
        assert.same({ 1, 2 }, ran)
        assert.same({ name = "Ada" }, storage:get "user")
        assert.same({ "user" }, storage:get_keys())
        storage:migrate(2, steps)
        assert.same({ 1, 2 }, ran)
        steps[3] = function(s)
          ran[#ran + 1] = 3
          assert.equal(1, s:cleanup { prefix = "us" })
        end
        storage:migrate(3, steps)
        assert.same({ 1, 2, 3 }, ran)
        assert.same({}, storage:get_keys())
      end)

      it("leaves everything unchanged when a step fails", function()
        storage:set("a", 1)
        local e = err(storage.migrate, storage, 2, {
          function(s) s:set("a", 2) end,
          function(s)
            s:clear()
            error("boom", 0)
          end,
        })
        assert.equal("EMIGRATE", e.code)
        assert.matches("boom", e.message, 1, true)
        assert.equal("boom", e.cause)
        assert.equal(1, storage:get "a")
        storage:migrate(1, { function(s) s:set("a", 3) end })
        assert.equal(3, storage:get "a")
      end)

      it("refuses a missing step and data that are newer than the code", function()
        assert.equal("EMIGRATE", err(storage.migrate, storage, 2, { function() end }).code)
        storage:migrate(2, { function() end, function() end })
        assert.equal("ENEWER", err(storage.migrate, storage, 1, {}).code)
        assert.equal("EINVAL", err(storage.migrate, storage, "1", {}).code)
        assert.equal("EINVAL", err(storage.migrate, storage, 1.5, {}).code)
        assert.equal("EINVAL", err(storage.migrate, storage, 3, { [3] = 1 }).code)
      end)

      it("runs once when two begin together", function()
        local ran = 0
        local function step(s)
          ran = ran + 1
          s:set("n", s:get_or_default("n", 0) + 1)
          hearth.sleep(0)
        end
        hearth.all { hearth.run_async(storage.migrate, storage, 1, { step }), hearth.run_async(storage.migrate, storage, 1, { step }) }
        assert.equal(1, storage:get "n")
        assert.equal(1, ran)
      end)

      it("keeps its version over clear, and the steps' object ends with the migration", function()
        local kept
        storage:migrate(1, { function(s) kept = s end })
        storage:clear()
        storage:migrate(1, { function() error "again" end })
        assert.equal("ECLOSED", err(kept.set, kept, "a", 1).code)
      end)
    end)
  end)
end
