-- The lines of `hearth store dump`: one JSON object for each record, {"namespace","key","value","kind",…}. Bytes that are no UTF-8 are
-- written as "key_base64" and so on, so that every line is JSON for any reader and comes back to the byte.

local json = require "hearth.core.json"

local lines = {}

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local digit, value_of = {}, {}
for i = 1, 64 do
  digit[i - 1] = ALPHABET:sub(i, i)
  value_of[ALPHABET:byte(i)] = i - 1
end

---@param bytes string
---@return string
function lines.base64(bytes)
  local out, n = {}, 0
  for i = 1, #bytes - 2, 3 do
    local a, b, c = bytes:byte(i, i + 2)
    local v = a << 16 | b << 8 | c
    n = n + 1
    out[n] = digit[v >> 18] .. digit[v >> 12 & 63] .. digit[v >> 6 & 63] .. digit[v & 63]
  end
  local left = #bytes % 3
  if left == 1 then
    local v = bytes:byte(-1) << 16
    out[n + 1] = digit[v >> 18] .. digit[v >> 12 & 63] .. "=="
  elseif left == 2 then
    local a, b = bytes:byte(-2, -1)
    local v = a << 16 | b << 8
    out[n + 1] = digit[v >> 18] .. digit[v >> 12 & 63] .. digit[v >> 6 & 63] .. "="
  end
  return table.concat(out)
end

---@param text string
---@return string|nil bytes nil when it is no base64
function lines.unbase64(text)
  if #text % 4 ~= 0 then return nil end
  local out, n = {}, 0
  for i = 1, #text, 4 do
    local a, b, c, d = text:byte(i, i + 3)
    local last = i + 4 > #text
    local pad = last and (d == 61 and (c == 61 and 2 or 1) or 0) or 0
    a, b = value_of[a], value_of[b]
    c, d = pad == 2 and 0 or value_of[c], pad > 0 and 0 or value_of[d]
    if not (a and b and c and d) then return nil end
    local v = a << 18 | b << 12 | c << 6 | d
    n = n + 1
    out[n] = string.char(v >> 16, v >> 8 & 255, v & 255):sub(1, 3 - pad)
  end
  return table.concat(out)
end

local function put(object, name, bytes)
  if utf8.len(bytes) then
    object[name] = bytes
  else
    object[name .. "_base64"] = lines.base64(bytes)
  end
end

---The line of a record.
---@return string
function lines.line(namespace, key, record)
  local object = { kind = record.kind, expires_at = record.expires_at }
  if record.version and record.version ~= 0 then object.version = record.version end
  put(object, "namespace", namespace)
  put(object, "key", key)
  put(object, "value", record.value)
  return json.encode(object)
end

local function take(object, name, default)
  local text, coded = object[name], object[name .. "_base64"]
  if coded ~= nil then
    local bytes = type(coded) == "string" and lines.unbase64(coded)
    if not bytes then error(name .. "_base64 is no base64", 0) end
    return bytes
  end
  if text == nil then text = default end
  if type(text) ~= "string" then error(("%s must be a string"):format(name), 0) end
  return text
end

---The write operation of a line; raises a string or an error object with what is wrong.
---@return table op
function lines.op(line)
  local object = json.decode(line)
  if type(object) ~= "table" or json.is_array(object) then error("it is no JSON object", 0) end
  local kind, version, expires_at = object.kind or "text", object.version, object.expires_at
  if kind ~= "text" and kind ~= "json" then error('kind must be "text" or "json"', 0) end
  if version ~= nil and math.type(version) ~= "integer" then error("version must be an integer", 0) end
  if expires_at ~= nil and type(expires_at) ~= "number" then error("expires_at must be a number", 0) end
  local op = {
    ns = take(object, "namespace", "default"), key = take(object, "key"), value = take(object, "value"), kind = kind, version = version,
    expires_at = expires_at,
  }
  if #op.key > 65536 then error("the key is longer than 64 KiB", 0) end
  if #op.value > 64 * 1024 * 1024 then error("the value is longer than 64 MiB", 0) end
  return op
end

return lines
