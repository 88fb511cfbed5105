-- hearth.fetch: a request over HTTP, awaited. Options are checked and turned into what the raw verb takes (hearth.core.feature "net"),
-- the answer into a response. The module with the network in it is loaded with the first fetch.

local cookies = require "hearth.net.cookies"
local core = require "hearth.core.task"
local errors = require "hearth.errors"
local json = require "hearth.json"
local query = require "hearth.net.query"
local Response = require "hearth.net.response"

local MAX_BYTES = 64 * 1024 * 1024 -- of an answer that is kept in memory, unless max_bytes says otherwise
local MAX_REDIRECTS = 20

---@class hearth.FetchOptions
---@field method? string GET; POST when there is a body
---@field headers? table<string, string|number|string[]>
---@field params? table<string, string|number|boolean|any[]> added to the query of the URL, in order of their names
---@field body? string|table bytes, or a value that is sent as JSON
---@field body_file? string the path of a file that is sent
---@field multipart? table a form: {name=value} or a list of {name=, data= | file=, filename=, type=}
---@field timeout? number|false seconds for the whole, 30; with `stream` for the head, then for each piece; false: none
---@field connect_timeout? number seconds
---@field max_bytes? number of the answer after decompression; 64 MiB, with `stream` none
---@field follow? boolean redirects are followed: true
---@field max_redirects? integer 20
---@field stream? boolean return with the head; the body is read with resp:chunks()
---@field public_only? boolean connect to addresses of the public internet only
---@field proxy? string its URL; without it there is none, whatever the environment says
---@field cookies? boolean|table<string, string> true: keep and send cookies, in memory, a jar for each person; a table: send these once
---@field ca_file? string certificates to trust in place of the system's

local checks = {
  method = "string", headers = "table", params = "table", body_file = "string", multipart = "table",
  connect_timeout = "number", max_bytes = "number", follow = "boolean", max_redirects = "integer", stream = "boolean",
  public_only = "boolean", proxy = "string", ca_file = "string", body = "any", timeout = "any", cookies = "any",
}

local function refuse(message, ...)
  errors.raise("EINVAL", "fetch: " .. message:format(...), { op = "fetch" })
end

local function check_options(options)
  for name, value in pairs(options) do
    local want = checks[name]
    if not want then
      local known = {}
      for k in pairs(checks) do known[#known + 1] = k end
      table.sort(known)
      refuse("there is no option '%s'; the options are %s", tostring(name), table.concat(known, ", "))
    end
    local ok = want == "any" or type(value) == want or (want == "integer" and math.type(value) == "integer")
    if not ok then refuse("%s is a %s, not a %s", name, want, type(value)) end
  end
end

local function seconds(value, name)
  if type(value) ~= "number" or value ~= value or value <= 0 or value > 1e6 then
    refuse("%s is a number of seconds above 0%s", name, name == "timeout" and ", or false" or "")
  end
  return math.max(value, 0.001)
end

-- One line of a header, checked: nothing may end the line or the name early.
local function header(lines, name, value)
  if type(name) ~= "string" or not name:find "^[%w!#$%%&'*+%-.^_`|~]+$" then
    refuse("'%s' is no name of a header", tostring(name))
  end
  if type(value) == "table" then
    for _, item in ipairs(value) do header(lines, name, item) end
    return
  end
  if math.type(value) then value = query.text(value) end
  if type(value) ~= "string" then refuse("the header %s is a string, not a %s", name, type(value)) end
  if value:find "[\r\n\0]" then refuse("the header %s has a line break in its value", name) end
  lines[#lines + 1] = name .. ": " .. value
end

local NONE = {}

local function headers_of(options)
  if not options.headers then return {}, NONE end
  local lines, has = {}, {}
  local names = {}
  for name in pairs(options.headers) do names[#names + 1] = name end
  table.sort(names, function(a, b) return tostring(a) < tostring(b) end)
  for _, name in ipairs(names) do
    header(lines, name, options.headers[name])
    has[name:lower()] = options.headers[name]
  end
  return lines, has
end

local function is_bytes(value)
  return type(value) == "string" or math.type(value) ~= nil
end

local PART = { name = true, data = true, file = true, filename = true, type = true }

-- The parts of a form, from a map or a list.
local function parts_of(multipart)
  local parts = {}
  if #multipart == 0 then
    local names = {}
    for name in pairs(multipart) do names[#names + 1] = name end
    table.sort(names)
    for i, name in ipairs(names) do parts[i] = { name = name, data = multipart[name] } end
  else
    for i, part in ipairs(multipart) do parts[i] = part end
  end
  for i, part in ipairs(parts) do
    if type(part) ~= "table" or type(part.name) ~= "string" then refuse("multipart[%d] has no name", i) end
    for field in pairs(part) do
      if not PART[field] then refuse("multipart[%d] has the field '%s'; there is name, data, file, filename, type", i, tostring(field)) end
    end
    local data = part.data
    if part.file == nil and not is_bytes(data) then
      refuse("the part '%s' of the form needs data, a string, or file, a path", part.name)
    end
    if part.file ~= nil and (data ~= nil or type(part.file) ~= "string") then
      refuse("the part '%s' of the form has either data or file, a path", part.name)
    end
    for _, field in ipairs { "filename", "type" } do
      local value = part[field]
      if value ~= nil and (type(value) ~= "string" or value:find "[\r\n\0]") then
        refuse("%s of the part '%s' is a string in one line", field, part.name)
      end
    end
    parts[i] = {
      name = part.name, data = data ~= nil and query.text(data) or nil, file = part.file, type = part.type,
      filename = part.filename or (part.file and part.file:match "[^/]*$"),
    }
  end
  return parts
end

local function set_body(request, options, has)
  local body = options.body
  local given = body ~= nil and "body" or options.body_file and "body_file" or options.multipart and "multipart"
  local second = given == "body" and options.body_file and "body_file"
    or given and given ~= "multipart" and options.multipart and "multipart"
  if second then refuse("%s and %s cannot be sent together", given, second) end
  if type(body) == "table" or body == json.null then
    body = json.encode(body)
    if not has["content-type"] then request.headers[#request.headers + 1] = "Content-Type: application/json" end
  elseif body ~= nil and type(body) ~= "string" then
    refuse("body is a string, or a table that is sent as JSON, not a %s", type(body))
  end
  local length = has["content-length"] -- another one would make the server wait, or take the rest for a request
  if length and tostring(length) ~= tostring(#(body or "")) or length and given and given ~= "body" then
    refuse "the header Content-Length is the length of the body: leave it out"
  end
  request.body = body
  request.file = options.body_file
  request.parts = options.multipart and parts_of(options.multipart)
  if not options.method then
    request.method = given and "POST" or "GET"
    return
  end
  request.method = options.method:upper()
  if not request.method:find "^[%u%d!#$%%&'*+%-.^_`|~]+$" or request.method == "CONNECT" or request.method == "TRACE" then
    refuse("'%s' is no method that can be sent", options.method)
  end
  if request.method == "HEAD" and given then refuse("HEAD has no %s", given) end
end

local function set_cookies(request, given, has)
  if given == true then
    request.jar = cookies.jar()
  elseif type(given) == "table" then
    if has.cookie then refuse "cookies and a Cookie header cannot be sent together" end
    local line = cookies.header(given, refuse)
    if line then header(request.headers, "Cookie", line) end
  elseif given ~= nil and given ~= false then
    refuse("cookies is true, or a table of names and values, not a %s", type(given))
  end
end

local function check_url(url)
  if type(url) ~= "string" then refuse("the URL is a string, not a %s", type(url)) end
  if url:find "[%z\1-\32\127]" then
    refuse("the URL '%s' is malformed: it has a space or a control character; escape it as %%20", url)
  end
  if url:find "^[Hh][Tt][Tt][Pp][Ss]?:" and not url:find "^%a+://[^/?#]" then -- libcurl would take the path for the host
    refuse("the URL '%s' is malformed: it names no host; write http://host/path or https://host/path", url)
  end
end

local good_url, sent_url = {}, nil -- what was checked last, and how it is sent: many requests in a row are for one

local function request_of(url, options)
  if url ~= good_url then
    check_url(url)
    good_url, sent_url = url, query.ascii(url)
  end
  check_options(options)
  local lines, has = headers_of(options)
  local request = {
    url = query.add(sent_url, options.params, refuse), headers = lines, decode = not has["accept-encoding"],
    stream = options.stream, public_only = options.public_only, proxy = options.proxy, ca_file = options.ca_file,
    max_redirects = options.follow ~= false and (options.max_redirects or MAX_REDIRECTS) or nil,
  }
  if (options.max_redirects or 0) < 0 then refuse "max_redirects is 0 or more" end
  if options.timeout ~= false then request.timeout = seconds(options.timeout or 30, "timeout") end
  if options.connect_timeout then request.connect_timeout = seconds(options.connect_timeout, "connect_timeout") end
  local max = options.max_bytes
  if max and (max ~= max or max < 0) then refuse "max_bytes is 0 or more" end
  if max == math.huge then max = -1 end
  request.max_bytes = max or (options.stream and -1 or MAX_BYTES)
  if request.proxy and not request.proxy:find "^https?://[^%s]+$" and not request.proxy:find "^socks[45][ah]?://[^%s]+$" then
    refuse("the proxy '%s' is a URL: http://host:port", request.proxy)
  end
  if request.proxy and request.public_only then
    refuse "public_only cannot be kept through a proxy: the proxy looks up the names; leave one of them out"
  end
  set_body(request, options, has)
  set_cookies(request, options.cookies, has)
  return request
end

local net

---Sends a request and waits for the answer. An answer of any status returns; trouble raises: EINVAL for what cannot be sent, ENET for the
---network (with `reason`), ETIMEOUT, EBIG over max_bytes, EACCES for public_only.
---@param url string http or https
---@param options? hearth.FetchOptions
---@return hearth.Response
return function(url, options)
  core.check "fetch"
  if options ~= nil and type(options) ~= "table" then refuse("options are a table, not a %s", type(options)) end
  local request = request_of(url, options or NONE)
  net = net or require("hearth.core.feature").load "net"
  return Response.new(request, net.request(request))
end
