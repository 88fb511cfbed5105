-- Migrations of a stored value: a chain of functions, one per version, or one function for all. They may await.

local M = {}

--- The value in the version of the schema; raises what a step raises.
---@param schema {version: integer, migrate: table<integer, fun(value: any): any>|fun(value: any, from: integer): any}
---@param value any
---@param from integer
---@return any
function M.run(schema, value, from)
  local steps = schema.migrate
  if type(steps) == "function" then
    value = steps(value, from)
    if value == nil then
      error(("the migration from version %d returned nil; return the new value (hearth.null stores a null)"):format(from), 0)
    end
    return value
  end
  for version = from + 1, schema.version do
    local step = steps and steps[version]
    if not step then
      error(("the stored value has version %d and there is no migrate[%d]"):format(version - 1, version), 0)
    end
    value = step(value)
    if value == nil then
      error(("migrate[%d] returned nil; return the new value (hearth.null stores a null)"):format(version), 0)
    end
  end
  return value
end

return M
