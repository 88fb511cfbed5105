-- The server of examples/posts_server.c for a spec: started, and ended by itself when the spec's process ends.

local hearth = require "hearth"
local patience = require "spec.support.patience"
local uv = require "luv"

local Server = {}
Server.__index = Server

local function wait_for(check, what)
  if not patience(check) then error(what, 3) end
end

---@return table server with `base`, its URL
function Server.start()
  local program = (os.getenv "BUILD" or "build") .. "/posts-server"
  local self = setmetatable({ ended = false }, Server)
  local out, said = uv.new_pipe(), ""
  -- Not through io.popen: a process waits for those at its end, and this one lives until then.
  self.child = assert(uv.spawn(program, { stdio = { nil, out, 2 } }, function() self.ended = true end), "make " .. program)
  self.child:unref()
  out:read_start(function(_, bytes) said = said .. (bytes or "") end)
  wait_for(function() return said:find "\n" end, program .. " did not start")
  out:close()
  self.port = tonumber(said:match "%d+")
  self.base = "http://127.0.0.1:" .. self.port
  return self
end

function Server:url(path)
  return self.base .. path
end

-- What the server counts: accepted, open, served, hung.
function Server:stats()
  return hearth.fetch(self:url "/stats"):json()
end

-- Waits until the server says so: it is another process, and hears of things a moment later.
function Server:until_stats(check)
  local last
  if patience(function()
    last = self:stats()
    return check(last)
  end) then return last end
  error("the server never came to that state: " .. hearth.json.encode(last), 2)
end

function Server:stop()
  if self.ended then return end
  self.child:kill "sigkill"
  wait_for(function() return self.ended end, "the server does not end")
end

return Server
