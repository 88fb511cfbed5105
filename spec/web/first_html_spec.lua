-- The first HTML: made from what is stored, without effects, and not later than storage or a tenth of a second.

local hearth = require "hearth"
local Site = require "spec.support.site"

local APP <const> = [[
local hearth = require "hearth"
local mounted = hearth.Store(0)
return hearth.component("App", function()
  local times = hearth.use_store(mounted)
  hearth.use_effect(function() mounted:set(function(n) return n + 1 end) end, {})
  hearth.use_layout_effect(function() mounted:set(function(n) return n + 100 end) end, {})
  hearth.use_async_effect(function() mounted:set(function(n) return n + 10000 end) end, {})
  local kept, keep = hearth.use_persisted_state("kept", "nothing")
  local quick = hearth.use_persisted_state("quick", "initial", { scope = "app", version = 1, migrate = function(v)
    hearth.sleep(0.02)
    return v .. " migrated"
  end })
  local slow = hearth.use_persisted_state("slow", "initial", { scope = "app", version = 1, migrate = function(v)
    if arg[1] == "slow" then hearth.sleep(3) end
    return v .. " migrated"
  end })
  return hearth.Column {
    hearth.Text("mounted " .. times .. " times"), hearth.Text("kept " .. kept),
    hearth.Text("quick " .. quick), hearth.Text("slow " .. slow),
    hearth.Button("Keep", { on_click = function() keep "a <thing>" end }),
  }
end)
]]

describe("the first HTML of hearth serve", function()
  local site
  after_each(function() site:close() end)

  local function begin(...)
    site = Site.start(APP, { args = { "--", ... } })
    -- Stored by an earlier version of the app.
    local store = hearth.storage.open { url = site.store, namespace = "default" }
    store:set_json("quick", "old")
    store:set_json("slow", "old")
    store:close()
  end

  it("is what is stored for this browser, without effects", function()
    begin()
    local resp = site:get "/"
    for _, text in ipairs { "mounted 0 times", "kept nothing", "quick old migrated", "slow old migrated" } do
      assert.truthy(resp.content:find(">" .. text .. "<", 1, true), text)
    end
    local cookie = site:cookie(resp)
    for _ = 1, 3 do assert.truthy(site:get("/").content:find("mounted 0 times", 1, true)) end
    local p, first = site:mounted(cookie)
    p:wait_for "mounted 10101 times" -- once, now that it is mounted
    p:send { 1, "e", Site.id_of(first.html, "Keep"), "c" }
    p:wait_for "kept a &lt;thing&gt;"
    assert.truthy(site:get("/", { Cookie = cookie }).content:find(">kept a &lt;thing&gt;<", 1, true))
    assert.truthy(site:get("/").content:find(">kept nothing<", 1, true))
  end)

  it("does not wait for what takes long", function()
    begin "slow"
    local t = hearth.now()
    local resp = site:get "/"
    assert.truthy(hearth.now() - t < 2)
    assert.truthy(resp.content:find(">slow initial<", 1, true))
    assert.truthy(resp.content:find(">quick old migrated<", 1, true))
    local p = site:mounted(site:cookie(resp))
    p:wait_for "slow old migrated"
  end)
end)
