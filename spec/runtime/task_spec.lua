-- Tasks: what API says about starting, waiting, cancelling and errors.
local hearth = require "hearth"

describe("a task", function()
  it("runs at the next turn, never inside the caller", function()
    local log = {}
    local task = hearth.run_async(function() log[#log + 1] = "task" end)
    log[#log + 1] = "caller"
    hearth.await(task)
    assert.are.same({ "caller", "task" }, log)
  end)

  it("gives its values to whoever awaits it, also after its end", function()
    local task = hearth.run_async(function(a, b) return a, nil, b end, 1, 2)
    local function values(...) return select("#", ...), ... end
    assert.are.same({ 3, 1, nil, 2 }, { values(hearth.await(task)) })
    assert.are.same({ 3, 1, nil, 2 }, { values(task:await()) })
  end)

  it("raises its error in whoever awaits it", function()
    local task = hearth.run_async(function() error { code = 7 } end)
    local ok, err = pcall(hearth.await, task)
    assert.is_false(ok)
    assert.are.equal(7, err.code)
  end)

  it("may wait through pcall, metamethods and iterators", function()
    local task = hearth.run_async(function()
      local out = {}
      local t = setmetatable({}, { __index = function(_, k) hearth.sleep(0) return k .. "!" end })
      out[1] = t.a
      out[2] = select(2, pcall(function() hearth.sleep(0) return "p" end))
      for v in function(_, i) hearth.sleep(0) if (i or 0) < 2 then return (i or 0) + 1 end end do out[#out + 1] = v end
      return out
    end)
    assert.are.same({ "a!", "p", 1, 2 }, hearth.await(task))
  end)
end)

describe("cancelling", function()
  it("raises at the await point, runs <close> variables, which may wait", function()
    local log = {}
    local task = hearth.run_async(function()
      local _ <close> = setmetatable({}, { __close = function()
        hearth.sleep(0)
        log[#log + 1] = "closed"
      end })
      hearth.sleep(1000)
      log[#log + 1] = "never"
    end)
    hearth.sleep(0)
    assert.is_true(task:cancel())
    local ok, err = pcall(hearth.await, task)
    assert.is_false(ok)
    assert.is_true(hearth.is_cancelled(err))
    assert.is_true(task:cancelled())
    assert.is_false(task:cancel())
    assert.are.same({ "closed" }, log)
  end)

  it("before it began means that it never runs", function()
    local ran = false
    local task = hearth.run_async(function() ran = true end)
    task:cancel()
    pcall(hearth.await, task)
    assert.is_false(ran)
    assert.is_true(task:cancelled())
  end)

  it("is delivered once per call", function()
    local seen = 0
    local task = hearth.run_async(function()
      for _ = 1, 2 do
        if not pcall(hearth.sleep, 1000) then seen = seen + 1 end
      end
      hearth.sleep(0)
      return "ended"
    end)
    hearth.sleep(0)
    task:cancel()
    hearth.sleep(0.001)
    task:cancel()
    assert.are.equal("ended", hearth.await(task))
    assert.are.equal(2, seen)
  end)
end)

describe("where an await cannot work it is ENOTASK and nothing has been started", function()
  local function code_of(fn)
    local ok, err = pcall(fn)
    return not ok and err.code
  end

  it("in table.sort inside a task", function()
    local code = hearth.await(hearth.run_async(function()
      return code_of(function() table.sort({ 3, 2, 1 }, function(a, b) hearth.sleep(0) return a < b end) end)
    end))
    assert.are.equal("ENOTASK", code)
  end)

  it("in a coroutine of the script's own", function()
    local code = hearth.await(hearth.run_async(function()
      return coroutine.wrap(function() return code_of(function() hearth.sleep(0) end) end)()
    end))
    assert.are.equal("ENOTASK", code)
    assert.are.equal("ENOTASK", coroutine.wrap(function() return code_of(function() hearth.sleep(0) end) end)())
  end)
end)
