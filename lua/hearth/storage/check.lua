-- What a verb refuses before the store is touched, and how an error from below gets the name of the verb that the user called.

local errors = require "hearth.errors"
local task = require "hearth.core.task"

local check = {}

check.MAX_KEY = 64 * 1024
check.MAX_VALUE = 64 * 1024 * 1024

local HUNDRED_YEARS = 100 * 366 * 86400.0

---A key as it appears in messages: quoted, short, without control characters.
---@param key any
---@return string
function check.show(key)
  if type(key) ~= "string" then return tostring(key) end
  local text = #key > 60 and key:sub(1, 57) .. "..." or key
  return '"' .. text:gsub("[%c\"\\]", function(c) return c == '"' and '\\"' or c == "\\" and "\\\\" or ("\\%d"):format(c:byte()) end) .. '"'
end
local show = check.show

---@return table error an error object of Hearth
function check.fail(code, verb, namespace, key, message)
  local subject = key ~= nil and ("%s(%s)"):format(verb, show(key)) or verb
  return errors.new(code, subject .. ": " .. message, { op = verb, key = type(key) == "string" and key or nil, namespace = namespace })
end
local fail = check.fail

function check.key(verb, namespace, key)
  if type(key) ~= "string" then
    local hint = type(key) == "table" and verb:find("AsyncStorage", 1, true) and "; call it with a dot, not a colon" or ""
    error(fail("EINVAL", verb, namespace, nil, "the key must be a string, got " .. type(key) .. hint))
  end
  if #key > check.MAX_KEY then
    error(fail("EBIG", verb, namespace, key, ("the key has %d bytes, the limit is %d; shorten it"):format(#key, check.MAX_KEY)))
  end
end

-- `json` names the verb that takes any value.
function check.text(verb, namespace, key, value, json)
  if type(value) ~= "string" then
    error(fail("EINVAL", verb, namespace, key, ("the value must be a string, got %s; use %s for other values"):format(type(value), json)))
  end
  check.size(verb, namespace, key, value)
end

function check.size(verb, namespace, key, value)
  if #value > check.MAX_VALUE then
    error(fail("EBIG", verb, namespace, key,
      ("the value has %d bytes, the limit is %d; split it over several keys"):format(#value, check.MAX_VALUE)))
  end
end

local known = { ttl = true, if_revision = true }

---The checked options of a write.
---@return number|nil ttl
---@return integer|nil if_revision
function check.options(verb, namespace, key, options)
  if options == nil then return nil, nil end
  if type(options) ~= "table" then
    error(fail("EINVAL", verb, namespace, key, "the options must be a table {ttl=, if_revision=}, got " .. type(options)))
  end
  for name in pairs(options) do
    if not known[name] then
      error(fail("EINVAL", verb, namespace, key, ("unknown option %s; there are ttl and if_revision"):format(tostring(name))))
    end
  end
  local ttl, revision = options.ttl, options.if_revision
  if ttl ~= nil then
    if type(ttl) ~= "number" or ttl ~= ttl or ttl <= 0 or ttl == math.huge then
      error(fail("EINVAL", verb, namespace, key, "ttl must be a positive finite number of seconds, got " .. tostring(ttl)))
    end
    ttl = math.min(ttl + 0.0, HUNDRED_YEARS)
  end
  if revision ~= nil then
    revision = math.tointeger(type(revision) == "number" and revision or nil)
    if not revision or revision < 0 then
      error(fail("EINVAL", verb, namespace, key,
        "if_revision must be a revision as info(key) gives it, or 0 for \"must not exist\", got " .. tostring(options.if_revision)))
    end
  end
  return ttl, revision
end

---A list of keys, copied: the caller may change its own while the verb waits.
---@return string[]
function check.keys(verb, namespace, keys)
  if type(keys) ~= "table" then
    error(fail("EINVAL", verb, namespace, nil, "the keys must be a list of strings, got " .. type(keys)))
  end
  local list = {}
  for i = 1, #keys do
    check.key(verb, namespace, keys[i])
    list[i] = keys[i]
  end
  if #list == 0 and next(keys) ~= nil then
    error(fail("EINVAL", verb, namespace, nil, "the keys must be a list {\"a\", \"b\"}, got a table with other keys"))
  end
  return list
end

-- Trouble of the store itself, of which `on_error` hears; the rest is the caller's own.
local trouble = { EIO = true, EACCES = true, EROFS = true, ENOSPC = true, ECORRUPT = true, EQUOTA = true, ENET = true, ETIMEOUT = true }

-- What an error from below says, without the place that it begins with: ("key"), of which src/bind/store_push.c shows 100 bytes, up to a NUL.
local function behind_place(message, key)
  local place = type(key) == "string" and '("' .. key:sub(1, 100):match "^[^\0]*" .. '")' or ""
  if message:sub(1, #place) == place then message = message:sub(#place + 1) end
  return (message:gsub("^:?%s*", ""))
end

---Gives an error from below the name of the verb, the key and the namespace.
---@return any err
function check.label(view, verb, key, err)
  if type(err) ~= "table" or type(err.code) ~= "string" or err.code == "ECANCELED" then return err end
  local below = err.op
  if below ~= verb then
    err.op = verb
    local message = tostring(err.message)
    if below and message:sub(1, #below) == below then message = behind_place(message:sub(#below + 1), err.key) end
    local subject = err.key or key
    err.message = (subject ~= nil and ("%s(%s): "):format(verb, show(subject)) or verb .. ": ") .. message
  end
  if err.key == nil then err.key = key end
  if err.namespace == nil then err.namespace = view.namespace end
  if view.on_error and trouble[err.code] then view.report(err) end
  return err
end

local function finish(view, verb, key, ok, ...)
  if ok then return ... end
  task.accept(false)
  error(check.label(view, verb, key, (...)), 0)
end

---fn(...), with its errors labelled.
function check.call(view, verb, key, fn, ...)
  return finish(view, verb, key, pcall(fn, ...))
end

return check
