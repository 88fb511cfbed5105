local program = require "spec.support.program"
local Site = require "spec.support.site"

local APP = [[
local hearth = require "hearth"
return hearth.component("App", function()
  local n, set = hearth.use_persisted_state("n", 0)
  local all, set_all = hearth.use_persisted_state("all", 0, { scope = "app" })
  return hearth.Column {
    hearth.Text("Mine " .. n), hearth.Button("Add", { on_click = function() set(function(c) return c + 1 end) end }),
    hearth.Text("All " .. all), hearth.Button("Share", { on_click = function() set_all(function(c) return c + 1 end) end }),
  }
end)
]]

describe("hearth serve", function()
  local site

  before_each(function() site = Site.start(APP) end)
  after_each(function() site:close() end)

  it("serves a page that can be read without its script, and nothing else", function()
    local resp = site:get "/"
    assert.equal(200, resp.status)
    assert.truthy(resp.content:find("Mine 0", 1, true))
    assert.truthy(resp.headers["content-security-policy"]:find("default-src 'none'", 1, true))
    local cookie = resp.headers["set-cookie"]
    assert.truthy(cookie:find("HttpOnly; SameSite=Lax", 1, true))
    assert.equal("ok\n", site:get("/healthz").content)
    assert.truthy(#site:get("/hearth.js").content <= 12 * 1024)
    for _, path in ipairs { "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/other" } do
      assert.equal(404, site:get(path).status, path)
    end
  end)

  it("opens pages only for its own origin, with a cookie that it signed", function()
    local cookie = site:cookie()
    assert.equal(101, site:page(cookie).status)
    assert.equal(403, site:page(cookie, { Origin = "http://elsewhere.example" }).status)
    assert.equal(403, site:page(cookie, { Origin = "null" }).status)
    assert.equal(403, site:page(cookie, { Origin = "http://127.0.0.1:" .. site.port .. ".elsewhere.example" }).status)
    assert.equal(403, site:page(cookie, { Origin = false }).status)
    assert.equal(403, site:page(cookie, { Origin = "http://127.0.0.1" }).status)
    assert.equal(403, site:page(cookie, { Cookie = false }).status)
    -- A proxy in front of us speaks TLS for us.
    assert.equal(101, site:page(cookie, { Host = "hearth.example", Origin = "https://hearth.example" }).status)
    -- Browsers send every cookie of this host, whichever port set it.
    assert.equal(101, site:page("theirs=" .. ("x"):rep(12000) .. "; " .. cookie).status)
    assert.equal(403, site:page("x=y").status)
    assert.equal(403, site:page((cookie:gsub(".$", function(c) return c == "0" and "1" or "0" end))).status)
    assert.equal(400, site:page(cookie, { ["Sec-WebSocket-Protocol"] = "other" }).status)
  end)

  it("is live: clicks, a broken connection, another browser", function()
    local cookie = site:cookie()
    local one = site:page(cookie)
    local first = one:hello()
    assert.equal("new", first.t)
    one:send { 1, "e", Site.id_of(first.html, "Add"), "c" }
    one:wait_for "Mine 1"
    one:close()

    local back = site:page(cookie)
    assert.equal("ok", back:hello({ s = first.s, g = 1 }).t)
    back:send { 1, "e", Site.id_of(first.html, "Add"), "c" } -- sent again, it had arrived
    back:send { 2, "e", Site.id_of(first.html, "Share"), "c" }
    back:wait_for "All 1"
    assert.truthy(site:get("/", { Cookie = cookie }).content:find("Mine 1", 1, true))

    local other_cookie = site:cookie()
    local other = site:page(other_cookie)
    local theirs = other:hello()
    assert.truthy(theirs.html:find("Mine 0", 1, true))
    back:send { 3, "e", Site.id_of(first.html, "Share"), "c" }
    other:wait_for "All 2"
    -- A session belongs to its browser.
    local thief = site:page(other_cookie)
    assert.equal("new", thief:hello({ s = first.s, g = 0 }).t)
  end)

  it("cuts a page that makes no sense, and nobody else notices", function()
    local cookie = site:cookie()
    local good = site:page(cookie)
    good:hello()
    for _, message in ipairs { "x", { 1 }, { 0, "h" }, { 0, "h", { tab = "../x" } } } do
      local bad = site:page(cookie)
      bad:send(message)
      bad:till(function(p) return p.closed end)
    end
    local flood = site:page(cookie)
    flood:hello()
    for i = 1, 500 do flood:send { 0, "a", i } end
    flood:till(function(p) return p.closed end)
    assert.is_false(good.closed)
  end)

  it("says goodbye, and knows its browsers after a restart", function()
    local cookie = site:cookie()
    local p = site:page(cookie)
    local first = p:hello()
    p:send { 1, "e", Site.id_of(first.html, "Add"), "c" }
    p:wait_for "Mine 1"
    local old = site.port
    local said, status = site:stop "TERM"
    assert.equal("", said)
    assert.truthy(status == 143 or status == 15)
    p:till(function() return p.messages[#p.messages].t == "bye" end)
    p:till(function() return p.closed end)
    site:again("--port", tostring(old))
    local resp = site:get("/", { Cookie = cookie })
    assert.equal(cookie, site:cookie(resp))
  end)

  it("says what is wrong with its options", function()
    local _, status, err = program.run { "serve", site.app, "--port", "x" }
    assert.equal(1, status)
    assert.truthy(err:find("--port is a number", 1, true))
    _, status, err = program.run { "serve", site.app, "--port", tostring(site.port), "--store", "memory:" }
    assert.equal(1, status)
    assert.truthy(err:find("cannot listen on 127.0.0.1:" .. site.port, 1, true))
  end)
end)
