-- text() of answers in other character sets, and texts of numbers on their way out.

local hearth = require "hearth"
local Raw = require "support.raw_server"
local Server = require "support.server"

describe("text", function()
  local raw
  before_each(function() raw = Raw.start() end)
  after_each(function() raw:stop() end)

  local function text(kind, body)
    raw.answer = { ("HTTP/1.1 200 OK\r\nContent-Length: %d\r\nContent-Type: %s\r\n\r\n"):format(#body, kind), body }
    return hearth.fetch(raw.base, { timeout = 4 }):text()
  end

  it("of an answer is UTF-8", function()
    assert.equal("é€", text("text/plain", "é€"))
    assert.equal("é€", text("text/plain; charset=utf-8", "\xef\xbb\xbfé€"))
    assert.equal("é€“", text('text/plain; charset="ISO-8859-1"', "\xe9\x80\x93"))
    assert.equal("é€", text("text/plain; charset=Windows-1252; format=flowed", "\xe9\x80"))
    assert.equal("hé😀", text("text/plain; charset=utf-16le", "h\0\xe9\0\x3d\xd8\0\xde"))
    assert.equal("hé😀", text("text/plain; charset=utf-16be", "\0h\0\xe9\xd8\x3d\xde\0"))
    assert.equal("hé", text("text/plain; charset=utf-16", "\xfe\xff\0h\0\xe9"))
    assert.equal("hé", text("text/plain; charset=utf-16", "\xff\xfeh\0\xe9\0"))
    assert.equal("\u{fffd}a\u{fffd}", text("text/plain; charset=utf-16le", "\0\xdea\0\x3d"))
    assert.equal("", text("text/plain; charset=utf-16", ""))
  end)

  it("in a character set that nobody knows is what came", function()
    assert.equal("\x82\xa0", text("text/plain; charset=shift_jis", "\x82\xa0"))
  end)

  it("of a number that is sent has all its digits", function()
    local server = Server.start()
    finally(function() server:stop() end)
    local got = hearth.fetch(server:url "/echo", { params = { a = 2 ^ 53 + 2, b = 0.1, c = 1 << 62 }, headers = { x = 1 / 3 } }):json()
    assert.equal("/echo?a=9007199254740994.0&b=0.1&c=4611686018427387904", got.target)
    assert.equal(1 / 3, tonumber(got.headers.x))
  end)
end)
