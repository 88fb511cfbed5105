-- One test for each trap of coroutines in C that this runtime has to step around, named after it. Memory that runs out at every single allocation is
-- spec/c/test_out_of_memory.c.
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
  it("the clean await: its errors are caught by pcall, its guard is closed by an answer, an error and a cancel", function()
    local log = {}
    local function guarded(name, fn)
      local guard <close> = setmetatable({}, { __close = function(_, err)   -- luacheck: ignore 211
        log[#log + 1] = name .. (err and ": " .. (err.code or err) or "")
      end })
      return fn()
    end
    in_task(function()
      guarded("answer", function() hearth.sleep(0) end)
      local failing = hearth.run_async(error, { code = "mine" })
      assert.is_false(pcall(guarded, "error", function() failing:await() end))
    end)
    local waits = hearth.run_async(guarded, "cancel", function() hearth.sleep(60) end)
    hearth.sleep(0)
    waits:cancel()
    pcall(hearth.await, waits)
    assert.are.same({ "answer", "error: mine", "cancel: ECANCELED" }, log)
  end)

  it("yields inside pcall, xpcall, metamethods, iterators and <close> are fine", function()
    local seen = in_task(function()
      local seen = {}
      local function wait(what)
        hearth.sleep(0)
        seen[#seen + 1] = what
        return what
      end
      pcall(wait, "pcall")
      xpcall(wait, debug.traceback, "xpcall")
      local lazy = setmetatable({}, { __index = function(_, key) return wait(key) end, __add = function() return wait "add" end,
        __eq = function() return wait "eq" ~= nil end, __concat = function() return wait "concat" end,
        __len = function() return #wait "len" end, __call = function(_, x) return wait(x) end, __close = function() wait "close" end })
      local used = { lazy.index, lazy + 1, lazy .. "x", #lazy, lazy "call", lazy == setmetatable({}, getmetatable(lazy)) }
      assert.are.equal(6, #used)
      for _ in function(_, i) return not i and wait "iterator" or nil end do end
      do local guard <close> = lazy end   -- luacheck: ignore 211
      return seen
    end)
    assert.are.same({ "pcall", "xpcall", "index", "add", "concat", "len", "call", "eq", "iterator", "close" }, seen)
  end)

  it("the operation is unlinked before its waiter goes on: user code may close the store there", function()
    for _ = 1, 20 do
      local store = hearth.storage.open { url = "memory:" }
      local writers = {}
      for i = 1, 10 do
        writers[i] = hearth.run_async(function()
          store:set("k" .. i, "v")
          store:close()
        end)
      end
      for _, result in ipairs(hearth.all_settled(writers)) do
        assert.is_true(result.ok or result.error.code == "ECLOSED", tostring(result.error))
      end
    end
  end)

  it("the program runs the generational collector, an embedding host the incremental one: tasks live through both", function()
    local before = collectgarbage "incremental"
    for _, mode in ipairs { "incremental", "generational" } do
      collectgarbage(mode)
      local tasks = {}
      for i = 1, 200 do
        tasks[i] = hearth.run_async(function()
          local held = {}
          for k = 1, 20 do
            held[k] = { i, k }
            hearth.sleep(0)
          end
          collectgarbage "step"
          return #held
        end)
      end
      local sum = 0
      for _, n in ipairs(hearth.all(tasks)) do sum = sum + n end
      assert.are.equal(4000, sum)
    end
    collectgarbage(before)
  end)

  it("a chain of nested closes crashes 5.4.4: tasks that wait for one another are cancelled one by one", function()
    local closed = 0
    local function chain(n)
      local guard <close> = setmetatable({}, { __close = function() closed = closed + 1 end })
      if n == 0 then hearth.sleep(60) end
      local inner <close> = setmetatable({ hearth.run_async(chain, n - 1) }, { __close = function(self) self[1]:cancel() end })
      inner[1]:await()
    end
    local outer = hearth.run_async(chain, 3000)
    for _ = 1, 3002 do hearth.sleep(0) end
    outer:cancel()
    pcall(hearth.await, outer)
    for _ = 1, 4000 do
      if closed == 3001 then break end
      hearth.sleep(0)
    end
    assert.are.equal(3001, closed)
  end)

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
    local left, all = 50, hearth.runtime.create_future()
    for _ = 1, left do
      hearth.run_async(function()
        hearth.sleep(0.001)
        left = left - 1
        if left == 0 then all:resolve "all of them" end
      end)
    end
    hearth.sleep(0) -- they wait
    for _ = 1, 5 do collectgarbage() end
    assert.are.equal("all of them", all:await())
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

  it("resume from one place only: a task that is resumed by hand goes on waiting", function()
    local co
    local future, done = hearth.runtime.create_future(), hearth.runtime.create_future()
    done:resolve "at once"
    local task = hearth.run_async(function()
      co = coroutine.running()
      local first, more = future:await()
      for _ = 1, 2000 do assert(done:await() == "at once") end
      return first, more
    end)
    hearth.sleep(0)
    for _ = 1, 3 do assert.is_true(coroutine.resume(co, "by hand", "twice")) end
    assert.is_false(task:done())
    future:resolve("right", nil)
    for _ = 1, 20 do
      hearth.sleep(0)
      coroutine.resume(co, "by hand") -- while it gives way
    end
    assert.are.same({ n = 2, "right" }, table.pack(task:await()))
  end)

  it("resume from one place only: a task whose coroutine is closed by hand ends with an error", function()
    local co, closed
    local task = hearth.run_async(function()
      co = coroutine.running()
      local _ <close> = setmetatable({}, { __close = function() closed = true end })
      hearth.sleep(0.001)
    end)
    hearth.sleep(0)
    assert.is_true(coroutine.close(co))
    assert.is_true(closed)
    local ok, err = pcall(task.await, task)
    assert.are.same({ false, "EINVAL", "coroutine.close" }, { ok, err.code, err.op })
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

  it("a task gives way and comes back, also after an await that failed", function()
    local task = hearth.run_async(function()
      local failing, done = hearth.runtime.create_future(), hearth.runtime.create_future()
      done:resolve()
      hearth.run_async(function() failing:reject "no" end)
      assert.is_false(pcall(failing.await, failing))
      for _ = 1, 2000 do done:await() end
      return "came back"
    end)
    assert.are.equal("came back", task:await(5))
  end)

  it("a coroutine that is closed holds nothing any more: what its task waited for may be collected", function()
    local co
    local task = hearth.run_async(function()
      co = coroutine.running()
      hearth.runtime.create_future():await()
    end)
    hearth.sleep(0)
    coroutine.close(co)
    for _ = 1, 3 do collectgarbage() end
    assert.is_true(task:cancel())
    assert.are.equal("EINVAL", select(2, pcall(task.await, task)).code)
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
