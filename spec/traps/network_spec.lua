-- One test for each trap of libcurl and of libwebsockets on our loop, named after it. What fetch and the web promise in full is spec/net and spec/host.
local hearth = require "hearth"
local Server = require "support.server"
local program = require "spec.support.program"
local uv = require "luv"

describe("trap: libcurl:", function()
  local server
  setup(function() server = Server.start() end)
  teardown(function() server:stop() end)

  local function code_of(path, options)
    local ok, err = pcall(hearth.fetch, server:url(path), options)
    return not ok and err.code or nil
  end

  it("Lua goes on only after the handle is removed: a task that has its answer may fetch, cancel and close at once", function()
    local others = {}
    for i = 1, 10 do others[i] = hearth.run_async(hearth.fetch, server:url "/hang") end
    hearth.sleep(0)
    for i = 1, 10 do
      hearth.fetch(server:url "/echo")
      others[i]:cancel()
      assert.are.equal(200, hearth.fetch(server:url "/echo").status)
    end
    for _, result in ipairs(hearth.all_settled(others)) do assert.is_true(hearth.is_cancelled(result.error)) end
  end)

  it("redirects go to http and https only", function()
    assert.are.equal("EINVAL", code_of "/to/302?file:///etc/passwd")
    assert.are.equal("EINVAL", code_of "/to/302?ftp://127.0.0.1/")
  end)

  it("a gzip bomb is stopped by a counter of our own, behind the decompression", function()
    assert.are.equal("EBIG", code_of("/gzip/20000000", { max_bytes = 100000 }))
  end)

  it("each status line begins a new table of headers: those of a redirect are gone", function()
    local resp = hearth.fetch(server:url "/redirect/2")
    assert.are.equal(200, resp.status)
    assert.is_nil(resp.headers.location)
  end)
end)

describe("trap: libwebsockets:", function()
  local app, store, out, pid, port

  setup(function()
    app = program.file 'local h = require "hearth" return h.component("A", function() return h.Text "x" end)'
    store = program.temporary ".sqlite3"
    out = program.start { "serve", app, "--port", "0", "--store", store }
    pid = out:read "l"
    port = tonumber(out:read "l":match ":(%d+)/$")
  end)
  teardown(function()
    os.execute("kill -TERM " .. pid)
    out:close()
    os.remove(app)
    program.clean(store)
  end)

  -- The head of the answer to an upgrade that asks for these headers.
  local function upgrade(headers)
    local cookie = hearth.fetch(("http://127.0.0.1:%d/"):format(port)).headers["set-cookie"]
    local lines = { "GET /live HTTP/1.1", "Host: 127.0.0.1:" .. port, "Origin: http://127.0.0.1:" .. port,
      "Connection: Upgrade",
      "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
      "Cookie: " .. cookie:match "^[^;]+" }
    for _, line in ipairs(headers) do lines[#lines + 1] = line end
    local socket, answer, done = uv.new_tcp(), "", hearth.runtime.create_future()
    socket:connect("127.0.0.1", port, function(err)
      if err then return hearth.runtime.resolve_future(done) end
      socket:write(table.concat(lines, "\r\n") .. "\r\n\r\n")
      socket:read_start(function(_, bytes)
        answer = answer .. (bytes or "")
        if not bytes or answer:find("\r\n\r\n", 1, true) then hearth.runtime.resolve_future(done) end
      end)
    end)
    done:await(5)
    socket:close()
    return answer:match "^(.-)\r\n\r\n" or answer
  end

  it("permessage-deflate stalls messages over 4 KB: it is not offered", function()
    local head = upgrade { "Sec-WebSocket-Protocol: hearth", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits" }
    assert.matches("^HTTP/1.1 101", head)
    assert.is_nil(head:lower():find("sec-websocket-extensions", 1, true))
  end)

  it("a missing subprotocol is accepted by default: it is refused here, as another one is", function()
    assert.matches("^HTTP/1.1 40%d", upgrade {})
    assert.matches("^HTTP/1.1 40%d", upgrade { "Sec-WebSocket-Protocol: other" })
  end)
end)
