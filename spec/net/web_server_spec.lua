-- The web server's raw verbs: how long it waits for whom.

local hearth = require "hearth"
local patience = require "spec.support.patience"
local program = require "spec.support.program"
local uv = require "luv"

local SIZE <const> = 12 * 1024 * 1024
local SERVER <const> = [[
local server = require("hearth.core.feature").load("web").listen {
  host = "127.0.0.1", port = 0, cookie = "c", secret = "s", bye = "bye", max_clients = 10, max_message = 1000, max_queue = 1000,
  rate = 10, idle = 1,
}
print(server:port())
io.stdout:flush()
local body = ("x"):rep(%d)
while true do
  for _, event in ipairs(server:wait()) do server:reply(event.id, 200, {}, body) end
end
]]

describe("the web server", function()
  local sockets, script, out, pid, port
  before_each(function()
    sockets, script = {}, program.file(SERVER:format(SIZE))
    out = program.start { script }
    pid, port = out:read("l", "n")
  end)
  after_each(function()
    os.execute("kill " .. pid)
    out:close()
    os.remove(script)
    for _, socket in ipairs(sockets) do
      if not socket:is_closing() then socket:close() end
    end
  end)

  -- A connection that has asked for /, and reads when it is told.
  local function ask()
    local socket, got = uv.new_tcp(), { size = 0, closed = false }
    sockets[#sockets + 1] = socket
    socket:recv_buffer_size(4096)
    socket:connect("127.0.0.1", port, function() socket:write "GET / HTTP/1.1\r\nHost: x\r\n\r\n" end)
    -- At least so many bytes more, and no more than came with them.
    function got.read(bytes)
      local enough = got.size + bytes
      socket:read_start(function(_, more)
        if more then got.size = got.size + #more else got.closed = true end
        if got.size >= enough then socket:read_stop() end
      end)
    end
    return got
  end

  it("gives a slow reader time as long as it reads, and one that does not read none", function()
    local slow, stalled = ask(), ask()
    local t = hearth.now()
    while hearth.now() - t < 3 do
      slow.read(100000)
      hearth.sleep(0.1)
    end
    assert.is_false(slow.closed, slow.size)
    assert.truthy(slow.size < SIZE, "it was not slow")
    slow.read(SIZE)
    stalled.read(SIZE)
    patience(function() return slow.size > SIZE and stalled.closed end)
    assert.truthy(slow.size > SIZE)
    assert.is_true(stalled.closed)
    assert.truthy(stalled.size < SIZE)
  end)

  it("closes no file of ours when it ends", function()
    -- The port is in use: it ends at once, and its handles in the next turns.
    local text = ([[
      local hearth = require "hearth"
      print((pcall(require("hearth.core.feature").load("web").listen, {
        host = "127.0.0.1", port = %d, cookie = "c", secret = "s", bye = "bye", max_clients = 10, max_message = 1000, max_queue = 1000,
        rate = 10, idle = 1,
      })))
      local files = {}
      for i = 1, 64 do files[i] = assert(io.open(arg[0])) end
      hearth.sleep(0.05)
      for i = 1, 64 do assert(files[i]:read "l") end
      print "all can be read"]]):format(port)
    local path = program.file(text)
    finally(function() os.remove(path) end)
    assert.equal("false\nall can be read\n", (program.run { path }))
  end)
end)
