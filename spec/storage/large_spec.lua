-- Values whose text is made and read off the loop: exact, in order, as of the call, and whole, over every engine.

local hearth = require "hearth"
local json = require "hearth.core.json"
local support = require "spec.storage.support"
local task = require "hearth.core.task"

local err = support.err
local null = hearth.null

-- Some 300 KB of text with everything in it that a careless way would lose.
local function large()
  local t = {
    whole = 1, float = 1.0, empty_array = hearth.array {}, empty = {}, none = null, ["$hearth.set"] = { 1 },
    tags = hearth.Set { 1, 1.0, "b", "a" }, like = { ["$hearth.set"] = { 3, 2 } }, records = {},
  }
  for i = 1, 4000 do
    t.records[i] = { id = i, score = i / 3, name = "name\0 of \"" .. i .. "\" ü", on = i % 2 == 0, list = { i, { i } } }
  end
  return t
end

-- Keeps every worker of the loop's pool waiting until the returned function is called.
local function keep_workers()
  local uv = require "luv"
  local pipe, n = uv.pipe(), tonumber(os.getenv "UV_THREADPOOL_SIZE") or 4
  local waiting = n
  local work = uv.new_work(function(fd)
    local f = assert(io.open("/dev/fd/" .. fd))
    f:setvbuf "no"
    f:read(1)
    f:close()
  end, function()
    waiting = waiting - 1
    if waiting > 0 then return end
    uv.fs_close(pipe.read)
    uv.fs_close(pipe.write)
  end)
  for _ = 1, n do work:queue(tostring(pipe.read)) end
  return function() uv.fs_write(pipe.write, ("x"):rep(n)) end
end

-- How many turns pass while fn runs.
local function turns_of(fn)
  local turns, counting = 0, true
  local function count()
    turns = turns + 1
    if counting then task.at_turn_end(count) end
  end
  task.at_turn_end(count)
  fn()
  counting = false
  return turns
end

for _, engine in ipairs(support.engines) do
  describe("large values on " .. engine.name, function()
    local store, url

    before_each(function()
      url = engine.url()
      store = hearth.storage.open { url = url }
    end)

    after_each(function()
      store:close()
      support.clean()
    end)

    it("come back as they were, from the cache and from the engine", function()
      local value = large()
      store:set_json("big", value)
      assert.is_true(json.equal(value, (store:get_json "big")))
      assert.equal(json.encode_stored(value), store:get "big")
      store:close()
      store = hearth.storage.open { url = url }
      if engine.name ~= "memory" then assert.is_true(json.equal(value, (store:get_json "big"))) end
    end)

    it("are what they were at the call", function()
      local value = large()
      local text = json.encode_stored(value)
      local write = hearth.run_async(store.set_json, store, "big", value)
      hearth.run_async(function() value.records[1].id, value.extra = "changed", {} end)
      write:await()
      assert.equal(text, store:get "big")
    end)

    it("land in the order of issue among small ones, and are read where they are queued", function()
      local value = large()
      local seen
      local tasks = {
        hearth.run_async(function() store:set("k", "small") store:set("other", "1") end),
        hearth.run_async(store.set_json, store, "k", value),
        hearth.run_async(function() seen = store:get_json "k" end),
        hearth.run_async(store.set_json, store, "late", value),
        hearth.run_async(store.set, store, "late", '"last"'),
      }
      hearth.all(tasks)
      assert.is_true(json.equal(value, seen))
      assert.is_true(json.equal(value, (store:get_json "k")))
      assert.equal("last", (store:get_json "late"))
      assert.equal("1", store:get "other")
      assert.is_true(store:info "k".revision < store:info "late".revision)
    end)

    it("are refused at the call, with the path, and nothing is written", function()
      local value = large()
      value.records[4000].list[2][1] = print
      local e = err(store.set_json, store, "big", value)
      assert.equal("EINVAL", e.code)
      assert.equal("$.records[4000].list[2][1]", e.path)
      assert.equal("big", e.key)
      value.records[4000].list[2][1] = 0 / 0
      assert.equal("$.records[4000].list[2][1]", err(store.set_json, store, "big", value).path)
      value.records[4000].list[2] = value
      assert.matches("cycle", err(store.set_json, store, "big", value).message)
      assert.is_nil(store:info "big")
    end)

    it("take conditions and ttl, and a refused one leaves what is there", function()
      store:set_json("big", large(), { if_revision = 0 })
      local e = err(store.set_json, store, "big", { large() }, { if_revision = 0 })
      assert.equal("ECONFLICT", e.code)
      assert.is_true(json.equal(large(), (store:get_json "big")))
    end)

    it("may be long strings, alone, by many and as JSON", function()
      local long = ("0123456789abcde\0"):rep(80000)
      store:set("a", long)
      store:set_many { b = long .. "b", c = "short" }
      store:set_json("j", long)
      store:set_json("longer", long:rep(5))
      assert.equal(long, store:get "a")
      assert.equal(long .. "b", store:get "b")
      assert.equal("short", store:get "c")
      assert.equal(long, (store:get_json "j"))
      assert.is_true(store:get_json "longer" == long:rep(5))
    end)

    it("of any length are exact when the engine reads them, with and without a NUL", function()
      local values = {}
      for _, n in ipairs { 65535, 65536, 65537, 1 << 20, (2 << 20) + 5, 5 << 20 } do
        values["text" .. n] = ("0123456789abcdef"):rep(n // 16 + 1):sub(1, n)
        values["bytes" .. n] = ("0123456789abcde\0"):rep(n // 16 + 1):sub(1, n)
      end
      store:set_many(values)
      if engine.name ~= "memory" then
        store:close()
        store = hearth.storage.open { url = url }
      end
      for key, value in pairs(values) do assert.is_true(store:get(key) == value, key) end
    end)

    it("that are damaged are kept whole, and belong to that key alone", function()
      local long = ("x"):rep(100000)
      store:set_many { a = long, b = long }
      local raw, namespace = hearth.storage.raw(store)
      raw:put_raw(namespace, "a", long .. "y")
      for _ = 1, 2 do assert.equal("ECORRUPT", err(store.get, store, "a").code) end
      local kept = store:quarantine()
      assert.equal(1, #kept)
      assert.is_true(kept[1].bytes == long .. "y")
      assert.is_true(store:get "b" == long)
      store:set("a", long)
      assert.is_true(store:get "a" == long)
    end)

    it("are seen by the batch that writes them, and land with it", function()
      local value = large()
      store:batch(function(tx)
        tx:set_json("x", value)
        tx:set("y", "1")
        assert.is_true(json.equal(value, (tx:get_json "x")))
        assert.equal(json.encode_stored(value), tx:get "x")
      end)
      assert.is_true(json.equal(value, (store:get_json "x")))
      assert.equal(store:info "x".revision, store:info "y".revision)
    end)

    it("survive update_json, merge_json and AppStorage", function()
      local value = large()
      store:set_json("big", value)
      store:update_json("big", function(v)
        v.whole = 2
        return v
      end)
      store:merge_json("big", { whole = 3, more = value.records })
      value.whole, value.more = 3, value.records
      assert.is_true(json.equal(value, (store:get_json "big")))
      local app = hearth.AppStorage { app_name = "large", store = store }
      app:set("big", value)
      assert.is_true(json.equal(value, app:get "big"))
      assert.is_true(json.equal(value, app:get_or_default("big", 1)))
      app:migrate(1, { function(s)
        s:set("bigger", { s:get "big" })
        assert.is_true(json.equal({ value }, s:get "bigger"))
      end })
      assert.is_true(json.equal({ value }, app:get "bigger"))
    end)

    it("that are no JSON give ECORRUPT", function()
      store:set("bad", "[" .. ("1,"):rep(50000) .. "}")
      local value, code = store:get_json "bad"
      assert.is_nil(value)
      assert.equal("ECORRUPT", code)
      store:close()
      store = hearth.storage.open { url = url, namespace = "app:bad" }
      store:set("bad", "[" .. ("1,"):rep(50000) .. "}")
      local app = hearth.AppStorage { app_name = "bad", store = store }
      local e = err(app.get, app, "bad")
      assert.equal("ECORRUPT", e.code)
      assert.equal("bad", e.key)
    end)

    it("land though their task was cancelled, and before a close ends", function()
      local value = large()
      local write = hearth.run_async(store.set_json, store, "big", value)
      hearth.run_async(function() write:cancel() end)
      pcall(write.await, write)
      local other = hearth.run_async(store.set_json, store, "other", value)
      hearth.run_async(function() end):await()
      store:close()
      other:await()
      store = hearth.storage.open { url = url }
      if engine.name == "memory" then return end -- a new one
      assert.is_true(json.equal(value, (store:get_json "big")))
      assert.is_true(json.equal(value, (store:get_json "other")))
    end)

    it("do not outlive what a crash takes: the write is cancelled, the next one lands", function()
      local raw = require "hearth.storage.store".raw(store)
      local value = large()
      local release = keep_workers()
      local write = hearth.run_async(store.set_json, store, "big", value)
      local crash = hearth.run_async(function() raw:crash() end)
      crash:await()
      release()
      assert.equal("ECANCELED", err(write.await, write).code)
      store:set_json("next", value)
      assert.is_nil(store:get "big")
      assert.is_true(json.equal(value, (store:get_json "next")))
    end)

    it("are built in many steps, with turns of the loop between them", function()
      local list = {}
      for i = 1, 100000 do list[i] = i end
      store:set_json("list", list)
      local back
      local turns = turns_of(function() back = store:get_json "list" end)
      assert.is_true(turns >= 8, ("only %d turns"):format(turns))
      assert.is_true(json.equal(list, back))
    end)

    it("of more than 64 MiB of text are EBIG, and nothing is written", function()
      local e = err(store.set_json, store, "big", { ("\0"):rep(11500000) }) -- six bytes of text each
      assert.equal("EBIG", e.code)
      assert.equal("big", e.key)
      assert.is_nil(store:info "big")
      store:set("big", "works")
      assert.equal("works", store:get "big")
    end)

    it("leave an error of the engine to their own write", function()
      require "hearth.testing".faults { fail = { op = "write", nth = 1, code = "ENOSPC" } }
      assert.equal("ENOSPC", err(store.set_json, store, "big", large()).code)
      require "hearth.testing".faults {}
      assert.is_nil(store:get_json "big")
    end)
  end)
end
