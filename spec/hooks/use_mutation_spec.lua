local hearth = require "hearth"
local testing = require "hearth.testing"

describe("use_mutation", function()
  local mutate, screen, futures

  local function mount(fn)
    futures = {}
    local App = hearth.component("App", function()
      local state, m = hearth.use_mutation(fn or function(i)
        futures[i] = hearth.runtime.create_future()
        return hearth.await(futures[i])
      end)
      mutate = m
      return hearth.Text(("%s %s %s"):format(tostring(state.data), tostring(state.loading), tostring(state.error)))
    end)
    screen = testing.render(App {})
    return App
  end

  local function text()
    testing.settle()
    return screen:text()
  end

  it("gives the state of a call, and the call gives its values", function()
    mount()
    assert.equal("nil false nil", text())
    local call = mutate(1)
    assert.equal("nil true nil", text())
    assert.is_false(call:done())
    futures[1]:resolve("data", "more")
    assert.same({ "data", "more" }, { hearth.await(call) })
    assert.equal("data false nil", text())
    assert.is_true(call:done())
    assert.equal("data", call:await())
  end)

  it("keeps an error, which only an awaiter is told", function()
    mount()
    local call = mutate(1)
    testing.settle()
    futures[1]:reject "no"
    assert.equal("nil false no", text())
    local ok, err = pcall(hearth.await, call)
    assert.is_false(ok)
    assert.equal("no", err)
    mutate(2)
    assert.equal("nil true nil", text())
    futures[2]:resolve "yes"
    assert.equal("yes false nil", text())
  end)

  it("is loading until the last call that runs ends; the state is that of the call started last", function()
    mount()
    mutate(1)
    mutate(2)
    testing.settle()
    futures[2]:resolve "second"
    assert.equal("second true nil", text())
    futures[1]:resolve "first"
    assert.equal("second false nil", text())
    mutate(1)
    mutate(2)
    testing.settle()
    futures[1]:reject "first failed"
    assert.equal("nil true nil", text())
    futures[2]:resolve "second"
    assert.equal("second false nil", text())
  end)

  it("calls can be cancelled, before they began too", function()
    mount()
    local call = mutate(1)
    testing.settle()
    assert.is_true(call:cancel())
    assert.is_true(hearth.is_cancelled(select(2, pcall(hearth.await, call))))
    assert.equal("nil false nil", text())
    call = mutate(2)
    call:cancel()
    assert.equal("nil false nil", text())
    assert.is_true(call:done())
    assert.is_nil(futures[2])
    assert.is_false(call:cancel())
  end)

  it("a call that loses a race is cancelled, and so is one beside another that fails in `all`", function()
    mount()
    local first, second = mutate(1), mutate(2)
    testing.settle()
    local race = hearth.run_async(hearth.race, { first, second })
    testing.settle()
    futures[2]:resolve "won"
    assert.equal("won", race:await())
    assert.is_true(first:done())
    assert.is_true(hearth.is_cancelled(select(2, pcall(first.await, first))))
    assert.equal("won false nil", text())
    local third = mutate(3)
    local all = hearth.run_async(function() return pcall(hearth.all, { third, hearth.run_async(error, "no") }) end)
    assert.is_false((all:await()))
    assert.is_true(third:done())
    assert.equal("nil false nil", text())
  end)

  it("goes on after an unmount, and renders nothing", function()
    mount()
    local call = mutate(1)
    testing.settle()
    screen:unmount()
    futures[1]:resolve "done"
    assert.equal("done", call:await())
  end)

  it("mutate is the same function in every render and runs the newest fn", function()
    local App = hearth.component("App", function(props)
      local _, m = hearth.use_mutation(function() return props.n end)
      mutate = m
      return hearth.Text(props.n)
    end)
    screen = testing.render(App { n = 1 })
    local first = mutate
    screen:rerender(App { n = 2 })
    assert.equal(first, mutate)
    assert.equal(2, first():await())
  end)

  it("in a render is an error that says so", function()
    local Bad = hearth.component("Bad", function()
      local _, m = hearth.use_mutation(function() end)
      m()
      return hearth.Text ""
    end)
    local ok, err = pcall(testing.render, Bad {})
    assert.is_false(ok)
    assert.equal("EHOOK", err.code)
  end)
end)
