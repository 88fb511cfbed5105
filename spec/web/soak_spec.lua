-- Many pages that come, click, break off in the middle, come back or stay away: what they leave behind is bounded.

local hearth = require "hearth"
local Page = require "spec.support.page"
local Site = require "spec.support.site"

local APP <const> = [[
local hearth = require "hearth"
local shared = hearth.Store(0)
return hearth.component("App", function()
  local n, set = hearth.use_state(0)
  local kept, keep = hearth.use_persisted_state("kept", 0)
  local all = hearth.use_store(shared)
  local text, set_text = hearth.use_persisted_state("draft", "", { scope = "session" })
  local storage = hearth.use_local_storage()
  local rows = {}
  for i = 1, n % 7 do rows[i] = hearth.Text("row " .. i, { key = i }) end
  hearth.use_async_effect(function() hearth.sleep(3600) end, {})
  return hearth.Column {
    hearth.Text(("n %d kept %d all %d k %s"):format(n, kept, all, tostring(storage:get "k"))), hearth.Column(rows),
    hearth.Button("Add", { on_click = function() set(function(v) return v + 1 end) end }),
    hearth.Button("Keep", { on_click = function() keep(function(v) return v + 1 end) end }),
    hearth.Button("Share", { on_click = function() shared:set(function(v) return v + 1 end) end }),
    hearth.Button("Ask", { on_click = function() hearth.Alert.confirm "Sure?" end }),
    hearth.Button("Collect", { on_click = function()
      for _ = 1, 3 do collectgarbage() end
      set(99)
    end }),
    hearth.Button("Store", { on_click = function() storage:set("k", "set") end }),
    hearth.TextInput { label = "Draft", value = text, on_change = set_text },
  }
end)
]]

local ROUNDS <const>, PAGES <const> = 24, 30

describe("hearth serve, with many that come and go,", function()
  local site
  after_each(function() site:close() end)

  it("keeps nothing for ever", function()
    site = Site.start(APP, { args = { "--metrics", "0", "--max-sessions", "40" } })
    local metrics = tonumber(site.out:read "l":match ":(%d+)/metrics$")
    local function value(name)
      local text = hearth.fetch(("http://127.0.0.1:%d/metrics"):format(metrics)).content
      return tonumber(text:match("\n" .. name:gsub("%p", "%%%0") .. " (%S+)\n"))
    end
    local cookies = {}
    for i = 1, 5 do cookies[i] = site:cookie() end

    -- One page's life, different for each.
    local function live(i)
      local cookie = cookies[i % #cookies + 1]
      local p, first = site:mounted(cookie, { tab = ("%x"):format(i), items = { seen = { "[1]", true } } })
      if first.t == "bye" then return p:close() end -- no room
      local said = 0
      local function say(...)
        said = said + 1
        p:send(hearth.json.array { said, ... })
      end
      for _, label in ipairs { "Add", "Keep", "Share", "Ask", "Store" } do say("e", Site.id_of(first.html, label), "c") end
      say("e", tonumber(first.html:match '<label data%-h="(%d+)"'), "v", ("draft "):rep(i % 50))
      if i % 3 == 0 then p:raw(Page.frame(('[%d,"e",1'):format(said + 1)):sub(1, 9)) end -- breaks off in the middle
      if i % 5 == 0 then p:send "no sense" end
      if i % 5 ~= 0 and i % 3 ~= 0 then p:wait_for "k set" end
      p:close()
      if i % 2 == 0 then return end
      p = site:page(cookie)
      if p.status ~= 101 then return end
      local back = p:hello { tab = ("%x"):format(i), s = first.s, g = 0 }
      if back.t == "ok" then p:wait_for "kept" end
      p:close()
    end

    local memory = {}
    for round = 1, ROUNDS do
      local tasks = {}
      for i = 1, PAGES do tasks[i] = hearth.run_async(live, (round - 1) * PAGES + i) end
      hearth.all(tasks)
      site.pages = {}
      Page.till({ messages = {} }, function() return value 'hearth_web_sessions{state="connected"}' == 0 end)
      -- The least of three: the figure counts what was dropped since the collection, too.
      for _ = 1, 3 do
        local p, first = site:mounted(cookies[1], { tab = "abcdef" })
        p:send { 1, "e", Site.id_of(first.html, "Collect"), "c" }
        p:wait_for "n 99"
        memory[round] = math.min(memory[round] or math.huge, value "hearth_lua_memory_bytes")
        p:close()
      end
    end
    assert.truthy(value 'hearth_web_sessions{state="away"}' <= 40)
    assert.truthy(value "hearth_web_sessions_opened_total" > 100)
    assert.truthy(value "hearth_web_sessions_resumed_total" > 10)
    -- A tab may leave what is known of its state, not what it was. The first rounds fill what is bounded: sessions that are away, pools.
    local grown = (memory[ROUNDS] - memory[ROUNDS // 2]) / (ROUNDS - ROUNDS // 2) / PAGES
    assert.truthy(grown < 3000, table.concat(memory, " "))
  end)
end)
