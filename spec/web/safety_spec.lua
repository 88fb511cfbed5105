-- What others may send to `hearth serve`: each is refused or cut by itself, and who behaves notices nothing.

local hearth = require "hearth"
local files = require "spec.support.files"
local Page = require "spec.support.page"
local Site = require "spec.support.site"
local uv = require "luv"

local APP = [[
local hearth = require "hearth"
local shared = hearth.Store(0)
return hearth.component("App", function()
  local n, set = hearth.use_state(0)
  local all = hearth.use_store(shared)
  local text, set_text = hearth.use_state("")
  return hearth.Column {
    hearth.Text("Mine " .. n), hearth.Button("Add", { on_click = function() set(n + 1) end }),
    hearth.Text(("%d %s"):format(all, ("x"):rep(all > 0 and 200000 or 0))),
    hearth.Button("Grow", { on_click = function() shared:set(function(v) return v + 1 end) end }),
    hearth.TextInput { label = "Draft", value = text, on_change = set_text }, hearth.Text("said <" .. text .. ">"),
  }
end)
]]

-- The answer to bytes sent over a connection of their own, as text.
local function raw(port, bytes)
  local socket, got, closed = uv.new_tcp(), "", false
  socket:connect("127.0.0.1", port, function()
    socket:write(bytes)
    socket:read_start(function(_, more)
      if more then got = got .. more else closed = true end
    end)
  end)
  for _ = 1, 400 do
    if closed or got:find("\r\n\r\n", 1, true) then break end
    hearth.sleep(0.005)
  end
  socket:close()
  return got, closed
end

local function status_of(port, path, method)
  local answer = raw(port, ("%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n"):format(method or "GET", path, port))
  return tonumber(answer:match "^HTTP/1.%d (%d+)") or answer
end

describe("hearth serve, among people who mean harm,", function()
  local site, cookie

  local function begin(...)
    site = Site.start(APP, { args = { ... } })
    cookie = site:cookie()
  end
  after_each(function() site:close() end)

  it("bounds what one message may be, and goes on for others", function()
    begin()
    local good, first = site:mounted(cookie)
    local function cut(bytes)
      local bad = site:page(cookie)
      bad:hello()
      for _, part in ipairs(bytes) do bad:raw(part) end
      bad:till(function(p) return p.closed end)
    end
    local huge = Page.frame("[1,\"l\",{}]"):sub(1, 1) .. string.pack(">BI8", 0x80 | 127, 1 << 40) .. "\0\0\0\0"
    cut { huge, ("x"):rep(9 * 1024 * 1024) }
    local parts = { Page.frame(("x"):rep(60000), 1, { more = true }) }
    for i = 2, 160 do parts[i] = Page.frame(("x"):rep(60000), 0, { more = true }) end
    cut(parts)
    cut { Page.frame("[1,\"e\",1,\"v\",\"" .. ("x"):rep(2200000) .. "\"]") }
    cut { Page.frame("[1,\"e\",1,\"c\"]", 2) }                             -- binary
    cut { Page.frame("[1,\"e\",1,\"v\",\"\xff\xfe\"]") }                     -- no UTF-8
    cut { Page.frame("x", 3) }                                              -- no such opcode
    cut { Page.frame("x", 1, { reserved = 0x40 }) }
    cut { "\x81\x03abc" }                                                   -- not masked
    cut { Page.frame "[1,\"e\"]" }
    cut { Page.frame "[3,\"e\",1,\"c\"]" }                                    -- what was before it is missing
    cut { Page.frame(("["):rep(100000)) }
    good:send { 1, "e", Site.id_of(first.html, "Add"), "c" }
    good:wait_for "Mine 1"
    assert.is_false(good.closed)
  end)

  it("takes a message in pieces", function()
    begin()
    local p = site:page(cookie)
    p:raw(Page.frame("[0,\"h\",{\"tab\":\"aa\",", 1, { more = true }))
    p:raw(Page.frame("\"items\":{},", 0, { more = true }))
    p:raw(Page.frame("\"own\":[],\"g\":0}]", 0))
    p:till(function() return p.messages[1] end)
    assert.equal("new", p.messages[1].t)
  end)

  it("does with an event what its control allows, and nothing else", function()
    begin()
    local p, first = site:mounted(cookie)
    local input = tonumber(first.html:match '<label data%-h="(%d+)"')
    local add = Site.id_of(first.html, "Add")
    for i, message in ipairs {
      { "e", 99999, "c" }, { "e", -1, "c" }, { "e", 0, "c" }, { "e", input, "v", 5 }, { "e", input, "v", { 1 } }, { "e", input, "v" },
      { "e", add, "v", "x" }, { "e", add, "zz" }, { "e", add, "k", "x" }, { "e", add, "y", { 1, 2 } }, { "r", 1, 1 }, { "l", {} },
    } do p:send { i, table.unpack(message) } end
    p:send { 13, "e", input, "v", "</span><script>alert(1)</script>" }
    p:wait_for "said &lt;&lt;/span&gt;&lt;script&gt;alert(1)&lt;/script&gt;&gt;"
    assert.is_false(p.closed)
    assert.is_false(p:has "Mine 1")
  end)

  it("cuts a page that sends too fast, and none that is merely quick", function()
    begin()
    local quick = site:page(cookie)
    quick:hello()
    for i = 1, 300 do quick:send { 0, "a", i } end
    hearth.sleep(0.1)
    assert.is_false(quick.closed)
    for i = 1, 300 do quick:send { 0, "a", i } end
    quick:till(function(p) return p.closed end)
  end)

  it("cuts a page that does not read, and waits for nobody", function()
    begin()
    local slow, _ = site:mounted(cookie)
    local quick, first = site:mounted(cookie, { tab = "bb" })
    slow:stall()
    local grow = Site.id_of(first.html, "Grow")
    for i = 1, 60 do
      quick:send { i, "e", grow, "c" }
      quick:till(function(p) return p.messages[#p.messages].a == i end)
      quick:send { 0, "a", quick.messages[#quick.messages].q }
    end
    quick:wait_for "60 xxx"
    slow:go_on()
    slow:till(function(p) return p.closed end)
    assert.is_false(slow:has "60 xxx")
    assert.is_false(quick.closed)
  end)

  it("bounds how many there are; who is away makes room", function()
    begin("--max-sessions", "2")
    local one = site:mounted(cookie)
    local two, second = site:mounted(cookie, { tab = "bb" })
    assert.equal(503, site:page(cookie).status)
    two:close()
    local three
    for _ = 1, 100 do -- until the server knows that it has gone
      three = site:page(cookie)
      if three.status == 101 then break end
      hearth.sleep(0.01)
    end
    assert.equal("new", three:hello({ tab = "cc" }).t)
    assert.is_false(one.closed)
    three:close()
    local four
    for _ = 1, 100 do
      four = site:page(cookie)
      if four.status == 101 then break end
      hearth.sleep(0.01)
    end
    assert.equal("new", four:hello({ tab = "bb", s = second.s }).t) -- its session had made room
  end)

  it("takes more pages than files are allowed at first", function()
    site = Site.start(APP, { before = "ulimit -Sn 64;" })
    cookie = site:cookie()
    for _ = 1, 100 do site:page(cookie) end
    local _, first = site:mounted(cookie)
    assert.equal("new", first.t)
    for _, p in ipairs(site.pages) do assert.equal(101, p.status) end
  end)

  it("serves pictures of the app's folder, and nothing else of it or above it", function()
    begin()
    local folder, name = site.app:match "^(.*)/([^/]*)%.lua$"
    local picture, hidden = folder .. "/" .. name .. ".png", folder .. "/." .. name .. ".png"
    for _, path in ipairs { picture, hidden } do
      files.write(path, "\x89PNG\r\n")
    end
    local resp = site:get("/files/" .. name .. ".png")
    local found = { resp.status, resp.content, resp.headers["content-type"], resp.headers["x-content-type-options"] }
    local refused = {}
    for _, path in ipairs {
      "/files/" .. name .. ".lua", "/files/." .. name .. ".png", "/files/../" .. folder:match "[^/]*$" .. "/" .. name .. ".png",
      "/files/%2e%2e/" .. folder:match "[^/]*$" .. "/" .. name .. ".png", "/files/..%2f" .. name .. ".png", "/files/" .. picture,
      "/files//" .. picture, "/files/../../../../../../etc/passwd", "/files/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "/files/",
      "/files/" .. name .. ".png%00.lua", "/files/" .. name .. ".png/", "/files/x\\" .. name .. ".png", "//etc/passwd",
    } do
      local status = status_of(site.port, path)
      -- "": the connection was closed
      if status ~= 404 and status ~= 403 and status ~= 400 and status ~= "" then refused[#refused + 1] = path .. " " .. tostring(status) end
    end
    os.remove(picture)
    os.remove(hidden)
    assert.same({ 200, "\x89PNG\r\n", "image/png", "nosniff" }, found)
    assert.same({}, refused)
  end)

  it("answers GET and HEAD, and goes on after what is no HTTP", function()
    begin()
    assert.equal(200, status_of(site.port, "/", "HEAD"))
    assert.equal(405, status_of(site.port, "/", "POST"))
    assert.equal(405, status_of(site.port, "/", "DELETE"))
    assert.truthy(raw(site.port, "PUT / HTTP/1.1\r\nHost: x\r\n\r\n"):find("\r\nallow: GET, HEAD\r\n", 1, true))
    raw(site.port, "\0\1\2\3\r\n\r\n")
    raw(site.port, "GET / HTTP/1.1\r\nHost: x\r\n" .. ("X: " .. ("y"):rep(2000) .. "\r\n"):rep(30) .. "\r\n")
    raw(site.port, "GET /" .. ("a"):rep(70000) .. " HTTP/1.1\r\n\r\n")
    local half = uv.new_tcp()
    half:connect("127.0.0.1", site.port, function() half:write "GET / HTTP/1.1\r\nHos" end)
    hearth.sleep(0.02)
    assert.equal(200, site:get("/").status)
    half:close()
  end)

  it("lets a page do nothing that it was not told", function()
    begin()
    local resp = site:get "/"
    local policy = resp.headers["content-security-policy"]
    local nonce = policy:match "'nonce%-(%x+)'"
    for _, part in ipairs {
      "default-src 'none'", "script-src 'self'", "connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
    } do assert.truthy(policy:find(part, 1, true), part) end
    assert.is_nil(policy:find "unsafe")
    assert.is_nil(resp.content:find "<script>")
    assert.is_nil(resp.content:find " style=")
    assert.equal("DENY", resp.headers["x-frame-options"])
    assert.equal("nosniff", resp.headers["x-content-type-options"])
    assert.not_equal(nonce, site:get("/").headers["content-security-policy"]:match "'nonce%-(%x+)'")
  end)

  it("tells an operator what it does, on an address of its own", function()
    site = Site.start(APP, { args = { "--metrics", "0" } })
    cookie = site:cookie()
    local line = site.out:read "l"
    local port = tonumber(line:match "^hearth: metrics at http://127%.0%.0%.1:(%d+)/metrics$")
    local p, first = site:mounted(cookie)
    p:send { 1, "e", Site.id_of(first.html, "Add"), "c" }
    p:wait_for "Mine 1"
    local text
    p:till(function() -- that somebody is here is noted in the store, some time
      text = hearth.fetch(("http://127.0.0.1:%d/metrics"):format(port)).content
      return text:find 'latency_seconds_count{operation="write"} [1-9]'
    end)
    local function value(name) return tonumber(text:match("\n" .. name:gsub("%p", "%%%0") .. " (%S+)\n")) end
    assert.equal(1, value 'hearth_web_sessions{state="connected"}')
    assert.equal(1, value "hearth_web_events_total")
    assert.equal(1, value "hearth_web_commits_total")
    assert.truthy(value "hearth_web_patch_bytes_total" > 10)
    local writes = value 'hearth_store_latency_seconds_count{operation="write"}'
    assert.equal(writes, value 'hearth_store_latency_seconds_bucket{operation="write",le="+Inf"}')
    assert.equal("ok\n", hearth.fetch(("http://127.0.0.1:%d/healthz"):format(port)).content)
    assert.equal(404, status_of(site.port, "/metrics"))
    assert.equal(404, status_of(port, "/"))
    -- No page is served there, whoever asks.
    local other = Page.open(port, { Cookie = cookie })
    site.pages[#site.pages + 1] = other
    assert.not_equal(101, other.status)
  end)
end)
