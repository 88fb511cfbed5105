-- JSON Merge Patch (RFC 7396) on Lua values.

local json = require "hearth.core.json"

-- A table that encodes as a JSON object. Without a mark, one that begins at 1 is a list.
local function is_object(value)
  return type(value) == "table" and not json.is_set(value) and not json.is_array(value) and value[1] == nil
end

---A new value: `target` with `patch` applied. Neither is changed.
local function merge(target, patch)
  if not is_object(patch) then return patch end
  local result = {}
  if is_object(target) then
    for name, value in pairs(target) do result[name] = value end
  end
  for name, value in pairs(patch) do
    if value == json.null then
      result[name] = nil
    else
      result[name] = merge(result[name], value)
    end
  end
  return result
end

return merge
