-- The server of examples/posts_server.c for a spec: started, and ended by itself when the spec's process ends.

local hearth = require "hearth"

local Server = {}
Server.__index = Server

local function build_folder()
  return os.getenv "BUILD" or "build"
end

---@return table server with `base`, its URL
function Server.start()
  local pipe = assert(io.popen("exec " .. build_folder() .. "/posts-server </dev/null", "r"))
  local port = assert(pipe:read "l", "posts-server did not start; make " .. build_folder() .. "/posts-server")
  return setmetatable({ pipe = pipe, port = tonumber(port), base = "http://127.0.0.1:" .. port }, Server)
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
  for _ = 1, 200 do
    local stats = self:stats()
    if check(stats) then return stats end
    hearth.sleep(0.005)
  end
  error("the server never came to that state: " .. hearth.json.encode(self:stats()), 2)
end

function Server:stop()
  if io.type(self.pipe) == "closed file" then return end
  pcall(hearth.fetch, self:url "/quit", { timeout = 1 })
  self.pipe:close()
end

return Server
