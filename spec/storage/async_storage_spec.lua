-- hearth.AsyncStorage: the same verbs, with a dot, over the app's default store.

local hearth = require "hearth"
local default = require "hearth.storage.default"
local support = require "spec.storage.support"
local url = require "hearth.storage.url"

local err = support.err
local AsyncStorage = hearth.AsyncStorage

describe("AsyncStorage", function()
  before_each(function() default.use "memory:" end)

  it("has every verb", function()
    for _, name in ipairs {
      "get", "set", "delete", "all_keys", "clear", "get_json", "set_json", "get_many", "set_many", "delete_many", "contains_key",
      "get_or_default", "update", "update_json", "merge_json", "increment", "keys", "info", "watch", "batch", "flush", "usage",
    } do
      assert.is_function(AsyncStorage[name], name)
    end
  end)

  it("opens the default store at the first use", function()
    assert.is_nil(default.raw())
    assert.is_nil(AsyncStorage.get "theme")
    assert.is_not_nil(default.raw())
    AsyncStorage.set("theme", "dark")
    assert.equal("dark", AsyncStorage.get "theme")
    assert.same({ "theme" }, AsyncStorage.all_keys())
  end)

  it("opens it once for tasks that begin together", function()
    local tasks = {}
    for i = 1, 10 do tasks[i] = hearth.run_async(AsyncStorage.set, "k" .. i, "v") end
    hearth.all(tasks)
    assert.equal(10, #AsyncStorage.all_keys())
  end)

  it("names itself in errors", function()
    local e = err(AsyncStorage.set, "k", 1)
    assert.equal("AsyncStorage.set", e.op)
    assert.equal("EINVAL", err(AsyncStorage.get, 1).code)
    AsyncStorage.set("k", "1")
    e = err(AsyncStorage.get, 1)
    assert.equal("EINVAL", e.code)
    assert.equal("AsyncStorage.get", e.op)
    assert.equal("EBIG", err(AsyncStorage.get, ("k"):rep(65537)).code)
    e = err(AsyncStorage.get, AsyncStorage)
    assert.equal("EINVAL", e.code)
  end)

  it("refuses an await where it cannot work", function()
    for _ = 1, 2 do -- before and after the store is open
      local ok, e = coroutine.wrap(function() return pcall(AsyncStorage.get, "k") end)()
      assert.is_false(ok)
      assert.equal("ENOTASK", e.code)
      assert.equal("AsyncStorage.get", e.op)
      AsyncStorage.set("k", "1")
    end
  end)

  it("shares its namespace with a store opened on the same URL", function()
    default.use "memory:shared-with-async"
    AsyncStorage.set("k", "1")
    local store = hearth.storage.open { url = "memory:shared-with-async" }
    assert.equal("1", store:get "k")
    store:close()
  end)

  it("raises the error of an open that fails, and tries again", function()
    local path = support.folder()
    default.use("file:" .. path) -- a folder
    local e = err(AsyncStorage.get, "k")
    assert.matches(path, tostring(e), 1, true)
    e = err(AsyncStorage.set, "k", "v")
    assert.equal("AsyncStorage.set", e.op)
    default.use "memory:"
    assert.is_nil(AsyncStorage.get "k")
    support.clean()
  end)

  it("goes on when the store is replaced", function()
    AsyncStorage.set("k", "1")
    local first = default.raw()
    default.use "memory:"
    assert.is_nil(AsyncStorage.get "k")
    first:close()
    AsyncStorage.set("k", "2")
    assert.equal("2", AsyncStorage.get "k")
  end)

  it("carries AppStorage too, in a namespace of its own", function()
    local storage = hearth.AppStorage { app_name = "x" }
    storage:set("k", { 1 })
    assert.same({ 1 }, storage:get "k")
    assert.same({}, AsyncStorage.all_keys())
    AsyncStorage.clear()
    assert.same({ "k" }, storage:get_keys())
  end)
end)

describe("the default URL", function()
  after_each(url.reset)

  it("is what was given, before anything else", function()
    url.configure { store = "memory:given", app = "x" }
    assert.equal("memory:given", url.default())
  end)

  it("is a file named after the app or the script, below the user's data", function()
    local home = url.data_home()
    if os.getenv "HEARTH_STORE" then return end
    url.configure { script = "some/where/theme_toggle.lua" }
    assert.equal("file:" .. home .. "/hearth/theme_toggle/store.sqlite3", url.default())
    url.configure { app = "My notes" }
    assert.equal("file:" .. home .. "/hearth/My notes/store.sqlite3", url.default())
  end)

  it("never leaves its folder, and no two apps share one", function()
    local home = url.data_home()
    for name, file in pairs { ["../x"] = "%2E.%2Fx", ["a/b"] = "a%2Fb", ["."] = "%2E", ["a%2Fb"] = "a%252Fb", ["a\0"] = "a%00" } do
      assert.equal(home .. "/hearth/" .. file .. "/store.sqlite3", url.of_app(name))
    end
  end)
end)
