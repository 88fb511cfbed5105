-- What people write with storage of this kind elsewhere, said in Hearth: sessions, settings, caches, tags, migrations.

local hearth = require "hearth"
local default = require "hearth.storage.default"
local json = require "hearth.core.json"

local AsyncStorage = hearth.AsyncStorage

local function code_of(fn, ...)
  local ok, err = pcall(fn, ...)
  return not ok and err.code or nil
end

describe("storage in use", function()
  before_each(function() default.use "memory:" end)

  it("remembers a user and restores the session", function()
    local User = {}
    User.__index = User
    function User:to_table() return { name = self.name, age = self.age } end
    local function remember(user) AsyncStorage.set_json("current_user", user:to_table()) end
    local function restore()
      local stored = AsyncStorage.get_json "current_user"
      return stored and setmetatable(stored, User)
    end
    assert.is_nil(restore())
    remember(setmetatable({ name = "Ada", age = 36 }, User))
    local user = restore()
    assert.equal("Ada", user.name)
    assert.equal("integer", math.type(user.age))
  end)

  it("keeps a token as a string", function()
    AsyncStorage.set("token", "abc")
    assert.equal("abc", AsyncStorage.get "token")
    AsyncStorage.delete "token"
    AsyncStorage.delete "token"
    assert.is_nil(AsyncStorage.get "token")
    assert.equal("EINVAL", code_of(AsyncStorage.set, "token", { value = "abc" }))
  end)

  it("lists and clears what it wrote", function()
    AsyncStorage.set("a", "1")
    AsyncStorage.set_json("b", { 1 })
    assert.same({ "a", "b" }, AsyncStorage.all_keys())
    AsyncStorage.clear()
    assert.same({}, AsyncStorage.all_keys())
  end)

  it("takes text that is no JSON for absent", function()
    AsyncStorage.set("legacy", "not json")
    assert.is_nil((AsyncStorage.get_json "legacy"))
  end)

  describe("with AppStorage", function()
    local storage
    before_each(function() storage = hearth.AppStorage { app_name = "my_awesome_app" } end)

    it("saves settings, counts and tags", function()
      storage:set("user_settings", { theme = "dark", notifications = true })
      storage:set("login_attempts", 3)
      storage:set("favorite_tags", json.set { "lua", "hearth", "async" })
      local tags = storage:get "favorite_tags"
      assert.is_true(json.is_set(tags))
      assert.is_true(tags:contains "lua")
      assert.same({ theme = "dark", notifications = true }, storage:get "user_settings")
      assert.equal(3, storage:get_or_default("login_attempts", 0))
      assert.is_true(storage:contains_key "user_settings")
      assert.is_true(storage:remove "login_attempts")
      assert.equal(0, storage:get_or_default("login_attempts", 0))
      storage:clear()
      assert.same({}, storage:get_keys())
    end)

    it("handles missing and unreadable data", function()
      local ok, err = pcall(storage.get, storage, "user")
      assert.is_false(ok)
      assert.equal("ENOKEY", err.code)
      assert.same({ name = "Guest" }, storage:get_or_default("user", { name = "Guest" }))
      default.raw():put_raw("app:my_awesome_app", "settings", "garbage")
      assert.equal("ECORRUPT", code_of(storage.get, storage, "settings"))
      assert.is_true(storage:remove "settings")
      assert.equal("ENOKEY", code_of(storage.get, storage, "settings"))
    end)

    it("changes a set of tags", function()
      local tags = storage:get_or_default("tags", json.set {})
      tags:add "lua"
      tags:add "hearth"
      storage:set("tags", tags)
      tags = storage:get "tags"
      tags:discard "lua"
      storage:set("tags", tags)
      assert.is_false(storage:get "tags":contains "lua")
      assert.is_true(storage:get "tags":contains "hearth")
    end)

    it("keeps a user's table that looks like a stored set", function()
      local tricky = { type = "set", values = { 1, 2 }, ["__set__"] = true }
      storage:set("tricky", tricky)
      assert.same(tricky, storage:get "tricky")
      assert.is_false(json.is_set(storage:get "tricky"))
    end)

    it("caches with an end", function()
      local function fetch_cached(key, make)
        local value = storage:get_or_default("cache_" .. key)
        if value == nil then
          value = make()
          storage:set("cache_" .. key, value, { ttl = 0.02 })
        end
        return value
      end
      local made = 0
      local function make()
        made = made + 1
        return { made }
      end
      assert.same({ 1 }, fetch_cached("page", make))
      assert.same({ 1 }, fetch_cached("page", make))
      hearth.sleep(0.03)
      assert.same({ 2 }, fetch_cached("page", make))
    end)

    it("cleans a cache up", function()
      for _, key in ipairs { "cache_a", "cache_b", "user" } do storage:set(key, 1) end
      for _, key in ipairs(storage:get_keys()) do
        if key:find("cache_a", 1, true) == 1 then storage:remove(key) end
      end
      storage:cleanup { prefix = "cache_" }
      assert.same({ "user" }, storage:get_keys())
    end)

    it("migrates by hand, and by steps", function()
      storage:set("settings", { theme = "dark" })
      if storage:get_or_default("schema_version", 1) == 1 then
        local old = storage:get_or_default("settings", {})
        storage:set("settings", { ui = { theme = old.theme or "light", language = old.language or "en" }, version = 2 })
        storage:set("schema_version", 2)
      end
      assert.equal("dark", storage:get "settings".ui.theme)
      storage:migrate(1, {
        function(s)
          local settings = s:get "settings"
          settings.ui.language = "de"
          s:set("settings", settings)
        end,
      })
      assert.equal("de", storage:get "settings".ui.language)
    end)

    it("separates apps", function()
      local other = hearth.AppStorage { app_name = "another" }
      storage:set("k", 1)
      other:set("k", 2)
      other:clear()
      assert.equal(1, storage:get "k")
    end)
  end)
end)
