-- HEARTH_STRICT=1: every component renders twice, and a table that becomes state is frozen, deeply and in place: its fields move behind a
-- metatable that refuses to be written. What breaks under it would have broken in a rarer case anyway.

local errors = require "hearth.errors"
local null = require "hearth.core.json".null

local strict = { on = os.getenv "HEARTH_STRICT" == "1" }

local function frozen(_, key)
  error(errors.new("EHOOK", ("a state value was changed in place (field %s): make a new table and set that, so that the change is noticed")
    :format(tostring(key)), { key = tostring(key) }), 0)
end

--- Freezes a plain table and the plain tables in it. Tables with a metatable, and elements' functions, stay as they are.
---@param v any
function strict.freeze(v)
  if type(v) ~= "table" or getmetatable(v) ~= nil then return end
  local fields = {}
  setmetatable(v, {
    fields, null, -- by this the codec of JSON knows it (src/json/internal.h)
    __index = fields,
    __newindex = frozen,
    __len = function() return #fields end,
    __pairs = function() return next, fields, nil end,
    __name = "frozen state",
  })
  for k, x in next, v do fields[k] = x end
  for k in next, fields do v[k] = nil end
  for _, x in next, fields do strict.freeze(x) end
end

return strict
