-- Numbers that nobody guesses: ids of browsers, sessions and nonces.

local random = {}

local source = assert(io.open("/dev/urandom", "rb"))
source:setvbuf("full", 1024) -- each byte is used once

local formats = setmetatable({}, { __index = function(t, bytes)
  t[bytes] = ("%02x"):rep(bytes)
  return t[bytes]
end })

--- As many bytes, in hexadecimal digits.
---@param bytes integer
---@return string
function random.id(bytes) return formats[bytes]:format(source:read(bytes):byte(1, -1)) end

return random
