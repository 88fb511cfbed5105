-- Certificates are checked: a server whose certificate nobody vouches for is not talked to; one that a given file vouches for is.

local hearth = require "hearth"
local certificate = require "support.certificate"
local patience = require "spec.support.patience"

local function free_port()
  local Server = require "support.server"
  local server = Server.start()
  local port = server.port
  server:stop()
  return port
end

describe("fetch over TLS", function()
  local folder, port, server

  setup(function()
    folder = certificate.make()
    port = free_port()
    local serve = "cd %s && echo $$ > pid && exec timeout 60 openssl s_server -accept 127.0.0.1:%d -cert cert -key key -www >/dev/null 2>&1"
    server = assert(io.popen(serve:format(folder, port), "w"))
    local url = ("https://127.0.0.1:%d/"):format(port)
    patience(function()
      local _, err = pcall(hearth.fetch, url)
      return err.reason ~= "refused"
    end)
  end)

  teardown(function()
    os.execute(("kill $(cat %s/pid) >/dev/null 2>&1"):format(folder))
    server:close()
    certificate.remove(folder)
  end)

  local function fetch(host, options)
    return pcall(hearth.fetch, ("https://%s:%d/"):format(host, port), options)
  end

  it("refuses a certificate that nobody vouches for", function()
    local ok, err = fetch "localhost"
    assert.is_false(ok)
    assert.equal("ENET", err.code)
    assert.equal("certificate", err.reason)
    assert.truthy(err.message:find("certificate is not trusted", 1, true))
  end)

  it("trusts the certificates of ca_file, for the name that they are for", function()
    local ok, resp = fetch("localhost", { ca_file = folder .. "/cert" })
    assert.is_true(ok, tostring(resp))
    assert.equal(200, resp.status)
    local err
    ok, err = fetch("127.0.0.1", { ca_file = folder .. "/cert" })
    assert.is_false(ok)
    assert.equal("certificate", err.reason)
  end)

  it("says when ca_file cannot be read", function()
    local ok, err = fetch("localhost", { ca_file = folder .. "/none" })
    assert.is_false(ok)
    assert.equal("ENET", err.code)
    assert.equal("certificate", err.reason)
  end)
end)
