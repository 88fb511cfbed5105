-- Whole programs as their writers would write them, run through the program under test: state of a component that survives restarts, a user
-- and a token kept by hand beside it, settings of an app in its own namespace.

local program = require "spec.support.program"

describe("a program that remembers", function()
  local store, file

  before_each(function() store = program.temporary ".sqlite3" end)
  after_each(function()
    program.clean(store)
    if file then os.remove(file) end
  end)

  local function app(text) file = program.file(text) end

  local function run(lines)
    local out, status, err = program.run({"run", file, "--ui=line", "--store", store}, lines)
    assert.are.same({0, ""}, {status, err})
    return out
  end

  it("toggles a theme: initial, then the stored one, in the next run too", function()
    app [[
      local pn = require "hearth"
      return pn.component(function()
        local theme, set_theme = pn.use_persisted_state("settings.theme", "light")
        return pn.Button("Theme: " .. theme, {on_click = function() set_theme(theme == "light" and "dark" or "light") end})
      end)
    ]]
    assert.matches("Theme: light", run {})
    assert.matches("Theme: dark", run {"click Theme: light"})
    assert.matches("Theme: dark", run {"wait 20", "tree"})
    assert.matches("Theme: light", run {"wait 20", "click Theme: dark"})
    assert.are.equal('"light"\n', (program.run {"store", "--store", store, "get", "settings.theme"}))
  end)

  it("remembers a user in an effect and restores the session in the next run", function()
    app [[
      local pn = require "hearth"
      local User = {from_dict = function(t) return t end}
      local function remember_user(user) pn.AsyncStorage.set_json("current_user", user) pn.AsyncStorage.set("token", "t-" .. user.name) end
      local function restore_session()
        local dict = pn.AsyncStorage.get_json "current_user"
        if dict == nil then return nil end
        return User.from_dict(dict), pn.AsyncStorage.get "token"
      end
      return pn.component(function()
        local who, set_who = pn.use_state "nobody"
        pn.use_async_effect(function()
          local user, token = restore_session()
          if user then set_who(user.name .. " " .. token) end
        end, {})
        return pn.Column {pn.Text("hello " .. who), pn.Button("Log in", {on_click = function()
          remember_user {name = "ann", admin = false}
          set_who "ann"
        end})}
      end)
    ]]
    assert.matches("hello nobody", run {"wait 20", "tree"})
    assert.matches("hello ann", run {"click Log in", "wait 20", "tree"})
    assert.matches("hello ann t%-ann", run {"wait 20", "tree"})
  end)

  it("keeps settings, attempts and a set of tags in the app's own namespace, beside persisted state of the same key", function()
    app [[
      local pn = require "hearth"
      local storage = pn.AppStorage {app_name = "my_awesome_app"}
      return pn.component(function()
        local count, set_count = pn.use_persisted_state("login_attempts", 0)
        local said, say = pn.use_state "?"
        local function work()
          local attempts = storage:get_or_default("login_attempts", 3) + 1
          storage:set("login_attempts", attempts)
          local tags = storage:get_or_default("tags", pn.Set {})
          tags:add "lua"
          tags:add("run " .. attempts)
          tags:discard "run 4"
          storage:set("tags", tags)
          set_count(count + 1)
          say(("%d %d %s"):format(attempts, #tags, tostring(tags:contains "lua")))
        end
        return pn.Column {pn.Text(said), pn.Text("count " .. count), pn.Button("Work", {on_click = work})}
      end)
    ]]
    assert.matches("4 1 true.-count 1", run {"click Work", "wait 50", "tree"})
    assert.matches("5 2 true.-count 2", run {"wait 20", "click Work", "wait 50", "tree"})
  end)
end)
