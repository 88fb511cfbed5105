-- batch(function(tx) … end): all or nothing, isolated, over what was read.

local hearth = require "hearth"
local support = require "spec.storage.support"

local err = support.err

for _, engine in ipairs(support.engines) do
  describe("a batch on " .. engine.name, function()
    local store

    before_each(function() store = support.open(engine) end)
    after_each(support.clean)

    it("commits all its writes together", function()
      store:set("gone", "x")
      local result = store:batch(function(tx)
        tx:set("a", "1")
        tx:set_json("b", { 1, 2 })
        tx:delete "gone"
        return "done"
      end)
      assert.equal("done", result)
      assert.same({ "a", "b" }, store:all_keys())
      assert.equal(store:info "a".revision, store:info "b".revision)
    end)

    it("reads its own writes, which nobody else sees before the commit", function()
      store:set("a", "old")
      store:batch(function(tx)
        assert.equal("old", tx:get "a")
        tx:set("a", "new")
        tx:set_json("j", { n = 1 })
        assert.equal("new", tx:get "a")
        assert.same({ n = 1 }, tx:get_json "j")
        tx:delete "j"
        assert.same({ nil, "ENOKEY", n = 2 }, table.pack(tx:get_json "j"))
        assert.equal("old", store:get "a")
        hearth.sleep(0.002)
        assert.equal("old", store:get "a")
      end)
      assert.equal("new", store:get "a")
      assert.is_nil(store:get "j")
    end)

    it("writes nothing when its function fails", function()
      store:set("a", "old")
      local ok, e = pcall(store.batch, store, function(tx)
        tx:set("a", "new")
        tx:set("b", "new")
        error("boom", 0)
      end)
      assert.is_false(ok)
      assert.equal("boom", e)
      assert.equal("old", store:get "a")
      assert.same({ "a" }, store:all_keys())
    end)

    it("is isolated from other batches", function()
      local tasks = {}
      for i = 1, 10 do
        tasks[i] = hearth.run_async(function()
          store:batch(function(tx)
            local n = tonumber(tx:get "n" or "0")
            hearth.sleep(0)
            tx:set("n", tostring(n + 1))
          end)
        end)
      end
      hearth.all(tasks)
      assert.equal("10", store:get "n")
    end)

    it("runs again when somebody else changed what it read", function()
      store:set("n", "1")
      local runs = 0
      store:batch(function(tx)
        runs = runs + 1
        local n = tonumber(tx:get "n")
        if runs == 1 then store:set("n", "10") end
        tx:set("sum", tostring(n + 1))
      end)
      assert.equal(2, runs)
      assert.equal("11", store:get "sum")
      assert.equal("10", store:get "n")
    end)

    it("gives up with ECONFLICT when its own function changes what it read each time", function()
      local e = err(store.batch, store, function(tx)
        tx:get "n"
        store:increment "n"
        tx:set("n", "0")
      end)
      assert.equal("ECONFLICT", e.code)
      assert.not_equal("0", store:get "n")
    end)

    it("sees both of two keys before a change, or both after", function()
      store:set_many { a = "0", b = "0" }
      local runs, a, b = 0, nil, nil
      store:batch(function(tx)
        runs = runs + 1
        a = tx:get "a"
        if runs == 1 then store:set_many { a = "1", b = "1" } end
        b = tx:get "b"
      end)
      assert.equal(a, b)
    end)

    it("keeps to a revision that was named", function()
      store:set("a", "1")
      local revision = store:info "a".revision
      store:batch(function(tx) tx:set("a", "2", { if_revision = revision }) end)
      local e = err(store.batch, store, function(tx)
        tx:set("b", "1")
        tx:set("a", "3", { if_revision = revision })
      end)
      assert.equal("ECONFLICT", e.code)
      assert.equal("a", e.key)
      assert.same({ "a" }, store:all_keys())
    end)

    it("takes a ttl", function()
      store:batch(function(tx) tx:set("a", "1", { ttl = 50 }) end)
      assert.is_number(store:info "a".expires_at)
    end)

    it("refuses bad input, a batch inside it, and use after its end", function()
      local kept
      store:batch(function(tx)
        kept = tx
        local e = err(tx.set, tx, "a", 1)
        assert.equal("EINVAL", e.code)
        assert.equal("tx:set", e.op)
        assert.equal("EINVAL", err(tx.get, tx, 1).code)
        assert.equal("EINVAL", err(tx.set, tx, "a", "1", { ttl = -1 }).code)
        assert.equal("EINVAL", err(tx.set_json, tx, "a", print).code)
        assert.equal("EINVAL", err(store.batch, store, print).code)
      end)
      assert.equal("ECLOSED", err(kept.get, kept, "a").code)
      assert.equal("ECLOSED", err(kept.set, kept, "a", "1").code)
      assert.equal("EINVAL", err(store.batch, store, "x").code)
      assert.same({}, store:all_keys())
    end)

    it("lets the next batch in when it is cancelled", function()
      local first = hearth.run_async(function()
        store:batch(function(tx)
          tx:set("a", "never")
          hearth.sleep(60)
        end)
      end)
      local waiting = hearth.run_async(function() store:batch(function(tx) tx:set("b", "never") end) end)
      local last = hearth.run_async(function() store:batch(function(tx) tx:set("c", "1") end) end)
      hearth.sleep(0.002)
      waiting:cancel()
      first:cancel()
      last:await()
      pcall(first.await, first)
      pcall(waiting.await, waiting)
      assert.same({ "c" }, store:all_keys())
    end)
  end)
end
