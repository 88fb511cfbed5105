local hearth = require "hearth"
local Page = require "spec.support.page"
local program = require "spec.examples.program"

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
  local app, store, out, pid, port, pages

  local function start(...)
    out = program.start { "serve", app, "--port", "0", "--store", store, ... }
    pid = out:read "l"
    local line = out:read "l"
    port = tonumber(line and line:match "^hearth: http://127%.0%.0%.1:(%d+)/$")
    assert(port, line)
  end

  -- Ends it as an administrator would; what it still said.
  local function stop(signal)
    if not out then return "" end
    os.execute(("kill -%s %s"):format(signal or "TERM", pid))
    local rest = out:read "a"
    local _, _, status = out:close()
    out = nil
    return rest, status
  end

  local function get(path, headers) return hearth.fetch(("http://127.0.0.1:%d%s"):format(port, path), { headers = headers }) end

  local function cookie_of(resp)
    local set = resp.headers["set-cookie"]
    return (type(set) == "table" and set[1] or set):match "^[^;]+"
  end

  local function page(cookie, headers)
    local all = { Cookie = cookie }
    for k, v in pairs(headers or {}) do all[k] = v end
    local p = Page.open(port, all)
    pages[#pages + 1] = p
    return p
  end

  local function id_of(html, label) return tonumber(html:match('data%-h="(%d+)"[^>]*>' .. label .. "<")) end

  before_each(function()
    app, store, pages = program.file(APP), program.temporary ".sqlite3", {}
    start()
  end)
  after_each(function()
    for _, p in ipairs(pages) do p:close() end
    stop()
    os.remove(app)
    program.clean(store)
  end)

  it("serves a page that can be read without its script, and nothing else", function()
    local resp = get "/"
    assert.equal(200, resp.status)
    assert.truthy(resp.content:find("Mine 0", 1, true))
    assert.truthy(resp.headers["content-security-policy"]:find("default-src 'none'", 1, true))
    local cookie = resp.headers["set-cookie"]
    assert.truthy(cookie:find("HttpOnly; SameSite=Lax", 1, true))
    assert.equal("ok\n", get("/healthz").content)
    assert.truthy(#get("/hearth.js").content <= 12 * 1024)
    for _, path in ipairs { "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/other" } do
      assert.equal(404, get(path).status, path)
    end
  end)

  it("opens pages only for its own origin, with a cookie that it signed", function()
    local cookie = cookie_of(get "/")
    assert.equal(101, page(cookie).status)
    assert.equal(403, page(cookie, { Origin = "http://elsewhere.example" }).status)
    assert.equal(403, page(cookie, { Origin = "null" }).status)
    assert.equal(403, page(cookie, { Origin = "https://127.0.0.1:" .. port }).status)
    assert.equal(403, page("x=y").status)
    assert.equal(403, page((cookie:gsub(".$", function(c) return c == "0" and "1" or "0" end))).status)
    assert.equal(400, page(cookie, { ["Sec-WebSocket-Protocol"] = "other" }).status)
  end)

  it("is live: clicks, a broken connection, another browser", function()
    local cookie = cookie_of(get "/")
    local one = page(cookie)
    local first = one:hello()
    assert.equal("new", first.t)
    one:send { 1, "e", id_of(first.html, "Add"), "c" }
    one:till(function(p) return hearth.json.encode(hearth.json.array(p.messages)):find("Mine 1", 1, true) end)
    one:close()

    local back = page(cookie)
    assert.equal("ok", back:hello({ s = first.s, g = 1 }).t)
    back:send { 1, "e", id_of(first.html, "Add"), "c" } -- sent again, it had arrived
    back:send { 2, "e", id_of(first.html, "Share"), "c" }
    back:till(function(p) return hearth.json.encode(hearth.json.array(p.messages)):find("All 1", 1, true) end)
    assert.truthy(get("/", { Cookie = cookie }).content:find("Mine 1", 1, true))

    local other_cookie = cookie_of(get "/")
    local other = page(other_cookie)
    local theirs = other:hello()
    assert.truthy(theirs.html:find("Mine 0", 1, true))
    back:send { 3, "e", id_of(first.html, "Share"), "c" }
    other:till(function(p) return hearth.json.encode(hearth.json.array(p.messages)):find("All 2", 1, true) end)
    -- A session belongs to its browser.
    local thief = page(other_cookie)
    assert.equal("new", thief:hello({ s = first.s, g = 0 }).t)
  end)

  it("cuts a page that makes no sense, and nobody else notices", function()
    local cookie = cookie_of(get "/")
    local good = page(cookie)
    good:hello()
    for _, message in ipairs { "x", { 1 }, { 0, "h" }, { 0, "h", { tab = "../x" } } } do
      local bad = page(cookie)
      bad:send(message)
      bad:till(function(p) return p.closed end)
    end
    local flood = page(cookie)
    flood:hello()
    for i = 1, 500 do flood:send { 0, "a", i } end
    flood:till(function(p) return p.closed end)
    assert.is_false(good.closed)
  end)

  it("says goodbye, and knows its browsers after a restart", function()
    local cookie = cookie_of(get "/")
    local p = page(cookie)
    local first = p:hello()
    p:send { 1, "e", id_of(first.html, "Add"), "c" }
    p:till(function() return hearth.json.encode(hearth.json.array(p.messages)):find("Mine 1", 1, true) end)
    local old = port
    local said, status = stop "TERM"
    assert.equal("", said)
    assert.truthy(status == 143 or status == 15)
    p:till(function() return p.messages[#p.messages].t == "bye" end)
    p:till(function() return p.closed end)
    start("--port", tostring(old))
    local resp = get("/", { Cookie = cookie })
    assert.equal(cookie, cookie_of(resp))
  end)

  it("says what is wrong with its options", function()
    local _, status, err = program.run { "serve", app, "--port", "x" }
    assert.equal(1, status)
    assert.truthy(err:find("--port is a number", 1, true))
    _, status, err = program.run { "serve", app, "--port", tostring(port), "--store", "memory:" }
    assert.equal(1, status)
    assert.truthy(err:find("cannot listen on 127.0.0.1:" .. port, 1, true))
  end)
end)
