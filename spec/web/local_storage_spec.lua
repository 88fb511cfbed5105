local hearth = require "hearth"
local testing = require "hearth.testing"

-- A connection that keeps what is sent.
local function recorder()
  local sent = {}
  return { send = function(_, session_id, message) sent[#sent + 1] = { session_id, message } end }, sent
end

local function raised(code, fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok)
  assert.equal(code, err.code)
  return err
end

describe("LocalStorage", function()
  local connection, sent, storage
  before_each(function()
    connection, sent = recorder()
    storage = hearth.LocalStorage { data = { theme = "dark", user_id = "456" }, session_id = "s1", connection = connection }
  end)

  local function last() return sent[#sent][2] end

  it("sends what changed, with a revision, to its own session", function()
    storage:set("username", "john_doe")
    storage:set("preferences", { language = "en", notifications = true })
    assert.equal("dark", storage:pop "theme")
    storage:clear()
    assert.same({
      { "s1", { localstorage = { username = "john_doe" }, revision = 1 } },
      { "s1", { localstorage = { preferences = { language = "en", notifications = true } }, revision = 2 } },
      { "s1", { removed = { "theme" }, revision = 3 } },
      { "s1", { cleared = true, revision = 4 } },
    }, sent)
    assert.same({}, storage:keys())
  end)

  it("has keys, values and items in the order of the keys", function()
    storage:set("a", false)
    assert.same({ "a", "theme", "user_id" }, storage:keys())
    assert.same({ false, "dark", "456" }, storage:values())
    assert.same({ { "a", false }, { "theme", "dark" }, { "user_id", "456" } }, storage:items())
  end)

  it("keeps any JSON value as it is: false, 0, the empty string, null, text that looks like JSON", function()
    for _, value in ipairs { false, true, 0, 1.5, "", "1", '{"a":1}', hearth.null, { 1, 2 }, { x = { y = false } } } do
      storage:set("k", value)
      assert.same(value, storage:get "k")
      assert.same(value, last().localstorage.k)
    end
    assert.equal("default", storage:get("absent", "default"))
    storage:set("k", false)
    assert.is_false(storage:get("k", "default"))
    assert.is_false(storage:pop "k")
    assert.is_nil(storage:pop "k")
  end)

  it("sends nothing for an equal value, a missing key, an empty clear", function()
    storage:set("theme", "dark")
    storage:pop "missing"
    assert.same({}, sent)
    storage:set("n", 1)
    storage:set("n", 1)
    assert.equal(1, #sent)
    storage:set("n", 1.0)
    assert.equal(2, #sent)
    storage:clear()
    storage:clear()
    assert.equal(3, #sent)
  end)

  it("sends nothing without a session, and all of it when there is one", function()
    storage = hearth.LocalStorage { connection = connection }
    storage:set("a", 1)
    assert.same({}, sent)
    assert.equal(1, storage:get "a")
    storage:reconnect { session_id = "s9" }
    assert.same({ { "s9", { localstorage = { a = 1 }, revision = 1 } } }, sent)
  end)

  it("copies what goes in and what comes out", function()
    local data, value = { list = { 1 } }, { deep = { 1 } }
    storage = hearth.LocalStorage { data = data, session_id = "s1", connection = connection }
    data.list[1] = 2
    assert.same({ 1 }, storage:get "list")
    storage:set("v", value)
    last().localstorage.v.deep[1] = "changed by the connection"
    value.deep[1] = 2
    storage:get("v").deep[1] = 3
    assert.same({ deep = { 1 } }, storage:get "v")
    storage:set("v", value) -- the same table, changed in place, is a change
    assert.same({ deep = { 2 } }, storage:get "v")
  end)

  it("refuses what a browser cannot hold, and says where it is", function()
    local err = raised("EINVAL", storage.set, storage, "k", { on = { click = print } })
    assert.equal("$.on.click", err.path)
    assert.truthy(err.message:find("LocalStorage.set: the value of 'k'", 1, true))
    assert.truthy(raised("EINVAL", storage.set, storage, "k").message:find("use pop", 1, true))
    raised("EINVAL", storage.set, storage, 1, "x")
    raised("EINVAL", storage.get, storage, nil)
    raised("EINVAL", storage.set, storage, "k", "\xff")
    raised("EINVAL", storage.set, storage, "k", hearth.Set { 1 })
    raised("EINVAL", storage.watch, storage, "k")
    raised("EINVAL", hearth.LocalStorage, { session = "s1" })
    raised("EINVAL", hearth.LocalStorage, { connection = {} })
    raised("EINVAL", hearth.LocalStorage, { data = { k = print } })
    assert.same({}, sent)
    assert.same({ "theme", "user_id" }, storage:keys())
  end)

  it("raises EQUOTA for what cannot fit, and leaves the old value", function()
    storage = hearth.LocalStorage { data = { k = "old" }, session_id = "s1", connection = connection, quota = 20 }
    local err = raised("EQUOTA", storage.set, storage, "k", ("x"):rep(20))
    assert.equal("k", err.key)
    assert.equal("old", storage:get "k")
    assert.same({}, sent)
    storage:set("k", ("x"):rep(19))
    raised("EQUOTA", storage.set, storage, "j", "xx")
    storage:pop "k"
    storage:set("j", ("é"):rep(19))
  end)

  it("tells watchers of a key, or of all, as tasks and in order", function()
    local heard, all = {}, {}
    local unwatch = storage:watch("a", function(e)
      hearth.sleep(0)
      heard[#heard + 1] = e
    end)
    storage:watch(nil, function(e) all[#all + 1] = e.key end)
    storage:set("a", 1)
    storage:set("b", 1)
    storage:set("a", { 2 })
    assert.same({}, heard)
    testing.settle()
    hearth.sleep(0.01)
    testing.settle()
    assert.same({
      { key = "a", value = 1, source = "local", revision = 1 },
      { key = "a", value = { 2 }, old = 1, source = "local", revision = 3 },
    }, heard)
    assert.same({ "a", "b", "a" }, all)
    unwatch()
    storage:pop "a"
    testing.settle()
    assert.equal(2, #heard)
  end)

  describe("and the browser", function()
    it("resolves a write when it is acknowledged, each with its own revision", function()
      local one, two = storage:set("a", 1), storage:set("a", 2)
      storage:receive { ack = 1 }
      assert.is_true(one:done())
      assert.is_false(two:done())
      storage:receive { ack = 2 }
      assert.equal(2, two:await(1))
      assert.is_false(storage:is_pending())
    end)

    it("sends again after a reconnect what was not acknowledged, as one message", function()
      storage:set("a", 1)
      storage:receive { ack = 1 }
      storage:set("b", 2)
      storage:set("b", 3)
      storage:pop "theme"
      sent[1] = nil
      storage:reconnect()
      assert.same({ localstorage = { b = 3 }, removed = { "theme" }, revision = 4 }, last())
      storage:reconnect { ack = 4 }
      local n = #sent
      storage:reconnect()
      assert.equal(n, #sent)
    end)

    it("keeps what a gone connection did not take, and raises the errors of a broken one", function()
      local gone = { send = function() error(hearth.errors.new("ECLOSED", "gone"), 0) end }
      storage:reconnect { connection = gone }
      local ticket = storage:set("a", 1)
      assert.is_false(ticket:done())
      storage:reconnect { connection = connection }
      assert.same({ localstorage = { a = 1 }, revision = 1 }, last())
      storage:reconnect { connection = { send = function() error "broken" end } , ack = 1 }
      assert.has_error(function() storage:set("a", 2) end)
      assert.equal(2, storage:get "a")
    end)

    it("takes changes by the page; a write that the page had not seen wins", function()
      local heard = {}
      storage:watch(nil, function(e) heard[#heard + 1] = e end)
      storage:receive { localstorage = { theme = "1" }, removed = { "user_id" } }
      testing.settle()
      assert.equal("1", storage:get "theme")
      assert.is_nil(storage:get "user_id")
      assert.equal(2, #heard)
      for _, e in ipairs(heard) do assert.equal("remote", e.source) end

      storage:set("theme", "ours")
      storage:receive { localstorage = { theme = "theirs" } }
      assert.equal("ours", storage:get "theme")
      storage:receive { ack = 1 }
      assert.equal("ours", storage:get "theme")
      storage:receive { localstorage = { theme = "later" } }
      assert.equal("later", storage:get "theme")
      assert.equal(1, #sent, "what the page did is not sent back")
      testing.settle()
    end)

    it("leaves keys that only the page wrote alone when it clears", function()
      storage:receive { localstorage = { theirs = "x" } }
      storage:clear()
      assert.same({ "theirs" }, storage:keys())
      assert.equal("x", storage:pop "theirs")
      assert.same({ removed = { "theirs" }, revision = 2 }, last())
    end)

    it("puts the old value back when the browser has no room", function()
      local heard = {}
      storage:watch("theme", function(e) heard[#heard + 1] = e end)
      local ticket = storage:set("theme", "big")
      local fine = storage:set("b", 1)
      storage:receive { refused = { theme = "EQUOTA" }, ack = 1 }
      assert.equal("dark", storage:get "theme")
      assert.equal("EQUOTA", raised("EQUOTA", ticket.await, ticket).code)
      assert.is_false(fine:done())
      storage:receive { ack = 2 }
      assert.is_true(fine:done())
      testing.settle()
      assert.equal("dark", heard[2].value)
      assert.equal("EQUOTA", heard[2].error.code)
    end)

    it("a refused write does not take back a later one", function()
      local refused = storage:set("theme", "big")
      local later = storage:set("theme", "small")
      storage:receive { refused = { theme = "EQUOTA" }, ack = 1, localstorage = { theme = "dark" } }
      raised("EQUOTA", refused.await, refused)
      assert.equal("small", storage:get "theme")
      storage:receive { ack = 2 }
      assert.equal(2, later:await(1))
      assert.equal("small", storage:get "theme")
    end)

    it("takes all that a browser holds as it comes, with its own writes on top", function()
      storage:set("a", 1)
      storage:reconnect { items = { theme = "light", other = "x" }, ack = 0, own = { "theme" } }
      assert.same({ { "a", 1 }, { "other", "x" }, { "theme", "light" } }, storage:items())
      storage:clear()
      assert.same({ "other" }, storage:keys())
    end)

    it("changes nothing for a message that is malformed", function()
      for _, message in ipairs {
        "x", { localstorage = 1 }, { localstorage = { [1] = "x" } }, { removed = { 1 } }, { ack = "1" }, { refused = { k = 1 } },
        { localstorage = { ok = 1 }, removed = { false } },
      } do
        raised("EINVAL", storage.receive, storage, message)
      end
      assert.same({ "theme", "user_id" }, storage:keys())
      storage:receive { ack = 1000 }
      assert.is_false(storage:set("a", 1):done())
    end)
  end)
end)

describe("use_local_storage", function()
  it("renders again for changes, once per turn, and keeps the same storage", function()
    local seen = {}
    local App = hearth.component("App", function()
      local storage = hearth.use_local_storage()
      seen[#seen + 1] = storage
      return hearth.Column { hearth.Text("theme " .. storage:get("theme", "none")), hearth.Button("dark", { on_click = function()
        storage:set("theme", "grey")
        storage:set("theme", "dark")
      end }) }
    end)
    local screen = testing.render(App {})
    assert.truthy(screen:query_by_text "theme none")
    screen:click "dark"
    testing.settle()
    assert.truthy(screen:query_by_text "theme dark")
    assert.equal(2, screen:renders(App))
    assert.equal(seen[1], seen[2])
    screen:unmount()
    seen[1]:set("theme", "light")
    testing.settle()
    assert.equal(2, #seen)
  end)

  it("refuses a write while a component renders", function()
    local App = hearth.component("App", function()
      hearth.use_local_storage():set("k", 1)
      return hearth.Text "x"
    end)
    raised("EHOOK", testing.render, App {})
  end)
end)
