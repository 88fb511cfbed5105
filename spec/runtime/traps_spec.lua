-- One test for each trap of coroutines and of libuv that this runtime has to step around, named after it.
local hearth = require "hearth"
local runtime = hearth.runtime

local function in_task(fn, ...)
  return hearth.await(hearth.run_async(fn, ...))
end

local function code_of(fn, ...)
  local ok, err = pcall(fn, ...)
  return not ok and err.code or nil
end

describe("trap:", function()
  it("queue, then fail to yield: the answer would go to the next await", function()
    local codes, value = in_task(function()
      local codes, future = {}, runtime.create_future()
      hearth.run_async(function() future:resolve "wrong" end)
      codes[1] = code_of(function() table.sort({ 2, 1 }, function(a, b) future:await() return a < b end) end)
      codes[2] = code_of(function() string.gsub("x", "x", function() future:await() end) end)
      codes[3] = code_of(function() load(function() future:await() end) end)
      local right = runtime.create_future()
      hearth.run_async(function() hearth.sleep(0) right:resolve "right" end)
      return codes, right:await()
    end)
    assert.are.same({ "ENOTASK", "ENOTASK" }, { codes[1], codes[2] })
    assert.are.equal("right", value)
  end)

  it("an await inside coroutine.wrap hands its yield to the consumer", function()
    assert.are.equal("ENOTASK", in_task(function()
      return coroutine.wrap(function() return code_of(hearth.sleep, 0) end)()
    end))
  end)

  it("a pending coroutine that nothing anchors is collected", function()
    local done = 0
    for _ = 1, 50 do
      hearth.run_async(function()
        hearth.sleep(0.001)
        done = done + 1
      end)
    end
    for _ = 1, 5 do collectgarbage() end
    hearth.sleep(0.02)
    assert.are.equal(50, done)
  end)

  it("a finalizer cannot wait", function()
    local code
    in_task(function()
      setmetatable({}, { __gc = function() code = code_of(hearth.sleep, 0) end })
      collectgarbage()
    end)
    assert.are.equal("ENOTASK", code)
  end)

  it("nested resumes die at depth 198: tasks that start tasks do not nest", function()
    local function chain(n) return n == 0 and 0 or 1 + hearth.await(hearth.run_async(chain, n - 1)) end
    assert.are.equal(2000, chain(2000))
  end)

  it("the traceback is taken before the coroutine is reset", function()
    local task = hearth.run_async(function()
      local function deep() error { code = 1 } end
      deep()
    end)
    pcall(hearth.await, task)
    assert.matches("deep", require("hearth.core.task").traceback(task))
  end)

  it("a yield of the script's own in a task is an error of that task", function()
    local ok, err = pcall(in_task, function() coroutine.yield(1) end)
    assert.is_false(ok)
    assert.are.equal("EINVAL", err.code)
  end)

  it("a task is never resumed after its end, however often it is cancelled", function()
    local task = hearth.run_async(function() pcall(hearth.sleep, 100) return "ended" end)
    hearth.sleep(0)
    task:cancel()
    task:cancel()
    assert.are.equal("ended", hearth.await(task))
    assert.is_false(task:cancel())
    hearth.sleep(0)
    assert.are.equal("ended", hearth.await(task))
  end)

  it("a loop of awaits that are answered at once starves the rest", function()
    local ticks = 0
    local ticker = hearth.run_async(function() while true do hearth.sleep(0) ticks = ticks + 1 end end)
    local done = runtime.create_future()
    done:resolve()
    for _ = 1, 20000 do done:await() end
    ticker:cancel()
    pcall(hearth.await, ticker)
    assert.is_true(ticks > 0)
  end)

  it("cancelling a waiter does not cancel what it waits for", function()
    local inner = hearth.run_async(function() hearth.sleep(0.002) return 1 end)
    local waiter = hearth.run_async(function() inner:await() end)
    hearth.sleep(0)
    waiter:cancel()
    assert.is_true(hearth.is_cancelled(select(2, pcall(hearth.await, waiter))))
    assert.are.equal(1, inner:await())
  end)

  it("a cancelled wait keeps the name of its verb", function()
    local task = hearth.run_async(function() hearth.sleep(100) end)
    hearth.sleep(0)
    task:cancel()
    local _, err = pcall(hearth.await, task)
    assert.are.equal("sleep", err.op)
  end)
end)
