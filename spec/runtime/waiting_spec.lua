-- await with a time-out, timeout, all, race, all_settled and scope: values, errors and misuse, verb by verb.
local hearth = require "hearth"

local function failure(...)
  local ok, err = pcall(...)
  assert.is_false(ok)
  return err
end

local function answer(value, seconds)
  return hearth.run_async(function()
    hearth.sleep(seconds or 0)
    return value
  end)
end

local function fails(err)
  return hearth.run_async(function() error(err, 0) end)
end

describe("await", function()
  it("gives nil, false and nothing as they are", function()
    assert.are.equal(0, select("#", hearth.await(hearth.run_async(function() end))))
    assert.are.equal(1, select("#", hearth.await(hearth.run_async(function() return nil end))))
    assert.is_false(hearth.await(hearth.run_async(function() return false end)))
  end)

  it("raises whatever the task raised", function()
    local thing = {}
    assert.are.equal(thing, failure(hearth.await, fails(thing)))
    assert.is_nil(failure(hearth.await, fails(nil)))
    assert.is_false(failure(hearth.await, fails(false)))
  end)

  it("with seconds raises ETIMEOUT and leaves what it waited for running", function()
    local go = hearth.runtime.create_future()
    local task = hearth.run_async(function() return go:await() end)
    assert.are.equal("ETIMEOUT", failure(task.await, task, 0).code)
    assert.are.equal("ETIMEOUT", failure(task.await, task, 0.001).code)
    go:resolve "late"
    assert.are.equal("late", task:await(10))
  end)

  it("refuses what cannot be awaited, and a time-out that is none", function()
    for _, thing in ipairs { 1, "x", true, {}, print, io.stdout } do assert.are.equal("EINVAL", failure(hearth.await, thing).code) end
    assert.are.equal("EINVAL", failure(hearth.await).code)
    local f = hearth.runtime.create_future()
    for _, seconds in ipairs { -1, 0 / 0, math.huge, "1", {} } do assert.are.equal("EINVAL", failure(f.await, f, seconds).code) end
    for _, seconds in ipairs { -1, 0 / 0, math.huge, "1", {} } do assert.are.equal("EINVAL", failure(hearth.sleep, seconds).code) end
  end)
end)

describe("timeout", function()
  it("gives the function's values or raises its error", function()
    assert.are.equal(3, select("#", hearth.timeout(1, function(...) return ... end, 1, nil, nil)))
    local thing = {}
    assert.are.equal(thing, failure(hearth.timeout, 1, error, thing))
  end)

  it("of 0 seconds gives what ends in that turn, and ETIMEOUT for what waits", function()
    assert.are.equal(1, hearth.timeout(0, function() return 1 end))
    assert.are.equal("mine", failure(hearth.timeout, 0, function() error("mine", 0) end))
    local err = failure(hearth.timeout, 0, hearth.sleep, 10)
    assert.are.same({ "ETIMEOUT", "timeout" }, { err.code, err.op })
  end)

  it("is cancelled with its task, and takes the function with it", function()
    local inner
    local task = hearth.run_async(hearth.timeout, 10, function()
      inner = hearth.current_task()
      hearth.sleep(10)
    end)
    while not inner do hearth.sleep(0) end
    task:cancel()
    assert.is_true(hearth.is_cancelled(failure(hearth.await, task)))
    hearth.sleep(0)
    assert.is_true(inner:cancelled())
  end)

  it("names itself when it is misused", function()
    for _, args in ipairs { { 1 }, { 1, 5 }, { -1, print }, { 0 / 0, print }, { "1", print } } do
      local err = failure(hearth.timeout, table.unpack(args, 1, 2))
      assert.are.same({ "EINVAL", "timeout" }, { err.code, err.op })
    end
  end)
end)

describe("all, race and all_settled", function()
  it("take tasks, futures and what has ended already, more than once", function()
    local done, f = answer(1), hearth.runtime.create_future()
    f:resolve(false)
    assert.are.same({ 1, false, 1 }, hearth.all { done, f, done })
    assert.are.same({ 1, false, 1 }, hearth.all { done, f, done })
    assert.are.equal(1, hearth.race { answer(2, 10), done })
    assert.are.same({ { ok = true, value = false }, { ok = false, error = "no" } }, hearth.all_settled { f, fails "no" })
  end)

  it("give the first value of each: all leaves a place empty where there is none", function()
    assert.are.same({ 1, nil, nil, false }, hearth.all {
      hearth.run_async(function() return 1, 2 end), hearth.run_async(function() end), hearth.run_async(function() return nil, 3 end),
      hearth.run_async(function() return false end),
    })
  end)

  it("of nothing: an empty list, and no first", function()
    assert.are.same({}, hearth.all {})
    assert.are.same({}, hearth.all_settled {})
    assert.are.equal("EINVAL", failure(hearth.race, {}).code)
  end)

  it("race raises the error of the first to end, and gives all its values", function()
    assert.are.equal("no", failure(hearth.race, { answer(1, 10), fails "no" }))
    assert.are.same({ n = 2, nil, 2 }, table.pack(hearth.race { hearth.run_async(function() return nil, 2 end) }))
  end)

  it("name themselves in errors, also where they are stuck and cancelled", function()
    for _, verb in ipairs { "all", "race", "all_settled", "scope" } do
      local wait = verb == "scope" and function(s) s:run_async(hearth.sleep, 10) end or { hearth.runtime.create_future() }
      local task = hearth.run_async(hearth[verb], wait)
      hearth.sleep(0) -- it waits
      task:cancel()
      assert.are.equal(verb, failure(hearth.await, task).op)
      for _, misuse in ipairs { 1, "x", false } do
        local err = failure(hearth[verb], misuse)
        assert.are.same({ "EINVAL", verb }, { err.code, err.op })
      end
      local err = coroutine.wrap(function() return failure(hearth[verb], wait) end)()
      assert.are.same({ "ENOTASK", verb }, { err.code, err.op })
    end
    assert.are.equal("EINVAL", failure(hearth.all, { hearth.runtime.create_future(), nil, hearth.runtime.create_future() }).code)
  end)
end)

describe("misuse of a task or future", function()
  it("is EINVAL, and names the verb", function()
    local task = answer(1)
    local f = hearth.runtime.create_future()
    for op, call in pairs {
      on_done = { task.on_done, task, 1 }, name = { task.name, task, {} }, cancel = { task.cancel, f },
      run_async = { hearth.run_async, "x" },
      resolve_future = { hearth.runtime.resolve_future, task, 1 }, reject_future = { hearth.runtime.reject_future, nil, 1 },
      call_threadsafe = { hearth.runtime.call_threadsafe, 1 }, call_on_main_thread = { hearth.runtime.call_on_main_thread },
    } do
      local err = failure(table.unpack(call, 1, 3))
      assert.are.same({ "EINVAL", op }, { err.code, err.op })
    end
    hearth.await(task)
  end)
end)
