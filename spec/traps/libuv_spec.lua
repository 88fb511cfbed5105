-- One test for each trap of libuv, named after it.
local hearth = require "hearth"
local program = require "spec.support.program"

describe("trap:", function()
  it("uv_queue_work keeps no order: writes to one key land in the order of issue", function()
    local path = program.temporary ".sqlite3"
    local store = hearth.storage.open { url = path }
    local seen = {}
    store:watch("k", function(event) seen[#seen + 1] = tonumber(event.value) end)
    local writes = {}
    for i = 1, 999 do
      writes[i] = hearth.run_async(store.set, store, "k", tostring(i))
      if i % 100 == 0 then hearth.sleep(0) end
    end
    hearth.all(writes)
    assert.are.equal("999", store:get "k")
    hearth.sleep(0)
    assert.are.equal(999, seen[#seen])
    for i = 2, #seen do assert.is_true(seen[i] > seen[i - 1]) end
    store:close()
    program.clean(path)
  end)

  it("uv_cancel is advice: work that was given up answers all the same, and does no harm", function()
    local opens, paths = {}, {}
    for i = 1, 40 do -- more than there are threads
      paths[i] = program.temporary ".sqlite3"
      opens[i] = hearth.run_async(hearth.storage.open, { url = paths[i] })
    end
    hearth.sleep(0)
    for _, task in ipairs(opens) do task:cancel() end
    for _, result in ipairs(hearth.all_settled(opens)) do assert.is_true(result.ok or hearth.is_cancelled(result.error)) end
    local store = hearth.storage.open { url = paths[40] } -- behind all of them
    store:set("k", "v")
    assert.are.equal("v", store:get "k")
    store:close()
    for _, path in ipairs(paths) do program.clean(path) end
  end)

  it("the pool has 4 threads for the whole process: long functions of to_thread do not take them", function()
    local path = program.temporary ".sqlite3"
    local busy = {}
    for i = 1, 8 do busy[i] = hearth.run_async(hearth.to_thread, function() while true do end end) end
    hearth.sleep(0)
    local store = hearth.storage.open { url = path } -- opens on the pool
    store:set("k", "v")
    store:close()
    for _, task in ipairs(busy) do
      assert.is_false(task:done())
      task:cancel()
    end
    hearth.all_settled(busy)
    program.clean(path)
  end)

  it("a library must not set UV_THREADPOOL_SIZE", function()
    for _, size in ipairs { "", "3" } do
      local environment = size ~= "" and { UV_THREADPOOL_SIZE = size } or nil
      local out = program.run({ "-e", "require('hearth').sleep(0.001) io.write(os.getenv 'UV_THREADPOOL_SIZE' or '')" }, nil, environment)
      assert.are.equal(size, out)
    end
  end)

  it("workers see only bytes that they own: what was handed over may be collected and changed meanwhile", function()
    local jobs = {}
    for i = 1, 20 do
      local argument = { ("x"):rep(5000) .. i, { i } }
      jobs[i] = hearth.run_async(hearth.to_thread, function(t)
        local n = 0
        for k = 1, 20000 do n = n + k % 2 end
        return t[1], t[2][1], n
      end, argument)
      hearth.sleep(0)
      argument[1], argument[2][1], argument = nil, nil, nil   -- luacheck: ignore 311
      collectgarbage()
    end
    for i = 1, 20 do
      local text, n = jobs[i]:await()
      assert.are.equal(("x"):rep(5000) .. i, text)
      assert.are.equal(i, n)
    end
  end)

  it("uv_err_name and uv_strerror leak on an unknown code: only the _r forms are used", function()
    local pipe = assert(io.popen "grep -rnE 'uv_(err_name|strerror)\\(' src host")
    local found = pipe:read "a"
    pipe:close()
    assert.are.equal("", found)
  end)

  it("the order of the end: everything may be on its way", function()
    local path = program.temporary ".sqlite3"
    local _, status, err = program.run({ "-e", [[
      local h = require "hearth"
      local A = h.AsyncStorage
      h.run_async(function() local s = h.storage.open { url = "memory:" } while true do s:set("k", "v") end end)
      h.run_async(function() while true do A.set("k", "v") h.sleep(0) end end)
      for _ = 1, 5 do h.run_async(h.to_thread, function() while true do end end) end
      for _ = 1, 50 do h.run_async(h.sleep, 1000) end
      h.run_async(h.await, h.runtime.create_future())
      A.watch({ prefix = "" }, function() h.sleep(0) end)
      h.sleep(0.01)
      os.exit(7, true)]] }, nil, { HEARTH_STORE = path })
    assert.are.same({ 7, "" }, { status, err })
    program.clean(path)
  end)
end)
