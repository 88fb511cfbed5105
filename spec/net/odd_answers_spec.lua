-- Servers that do not keep to the protocol: whatever they send, a request ends, with an answer or with an error that says what was wrong, and
-- the next one works.

local hearth = require "hearth"
local files = require "spec.support.files"
local Raw = require "support.raw_server"

local OK <const> = "HTTP/1.1 200 OK\r\n"

-- What the table's rows expect: {code, reason} of an error, or the content of an answer.
local function outcome(server, options)
  local ok, resp = pcall(function()
    local resp = hearth.fetch(server.base .. "/", options)
    if not options.stream then return resp.content, resp end
    local parts = {}
    for part in resp:chunks() do parts[#parts + 1] = part end
    return table.concat(parts), resp
  end)
  if ok then return resp end
  assert(type(resp) == "table" and resp.code, "no error of ours: " .. tostring(resp))
  return { resp.code, resp.reason }, resp
end

local function gzip(text)
  local name = os.tmpname()
  files.write(name, text)
  local pipe = assert(io.popen("gzip -c " .. name, "r"))
  local bytes = pipe:read "a"
  pipe:close()
  os.remove(name)
  return bytes
end

describe("fetch meets a server that", function()
  local server

  before_each(function() server = Raw.start() end)

  after_each(function()
    server.answer = { OK .. "content-length: 4\r\n\r\nfine" }
    assert.equal("fine", hearth.fetch(server.base):text()) -- nothing has been left behind
    server:stop()
  end)

  local packed = gzip(("x"):rep(1000000))
  local rows = {
    { "says nothing", {}, { "ENET", "empty" } },
    { "resets at once", { ends = "reset" }, { "ENET", "reset" } },
    { "does not speak HTTP", { "220 mail ready\r\n" }, { "ENET", "protocol" } },
    { "breaks off in the status line", { "HTTP/1.1 20" }, { "ENET", "empty" } },
    { "breaks off in the head", { OK .. "content-type: text/pl" }, { "ENET", "partial" } },
    { "sends half a body", { OK .. "content-length: 10\r\n\r\nhalf" }, { "ENET", "partial" } },
    { "resets in the body", { OK .. "content-length: 10\r\n\r\n", "half", ends = "reset" }, { "ENET", "reset" } },
    { "sends more than it said", { OK .. "content-length: 4\r\n\r\nfour and more" }, "four" },
    { "sends a body without a length, and closes", { OK .. "\r\nall of it" }, "all of it" },
    { "says a length that is no number", { OK .. "content-length: ten\r\n\r\nten" }, { "ENET", "protocol" } },
    { "says a negative length", { OK .. "content-length: -5\r\n\r\nfive" }, { "ENET", "protocol" } },
    { "says a length beyond 64 bits, and closes", { OK .. "content-length: 99999999999999999999\r\n\r\nx" }, "x" },
    { "ends its chunks early", { OK .. "transfer-encoding: chunked\r\n\r\n5\r\nab" }, { "ENET", "partial" } },
    { "never sends the last chunk", { OK .. "transfer-encoding: chunked\r\n\r\n2\r\nab\r\n" }, { "ENET", "partial" } },
    { "sends chunks of no size", { OK .. "transfer-encoding: chunked\r\n\r\nzz\r\nab\r\n" }, { "ENET", "protocol" } },
    { "sends chunks of a negative size", { OK .. "transfer-encoding: chunked\r\n\r\n-2\r\nab\r\n0\r\n\r\n" }, { "ENET", "protocol" } },
    { "sends chunks beyond 64 bits", { OK .. "transfer-encoding: chunked\r\n\r\nfffffffffffffffffff\r\nab" }, { "ENET", "protocol" } },
    { "sends a chunk longer than it said", { OK .. "transfer-encoding: chunked\r\n\r\n2\r\nabcd\r\n0\r\n\r\n" }, { "ENET", "protocol" } },
    { "sends chunks with extensions and trailers", {
      OK .. "transfer-encoding: chunked\r\n\r\n2;a=b\r\nab\r\n", "0\r\nx-after: 1\r\n\r\n" }, "ab" },
    { "sends the same in many pieces", { "HTTP", "/1.1 2", "00 O", "K\r", "\ncontent-len", "gth: 2\r\n\r", "\na", "b" }, "ab" },
    { "sends a line of a header that does not end", { OK .. "x: " .. ("a"):rep(2000000), ends = "keep" }, { "EBIG", "head" } },
    { "sends more headers than anybody needs", {
      OK .. ("x-filler: " .. ("a"):rep(1000) .. "\r\n"):rep(1100) .. "\r\n" }, { "EBIG", "head" } },
    { "sends a zero byte in a header", { OK .. "x: a\0b\r\ncontent-length: 0\r\n\r\n" }, { "ENET", "protocol" } },
    { "sends a header without a colon", { OK .. "nonsense\r\ncontent-length: 2\r\n\r\nab" }, { "ENET", "protocol" } },
    { "has a status of two digits", { "HTTP/1.1 99 Odd\r\ncontent-length: 0\r\n\r\n" }, { "ENET", "protocol" } },
    { "has a status that is no number", { "HTTP/1.1 abc Odd\r\ncontent-length: 0\r\n\r\n" }, { "ENET", "protocol" } },
    { "speaks a version that there is not", { "HTTP/7.3 200 OK\r\ncontent-length: 0\r\n\r\n" }, { "ENET", "protocol" } },
    { "sends interim answers first", {
      ("HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"):rep(50), OK .. "content-length: 2\r\n\r\nab" }, "ab" },
    { "sends a body where there is none", { "HTTP/1.1 204 No Content\r\n\r\nbody" }, "" },
    { "redirects without saying where to", { "HTTP/1.1 302 Found\r\ncontent-length: 2\r\n\r\nab" }, "ab" },
    { "redirects to itself", { "HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n" }, { "ENET", "redirects" } },
    { "redirects to another scheme", {
      "HTTP/1.1 302 Found\r\nlocation: file:///etc/passwd\r\ncontent-length: 0\r\n\r\n" }, { "EINVAL", "scheme" } },
    { "redirects to a URL that is none", {
      "HTTP/1.1 302 Found\r\nlocation: http://[::bad\r\ncontent-length: 0\r\n\r\n" }, { "EINVAL", "url" } },
    { "says gzip and sends something else", { OK .. "content-encoding: gzip\r\ncontent-length: 5\r\n\r\nplain" }, { "ENET", "encoding" } },
    { "breaks off its gzip", {
      OK .. ("content-encoding: gzip\r\ncontent-length: %d\r\n\r\n"):format(#packed) .. packed:sub(1, #packed // 2) },
      { "ENET", "partial" } },
    { "spoils its gzip", {
      OK .. ("content-encoding: gzip\r\ncontent-length: %d\r\n\r\n"):format(#packed) .. packed:sub(1, -9) .. ("\0"):rep(8) },
      { "ENET", "encoding" } },
    { "packs it more often than is decent", { OK .. "content-encoding: " .. ("gzip, "):rep(20) .. "gzip\r\ncontent-length: 2\r\n\r\nab" },
      { "ENET", "encoding" } },
    { "uses an encoding that nobody asked for", {
      OK .. "content-encoding: rot13\r\ncontent-length: 2\r\n\r\nab" }, { "ENET", "encoding" } },
    { "sends a bomb of gzip", { OK .. ("content-encoding: gzip\r\ncontent-length: %d\r\n\r\n"):format(#packed) .. packed },
      { "EBIG", "size" }, { max_bytes = 100000 } },
    { "goes on for ever", { OK .. "\r\n" .. ("x"):rep(200000), ends = "keep" }, { "EBIG", "size" }, { max_bytes = 100000 } },
    { "stops in the middle", { OK .. "content-length: 9\r\n\r\nhalf", ends = "keep" }, { "ETIMEOUT", "timeout" }, { timeout = 0.1 } },
    { "never answers", { ends = "keep" }, { "ETIMEOUT", "timeout" }, { timeout = 0.1 } },
  }

  for _, row in ipairs(rows) do
    local name, answer, expected = row[1], row[2], row[3]
    for _, stream in ipairs { false, true } do
      it(name .. (stream and ", while it streams" or ""), function()
        server.answer = answer
        local options = { stream = stream, timeout = 2 }
        for key, value in pairs(row[4] or {}) do options[key] = value end
        local got, err = outcome(server, options)
        assert.same(expected, got, err and tostring(err))
        if type(got) == "table" then
          assert.equal(got[1], tostring(err):match "^%u+")
          assert.truthy(err.message:find("^fetch '%a+://"), err.message)
        end
      end)
    end
  end

  it("says anything at all: the request ends, and every error is one of ours", function()
    local seeds = {
      OK .. "content-length: 20\r\ncontent-type: text/plain\r\n\r\n01234567890123456789",
      OK .. "transfer-encoding: chunked\r\n\r\n5\r\n01234\r\n3;x\r\nabc\r\n0\r\nt: 1\r\n\r\n",
      OK .. ("content-encoding: gzip\r\ncontent-length: %d\r\n\r\n"):format(#packed) .. packed,
      "HTTP/1.1 301 Moved\r\nlocation: /next\r\nset-cookie: a=b; path=/\r\ncontent-length: 0\r\n\r\n",
    }
    local allowed = { ENET = true, EBIG = true, ETIMEOUT = true, EINVAL = true }
    math.randomseed(7)
    local function mangle(text)
      for _ = 1, math.random(1, 4) do
        local i, kind = math.random(1, math.min(#text, 300)), math.random(1, 4)
        if kind == 1 then
          text = text:sub(1, i - 1) .. string.char(math.random(0, 255)) .. text:sub(i + 1)
        elseif kind == 2 then
          text = text:sub(1, i - 1) .. text:sub(i + math.random(1, 8))
        elseif kind == 3 then
          text = text:sub(1, i) .. text:sub(math.random(1, i), i) .. text:sub(i + 1)
        else
          text = text:sub(1, i)
        end
      end
      return text
    end
    for round = 1, 300 do
      local bytes = mangle(seeds[round % #seeds + 1])
      server.answer = { bytes, ends = round % 7 == 0 and "reset" or "close" }
      local got, err = outcome(server, { stream = round % 2 == 0, timeout = 2, max_bytes = 5000000, max_redirects = 3 })
      if type(got) == "table" then
        assert.is_true(allowed[got[1]], ("%q gives %s"):format(bytes:sub(1, 300), tostring(err)))
      end
    end
  end)
end)
