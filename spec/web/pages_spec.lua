-- What becomes of sessions when connections come and go, with a server that is a table and a clock that is moved.

local hearth = require "hearth"
local expiry = require "hearth.web.expiry"
local metrics = require "hearth.web.metrics"
local pages = require "hearth.web.pages"
local scopes = require "hearth.storage.scopes"
local testing = require "hearth.testing"
local timer = require "hearth.core.timer"

local ROOT <const> = 8

local gate -- what the button "wait" waits for

local App = hearth.component("App", function()
  local n, set_n = hearth.use_state(0)
  local mine, set_mine = hearth.use_persisted_state("mine", 0)
  local tab, set_tab = hearth.use_persisted_state("tab", 0, { scope = "session" })
  local all, set_all = hearth.use_persisted_state("all", 0, { scope = "app" })
  local answer, set_answer = hearth.use_state "?"
  return hearth.Column {
    hearth.Text(("n %d mine %d tab %d all %d %s"):format(n, mine, tab, all, answer)),
    hearth.Button("n", { on_click = function() set_n(function(v) return v + 1 end) end }),
    hearth.Button("told", { on_click = function() set_answer("n was " .. n) end }),
    hearth.Button("mine", { on_click = function() set_mine(function(v) return v + 1 end) end }),
    hearth.Button("tab", { on_click = function() set_tab(function(v) return v + 1 end) end }),
    hearth.Button("all", { on_click = function() set_all(function(v) return v + 1 end) end }),
    hearth.Button("ask", { on_click = function() set_answer(tostring(hearth.Alert.confirm("Sure?", "Really"))) end }),
    hearth.Button("name", { on_click = function() set_answer(tostring(hearth.Alert.prompt("Name?", { default = "ada" }))) end }),
    hearth.Button("wait", { on_click = function() gate:await() end }),
    hearth.Button("fail", { on_click = function() error "in a handler" end }),
  }
end)

describe("the pages of a site", function()
  local site, clock, ids

  before_each(function()
    clock = testing.fake_clock()
    gate = hearth.runtime.create_future()
    ids = 0
    local server = { sent = {}, kicked = {} }
    function server:send(id, text)
      if self.kicked[id] then return false end
      self.sent[id] = self.sent[id] or {}
      table.insert(self.sent[id], hearth.json.decode(text))
      return true
    end
    function server:say(id, number, handled, body) return self:send(id, ('{"q":%d,"a":%d,%s}'):format(number, handled, body)) end
    function server:kick(id) self.kicked[id] = true end
    site = {
      server = server, element = App {}, sessions = {}, connections = {}, count = 0, max_sessions = 3, counters = metrics.counters(),
      raw = require("hearth.storage.default").await "test",
    }
    scopes.identify(function(fiber)
      local of = fiber and fiber[ROOT]
      return of and of.renderer.who
    end)
  end)
  after_each(function()
    for _, s in pairs(site.sessions) do s:close() end
    testing.settle() -- what waited for an answer has ended
    scopes.identify(nil)
  end)

  local function connect(client)
    ids = ids + 1
    pages.open(site, { id = ids, client = client or "c1" })
    return ids
  end

  local function say(id, message)
    pages.message(site, { id = id, text = type(message) == "string" and message or hearth.json.encode(message) })
    testing.settle()
  end

  local function sent(id) return site.server.sent[id] or {} end
  local function last(id) return sent(id)[#sent(id)] end

  -- A page that says hello: its connection, and the first message.
  local function hello(said, client)
    local id = connect(client)
    local all = { tab = "aa", g = 0, items = {}, own = hearth.array {} }
    for k, v in pairs(said or {}) do all[k] = v end
    say(id, { 0, "h", all })
    return id, sent(id)[1]
  end

  local function lose(id) pages.close(site, { id = id }) end

  local function click(id, n, html, label)
    local before = html:match("^(.*)>" .. label .. "</button>")
    say(id, { n, "e", tonumber(before:match '.*data%-h="(%d+)"'), "c" })
  end

  -- All that a page shows for what it got.
  local function shows(id, text)
    for _, m in ipairs(sent(id)) do
      if hearth.json.encode(m):find(text, 1, true) then return true end
    end
    return false
  end

  it("resumes within a minute: nothing is lost, nothing comes twice", function()
    local id, first = hello()
    click(id, 1, first.html, "n")
    lose(id)
    clock:advance(59)
    local again, answer = hello { s = first.s, g = 0 }
    assert.equal("ok", answer.t)
    assert.equal(1, answer.a)
    assert.equal(1, last(again).q)
    assert.truthy(shows(again, "n 1"))
    click(again, 1, first.html, "n") -- it was done
    click(again, 2, first.html, "n")
    assert.truthy(shows(again, "n 2"))
    assert.is_false(shows(again, "n 3"))
    lose(again)
    local third, third_answer = hello { s = first.s, g = last(again).q }
    assert.equal("ok", third_answer.t)
    assert.equal(1, #sent(third))
  end)

  it("acknowledges an event with what was rendered for it, not before", function()
    local id, first = hello()
    local button = tonumber(first.html:match("^(.*)>n</button>"):match '.*data%-h="(%d+)"')
    for i, node in ipairs { 9999, button, 9999 } do pages.message(site, { id = id, text = ('[%d,"e",%d,"c"]'):format(i, node) }) end
    testing.settle()
    assert.same({ 1, 2 }, { sent(id)[2].q, sent(id)[2].a })
    assert.truthy(shows(id, "n 1"))
    assert.same({ a = 3 }, sent(id)[3]) -- nothing is rendered for this one
    say(id, { 4, "e", 9999, "c" })
    assert.same({ a = 4 }, sent(id)[4])
    assert.equal(4, #sent(id))
  end)

  it("renders what an event has set before the next one has its turn, though they came together", function()
    local id, first = hello()
    local function button(label) return tonumber(first.html:match("^(.*)>" .. label .. "</button>"):match '.*data%-h="(%d+)"') end
    for i, label in ipairs { "n", "told", "n", "n", "told" } do
      pages.message(site, { id = id, text = ('[%d,"e",%d,"c"]'):format(i, button(label)) })
    end
    testing.settle()
    assert.truthy(shows(id, "n was 1"))
    assert.truthy(shows(id, "n was 3"))
    assert.equal(5, last(id).a)
  end)

  it("cuts a page whose answer turns out to make no sense when its turn comes", function()
    local id, first = hello()
    click(id, 1, first.html, "ask")
    local button = tonumber(first.html:match("^(.*)>n</button>"):match '.*data%-h="(%d+)"')
    pages.message(site, { id = id, text = ('[2,"e",%d,"c"]'):format(button) })
    pages.message(site, { id = id, text = '[3,"r",1,99]' })
    assert.is_nil(site.server.kicked[id])
    testing.settle()
    assert.is_true(site.server.kicked[id])
    assert.equal(1, site.counters.refused)
    assert.truthy(shows(id, "n 1"))
  end)

  it("mounts afresh after a minute, from what is persisted", function()
    local id, first = hello()
    click(id, 1, first.html, "n")
    click(id, 2, first.html, "mine")
    click(id, 3, first.html, "tab")
    lose(id)
    clock:advance(61)
    testing.settle()
    assert.equal(0, site.count)
    local _, answer = hello { s = first.s, g = 1 }
    assert.equal("new", answer.t)
    assert.truthy(answer.html:find("n 0 mine 1 tab 1", 1, true))
    -- Another tab of the same browser, and another browser.
    local _, other = hello { tab = "bb" }
    assert.truthy(other.html:find("n 0 mine 1 tab 0", 1, true))
    local _, stranger = hello({ tab = "aa" }, "c2")
    assert.truthy(stranger.html:find("n 0 mine 0 tab 0", 1, true))
  end)

  it("shares scope app between all pages, at once", function()
    local one, first = hello()
    local two = hello({ tab = "bb" }, "c2")
    click(one, 1, first.html, "all")
    assert.truthy(shows(two, "all 1"))
  end)

  it("gives a session to nobody but its browser, and to the newest connection of its page", function()
    local id, first = hello()
    local thief, answer = hello({ s = first.s, g = 0 }, "c2")
    assert.equal("new", answer.t)
    assert.not_equal(first.s, answer.s)
    assert.is_nil(site.server.kicked[id])
    local newer = hello { s = first.s, g = 0 }
    assert.is_true(site.server.kicked[id])
    lose(id) -- the old one is not the session's any more
    clock:advance(120)
    testing.settle()
    click(newer, 1, first.html, "n")
    assert.truthy(shows(newer, "n 1"))
    assert.is_nil(site.server.kicked[thief])
  end)

  it("begins anew with a page that lacks what nobody keeps, or claims what was never said", function()
    local id, first = hello()
    click(id, 1, first.html, "n")
    say(id, { 0, "a", 1 })
    for _, got in ipairs { 0, 7, -1 } do
      local _, answer = hello { s = first.s, g = got }
      assert.equal("new", answer.t, got)
    end
  end)

  it("cuts a page that does not say who it is", function()
    local id = connect()
    clock:advance(11)
    testing.settle()
    assert.is_true(site.server.kicked[id])
  end)

  it("lets those who are away make room, the longest first, and nobody else", function()
    local a, first = hello { tab = "a1" }
    lose(a)
    clock:advance(1)
    local b = hello { tab = "b1" }
    lose(b)
    hello { tab = "c1" }
    assert.equal("new", select(2, hello { tab = "d1" }).t)
    assert.equal(3, site.count)
    -- It was the longest away; b makes room now.
    assert.equal("new", select(2, hello { tab = "a1", s = first.s, g = 0 }).t)
    local full, answer = hello { tab = "e1" }
    assert.equal("bye", answer.t)
    assert.is_true(site.server.kicked[full])
  end)

  it("cuts what makes no sense, keeps the session for a page that does", function()
    for _, message in ipairs {
      "x", "[]", "{}", "5", "[1]", "[1,\"e\"]", "[1,\"e\",1]", "[1,\"e\",\"1\",\"c\"]", "[1.5,\"e\",1,\"c\"]", "[2,\"e\",1,\"c\"]",
      "[1,\"l\",5]", "[1,\"l\",{\"localstorage\":{\"k\":5}}]", "[1,\"l\",{\"removed\":{\"a\":1},\"ack\":\"x\"}]", "[0,\"a\",\"x\"]",
      "[1,\"r\",\"x\",1]", "[1,\"q\",1]", "[0,\"h\",{}]",
    } do
      local id, first = hello()
      say(id, message)
      assert.is_true(site.server.kicked[id], message)
      lose(id)
      local _, answer = hello { s = first.s, g = 0 }
      assert.equal("ok", answer.t, message)
      for _, s in pairs(site.sessions) do s:close() end
    end
  end)

  it("bounds how many handlers of a page may be under way, and goes on when they have ended", function()
    local id, first = hello()
    local other, theirs = hello({ tab = "bb" }, "c2")
    local waits = tonumber(first.html:match("^(.*)>wait</button>"):match '.*data%-h="(%d+)"')
    for i = 1, 1000 do pages.message(site, { id = id, text = ('[%d,"e",%d,"c"]'):format(i, waits) }) end
    assert.is_nil(site.server.kicked[id])
    say(id, { 1001, "e", waits, "c" })
    assert.is_true(site.server.kicked[id])
    click(other, 1, theirs.html, "n")
    assert.truthy(shows(other, "n 1"))
    lose(id)
    local again = hello { s = first.s, g = last(id).q or 0 }
    hearth.runtime.resolve_future(gate, true)
    testing.settle()
    say(again, { 1001, "e", waits, "c" }) -- it was not lost
    assert.is_nil(site.server.kicked[again])
    assert.equal(1001, last(again).a)
  end)

  it("bounds what a page may say that its localStorage holds", function()
    local other, theirs = hello({ tab = "bb" }, "c2")
    local id, first = hello()
    local text = ("x"):rep(1900000)
    local function store(n, key) say(id, { n, "l", { localstorage = { [key] = hearth.json.array { text, true } } } }) end
    for i = 1, 6 do store(i, "k" .. i) end
    store(7, "k1") -- again: it is no larger for that
    assert.is_nil(site.server.kicked[id])
    store(8, "k7")
    assert.is_true(site.server.kicked[id])
    assert.is_nil(site.sessions[first.s])
    assert.equal(1, site.count)
    click(other, 1, theirs.html, "n")
    assert.truthy(shows(other, "n 1"))
  end)

  it("keeps what a page stores as the text that it is, whatever it is made of", function()
    local id = hello()
    local text = "[" .. ("[],"):rep(600000) .. "1]"
    collectgarbage()
    local before = collectgarbage "count"
    pages.message(site, { id = id, text = hearth.json.encode(hearth.json.array { 1, "l", { localstorage = { k = { text, true } } } }) })
    testing.settle()
    collectgarbage()
    assert.truthy(collectgarbage "count" - before < 2 * #text / 1024)
    assert.is_nil(site.server.kicked[id])
  end)

  it("shows an alert to the page that asked, and takes its answer once", function()
    local one, first = hello()
    local two = hello { tab = "bb" }
    click(one, 1, first.html, "ask")
    local al
    for _, m in ipairs(sent(one)) do al = m.al or al end
    for _, part in ipairs {
      'data-i="1"', 'role="alertdialog"', "<h2>Sure?</h2>", "<p>Really</p>", 'data-b="1">Cancel<', 'data-b="2">OK<',
    } do
      assert.truthy(al:find(part, 1, true), part)
    end
    assert.is_false(shows(two, "Sure?"))
    say(one, { 2, "r", 7, 2 }) -- of an alert that is not there
    say(one, { 3, "r", 1, 2 })
    assert.truthy(shows(one, "true"))
    say(one, { 4, "r", 1, 2 }) -- too late
    assert.is_nil(site.server.kicked[one])
    click(one, 5, first.html, "name")
    for _, m in ipairs(sent(one)) do al = type(m.al) == "string" and m.al or al end
    assert.truthy(al:find('<input type="text" value="ada"', 1, true))
    say(one, { 6, "r", 2, 2, "grace" })
    assert.truthy(shows(one, "grace"))
    click(one, 7, first.html, "ask")
    say(one, { 8, "r", 3, 9 }) -- no such button
    assert.is_true(site.server.kicked[one])
    -- It is open still when the page is back.
    lose(one)
    local back = hello { s = first.s, g = 0 }
    assert.truthy(shows(back, "Sure?"))
    say(back, { 8, "r", 3, -1 })
  end)

  it("dismisses what is open when the session ends", function()
    local id, first = hello()
    click(id, 1, first.html, "ask")
    lose(id)
    clock:advance(61)
    testing.settle()
    assert.equal(0, site.count)
  end)

  it("removes the state of a browser after 90 days without it, of a tab after one", function()
    local id, first = hello()
    click(id, 1, first.html, "mine")
    click(id, 2, first.html, "tab")
    lose(id)
    clock:advance(61)
    testing.settle()
    local other = hello({}, "c2")
    click(other, 1, first.html, "mine")
    local function here(ns) return ns == "client:c2" or ns == "session:c2-aa" end
    local function spaces()
      local found = {}
      for _, ns in ipairs(site.raw:namespaces()) do
        if ns:match "^client:" or ns:match "^session:" then found[#found + 1] = ns end
      end
      table.sort(found)
      return found
    end
    assert.equal(0, expiry.sweep(site.raw, here))
    assert.same({ "client:c1", "client:c2", "session:c1-aa" }, spaces())
    clock:advance(2 * 86400)
    assert.equal(1, expiry.sweep(site.raw, here))
    assert.same({ "client:c1", "client:c2" }, spaces())
    clock:advance(87 * 86400)
    assert.equal(0, expiry.sweep(site.raw, here))
    clock:advance(3 * 86400)
    assert.equal(1, expiry.sweep(site.raw, here))
    assert.same({ "client:c2" }, spaces())
    assert.equal(0, expiry.sweep(site.raw, function() return false end)) -- it was here until now
    assert.truthy(timer.is_fake())
  end)
end)
