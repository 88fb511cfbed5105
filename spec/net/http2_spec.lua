-- HTTP/2, as a server over TLS offers it: one connection for many requests, each of which ends on its own.

local hearth = require "hearth"
local certificate = require "support.certificate"
local patience = require "spec.support.patience"

describe("fetch over HTTP/2", function()
  local folder, server, base

  setup(function()
    folder = certificate.make()
    local here = debug.getinfo(1, "S").source:match "^@(.*)net/"
    server = assert(io.popen(("exec node %ssupport/h2_server.mjs %s"):format(here, folder), "w"))
    local port = patience(function()
      local file <close> = io.open(folder .. "/port")
      return file and file:read "n"
    end)
    base = ("https://localhost:%s/"):format(assert(port, "node did not start (Debian: apt-get install nodejs)"))
  end)

  teardown(function()
    server:close()
    certificate.remove(folder)
  end)

  local function fetch(path, options)
    options = options or {}
    options.ca_file = folder .. "/cert"
    return hearth.fetch(base .. path, options)
  end

  local function stats() return fetch "stats":json() end

  local function until_stats(check)
    local last
    if patience(function()
      last = stats()
      return check(last)
    end) then return last end
    error("the server never came to that state: " .. hearth.json.encode(last), 2)
  end

  local function failing(path, options)
    local ok, err = pcall(fetch, path, options)
    assert.is_false(ok)
    return err
  end

  it("is spoken where the server offers it", function()
    local resp = fetch "version"
    assert.equal(200, resp.status)
    assert.equal("2.0", resp:json().version)
    assert.equal("application/json", resp.headers["Content-Type"])
  end)

  it("many requests at once share one connection, and each gets its own answer", function()
    local before = stats().sessions
    local calls = {}
    for n = 1, 100 do calls[n] = hearth.run_async(function() return fetch("slow", { params = { n = n } }):json().n end) end
    local got = hearth.all(calls)
    for n = 1, 100 do assert.equal(n, got[n]) end
    assert.equal(before, stats().sessions)
  end)

  it("the first requests do not open a connection each", function()
    fetch "goaway" -- the next one needs a new connection
    local before = stats().sessions
    fetch "goaway"
    local calls = {}
    for n = 1, 20 do calls[n] = hearth.run_async(function() return fetch("slow", { params = { n = n } }):json().n end) end
    hearth.all(calls)
    assert.equal(before + 1, stats().sessions)
  end)

  it("bodies go both ways, whatever their size", function()
    local body = ("0123456789abcdef"):rep(64 * 1024) -- 1 MiB: more than a window
    assert.is_true(fetch("echo", { body = body }).content == body)
    assert.equal(3000000, #fetch("big", { params = { bytes = 3000000 } }).content)
    assert.equal("", fetch("echo", { method = "POST" }).content)
    assert.equal(("x"):rep(100000), fetch "gzip":text())
    local parts = 0
    for part in fetch("big", { params = { bytes = 1000000 }, stream = true }):chunks() do parts = parts + #part end
    assert.equal(1000000, parts)
  end)

  it("redirects and limits are as ever", function()
    assert.equal(base .. "version", fetch "redirect".url)
    assert.equal(302, fetch("redirect", { follow = false }).status)
    assert.equal("EBIG", failing("big", { params = { bytes = 1000 }, max_bytes = 999 }).code)
    assert.equal("ETIMEOUT", failing("hang", { timeout = 0.05 }).code)
  end)

  it("a cancelled request resets its stream, and the connection serves the next", function()
    local before = stats()
    local task = hearth.run_async(fetch, "hang")
    until_stats(function(s) return s.hung == before.hung + 1 end)
    task:cancel()
    local after = until_stats(function(s) return s.resets == before.resets + 1 end)
    assert.equal(before.sessions, after.sessions)
    assert.is_true(hearth.is_cancelled(select(2, pcall(task.await, task))))
  end)

  it("a stream that is reset is an error of its own request, and says so", function()
    local beside = hearth.run_async(function() return fetch("slow", { params = { n = 7 } }):json().n end)
    local err = failing "half"
    assert.same({ "ENET", "reset" }, { err.code, err.reason })
    assert.equal(7, beside:await())
    local got = {}
    local ok, broke = pcall(function()
      for part in fetch("half", { stream = true }):chunks() do got[#got + 1] = part end
    end)
    assert.is_false(ok)
    assert.equal("half", table.concat(got))
    assert.same({ "ENET", "reset" }, { broke.code, broke.reason })
  end)

  it("a connection that goes away is an error, and the next request gets another", function()
    local err = failing "drop"
    assert.equal("ENET", err.code)
    assert.truthy(err.reason)
    assert.equal("2.0", fetch "version":json().version)
    assert.equal("2.0", fetch "goaway":json().version)
    assert.equal("2.0", fetch "version":json().version)
  end)
end)
