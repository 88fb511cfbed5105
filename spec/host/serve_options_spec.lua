-- `hearth serve`: its options, TLS, --watch, and how it ends.

local hearth = require "hearth"
local program = require "spec.support.program"
local Site = require "spec.support.site"

local APP = [[
local hearth = require "hearth"
local Counter = hearth.component("Counter", function()
  local n, set = hearth.use_state(0)
  local kept, keep = hearth.use_persisted_state("kept", 0)
  local draft, set_draft = hearth.use_persisted_state("draft", "", { write_delay = 60 })
  return hearth.Column {
    hearth.Text(("version %s: n %d kept %d draft <%s>"):format("A", n, kept, draft)),
    hearth.Button("Add", { on_click = function() set(n + 1) end }),
    hearth.Button("Keep", { on_click = function() keep(kept + 1) end }),
    hearth.TextInput { label = "Draft", value = draft, on_change = set_draft },
  }
end)
return Counter
]]

local function serve(...)
  local out, status, err = program.run { "serve", ... }
  return status, err, out
end

-- A folder with a certificate and its key, of 2,048 bits or as many as are given.
local function certificate(bits)
  local folder = program.temporary()
  assert(os.execute(("mkdir -m 700 %s && openssl req -x509 -newkey rsa:%d -nodes -days 2 -subj /CN=localhost"
    .. " -addext subjectAltName=DNS:localhost -keyout %s/key -out %s/cert >/dev/null 2>&1"):format(folder, bits or 2048, folder, folder)))
  return folder
end

describe("hearth serve", function()
  local site
  after_each(function()
    if site then site:close() end
    site = nil
  end)

  it("says what is wrong with its options, and with the app", function()
    local app = program.file(APP)
    local broken, text, failing = program.file "return 1 +", program.file "return 5", program.file [[
      return require "hearth".component("Bad", function() error "no luck" end)]]
    local one, other, short = certificate(), certificate(), certificate(1024)
    local cases = {
      { "which app" }, { "unknown option --nope", app, "--nope" }, { "--port is a number", app, "--port", "70000" },
      { "--port is a number", app, "--port=-1" },
      { "--port is a number", app, "--port", "0x10" }, { "--port needs a value", app, "--port=" },
      { "--store needs a value", app, "--store=" }, { "come together", app, "--cert", app },
      { "cannot open", app, "--cert", "/nowhere/cert.pem", "--key", app }, { "--metrics is a port", app, "--metrics", "x" },
      { "--max-sessions is a number", app, "--max-sessions", "0" }, { "unexpected argument", app, app },
      { "cannot open", "/nowhere/app.lua" }, { "unexpected symbol", broken }, { "component", text }, { "no luck", failing, "--port", "0" },
      { "serve is the web UI", app, "--ui", "line" }, { "cannot listen on 192.0.2.1", app, "--host", "192.0.2.1", "--port", "0" },
      { "no IP address", app, "--host", "nowhere", "--port", "0" }, { "for metrics", app, "--port", "0", "--metrics", "192.0.2.1:0" },
      { "certificate is no PEM file", app, "--port", "0", "--cert", app, "--key", app },
      { "key is no PEM file", app, "--port", "0", "--cert", one .. "/cert", "--key", app },
      { "key is that of another certificate", app, "--port", "0", "--cert", one .. "/cert", "--key", other .. "/key" },
      { "refused by OpenSSL: ee key too small", app, "--port", "0", "--cert", short .. "/cert", "--key", short .. "/key" },
      { "Is a directory", one }, { "no engine for this URL", app, "--port", "0", "--store", "nowhere://x" },
    }
    for _, case in ipairs(cases) do
      local words = { "--store", "memory:", table.unpack(case, 2) }
      local status, err = serve(table.unpack(words, case[2] and 1 or 3))
      assert.equal(1, status, case[1])
      assert.truthy(err:find(case[1], 1, true), case[1] .. " is not in: " .. err)
      assert.is_nil(err:find("traceback", 1, true) and not case[1]:find "luck" or nil, err)
    end
    for _, path in ipairs { app, broken, text, failing } do os.remove(path) end
    os.execute(("rm -r %s %s %s"):format(one, other, short))
  end)

  it("listens where it is told, and nowhere else", function()
    site = Site.start(APP, { args = { "--metrics", "0" } })
    local metrics = tonumber(site.out:read "l":match ":(%d+)/metrics$")
    local found = {}
    for _, name in ipairs { "tcp", "tcp6" } do
      for line in io.lines("/proc/net/" .. name) do
        local address, port = line:match "^%s*%d+: (%x+):(%x+) [%x:]+ 0A "
        port = port and tonumber(port, 16)
        if port == site.port or port == metrics then found[#found + 1] = name .. " " .. address end
      end
    end
    assert.same({ "tcp 0100007F", "tcp 0100007F" }, found)
  end)

  it("tells how it is used", function()
    local status, _, out = serve "--help"
    assert.equal(0, status)
    for _, option in ipairs { "--host", "--port", "--store", "--watch", "--cert", "--key", "--metrics", "--max-sessions" } do
      assert.truthy(out:find(option, 1, true), option)
    end
  end)

  it("speaks TLS with a certificate that it is given", function()
    local folder = certificate()
    site = Site.start(APP, {
      scheme = "https", ca_file = folder .. "/cert", args = { "--cert", folder .. "/cert", "--key", folder .. "/key" },
    })
    local resp = site:get "/"
    assert.truthy(resp.content:find("n 0", 1, true))
    assert.truthy(resp.headers["set-cookie"]:find("; Secure", 1, true))
    assert.is_false(pcall(hearth.fetch, ("http://127.0.0.1:%d/"):format(site.port)))
    local cookie = site:cookie(resp)
    local p, first = site:mounted(cookie)
    p:send { 1, "e", Site.id_of(first.html, "Add"), "c" }
    p:wait_for "n 1"
    -- A page that was not served over TLS is of another origin.
    assert.equal(403, site:page(cookie, { Origin = "http://127.0.0.1:" .. site.port }).status)
    os.execute("rm -r " .. folder)
  end)

  it("loads the app again with --watch, and its pages keep their state", function()
    site = Site.start(APP, { args = { "--watch" } })
    local cookie = site:cookie()
    local p, first = site:mounted(cookie)
    local other = site:mounted(cookie, { tab = "bb" })
    p:send { 1, "e", Site.id_of(first.html, "Add"), "c" }
    p:wait_for "n 1"
    site:save((APP:gsub('"A"', '"B"')))
    p:wait_for "version B: n 1"
    other:wait_for "version B: n 0"
    p:send { 2, "e", Site.id_of(first.html, "Add"), "c" }
    p:wait_for "version B: n 2"
    -- What does not load, or does not render, changes nothing.
    for _, text in ipairs { "return (", (APP:gsub("return hearth.Column", 'error "not today" return hearth.Column')) } do
      site:save(text)
      repeat until site.out:read "l":find("goes on as it was", 1, true)
    end
    p:send { 3, "e", Site.id_of(first.html, "Add"), "c" }
    p:wait_for "n 3"
    -- Other hooks: the state cannot be kept, the pages begin anew.
    site:save((APP:gsub('"A"', '"C"'):gsub("local n, set", "hearth.use_ref() local n, set")))
    p:wait_for "reload"
    p:till(function() return p.closed end)
    assert.truthy(site:get("/", { Cookie = cookie }).content:find("version C: n 0", 1, true))
  end)

  for signal, code in pairs { TERM = 15, INT = 2 } do
    it("tells its pages to come back on SIG" .. signal .. ", and has kept what they said", function()
      site = Site.start(APP)
      local cookie = site:cookie()
      local p, first = site:mounted(cookie)
      local input = tonumber(first.html:match '<label data%-h="(%d+)"')
      p:send { 1, "e", input, "v", "half a sentence" }
      p:wait_for "half a sentence"
      local said, status = site:stop(signal)
      assert.equal("", said)
      assert.truthy(status == 128 + code or status == code, status)
      p:till(function() return p.closed end)
      assert.equal("bye", p.messages[#p.messages].t)
      site:again()
      assert.truthy(site:get("/", { Cookie = cookie }).headers["set-cookie"])
      local known = site:get("/", { Cookie = cookie:gsub("%d+=", site.port .. "=", 1) }) -- the port is part of a cookie's name
      local _, again = site:mounted(site:cookie(known), { s = first.s, g = 1 })
      assert.equal("new", again.t)
      assert.truthy(again.html:find("draft &lt;half a sentence&gt;", 1, true))
    end)
  end
end)
