-- Keys that are preloaded are on the first frame, with one read; a key that cannot be read does not keep the app from its screen.

local program = require "spec.support.program"
local hearth = require "hearth"
local testing = require "hearth.testing"

describe("preloading", function()
  local store, app

  before_each(function()
    store = program.temporary ".sqlite3"
    local mine <close> = hearth.storage.open {url = store}
    mine:set_many {theme = '"dark"', draft = '"half a sentence"', broken = "no JSON"}
  end)

  after_each(function()
    program.clean(store)
    if app then os.remove(app) end
  end)

  it("has stored values in the first frame of hearth run", function()
    app = program.file [[
      local h = require "hearth"
      local App = h.component("App", function()
        local theme, _, of_theme = h.use_persisted_state("theme", "light")
        local draft = h.use_persisted_state("draft", "")
        local broken, _, of_broken = h.use_persisted_state("broken", "initial")
        local absent, _, of_absent = h.use_persisted_state("absent", "initial")
        return h.Column {
          h.Text(theme .. " " .. of_theme.status), h.Text(draft), h.Text(broken .. " " .. of_broken.status),
          h.Text(absent .. " " .. of_absent.status),
        }
      end)
      return h.app {name = "preloads", root = App, preload = {"theme", "draft", "broken", "absent"}}
    ]]
    local out, status = program.run {"run", app, "--ui=line", "--store", store}
    assert.are.equal(0, status)
    assert.are.same({"dark ready", "half a sentence", "initial error", "initial ready"}, program.frames(out)[1])
  end)

  it("reads all keys at once, also those of another store or scope", function()
    local other <close> = hearth.storage.open {url = store, namespace = "mine"}
    other:set_json("a", 1)
    other:set_json("b", 2)
    testing.faults {fail = {op = "read", nth = 2, times = 99}}   -- a second read would fail
    hearth.preload {"a", "b", store = other}
    hearth.preload {"a", "b", store = other}   -- known: no read
    local frames = {}
    local C = hearth.component("C", function()
      local a, b = hearth.use_persisted_state("a", 0, {store = other}), hearth.use_persisted_state("b", 0, {store = other})
      table.insert(frames, a + b)
      return hearth.Text ""
    end)
    testing.render(C {})
    testing.settle()
    assert.are.same({3}, frames)
  end)

  it("is no error for a key that cannot be read: its hook hears of it, and it is read again", function()
    hearth.AsyncStorage.set_json("k", "stored")
    testing.restart()
    testing.faults {fail = {op = "read", nth = 1, times = 1, code = "EIO"}}
    hearth.preload {"k"}
    local states = {}
    local C = hearth.component("C", function()
      local v, _, info = hearth.use_persisted_state("k", "initial")
      table.insert(states, v .. " " .. info.status)
      return hearth.Text(v)
    end)
    local screen = testing.render(C {})
    screen:find_by_text("stored", 5)
    assert.are.same({"initial error", "stored ready"}, {states[1], states[#states]})
  end)

  it("refuses what is no list of keys", function()
    for _, keys in ipairs {"theme", 5, {5}, {{}}} do
      local ok, err = pcall(hearth.preload, keys)
      assert.are.same({false, "EINVAL"}, {ok, err.code})
    end
    app = program.file 'return require("hearth").app {root = require("hearth").component(function() end), preload = {5}}'
    local _, status, err = program.run {"run", app, "--ui=line", "--store", store}
    assert.are.equal(1, status)
    assert.matches("a key is a string, got number", err)
  end)
end)
