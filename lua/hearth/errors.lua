-- Errors: a table with `code`, `message` and, where they apply, `op`, `key`, `path`, `namespace`, `traceback`; tostring gives one line that
-- begins with the code. C raises the same objects.

local core = require "hearth.core.task"

local errors = {}

---@class hearth.Error
---@field code string EINVAL, ENOKEY, ECORRUPT, …
---@field message string names the verb, the key and what to do next
---@field op? string
---@field key? string
---@field path? string
---@field namespace? string
---@field traceback? string

local metatable = core.error_metatable

---Makes an error object; raise it with `error(…)`.
---@param code string
---@param message string
---@param fields? table op, key, path, namespace
---@return hearth.Error
function errors.new(code, message, fields)
  local err = { code = code, message = message }
  if fields then
    for name, value in pairs(fields) do err[name] = value end
  end
  return setmetatable(err, metatable)
end

---Makes and raises an error object.
---@param code string
---@param message string
---@param fields? table
function errors.raise(code, message, fields)
  error(errors.new(code, message, fields), 0)
end

---@param err any
---@return boolean is it an error object of Hearth?
function errors.is(err)
  return getmetatable(err) == metatable
end

---@param err any
---@return string|nil
function errors.code(err)
  return getmetatable(err) == metatable and err.code or nil
end

---@param err any
---@return boolean
function errors.is_cancelled(err)
  return getmetatable(err) == metatable and err.code == "ECANCELED"
end

return errors
