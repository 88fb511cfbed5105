-- Where a fetch goes and what it takes along: to another origin no secrets, with public_only to no private address, however it is written.

local hearth = require "hearth"
local Server = require "support.server"

describe("fetch and origins:", function()
  local here, there
  setup(function() here, there = Server.start(), Server.start() end)
  teardown(function()
    here:stop()
    there:stop()
  end)

  local function arrived(url, options) return hearth.fetch(url, options):json() end

  it("a redirect within an origin takes everything along", function()
    local options = { headers = { Authorization = "Bearer x", ["X-Mine"] = "1" }, cookies = { a = 1 } }
    local got = arrived(here:url "/to/302?/echo", options).headers
    assert.same({ "Bearer x", "1", "a=1" }, { got.Authorization, got["X-Mine"], got.Cookie })
  end)

  it("a redirect to another origin takes neither credentials nor cookies along", function()
    local away = "/to/307?" .. there:url "/echo"
    local options = { headers = { Authorization = "Bearer x", ["X-Mine"] = "1" }, cookies = { a = 1 }, body = { n = 1 } }
    local got = arrived(here:url(away), options)
    assert.same({ "POST", '{"n":1}', "application/json" }, { got.method, got.body, got.headers["Content-Type"] })
    assert.is_nil(got.headers.Authorization)
    assert.is_nil(got.headers.Cookie)
    assert.equal("1", got.headers["X-Mine"])
    local named = here:url "":gsub("//", "//me:secret@")
    assert.is_truthy(arrived(named .. "/echo").headers.Authorization)
    assert.is_nil(arrived(named .. away).headers.Authorization)
  end)

  it("public_only refuses every way to write an address that is not public, and connects to none", function()
    for _, host in ipairs {
      "127.0.0.1", "127.1", "0x7f.1", "2130706433", "0177.0.0.1", "0", "localhost", "[::1]", "[::]", "[::ffff:127.0.0.1]",
      "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::127.0.0.1]", "[fe80::1%25lo]", "[fd00::1]", "10.0.0.1", "172.16.0.1", "192.168.0.1",
      "169.254.169.254", "100.64.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.1",
    } do
      local before = here:stats().served
      local ok, err = pcall(hearth.fetch, ("http://%s:%d/echo"):format(host, here.port), { public_only = true, timeout = 2 })
      assert.is_false(ok, host)
      assert.same({ "EACCES", "private" }, { err.code, err.reason }, host)
      assert.equal(before + 1, here:stats().served, host) -- the look itself
    end
  end)
end)
