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

  it("raises the function's error with the traceback of the thread", function()
    assert.matches("boom.*stack traceback", failure(hearth.to_thread, function() error "boom" end))
    local err = failure(hearth.to_thread, function() error { code = "mine" } end)
    assert.are.equal("mine", err.code)
    assert.is_string(err.traceback)
  end)

  it("gives up when its task is cancelled", function()
    local task = hearth.run_async(function() hearth.to_thread(function() while true do end end) end)
    hearth.sleep(0)
    task:cancel()
    assert.is_true(hearth.is_cancelled(failure(hearth.await, task)))
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
    local log = {}
    runtime.call_threadsafe(function(x) hearth.sleep(0) log[#log + 1] = x end, "task")
    runtime.call_on_main_thread(function() log[#log + 1] = "inline" end)
    assert.are.same({ "inline" }, log)
    hearth.sleep(0.005)
    assert.are.same({ "inline", "task" }, log)
  end)

  it("gives the loop as light userdata", function()
    assert.are.equal("userdata", type(runtime.get_loop()))
  end)
end)
