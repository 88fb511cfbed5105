-- The fold: operations over a value, in order. Everything that a cell shows or writes comes out of here.

local private = require("hearth.storage.value").private

local pcall = pcall

---@class hearth.CellOp: hearth.Ticket   an operation is its own ticket
---@field kind "set"|"update"|"remove"
---@field value any                 set: the user's own object
---@field copy any                  set: the private copy
---@field open boolean?             set: a table that may still change before the turn ends
---@field fn (fun(current: any): any)?                       update
---@field equals (fun(a: any, b: any): boolean)?
---@field expires_at number?
---@field expired boolean?
---@field seq integer               its place in the order of issue
---@field owner table?              the hook's voice: on_error, options, and `view`, what it shows for a value
---@field group table?              the `hearth.batch` it was issued in
---@field absorbed hearth.CellOp[]? earlier operations that this one made invisible: they land with it

---@class hearth.CellFailure        an operation that is dropped
---@field op hearth.CellOp
---@field error any                 what its updater raised, or
---@field unstorable boolean?       why its value cannot be stored

local function call(op, value)
  return op.fn(op.owner:view(private(value)))
end

-- An updater on a copy of its own. -> what it returned, the private copy of that; or nil, nil, why it failed
local function run(op, value)
  local ok, result = pcall(call, op, value)
  if not ok then return nil, nil, {op = op, error = result} end
  local storable, copy = pcall(private, result)
  if not storable then return nil, nil, {op = op, error = copy, unstorable = true} end
  return result, copy
end

--- log[first..last] over a value. An updater that raises is stepped over and listed in `failed`.
---@param log hearth.CellOp[]
---@param first integer
---@param last integer
---@param failed hearth.CellFailure[]
---@param value any            private; nil: absent
---@param expires_at number?
---@param shown any            the object handed out for `value`, if there is one
---@return any value, number? expires_at, any shown
return function(log, first, last, failed, value, expires_at, shown)
  for i = first, last do
    local op = log[i]
    if op.expired or op.kind == "remove" then
      value, expires_at, shown = nil, nil, nil
    elseif op.kind == "set" then
      value, expires_at, shown = op.copy, op.expires_at, op.value
    else
      local result, copy, failure = run(op, value)
      if failure then
        failed[#failed + 1] = failure
      elseif result == nil then
        value, expires_at, shown = nil, nil, nil
      else
        value, expires_at, shown = copy, op.expires_at, result
      end
    end
  end
  return value, expires_at, shown
end
