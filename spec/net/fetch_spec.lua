local hearth = require "hearth"
local files = require "spec.support.files"
local json = require "hearth.json"
local patience = require "spec.support.patience"
local Raw = require "support.raw_server"
local Server = require "support.server"

describe("fetch", function()
  local server
  setup(function() server = Server.start() end)
  teardown(function() server:stop() end)

  local function echo(options, path)
    return hearth.fetch(server:url(path or "/echo"), options):json()
  end

  local function fails(path, options)
    local ok, err = pcall(hearth.fetch, path:find "^%a+:" and path or server:url(path), options)
    assert.is_false(ok, path .. " did not fail")
    return err
  end

  describe("sends", function()
    it("a GET, with no cookies and no body", function()
      local got = echo()
      assert.equal("GET", got.method)
      assert.equal("", got.body)
      assert.is_nil(got.headers.Cookie)
    end)

    it("parameters in order of their names, escaped", function()
      assert.equal("/echo?a=1&b=x&b=y%20z&c=true&d=%26%C3%A4", echo { params = { b = { "x", "y z" }, a = 1, c = true, d = "&ä" } }.target)
      assert.equal("/echo?q=1&a=2", echo({ params = { a = 2 } }, "/echo?q=1").target)
      assert.equal("/echo?a=2", echo({ params = { a = 2 } }, "/echo#part").target)
    end)

    it("bytes beyond ASCII in a path as escapes", function()
      assert.equal("/echo/k%C3%A4se", echo(nil, "/echo/käse").target)
    end)

    it("a table as JSON with its content type, as a POST", function()
      local got = echo { body = { b = { 1, 2.5 }, a = json.null } }
      assert.equal("POST", got.method)
      assert.equal("application/json", got.headers["Content-Type"])
      assert.equal('{"a":null,"b":[1,2.5]}', got.body)
    end)

    it("a table under the content type that was given", function()
      local got = echo { method = "patch", body = { a = 1 }, headers = { ["content-type"] = "application/merge-patch+json" } }
      assert.equal("PATCH", got.method)
      assert.equal("application/merge-patch+json", got.headers["content-type"])
      assert.is_nil(got.headers["Content-Type"])
    end)

    it("a string as it is, bytes and all", function()
      local got = echo { method = "PUT", body = "a\0b\r\nc" }
      assert.equal("PUT", got.method)
      assert.equal("a\0b\r\nc", got.body)
      assert.is_nil(got.headers["Content-Type"])
      assert.equal("6", got.headers["Content-Length"])
    end)

    it("every method, with a body or without", function()
      for _, method in ipairs { "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS" } do
        assert.equal(method, echo { method = method }.method)
        local got = echo { method = method, body = "x" }
        assert.equal(method, got.method)
        assert.equal("x", got.body)
      end
      local head = hearth.fetch(server:url "/bytes/10", { method = "HEAD" })
      assert.equal(200, head.status)
      assert.equal("", head.content)
      assert.equal("10", head.headers["content-length"])
    end)

    it("headers, lists and empty ones too", function()
      local got = echo { headers = { ["X-One"] = "1", ["X-Number"] = 5, ["X-Empty"] = "", ["User-Agent"] = "me" } }
      assert.equal("1", got.headers["X-One"])
      assert.equal("5", got.headers["X-Number"])
      assert.equal("", got.headers["X-Empty"])
      assert.equal("me", got.headers["User-Agent"])
    end)

    it("a file, larger than a block of it", function()
      local path = os.tmpname()
      local bytes = ("0123456789abcdef"):rep(40000)
      files.write(path, bytes)
      local got = echo { body_file = path, method = "PUT" }
      os.remove(path)
      assert.equal("PUT", got.method)
      assert.is_true(bytes == got.body)
    end)

    it("a form of fields and files", function()
      local path = os.tmpname()
      files.write(path, "from the file")
      local got = echo { multipart = {
        { name = "title", data = "Hearth" },
        { name = "file", file = path, filename = "note.txt", type = "text/plain" },
      } }
      os.remove(path)
      assert.equal("POST", got.method)
      assert.truthy(got.headers["Content-Type"]:find("multipart/form-data; boundary=", 1, true))
      assert.truthy(got.body:find('name="title"\r\n\r\nHearth\r\n', 1, true))
      assert.truthy(got.body:find('name="file"; filename="note.txt"\r\nContent-Type: text/plain\r\n\r\nfrom the file\r\n', 1, true))
    end)

    it("forms whose file is slower or faster than the connection", function()
      local path = os.tmpname()
      files.write(path, ("f"):rep(300000))
      finally(function() os.remove(path) end)
      for _ = 1, 30 do
        local got = echo { multipart = { { name = "a", data = "A" }, { name = "file", file = path }, { name = "again", file = path } } }
        assert.is_true(#got.body > 600000)
      end
    end)

    it("cookies only when asked to", function()
      hearth.fetch(server:url "/cookie?a=1")
      assert.is_nil(echo().headers.Cookie)
      hearth.fetch(server:url "/cookie?b=2", { cookies = true })
      assert.is_nil(echo().headers.Cookie)
      assert.equal("b=2", echo { cookies = true }.headers.Cookie)
      assert.equal("x=1; y=2", echo { cookies = { y = 2, x = "1" } }.headers.Cookie)
    end)
  end)

  describe("answers with", function()
    it("status, ok, url and headers in any case", function()
      local resp = hearth.fetch(server:url "/status/404")
      assert.equal(404, resp.status)
      assert.is_false(resp.ok)
      assert.equal(server:url "/status/404", resp.url)
      assert.equal("text/plain", resp.headers["Content-Type"])
      assert.equal("text/plain", resp.headers["content-type"])
      assert.is_nil(resp.headers["x-none"])
      resp = hearth.fetch(server:url "/latin1")
      assert.is_true(resp.ok)
      assert.equal("1, 2", resp.headers["X-TWO"])
      assert.equal("", resp.headers["x-empty"])
    end)

    it("content as bytes and text in UTF-8", function()
      local resp = hearth.fetch(server:url "/latin1")
      assert.equal("caf\xe9", resp.content)
      assert.equal("café", resp:text())
    end)

    it("the value of a JSON body", function()
      assert.equal(1, hearth.fetch(server:url "/posts"):json()[1].id)
      assert.same({ 1, 2, 3 }, hearth.fetch(server:url "/type?application/problem+json"):json())
      assert.same({ 1, 2, 3 }, hearth.fetch(server:url "/type?"):json())
    end)

    it("what was compressed, decompressed", function()
      local resp = hearth.fetch(server:url "/gzip/100000")
      assert.equal(100000, #resp.content)
      assert.equal("gzip", resp.headers["content-encoding"])
      assert.is_true(#hearth.fetch(server:url "/gzip/100000", { headers = { ["Accept-Encoding"] = "gzip" } }).content < 1000)
    end)

    it("a status that raise_for_status raises from 400 on", function()
      local resp = hearth.fetch(server:url "/status/204")
      assert.equal(resp, resp:raise_for_status())
      local ok, err = pcall(function() return hearth.fetch(server:url "/status/503"):raise_for_status() end)
      assert.is_false(ok)
      assert.equal("EHTTP", err.code)
      assert.equal(503, err.status)
      assert.equal("EHTTP: fetch: GET " .. server:url "/status/503" .. " was answered with status 503", tostring(err))
    end)

    it("the end of its redirects", function()
      local resp = hearth.fetch(server:url "/redirect/3")
      assert.equal(200, resp.status)
      assert.equal(server:url "/echo", resp.url)
      resp = hearth.fetch(server:url "/redirect/3", { follow = false })
      assert.equal(302, resp.status)
      assert.equal("/redirect/2", resp.headers.location)
    end)

    it("the method that a redirect asks for", function()
      local function after(status, method)
        local got = hearth.fetch(server:url("/to/" .. status .. "?/echo"), { method = method, body = "x" }):json()
        return got.method .. got.body
      end
      assert.equal("GET", after(303, "POST"))
      assert.equal("GET", after(303, "PUT"))
      assert.equal("GET", after(303, "DELETE"))
      assert.equal("GET", after(302, "POST"))
      assert.equal("PUTx", after(302, "PUT"))
      assert.equal("POSTx", after(307, "POST"))
      assert.equal("PATCHx", after(308, "PATCH"))
    end)

    it("a file sent again after a redirect", function()
      local path = os.tmpname()
      files.write(path, ("y"):rep(300000))
      local got = hearth.fetch(server:url "/to/307?/echo", { body_file = path }):json()
      os.remove(path)
      assert.equal(300000, #got.body)
    end)
  end)

  describe("streams", function()
    it("the pieces as they come", function()
      local resp = hearth.fetch(server:url "/trickle/3", { stream = true })
      assert.equal(200, resp.status)
      local pieces = {}
      for piece in resp:chunks() do pieces[#pieces + 1] = piece end
      assert.equal(("drip\n "):rep(3), table.concat(pieces))
      assert.is_true(#pieces >= 2)
    end)

    it("more than fits, with the sender held back", function()
      local n, most = 0, 0
      for piece in hearth.fetch(server:url "/bytes/20000000", { stream = true }):chunks() do
        n, most = n + #piece, math.max(most, #piece)
      end
      assert.equal(20000000, n)
      assert.is_true(most < 200000)
    end)

    it("nothing more once the loop is left", function()
      local first
      for piece in hearth.fetch(server:url "/bytes/20000000", { stream = true }):chunks() do
        if first then break end
        first = piece
      end
      server:until_stats(function(stats) return stats.open == 1 end)
    end)

    it("all of it as content where that is asked for", function()
      local resp = hearth.fetch(server:url "/chunked/100000", { stream = true })
      assert.equal(100000, #resp.content)
      assert.equal(100000, #resp:text())
    end)

    it("what is in memory in one piece", function()
      local pieces = {}
      for piece in hearth.fetch(server:url "/chunked/5000"):chunks() do pieces[#pieces + 1] = piece end
      assert.equal(5000, #table.concat(pieces))
    end)

    it("up to max_bytes, and a time-out from piece to piece", function()
      local function read(path, options)
        options.stream = true
        local n = 0
        local ok, err = pcall(function()
          for piece in hearth.fetch(server:url(path), options):chunks() do n = n + #piece end
        end)
        return ok, ok and n or err.code
      end
      assert.same({ false, "EBIG" }, { read("/bytes/1000000", { max_bytes = 500000 }) })
      assert.same({ false, "EBIG" }, { read("/gzip/1000000", { max_bytes = 500000 }) })
      assert.same({ true, 360 }, { read("/trickle/60", { timeout = 1 }) }) -- longer than that in all
      assert.same({ false, "ETIMEOUT" }, { read("/hang", { timeout = 0.05 }) })
      assert.same({ false, "ENET" }, { read("/half", {}) })
    end)
  end)

  describe("raises", function()
    it("EINVAL for what is no URL of http or https, before anything is sent", function()
      for _, url in ipairs {
        "", "nope", "//h/", "http:", "http:h", "http:/h", "http://", "http:///h", "http://?q", "http://a b/", "http://h:99999/",
        "http://[::1", "ftp://h/", "file:///etc/passwd", "javascript:1",
      } do
        local ok, err = pcall(hearth.fetch, url)
        assert.is_false(ok)
        assert.equal("EINVAL", err.code, url)
        assert.equal("fetch", err.op)
      end
      assert.equal("EINVAL", select(2, pcall(hearth.fetch)).code)
      assert.truthy(tostring(fails "ftp://h/"):find("only http and https", 1, true))
    end)

    it("EINVAL for options that cannot be meant", function()
      local bad = {
        { methd = "GET" }, { method = "G T" }, { method = 5 }, { method = "HEAD", body = "x" }, { headers = { ["a b"] = "x" } },
        { headers = { a = "x\r\nEvil: 1" } }, { headers = { a = {} , b = print } }, { params = { a = {{}} } }, { body = print },
        { body = "a", multipart = { a = "b" } }, { timeout = 0 }, { timeout = -1 }, { timeout = "5" }, { max_bytes = -1 },
        { max_redirects = 1.5 }, { proxy = "nope" }, { proxy = "http://p:1", public_only = true }, { cookies = 5 },
        { cookies = { a = "1; b=2" } }, { params = { a = { b = 1 } } }, { params = { a = 0 / 0 } },
        { headers = { a = 1 / 0 } },
        { body = "abc", headers = { ["content-length"] = 5 } }, { headers = { ["Content-Length"] = "1" } },
        { multipart = { { name = "a", data = "b", mime = "x" } } }, { multipart = { { data = "x" } } }, { multipart = { a = {} } },
        { body = { print } },
      }
      for i, options in ipairs(bad) do
        local ok, err = pcall(hearth.fetch, server:url "/echo", options)
        assert.is_false(ok, "case " .. i)
        assert.equal("EINVAL", err.code, "case " .. i .. ": " .. tostring(err))
      end
      assert.truthy(tostring(fails("/echo", { methd = "GET" })):find("max_bytes, max_redirects, method", 1, true))
    end)

    it("ENET with a reason for trouble with the network", function()
      local closed = Server.start()
      closed:stop()
      for path, reason in pairs {
        [closed:url "/"] = "refused", ["/reset"] = "reset", ["/drop"] = "empty", ["/half"] = "partial", ["/garbage"] = "protocol",
        ["/loop"] = "redirects", ["http://name.invalid/"] = "resolve",
      } do
        local err = fails(path)
        assert.equal("ENET", err.code)
        assert.equal(reason, err.reason)
        assert.truthy(err.message:find(path, 1, true))
      end
    end)

    it("after as many redirects as were allowed", function()
      assert.equal("redirects", fails("/redirect/3", { max_redirects = 2 }).reason)
      assert.equal(200, hearth.fetch(server:url "/redirect/3", { max_redirects = 3 }).status)
    end)

    it("EINVAL for a redirect to another scheme", function()
      assert.equal("EINVAL", fails "/to/302?file:///etc/passwd".code)
      assert.equal("EINVAL", fails "/to/302?ftp://127.0.0.1/".code)
    end)

    it("ETIMEOUT for an answer that does not come", function()
      local err = fails("/hang", { timeout = 0.05 })
      assert.equal("ETIMEOUT", err.code)
      assert.equal("ETIMEOUT", fails("/posts?delay=2000", { timeout = 0.05 }).code)
      assert.equal("ETIMEOUT", fails("/trickle/100", { timeout = 0.1 }).code)
    end)

    it("ETIMEOUT for a connection that is not made, TLS included, within connect_timeout", function()
      local silent = Raw.start()
      finally(function() silent:stop() end)
      local before = hearth.now()
      local ok, err = pcall(hearth.fetch, (silent.base:gsub("^http", "https")), { connect_timeout = 0.05, timeout = 20 })
      assert.is_false(ok)
      assert.same({ "ETIMEOUT", "timeout" }, { err.code, err.reason })
      assert.is_true(hearth.now() - before < 10)
    end)

    it("EBIG over max_bytes, counted after decompression", function()
      assert.equal("EBIG", fails("/bytes/1001", { max_bytes = 1000 }).code)
      assert.equal("EBIG", fails("/chunked/1001", { max_bytes = 1000 }).code)
      assert.equal(1000, #hearth.fetch(server:url "/bytes/1000", { max_bytes = 1000 }).content)
      assert.equal("EBIG", fails("/gzip/20000000", { max_bytes = 100000 }).code)
      assert.equal("EBIG", fails "/gzip/70000000".code)
    end)

    it("EACCES with public_only for an address that is not, also after a redirect and on a connection that is open", function()
      hearth.fetch(server:url "/echo") -- stays open
      assert.equal("EACCES", fails("/echo", { public_only = true }).code)
      assert.equal("EACCES", fails("http://localhost:" .. server.port .. "/", { public_only = true }).code)
      assert.equal("EACCES", fails("http://[::ffff:127.0.0.1]:" .. server.port .. "/", { public_only = true }).code)
    end)

    it("ENOKEY, EACCES or EINVAL for a file that cannot be sent", function()
      local path = os.tmpname()
      os.remove(path)
      assert.equal("ENOKEY", fails("/echo", { body_file = path }).code)
      assert.equal("EINVAL", fails("/echo", { body_file = "/" }).code)
      assert.equal("ENOKEY", fails("/echo", { multipart = { { name = "f", file = path } } }).code)
    end)

    it("EHTTP for json() of another type, ECORRUPT for bad JSON", function()
      local ok, err = pcall(function() return hearth.fetch(server:url "/type?text/html"):json() end)
      assert.is_false(ok)
      assert.equal("EHTTP", err.code)
      assert.truthy(err.message:find("text/html", 1, true))
      assert.same({ 1, 2, 3 }, hearth.fetch(server:url "/type?text/html"):json { any_type = true })
      ok, err = pcall(function() return hearth.fetch(server:url "/notjson"):json() end)
      assert.is_false(ok)
      assert.equal("ECORRUPT", err.code)
      assert.equal(7, err.position)
    end)

    it("ENOTASK where it cannot wait, with nothing sent", function()
      local before = server:stats().served
      local ok, err = coroutine.resume(coroutine.create(function() return hearth.fetch(server:url "/posts") end))
      assert.is_false(ok)
      assert.equal("ENOTASK", err.code)
      assert.equal(before + 1, server:stats().served)
    end)
  end)

  describe("cancelled", function()
    it("closes its connection", function()
      local task = hearth.run_async(function() return hearth.fetch(server:url "/hang") end)
      local before = server:until_stats(function(stats) return stats.hung >= 1 and stats.open == 2 end)
      task:cancel()
      assert.is_true(hearth.is_cancelled(select(2, pcall(hearth.await, task))))
      local stats = server:until_stats(function(stats) return stats.open == 1 end)
      assert.equal(before.accepted, stats.accepted)
    end)

    it("within one turn: the server, on the same loop, hears of it in the next", function()
      local raw = Raw.start()
      raw.answer = { ends = "keep" }
      local tasks = {}
      for i = 1, 20 do tasks[i] = hearth.run_async(hearth.fetch, raw.base) end
      patience(function() return raw.asked == 20 end)
      assert.equal(20, raw.asked)
      for i = 1, 20 do tasks[i]:cancel() end
      local turns = 0
      while next(raw.clients) and turns < 100 do
        hearth.await(hearth.run_async(function() end))
        turns = turns + 1
      end
      assert.is_true(turns <= 3, turns .. " turns")
      raw:stop()
      for i = 1, 20 do assert.is_true(tasks[i]:cancelled()) end
    end)

    it("while it streams, too", function()
      local task = hearth.run_async(function()
        for _ in hearth.fetch(server:url "/trickle/10000", { stream = true }):chunks() do end -- luacheck: ignore 542
      end)
      server:until_stats(function(stats) return stats.open == 2 end)
      hearth.sleep(0.03)
      task:cancel()
      pcall(hearth.await, task)
      server:until_stats(function(stats) return stats.open == 1 end)
    end)

    it("by hearth.timeout and by race", function()
      local ok, err = pcall(hearth.timeout, 0.05, hearth.fetch, server:url "/hang")
      assert.is_false(ok)
      assert.equal("ETIMEOUT", err.code)
      local first = hearth.race {
        hearth.run_async(function() return hearth.fetch(server:url "/hang") end),
        hearth.run_async(function() return hearth.fetch(server:url "/posts") end),
      }
      assert.equal(200, first.status)
      server:until_stats(function(stats) return stats.open == 1 end)
    end)

    it("before it began sends nothing", function()
      local before = server:stats().served
      local task = hearth.run_async(hearth.fetch, server:url "/posts")
      task:cancel()
      pcall(hearth.await, task)
      assert.equal(before + 1, server:stats().served)
    end)
  end)

  it("keeps connections alive and shares them", function()
    local before = server:stats().accepted
    for _ = 1, 20 do hearth.fetch(server:url "/posts") end
    assert.equal(before, server:stats().accepted)
  end)

  it("runs many at once", function()
    local tasks = {}
    for i = 1, 200 do
      tasks[i] = hearth.run_async(function() return hearth.fetch(server:url("/echo?n=" .. i)):json().target end)
    end
    local targets = hearth.all(tasks)
    for i = 1, 200 do assert.equal("/echo?n=" .. i, targets[i]) end
  end)

  it("does not go through a proxy that the environment names", function()
    local proxy = Server.start()
    finally(function() proxy:stop() end)
    local script = os.tmpname()
    files.write(script, ([[print(require "hearth".fetch("%s").status)]]):format(server:url "/posts"))
    local host = (os.getenv "BUILD" or "build") .. "/hearth"
    local run = assert(io.popen(("http_proxy=%s all_proxy=%s %s %s 2>&1 </dev/null"):format(proxy.base, proxy.base, host, script)))
    -- The server that answers is this process's child, not its loop: reading the pipe may block.
    assert.equal("200\n", run:read "a")
    run:close()
    os.remove(script)
    assert.equal(0, proxy:stats().served)
    local got = hearth.fetch("http://name.invalid/echo", { proxy = proxy.base }):json { any_type = true }
    assert.equal("http://name.invalid/echo", got.target)
  end)
end)
