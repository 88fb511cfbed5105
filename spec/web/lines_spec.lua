-- Lines that break, at any byte: what a page says is done once, what it is told arrives once and in order.

local hearth = require "hearth"
local Page = require "spec.support.page"
local Site = require "spec.support.site"

local APP <const> = [[
local hearth = require "hearth"
local shared = hearth.Store(0)
return hearth.component("App", function()
  local n, set = hearth.use_state(0)
  local all = hearth.use_store(shared)
  return hearth.Column {
    hearth.Text("n " .. n), hearth.Text(("%d large "):format(n) .. ("x"):rep(n > 0 and 300000 or 0)), hearth.Text("all " .. all),
    hearth.Button("Add", { on_click = function() set(function(v) return v + 1 end) end }),
    hearth.Button("Share", { on_click = function() shared:set(function(v) return v + 1 end) end }),
  }
end)
]]

describe("hearth serve, over a line that breaks,", function()
  local site, cookie
  before_each(function()
    site = Site.start(APP)
    cookie = site:cookie()
  end)
  after_each(function() site:close() end)

  it("does what arrived whole, once, and forgets half a frame", function()
    local p, first = site:mounted(cookie)
    local add = Site.id_of(first.html, "Add")
    p:send { 1, "e", add, "c" }
    p:wait_for "n 1"
    local half = Page.frame(('[2,"e",%d,"c"]'):format(add))
    p:raw(half:sub(1, #half - 3))
    p:close()
    local back = site:page(cookie)
    local answer = back:hello { s = first.s, g = 1 }
    assert.same({ "ok", 1 }, { answer.t, answer.a })
    for i = 1, 3 do back:send { i, "e", add, "c" } end
    back:wait_for "n 3"
    assert.is_false(back:has "n 4")
  end)

  it("tells again, from its beginning, what was cut in the middle", function()
    local p, first = site:mounted(cookie)
    local add = Site.id_of(first.html, "Add")
    p:stall() -- what is told now fills the line, and is lost with it
    for i = 1, 8 do p:send { i, "e", add, "c" } end
    local other, theirs = site:mounted(cookie, { tab = "bb" })
    other:send { 1, "e", Site.id_of(theirs.html, "Share"), "c" }
    other:wait_for "all 1"
    p:close()
    local back = site:page(cookie)
    local answer = back:hello { s = first.s, g = 0 }
    assert.equal("ok", answer.t)
    back:till(function() return back.messages[#back.messages].q and back:has "all 1" and back:has "8 large xxx" end)
    for i = 2, #back.messages do assert.equal(i - 1, back.messages[i].q) end
    assert.equal(8, back.messages[#back.messages].a)
  end)

  it("loses and repeats nothing, wherever it breaks", function()
    local p, first = site:mounted(cookie)
    local share = Site.id_of(first.html, "Share")
    local queue, number, got, seen = {}, 0, 0, 0
    -- What came: each patch once, in order; what was done need not be said again.
    local function take()
      for _, m in ipairs(p.messages) do
        if m.a then
          while queue[1] and queue[1][1] <= m.a do table.remove(queue, 1) end
        end
        if m.q and m.q > got then
          assert.equal(got + 1, m.q)
          got = m.q
          local all = tonumber(hearth.json.encode(m):match "all (%d+)")
          assert.equal(seen + 1, all)
          seen = all
        end
      end
      p.messages = {}
    end
    for round = 1, 40 do
      local abrupt = round % 5 == 0 -- it breaks before the answer is there
      for _ = 1, abrupt and 1 or round % 3 + 1 do
        number = number + 1
        queue[#queue + 1] = { number, "e", share, "c" }
        p:send(queue[#queue])
        p:till(function() -- one at a time, so that each has a patch of its own
          take()
          return abrupt or not queue[1]
        end)
      end
      local half = Page.frame(('[%d,"e",%d,"c"]'):format(number + 1, share))
      if round % 2 == 0 then p:raw(half:sub(1, round % #half)) end
      p:close()
      p = site:page(cookie)
      assert.equal("ok", p:hello({ s = first.s, g = got }).t)
      take()
      for _, m in ipairs(queue) do p:send(m) end
      p:till(function()
        take()
        return not queue[1]
      end)
    end
    p:till(function()
      take()
      return seen == number
    end)
    assert.truthy(number > 60)
  end)
end)
