-- A page without a browser: a WebSocket connection to `hearth serve`, over luv. Messages are JSON, decoded.

local hearth = require "hearth"
local patience = require "spec.support.patience"
local uv = require "luv"

local Page = {}
Page.__index = Page

local function frame(text)
  local size = #text < 126 and string.pack("B", 0x80 | #text) or #text < 65536 and string.pack(">BI2", 0x80 | 126, #text)
    or string.pack(">BI8", 0x80 | 127, #text)
  return "\x81" .. size .. "\0\0\0\0" .. text -- a mask that changes nothing
end

-- Takes whole frames off the front of what came.
local function frames(page)
  while #page.bytes >= 2 do
    local op, size = page.bytes:byte(1, 2)
    local at = 3
    if size == 126 then
      if #page.bytes < 4 then return end
      size, at = string.unpack(">I2", page.bytes, 3)
    elseif size == 127 then
      if #page.bytes < 10 then return end
      size, at = string.unpack(">I8", page.bytes, 3)
    end
    if #page.bytes < at + size - 1 then return end
    if op & 15 == 1 then
      for message in page.bytes:sub(at, at + size - 1):gmatch "[^\n]+" do table.insert(page.messages, hearth.json.decode(message)) end
    end
    if op & 15 == 8 then page.closed = true end -- the server says that it closes
    page.bytes = page.bytes:sub(at + size)
  end
end

-- A connection over TLS, with what a socket of luv has: openssl's client, which refuses a certificate that `ca_file` does not vouch for.
local function tls(ca_file)
  local input, output, process = uv.new_pipe(), uv.new_pipe(), nil
  local socket = {}
  function socket.connect(_, host, port, connected)
    process = assert(uv.spawn("openssl", {
      args = {
        "s_client", "-quiet", "-verify_return_error", "-CAfile", ca_file, "-servername", "localhost", "-connect", host .. ":" .. port,
      },
      stdio = { input, output, nil },
    }, function() end))
    connected()
  end
  function socket.write(_, bytes) input:write(bytes) end
  function socket.read_start(_, fn) output:read_start(fn) end
  function socket.read_stop() output:read_stop() end
  function socket.is_closing() return output:is_closing() end
  function socket.close()
    input:close()
    output:close()
    process:kill "sigterm"
    process:close()
  end
  return socket
end

---@param port integer
---@param headers table<string, string> over those of a page that the server itself served
---@return table page with `status`, and `messages` when it is 101
---@param ca_file? string of the certificate, for https
function Page.open(port, headers, ca_file)
  local self = setmetatable({ bytes = "", messages = {}, closed = false, socket = ca_file and tls(ca_file) or uv.new_tcp() }, Page)
  local all = { Host = "127.0.0.1:" .. port,
    Origin = (ca_file and "https" or "http") .. "://127.0.0.1:" .. port, Connection = "Upgrade", Upgrade = "websocket",
    ["Sec-WebSocket-Version"] = "13", ["Sec-WebSocket-Key"] = "AAAAAAAAAAAAAAAAAAAAAA==", ["Sec-WebSocket-Protocol"] = "hearth" }
  for name, value in pairs(headers) do all[name] = value or nil end
  local lines = { "GET /live HTTP/1.1" }
  for name, value in pairs(all) do lines[#lines + 1] = name .. ": " .. value end
  self.socket:connect("127.0.0.1", port, function(err)
    if err then
      self.closed = true
      return
    end
    if not ca_file then self.socket:nodelay(true) end -- as browsers do
    self.socket:write(table.concat(lines, "\r\n") .. "\r\n\r\n")
    self:listen()
  end)
  self:till(function() return self.status or self.closed end)
  return self
end

function Page:listen()
  self.socket:read_start(function(_, bytes)
    if not bytes then
      self.closed = true
      return
    end
    self.bytes = self.bytes .. bytes
    if not self.status then
      local status, rest = self.bytes:match "^HTTP/1.1 (%d+).-\r\n\r\n(.*)$"
      if not status then return end
      self.status, self.bytes = tonumber(status), rest
    end
    if self.status == 101 then frames(self) end
  end)
end

--- Waits until check() says so.
function Page:till(check)
  local answer = patience(function() return check(self) end)
  if answer then return answer end
  error("the page never came to that state: " .. hearth.json.encode(hearth.json.array(self.messages)), 2)
end

function Page:send(message) self:raw(frame(type(message) == "string" and message or hearth.json.encode(message))) end

--- Bytes as they are.
function Page:raw(bytes)
  if not self.socket:is_closing() then self.socket:write(bytes) end
end

--- One frame: `opcode` 1 is text, 2 binary, 0 goes on; with the bits that are asked for.
function Page.frame(text, opcode, options)
  options = options or {}
  local first = (options.more and 0 or 0x80) | (options.reserved or 0) | (opcode or 1)
  return string.char(first) .. frame(text):sub(2)
end

--- Reads nothing from now on, as a page on a line that hangs.
function Page:stall() self.socket:read_stop() end
function Page:go_on() self:listen() end

--- Is this text in a message that came?
function Page:has(text)
  for _, message in ipairs(self.messages) do
    if hearth.json.encode(message):find(text, 1, true) then return true end
  end
  return false
end

--- Waits until a message has this text.
function Page:wait_for(text) return self:till(function() return self:has(text) end) end

--- Says which session it is, and waits for the answer.
function Page:hello(said)
  local all = { tab = "aa", g = 0, items = {}, own = hearth.json.array {} }
  for k, v in pairs(said or {}) do all[k] = v end
  self:send { 0, "h", all }
  return self:till(function() return self.messages[1] end)
end

function Page:close()
  if not self.socket:is_closing() then self.socket:close() end
end

return Page
