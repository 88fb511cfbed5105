-- What a page may say, as a function that takes any text: lines are messages of one page, among them ones that make no sense. It raises
-- when anything but that page is worse off for it. For spec/fuzz/fuzz_web.c and, with a fixed seed, spec/web/fuzz_spec.lua.

local hearth = require "hearth"
local metrics = require "hearth.web.metrics"
local pages = require "hearth.web.pages"
local task = require "hearth.core.task"

local App = hearth.component("App", function()
  local n, set_n = hearth.use_state(0)
  local text, set_text = hearth.use_state ""
  local flag, set_flag = hearth.use_state(false)
  local size, set_size = hearth.use_state(1)
  local storage = hearth.use_local_storage()
  local said, set_said = hearth.use_state "nothing"
  local rows = {}
  for i = 1, 20 do rows[i] = { id = i } end
  return hearth.Column {
    hearth.Text("n " .. n), hearth.Button("Add", { on_click = function() set_n(function(v) return v + 1 end) end }),
    hearth.TextInput { label = "Text", value = text, on_change = set_text, on_submit = set_text, max_length = 20 },
    hearth.TextInput { label = "Free", multiline = true, on_change = set_said },
    hearth.Checkbox { label = "Flag", value = flag, on_change = set_flag }, hearth.Switch { label = "Off", disabled = true },
    hearth.Picker { label = "Size", options = { 1, 2, { value = 3, label = "three" } }, value = size, on_change = set_size },
    hearth.Slider { label = "Slide", value = 0.5, min = 0, max = 1, on_change = set_said, on_submit = set_said },
    hearth.Modal { visible = flag, on_close = function() set_flag(false) end, hearth.Text "in" },
    hearth.View {
      on_key = function(e) set_said(e.key) end, on_layout = function(l) set_said(l.width) end,
      on_long_click = function() set_said "long" end,
      hearth.Text(tostring(said)),
    },
    hearth.Button("Ask", { on_click = function() set_said(tostring((hearth.Alert.prompt "Name?"))) end }),
    hearth.Button("Store", { on_click = function() storage:set("k", n) end }),
    hearth.FlatList(rows, { window_size = 4, render_item = function(row) return hearth.Text("row " .. row.id) end }),
    hearth.Text(tostring(storage:get "k") .. #storage:keys()),
  }
end)

local function new_server()
  local server = { kicked = {}, last = {} }
  function server:send(id, text)
    if self.kicked[id] then return false end
    for _, message in ipairs { hearth.json.decode(text) } do self.last[id] = message end
    return true
  end
  function server:say(id, number, handled, body) return self:send(id, ('{"q":%d,"a":%d,%s}'):format(number, handled, body)) end
  function server:kick(id) self.kicked[id] = true end
  return server
end

--- A site with a page that behaves, and what feeds it one that may not.
---@return fun(text: string) feed
return function()
  local server, ids = new_server(), 0
  local site = {
    server = server, element = App {}, sessions = {}, connections = {}, count = 0, max_sessions = 10, counters = metrics.counters(),
    raw = require("hearth.storage.default").await "fuzz",
  }

  local function connect(tab)
    ids = ids + 1
    local id = ids
    pages.open(site, { id = id, client = "c" })
    pages.message(site, { id = id, text = ('[0,"h",{"tab":"%s","g":0,"items":{"a":["1",true]},"own":["a"]}]'):format(tab) })
    return id, server.last[id]
  end

  local good, first = connect "aa"
  local add = tonumber(first.html:match '(%d+)"[^>]*>Add<')
  local clicks = 0

  return function(text)
    local bad, message = connect "bb"
    for line in (text .. "\n"):gmatch "(.-)\n" do
      if server.kicked[bad] then -- it comes back, as pages do
        pages.close(site, { id = bad })
        bad, message = connect "bb"
      end
      pages.message(site, { id = bad, text = line })
      task.settle()
    end
    clicks = clicks + 1
    pages.message(site, { id = good, text = ('[%d,"e",%d,"c"]'):format(clicks, add) })
    task.settle()
    local told = server.last[good]
    assert(not server.kicked[good] and told.a == clicks, "the other page was harmed")
    assert(told.p and hearth.json.encode(told.p):find("n " .. clicks .. "<", 1, true), "the other page does not show what it did")
    pages.message(site, { id = good, text = ('[0,"a",%d]'):format(told.q) })
    assert(message.t == "new", "a page was not taken")
    for _, s in pairs(site.sessions) do
      if s.connection ~= good then s:close() end
    end
    pages.close(site, { id = bad })
    assert(site.count == 1, "a session was left")
  end
end
