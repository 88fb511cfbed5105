-- A server that answers with just these bytes, whatever they are: on the spec's own loop. An answer is {bytes…, ends="close"|"reset"|"keep"}; a
-- list of bytes is written piece by piece, each in a turn of its own.

local uv = require "luv"

local Raw = {}
Raw.__index = Raw

---@return table server with `base`, its URL; set `answer` before a request
function Raw.start()
  local self = setmetatable({ clients = {}, asked = 0 }, Raw)
  self.tcp = uv.new_tcp()
  assert(self.tcp:bind("127.0.0.1", 0))
  assert(self.tcp:listen(16, function()
    local client = uv.new_tcp()
    self.tcp:accept(client)
    self.clients[client] = true
    self:serve(client)
  end))
  self.base = "http://127.0.0.1:" .. self.tcp:getsockname().port
  return self
end

local function finish(self, client, ends)
  if client:is_closing() or ends == "keep" then return end
  self.clients[client] = nil
  if ends == "reset" then client:close_reset() else client:close() end
end

local function write(self, client, answer, i)
  if client:is_closing() then return end
  if not answer[i] then return finish(self, client, answer.ends or "close") end
  client:write(answer[i], function() write(self, client, answer, i + 1) end)
end

function Raw:serve(client)
  local head = ""
  client:read_start(function(err, bytes)
    if err or not bytes then
      if not client:is_closing() then client:close() end
      self.clients[client] = nil
      return
    end
    head = head .. bytes
    if not head:find "\r\n\r\n" then return end
    head = ""
    self.asked = self.asked + 1
    local answer = self.answer
    if type(answer) == "function" then answer = answer(self.asked) end
    write(self, client, answer, 1)
  end)
end

function Raw:stop()
  self.tcp:close()
  for client in pairs(self.clients) do
    if not client:is_closing() then client:close() end
  end
end

return Raw
