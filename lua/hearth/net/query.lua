-- The query of a URL: parameters are added in order of their names, percent-encoded.

local json = require "hearth.json"

local query = {}

local function percent(c)
  return ("%%%02X"):format(c:byte())
end

---Everything but RFC 3986's unreserved characters is escaped.
---@param text string
---@return string
function query.encode(text)
  return (text:gsub("[^%w%-._~]", percent))
end

---Bytes beyond ASCII after the host are escaped; in the host they are a name in another script, which libcurl translates.
---@param url string
---@return string
function query.ascii(url)
  if not url:find "[\128-\255]" then return url end
  local host, rest = url:match "^([%w+.-]+://[^/?#]*)(.*)$"
  if not host then return url end
  return host .. rest:gsub("[\128-\255]", percent)
end

---A string, a boolean or a number as text, the number with all its digits; nil for anything else.
---@param value any
---@return string|nil
function query.text(value)
  if type(value) == "string" then return value end
  if type(value) == "boolean" then return tostring(value) end
  if type(value) == "number" and value == value and value ~= math.huge and value ~= -math.huge then return json.encode(value) end
end

---@param url string
---@param params? table<string, string|number|boolean|any[]>
---@param refuse fun(message: string, ...)
---@return string
function query.add(url, params, refuse)
  if not params or next(params) == nil then return url end
  local names, pairs_ = {}, {}
  for name in pairs(params) do
    if type(name) ~= "string" then refuse("params has the key '%s'; the names of parameters are strings", tostring(name)) end
    names[#names + 1] = name
  end
  table.sort(names)
  for _, name in ipairs(names) do
    local value = params[name]
    local list = type(value) == "table" and value or { value }
    if next(list) ~= nil and #list == 0 then refuse("the parameter %s is a table that is no list", name) end
    for _, item in ipairs(list) do
      local text = query.text(item)
      if not text then refuse("the parameter %s is a %s; give a string, a number, a boolean or a list of them", name, type(item)) end
      pairs_[#pairs_ + 1] = query.encode(name) .. "=" .. query.encode(text)
    end
  end
  if #pairs_ == 0 then return url end
  local base, fragment = url:match "^([^#]*)(.*)$"
  local glue = not base:find("?", 1, true) and "?" or (base:find "[?&]$" and "" or "&")
  return base .. glue .. table.concat(pairs_, "&") .. fragment
end

return query
