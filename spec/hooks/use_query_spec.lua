local hearth = require "hearth"
local testing = require "hearth.testing"
local cache = require "hearth.hooks.query_cache"

describe("use_query", function()
  local queries -- the query of each render, the newest last
  before_each(function() queries = {} end)

  local function last() return queries[#queries] end

  -- A fetcher whose answers a test gives: requests[i]:resolve(x), :reject(err).
  local function by_hand()
    local requests, cancelled = {}, {}
    return function()
      local i = #requests + 1
      requests[i] = hearth.runtime.create_future()
      local guard <close> = setmetatable({}, { __close = function(_, err) -- luacheck: ignore 211
        if hearth.is_cancelled(err) then cancelled[i] = true end
      end })
      return hearth.await(requests[i])
    end, requests, cancelled
  end

  local function shown(q) return ("%s %s %s"):format(tostring(q.data), tostring(q.loading), tostring(q.error)) end

  local function component(fetcher, options)
    return hearth.component("App", function(props)
      local q = hearth.use_query(props.fetcher or fetcher, props.deps or { props.id }, props.options or options)
      queries[#queries + 1] = q
      return hearth.Text(shown(q))
    end)
  end

  it("loads after the commit and shows the data", function()
    local fetcher, requests = by_hand()
    local screen = testing.render(component(fetcher) { id = 1 })
    assert.equal("nil true nil", screen:text())
    testing.settle()
    assert.equal(1, #requests)
    requests[1]:resolve "data"
    testing.settle()
    assert.equal("data false nil", screen:text())
    assert.equal(1, #requests)
  end)

  it("keeps errors as they were raised, and the data that was there", function()
    local fetcher, requests = by_hand()
    local screen = testing.render(component(fetcher) { id = 1 })
    testing.settle()
    local err = { odd = true }
    requests[1]:reject(err)
    testing.settle()
    assert.equal(err, last().error)
    assert.is_false(last().loading)
    last().refetch()
    testing.settle()
    requests[2]:resolve "data"
    testing.settle()
    assert.equal("data false nil", screen:text())
    last().refetch()
    testing.settle()
    requests[3]:reject "no"
    testing.settle()
    assert.equal("data false no", screen:text())
  end)

  it("awaits what the fetcher returns, and raises of a fetcher that does not wait are errors too", function()
    local screen = testing.render(component(function() return hearth.run_async(function() return 5 end) end) {})
    testing.settle()
    assert.equal("5 false nil", screen:text())
    screen = testing.render(component(function() error("plain", 0) end) {})
    testing.settle()
    assert.equal("nil false plain", screen:text())
  end)

  it("of a root that is mounted for a look alone asks for nothing", function()
    local asked = 0
    local App = hearth.component("App", function()
      local q = hearth.use_query(function() asked = asked + 1 end, {}, { initial = "nothing yet" })
      return hearth.Text(q.data .. (q.loading and ", loading" or ""))
    end)
    local renderer = require "hearth.render.headless".new()
    local mounted = require "hearth.ui.root".mount(App {}, renderer, { inert = true })
    testing.settle()
    assert.equal(0, asked)
    assert.equal("nothing yet, loading", mounted.node.children[1].props.text)
    mounted:unmount()
    testing.settle()
  end)

  it("shows initial while it loads", function()
    local fetcher, requests = by_hand()
    local screen = testing.render(component(fetcher, { initial = function() return "first" end }) {})
    assert.equal("first true nil", screen:text())
    testing.settle()
    requests[1]:resolve(false)
    testing.settle()
    assert.equal("false false nil", screen:text())
  end)

  describe("when deps change", function()
    it("keeps the old data while it loads, and cancels what ran", function()
      local fetcher, requests, cancelled = by_hand()
      local App = component(fetcher)
      local screen = testing.render(App { id = 1 })
      testing.settle()
      requests[1]:resolve "one"
      testing.settle()
      screen:rerender(App { id = 2 })
      assert.equal("one true nil", screen:text())
      testing.settle()
      screen:rerender(App { id = 3 })
      testing.settle()
      assert.is_true(cancelled[2])
      requests[3]:resolve "three"
      testing.settle()
      assert.equal("three false nil", screen:text())
    end)

    it("never publishes a late result, even of a fetcher that cannot be cancelled", function()
      local first, second = hearth.runtime.create_future(), hearth.runtime.create_future()
      local stubborn = function(future)
        return function()
          while true do
            local ok, value = pcall(hearth.await, future)
            if ok then return value end
          end
        end
      end
      local App = component()
      local screen = testing.render(App { id = 1, fetcher = stubborn(first) })
      testing.settle()
      screen:rerender(App { id = 2, fetcher = stubborn(second) })
      testing.settle()
      second:resolve "new"
      testing.settle()
      assert.equal("new false nil", screen:text())
      first:resolve "old"
      testing.settle()
      assert.equal("new false nil", screen:text())
    end)

    it("loads not at all for equal ones, or for a render of another reason", function()
      local fetcher, requests = by_hand()
      local App = component(fetcher)
      local screen = testing.render(App { deps = { 1, "a" } })
      screen:rerender(App { deps = { 1, "a" } })
      testing.settle()
      assert.equal(1, #requests)
      requests[1]:resolve(1)
    end)
  end)

  it("is cancelled by the unmount", function()
    local fetcher, _, cancelled = by_hand()
    local screen = testing.render(component(fetcher) {})
    testing.settle()
    screen:unmount()
    testing.settle()
    assert.is_true(cancelled[1])
  end)

  it("of a component that was unmounted before it began asks nothing", function()
    local fetcher, requests = by_hand()
    testing.render(component(fetcher) {}):unmount()
    testing.settle()
    assert.equal(0, #requests)
  end)

  describe("refetch", function()
    it("several in one turn are one", function()
      local fetcher, requests = by_hand()
      local screen = testing.render(component(fetcher) {})
      testing.settle()
      requests[1]:resolve "one"
      testing.settle()
      for _ = 1, 5 do last().refetch() end
      testing.settle()
      assert.equal("one true nil", screen:text())
      assert.equal(2, #requests)
      requests[2]:resolve "two"
      testing.settle()
      assert.equal("two false nil", screen:text())
    end)

    it("can be awaited", function()
      local n = 0
      testing.render(component(function()
        n = n + 1
        if n == 3 then error("three", 0) end
        return n
      end) {})
      testing.settle()
      assert.equal(2, hearth.await(last().refetch()))
      local ok, err = pcall(hearth.await, last().refetch())
      assert.is_false(ok)
      assert.equal("three", err)
    end)

    it("is the same function in every render, and does nothing after the unmount", function()
      local fetcher, requests = by_hand()
      local App = component(fetcher)
      local screen = testing.render(App { id = 1 })
      testing.settle()
      requests[1]:resolve(1)
      testing.settle()
      assert.equal(queries[1].refetch, last().refetch)
      assert.equal(queries[1].set_data, last().set_data)
      local refetch = last().refetch
      screen:unmount()
      assert.is_nil(refetch())
      testing.settle()
      assert.equal(1, #requests)
    end)

    it("in a render is an error that says so", function()
      local Bad = hearth.component("Bad", function()
        hearth.use_query(function() end, {}).refetch()
        return hearth.Text ""
      end)
      local ok, err = pcall(testing.render, Bad {})
      assert.is_false(ok)
      assert.equal("EHOOK", err.code)
    end)
  end)

  it("set_data puts data in place, by value or function", function()
    local fetcher, requests = by_hand()
    local screen = testing.render(component(fetcher) {})
    testing.settle()
    requests[1]:resolve(1)
    testing.settle()
    last().set_data(5)
    testing.settle()
    assert.equal("5 false nil", screen:text())
    last().set_data(function(n) return n + 1 end)
    testing.settle()
    assert.equal("6 false nil", screen:text())
    assert.equal(1, #requests)
  end)

  describe("with a key", function()
    it("shares one request and its data", function()
      local fetcher, requests = by_hand()
      local App = component(fetcher, { key = "k" })
      local screen = testing.render(hearth.Column { App {}, App {}, App {} })
      testing.settle()
      assert.equal(1, #requests)
      requests[1]:resolve "data"
      testing.settle()
      assert.equal(3, #screen:get_all_by_text "data false nil")
      last().set_data "new"
      testing.settle()
      assert.equal(3, #screen:get_all_by_text "new false nil")
    end)

    it("shares nothing between the users of a program that serves several", function()
      local scopes = require "hearth.storage.scopes"
      local who = "ada"
      scopes.identify(function() return { client = who, session = who, default = "client" } end)
      finally(function() scopes.identify(nil) end)
      local App = hearth.component("App", function(props)
        local me = hearth.use_query(function() return props.name end, {}, { key = "me", stale_time = 100 })
        return hearth.Text(tostring(me.data))
      end)
      local ada = testing.render(App { name = "Ada" })
      testing.settle()
      who = "bob"
      local bob = testing.render(App { name = "Bob" })
      assert.equal("nil", bob:text())
      testing.settle()
      assert.same({ "Ada", "Bob" }, { ada:text(), bob:text() })
      local again = testing.render(App { name = "not asked" })
      assert.equal("Bob", again:text())
    end)

    it("goes on while somebody shows it, and is cancelled by the last to leave", function()
      local fetcher, requests, cancelled = by_hand()
      local App = component(fetcher, { key = "k" })
      local screen, other = testing.render(App {}), testing.render(App {})
      testing.settle()
      screen:unmount()
      testing.settle()
      assert.is_nil(cancelled[1])
      other:unmount()
      testing.settle()
      assert.is_true(cancelled[1])
      assert.equal(1, #requests)
    end)

    it("shows what is known at once and loads again when it is stale", function()
      local clock = testing.fake_clock()
      local fetcher, requests = by_hand()
      local App = component(fetcher, { key = "k", stale_time = 60 })
      local screen = testing.render(App {})
      testing.settle()
      requests[1]:resolve "data"
      testing.settle()
      screen:unmount()
      clock:advance(59)
      screen = testing.render(App {})
      assert.equal("data false nil", screen:text())
      testing.settle()
      assert.equal(1, #requests)
      screen:unmount()
      clock:advance(1)
      screen = testing.render(App {})
      assert.equal("data true nil", screen:text())
      testing.settle()
      requests[2]:resolve "newer"
      testing.settle()
      assert.equal("newer false nil", screen:text())
    end)

    it("that changes shows the data of the new key", function()
      local fetcher, requests = by_hand()
      local App = component(fetcher)
      local screen = testing.render(App { id = 1, options = { key = "a", stale_time = 100 } })
      testing.settle()
      requests[1]:resolve "A"
      testing.settle()
      screen:rerender(App { id = 2, options = { key = "b", stale_time = 100 } })
      testing.settle()
      requests[2]:resolve "B"
      testing.settle()
      assert.equal("B false nil", screen:text())
      screen:rerender(App { id = 1, options = { key = "a", stale_time = 100 } })
      assert.equal("A false nil", screen:text())
      testing.settle()
      assert.equal(2, #requests)
    end)

    it("is kept in a cache that is bounded", function()
      local limit = cache.limit
      finally(function() cache.limit = limit end)
      cache.limit = 3
      local App = component(function() return 1 end)
      for i = 1, 10 do
        local screen = testing.render(App { options = { key = "k" .. i } })
        testing.settle()
        screen:unmount()
      end
      assert.equal(3, cache.count())
    end)

    it("and persist shows the last data after a restart", function()
      local fetcher, requests = by_hand()
      local App = component(fetcher, { key = "posts", persist = true, initial = "nothing" })
      local screen = testing.render(App {})
      testing.settle()
      requests[1]:resolve "kept"
      testing.settle()
      assert.equal("kept false nil", screen:text())
      testing.restart()
      screen = testing.render(App {})
      screen:find_by_text "kept true nil"
      testing.settle()
      requests[2]:resolve "newer"
      testing.settle()
      assert.equal("newer false nil", screen:text())
    end)
  end)

  it("refuses options that cannot be meant", function()
    for _, options in ipairs { { kye = "x" }, { key = 5 }, { stale_time = -1 }, { persist = true }, 5 } do
      local ok, err = pcall(testing.render, component(function() end, options) {})
      assert.is_false(ok)
      assert.equal("EINVAL", err.code)
    end
    local ok, err = pcall(testing.render, hearth.component("Bad", function() return hearth.use_query(5) end) {})
    assert.is_false(ok)
    assert.equal("EHOOK", err.code)
  end)
end)
