-- `hearth run --watch` on a full screen: the picture follows the file, and what was typed and counted stays.

local files = require "spec.support.files"
local terminal = require "spec.support.terminal"

local APP <const> = [[
local h = require "hearth"
h.run_async(function() while true do h.sleep(0.01) ticks = (ticks or "") .. "%s" end end)
return h.component("App", function()
  local n, set = h.use_state(0)
  local kept, keep = h.use_persisted_state("kept", 0)
  local seen, look = h.use_state("")
  return h.Column {
    h.Text("%s " .. n .. " and " .. kept),
    h.Button("More", { on_click = function() set(n + 1) keep(kept + 10) end }),
    h.Button("Look", { on_click = function() ticks = "" h.sleep(0.1) look(ticks:sub(1, 1) .. #(ticks:gsub(ticks:sub(1, 1), ""))) end }),
    h.Text("ticks " .. seen),
  }
end)
]]

describe("hearth run --watch in the terminal UI", function()
  local t, path

  local function save(text)
    files.write(path .. ".new", text)
    assert(os.rename(path .. ".new", path))
  end
  local function app(name) return APP:format(name, name) end

  before_each(function()
    path = files.folder() .. "/app.lua" -- of its own, because the folder is what is watched
    save(app "A")
    t = terminal.open { "run", path, "--watch" }
    t:see "A 0 and 0"
    t:press "Enter"
    t:see "A 1 and 10"
  end)

  after_each(function()
    t:close()
    os.execute("rm -rf " .. path:match "^(.*)/")
  end)

  it("shows the new code with the old state, and the tasks of the old code are gone", function()
    save(app "B")
    t:see "B 1 and 10"
    assert.equal("1", t:ask "#{alternate_on}")
    t:press "Enter"
    t:see "B 2 and 20"
    t:press("Tab", "Enter")
    t:see "ticks B0" -- a hundred milliseconds of ticks, and none of them of the old code
  end)

  it("shows a syntax error and keeps the old app running", function()
    save "local x = = 1"
    t:see "app.lua:1: unexpected symbol near '='"
    t:press "Enter"
    t:see "A 2 and 20"
    save(app "B")
    t:see "B 2 and 20"
    t:until_(function(picture) return not picture:find("unexpected symbol", 1, true) end, "the complaint is gone")
  end)

  it("keeps the old app when the new code cannot be rendered", function()
    save 'return require("hearth").component("App", function() error "on purpose" end)'
    t:see "on purpose"
    t:press "Enter"
    t:see "A 2 and 20"
  end)
end)
