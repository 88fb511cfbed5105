-- to_thread and hearth.runtime: what crosses to a worker thread and back.
local hearth = require "hearth"
local runtime = hearth.runtime

local function failure(...)
  local ok, err = pcall(...)
  assert.is_false(ok)
  return err
end

describe("to_thread", function()
  it("copies values both ways: subtypes, bytes, shared and cyclic tables", function()
    local t = { list = { 1, 2.0, "a\0b" }, [1.5] = false }
    t.self, t.again = t, t.list
    local back, n = hearth.to_thread(function(x)
      x.seen = math.type(x.list[1]) .. math.type(x.list[2]) .. #x.list[3]
      return x, select("#", nil, nil)
    end, t)
    assert.are.equal("integerfloat3", back.seen)
    assert.are.equal(back, back.self)
    assert.are.equal(back.list, back.again)
    assert.is_false(back[1.5])
    assert.are.equal(2, n)
    assert.is_nil(t.seen)
  end)

  it("refuses a function with outer locals, and names them", function()
    local globals = _G
    assert.are.equal("number", hearth.to_thread(function() return globals.type(math.pi) end)) -- it is the other state's
    local counter = 1
    local err = failure(hearth.to_thread, function() return counter end)
    assert.are.equal("EINVAL", err.code)
    assert.matches("'counter'", err.message)
    assert.are.equal("EINVAL", failure(hearth.to_thread, print).code)
    assert.are.equal("EINVAL", failure(hearth.to_thread, 1).code)
  end)

  it("names the path of what cannot be copied", function()
    assert.are.equal("$.x[3]", failure(hearth.to_thread, function() end, { x = { 1, 2, print } }).path)
    local err = failure(hearth.to_thread, function() return { ["a b"] = print } end)
    assert.are.same({ "EINVAL", '$["a b"]' }, { err.code, err.path })
  end)

  it("raises the function's error as it was raised", function()
    assert.are.equal("boom", failure(hearth.to_thread, function() error("boom", 0) end))
    assert.are.same({ code = "mine", list = { 1 } }, failure(hearth.to_thread, function() error { code = "mine", list = { 1 } } end))
    assert.is_nil(failure(hearth.to_thread, function() error() end))
    assert.is_false(failure(hearth.to_thread, function() error(false) end))
    assert.matches("^function: ", failure(hearth.to_thread, function() error(print) end))
    assert.are.equal("$.f", failure(hearth.to_thread, function() error { f = print } end).path)
  end)

  it("gives an error of Hearth as one, with the traceback of the thread", function()
    local err = failure(hearth.to_thread, function()
      local function deep() require "hearth".json.decode "{" end
      deep()
    end)
    assert.is_true(hearth.errors.is(err))
    assert.are.equal("ECORRUPT", err.code)
    assert.matches("deep", err.traceback)
  end)

  it("takes nil, false, any bytes and any number", function()
    local function same(...) return ... end
    local got = table.pack(hearth.to_thread(same, nil, false, "", "\0\255", -0.0, math.mininteger, math.huge, 0 / 0, nil))
    assert.are.equal(9, got.n)
    assert.are.same({ nil, false, "", "\0\255" }, { table.unpack(got, 1, 4) })
    assert.are.equal(-math.huge, 1 / got[5])
    assert.are.equal(math.mininteger, got[6])
    assert.are.equal(math.huge, got[7])
    assert.is_true(got[8] ~= got[8])
    assert.are.equal(0, select("#", hearth.to_thread(function() end)))
    local t = hearth.to_thread(same, { [math.huge] = 1, [2.5] = 2, [true] = 3, [{}] = 4 })
    assert.are.same({ 1, 2, 3 }, { t[math.huge], t[2.5], t[true] })
  end)

  it("keeps sets, marked arrays and hearth.null, and drops other metatables", function()
    local set, array, null, plain = hearth.to_thread(function(set, array, null, plain)
      local h = require "hearth"
      assert(set:contains(1) and not set:contains(1.0) and set:contains "x" and null == h.null)
      set:add(2.0)
      return set, array, null, plain
    end, hearth.Set { 1, "x" }, hearth.array {}, hearth.null, setmetatable({ 7 }, { __index = { lost = true } }))
    assert.is_true(set == hearth.Set { 1, "x", 2.0 })
    assert.are.equal("[]", hearth.json.encode(array))
    assert.are.equal(hearth.null, null)
    assert.are.same({ 7, nil }, { plain[1], plain.lost })
  end)

  it("copies values as deep as may be stored", function()
    local function nested(depth)
      local top = {}
      local t = top
      for _ = 2, depth do
        t.n = {}
        t = t.n
      end
      return top
    end
    local function depth(t)
      local n = 0
      while t do
        t, n = t.n, n + 1
      end
      return n
    end
    assert.are.equal(1000, hearth.to_thread(depth, nested(1000)))
    assert.are.equal(1000, depth(hearth.to_thread(function(t) return t end, nested(1000))))
    assert.matches("nested too deeply", failure(hearth.to_thread, depth, nested(1001)).message)
  end)

  it("is ENOTASK for what waits, on the thread", function()
    local text = hearth.to_thread(function(future)
      local h = require "hearth"
      local out = {}
      for _, fn in ipairs { h.sleep, h.await, h.run_async, h.AsyncStorage.get, future.await, h.runtime.create_future } do
        local _, err = pcall(fn, future)
        out[#out + 1] = err.code .. " " .. err.op
      end
      assert(not h.in_task() and h.current_task() == nil and h.now() > 0)
      return table.concat(out, ", ")
    end, runtime.create_future())
    assert.are.equal("ENOTASK sleep, ENOTASK await, ENOTASK run_async, ENOTASK AsyncStorage.get, ENOTASK await, " ..
      "ENOTASK create_future", text)
  end)

  it("gives up when its task is cancelled", function()
    local task = hearth.run_async(function() hearth.to_thread(function() while true do end end) end)
    hearth.sleep(0)
    task:cancel()
    assert.is_true(hearth.is_cancelled(failure(hearth.await, task)))
  end)

  it("stops code that catches every error once nobody waits for it", function()
    local tasks = {}
    for i = 1, 16 do -- as many as there may be threads
      tasks[i] = hearth.run_async(hearth.to_thread, function() while true do pcall(function() while true do end end) end end)
    end
    hearth.sleep(0.01)
    for _, task in ipairs(tasks) do task:cancel() end
    assert.are.equal("a thread is free", hearth.to_thread(function() return "a thread is free" end))
  end)

  it("settles futures and calls functions of the runtime", function()
    local seen, future, failed = {}, runtime.create_future(), runtime.create_future()
    _G.thread_spec_progress = function(n) seen[#seen + 1] = { n, hearth.in_task() } end
    finally(function() _G.thread_spec_progress = nil end)
    hearth.to_thread(function(f, g)
      local h = require "hearth"
      for i = 1, 3 do h.runtime.call_threadsafe("thread_spec_progress", i) end
      h.runtime.resolve_future(f, { 1, 2 })
      h.runtime.resolve_future(f, "late")
      h.runtime.reject_future(g, "no")
    end, future, failed)
    assert.are.same({ 1, 2 }, future:await())
    assert.are.equal("no", failure(failed.await, failed))
    hearth.sleep(0)
    assert.are.same({ { 1, true }, { 2, true }, { 3, true } }, seen)
  end)
end)

describe("hearth.runtime", function()
  it("settles a future once", function()
    local f = runtime.create_future()
    runtime.resolve_future(f, 1)
    runtime.resolve_future(f, 2)
    runtime.reject_future(f, "no")
    assert.are.equal(1, f:await())
    assert.are.equal("EINVAL", failure(runtime.resolve_future, {}, 1).code)
  end)

  it("runs call_threadsafe functions as tasks, call_on_main_thread ones inline", function()
    local log, over = {}, runtime.create_future()
    runtime.call_threadsafe(function(x) hearth.sleep(0) log[#log + 1] = x over:resolve() end, "task")
    runtime.call_on_main_thread(function() log[#log + 1] = "inline" end)
    assert.are.same({ "inline" }, log)
    over:await()
    assert.are.same({ "inline", "task" }, log)
  end)

  it("gives the loop as light userdata", function()
    assert.are.equal("userdata", type(runtime.get_loop()))
  end)
end)
