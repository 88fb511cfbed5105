-- What a fetch returns. The body is there as `content`, or, with `stream`, read piece by piece with `chunks`.

local charset = require "hearth.net.charset"
local errors = require "hearth.errors"
local json = require "hearth.json"

---@class hearth.Response
---@field status integer
---@field ok boolean status is 200 to 299
---@field url string after redirects
---@field headers table<string, string> by name in any case; repeated ones joined with ", "
---@field header_list table[] {name, value} as they came, for headers that may not be joined, such as Set-Cookie
---@field content string the body; of a stream: what is left of it, read to its end (awaits)
local Response = {}

local getters = {}

local headers_meta = {
  __index = function(self, name)
    return type(name) == "string" and rawget(self, name:lower()) or nil
  end,
}

-- The lines of a head: the status line, the headers, an empty line. A line that begins with a space goes on with the one before.
local function parse_head(head)
  local headers, list = {}, {}
  for line in head:gmatch "([^\r\n]+)" do
    local name, value = line:match "^([^:%s]+)%s*:%s*(.-)%s*$"
    if name then
      list[#list + 1] = { name, value }
    elseif line:find "^[ \t]" and #list > 0 then
      list[#list][2] = list[#list][2] .. " " .. line:match "^%s*(.-)%s*$"
    end
  end
  for _, item in ipairs(list) do
    local key = item[1]:lower()
    headers[key] = headers[key] and headers[key] .. ", " .. item[2] or item[2]
  end
  return setmetatable(headers, headers_meta), list
end

local meta = {
  __index = function(self, name)
    local getter = getters[name]
    if getter then return getter(self) end
    return Response[name]
  end,
  __tostring = function(self)
    return ("response %d of %s %s"):format(self.status, self.method, self.url)
  end,
}

---@param request table what was sent
---@param status integer
---@param url string
---@param head string
---@param body string|userdata
---@return hearth.Response
function Response.new(request, status, url, head, body)
  local self = { status = status, ok = status >= 200 and status < 300, url = url, method = request.method, head = head }
  if type(body) == "string" then
    self.content = body
  else
    self.stream = body
  end
  return setmetatable(self, meta)
end

-- The headers are read when somebody asks for them.
local function read_head(self)
  self.headers, self.header_list = parse_head(self.head)
end

function getters.headers(self)
  read_head(self)
  return self.headers
end

function getters.header_list(self)
  read_head(self)
  return self.header_list
end

-- Only asked for as long as the field is not there: a stream that has not been read to its end.
function getters.content(self)
  local stream = rawget(self, "stream")
  if not stream then return nil end
  local pieces = {}
  for piece in self:chunks() do pieces[#pieces + 1] = piece end
  self.content = table.concat(pieces)
  return self.content
end

local function content_type(self)
  return (self.headers["content-type"] or ""):lower():match "^%s*([^;%s]*)"
end

local function closed(self)
  errors.raise("ECLOSED", ("fetch '%s': its body has been read; keep what chunks() gives"):format(self.url), { op = "fetch" })
end

---The body piece by piece: `for chunk in resp:chunks() do`. Awaits each piece of a stream; leaving the loop early ends the transfer.
---@return fun(): string|nil
function Response:chunks()
  local stream = self.stream
  if not stream then
    local content = rawget(self, "content")
    if not content then closed(self) end
    return function()
      local piece = content
      content = nil
      return piece ~= "" and piece or nil
    end
  end
  self.stream = nil
  return function() return stream:read() end, nil, nil, stream
end

---The body as text in UTF-8: translated from Latin-1, Windows-1252 and UTF-16, and without a byte order mark.
---@return string
function Response:text()
  local text = self.content
  if text == nil then closed(self) end
  return charset.text(text, self.headers["content-type"] or "")
end

---The value of a JSON body. EHTTP when the answer says that it is something else (`any_type` reads it all the same), ECORRUPT when it
---is no JSON.
---@param options? {any_type?: boolean}
---@return any
function Response:json(options)
  local kind = content_type(self)
  local is_json = kind == "" or kind:find "[/+]json$"
  if not is_json and not (options and options.any_type) then
    local message = "json: the answer of '%s' (status %d) is %s, not JSON; look at text(), or read it with json{any_type=true}"
    local err = errors.new("EHTTP", message:format(self.url, self.status, kind), { op = "json" })
    err.status, err.content_type = self.status, kind
    error(err, 0)
  end
  local text = self:text()
  local ok, value = pcall(json.decode, text)
  if ok then return value end
  if errors.code(value) ~= "ECORRUPT" then error(value, 0) end
  local err = errors.new("ECORRUPT", ("json: the answer of '%s' is no JSON: %s"):format(self.url, value.message), { op = "json" })
  err.position = value.position
  error(err, 0)
end

---Returns the response, or raises EHTTP, with `status` and `response`, when the status is 400 or more.
---@return hearth.Response
function Response:raise_for_status()
  if self.status < 400 then return self end
  local err = errors.new("EHTTP", ("fetch: %s %s was answered with status %d"):format(self.method, self.url, self.status), { op = "fetch" })
  err.status, err.url, err.response = self.status, self.url, self
  error(err, 0)
end

return Response
