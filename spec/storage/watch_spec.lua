-- Watchers: after the commit, in its order, as tasks.

local hearth = require "hearth"
local support = require "spec.storage.support"
local testing = require "hearth.testing"

local err = support.err

for _, engine in ipairs(support.engines) do
  describe("a watcher on " .. engine.name, function()
    local store, url

    before_each(function() store, url = support.open(engine) end)
    after_each(support.clean)

    it("hears of each change of its key and of no other, from now on", function()
      store:set("a", "0")
      local events, hear, wait = support.recorder()
      store:watch("a", hear)
      store:set("a", "1")
      store:set("b", "x")
      store:set("a", "2")
      store:delete "a"
      wait(3)
      hearth.sleep(0.005)
      assert.equal(3, #events)
      local revision = 0
      for i, want in ipairs { { "1", "0" }, { "2", "1" }, { nil, "2" } } do
        local e = events[i]
        assert.equal("a", e.key)
        assert.equal(want[1], e.value)
        assert.equal(want[2], e.old)
        assert.equal("local", e.source)
        assert.is_true(e.revision > revision)
        revision = e.revision
      end
    end)

    it("hears of every key with a prefix, in commit order", function()
      local events, hear, wait = support.recorder()
      store:watch({ prefix = "a." }, hear)
      store:set("a.1", "x")
      store:set("b.1", "x")
      store:set("a.2", "x")
      store:set_many { ["a.3"] = "x", ["a."] = "x" }
      wait(4)
      assert.equal("a.1", events[1].key)
      assert.equal("a.2", events[2].key)
      assert.equal(events[3].revision, events[4].revision)
      hearth.sleep(0.005)
      assert.equal(4, #events)
    end)

    it("is not called for equal bytes, nor for the delete of a missing key", function()
      store:set("a", "1")
      local events, hear, wait = support.recorder()
      store:watch({ prefix = "" }, hear)
      store:set("a", "1")
      store:delete "none"
      store:set("a", "2")
      wait(1)
      hearth.sleep(0.005)
      assert.equal(1, #events)
      assert.equal("2", events[1].value)
    end)

    it("hears of each key that clear removes", function()
      store:set_many { a = "1", b = "2", c = "3" }
      local events, hear, wait = support.recorder()
      store:watch({ prefix = "" }, hear)
      store:clear()
      wait(3)
      local gone = {}
      for _, e in ipairs(events) do
        assert.is_nil(e.value)
        gone[#gone + 1] = e.key
      end
      table.sort(gone)
      assert.same({ "a", "b", "c" }, gone)
    end)

    it("does not hear of other namespaces", function()
      local other = hearth.storage.open { url = url, namespace = "other" }
      local events, hear, wait = support.recorder()
      store:watch("a", hear)
      other:set("a", "theirs")
      store:set("a", "ours")
      wait(1)
      assert.equal("ours", events[1].value)
      other:close()
    end)

    it("is a task: never inline, may await, and its calls do not overlap", function()
      local log, inside = {}, false
      store:watch("a", function(e)
        assert.is_true(hearth.in_task())
        assert.is_false(inside)
        inside = true
        hearth.sleep(e.value == "1" and 0.01 or 0)
        inside = false
        log[#log + 1] = e.value
      end)
      for i = 1, 3 do store:set("a", tostring(i)) end
      for _ = 1, 1000 do
        if #log == 3 then break end
        hearth.sleep(0.001)
      end
      assert.same({ "1", "2", "3" }, log)
    end)

    it("may write what it watches", function()
      local events, hear, wait = support.recorder()
      store:watch("a", function(e)
        hear(e)
        if tonumber(e.value) < 3 then store:increment "a" end
      end)
      store:set("a", "1")
      assert.equal("3", wait(3).value)
      assert.equal(3, #events)
    end)

    it("hears nothing after it was taken away, and several are independent", function()
      local first, hear_first = support.recorder()
      local second, hear_second, wait_second = support.recorder()
      local stop = store:watch("a", hear_first)
      store:watch("a", hear_second)
      stop()
      stop()
      store:set("a", "1")
      assert.equal("1", wait_second(1).value)
      second[1].value = "mine"
      assert.equal(0, #first)
    end)

    it("hears when a key expires, whether it was set before or after", function()
      local clock = testing.fake_clock()
      store:set("before", "1", { ttl = 30 })
      local events, hear = support.recorder()
      store:watch({ prefix = "" }, hear)
      store:set("after", "2", { ttl = 60 })
      testing.settle()
      clock:advance(31)
      clock:advance(30)
      assert.equal(3, #events)
      assert.equal("after", events[1].key)
      assert.same({ "before", nil, "1" }, { events[2].key, events[2].value, events[2].old })
      assert.same({ "after", nil, "2" }, { events[3].key, events[3].value, events[3].old })
    end)

    it("does not hear of an end that was put off", function()
      local events, hear = support.recorder()
      store:watch("a", hear)
      local clock = testing.fake_clock()
      store:set("a", "1", { ttl = 20 })
      store:set("a", "1")
      clock:advance(40)
      assert.equal(1, #events)
      assert.equal("1", store:get "a")
    end)

    it("refuses bad input", function()
      assert.equal("EINVAL", err(store.watch, store, {}, print).code)
      assert.equal("EINVAL", err(store.watch, store, { prefix = 1 }, print).code)
      assert.equal("EINVAL", err(store.watch, store, "a").code)
      assert.equal("EINVAL", err(store.watch, store, nil, print).code)
    end)

    it("hears of what another handle of the same store writes", function()
      local other = hearth.storage.open { url = url }
      local _, hear, wait = support.recorder()
      store:watch("a", hear)
      other:set("a", "1")
      assert.equal("1", wait(1).value)
      other:close()
    end)
  end)
end
