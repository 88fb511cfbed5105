-- hearth.batch(fn): what is set in fn belongs together. Renders are batched per turn anyway; others (the cells) join to make one commit
-- of it. A batch belongs to the task that runs fn, also while fn awaits; an inner batch is part of the outer one.

local errors = require "hearth.errors"

local batch = {}

local joined = {} -- {finish = fn}
local open = setmetatable({}, { __mode = "k" }) -- coroutine -> batch
local n_open = 0

--- Lets a module take part: finish(b, ok) is called at the end of each batch; ok is false when fn raised. `b` is a table in which the
--- module keeps what it gathers; an error that finish raises is raised by hearth.batch.
---@param finish fun(b: table, ok: boolean)
function batch.join(finish) joined[#joined + 1] = finish end

--- The batch in which the running code is, or nil.
---@return table|nil
function batch.current()
  if n_open == 0 then return nil end
  return open[coroutine.running()]
end

--- Runs fn(...) as one batch and returns what it returned.
---@param fn function
---@param ... any
---@return any ...
function batch.batch(fn, ...)
  if type(fn) ~= "function" then
    errors.raise("EINVAL", ("hearth.batch takes a function, got a %s"):format(type(fn)), { op = "batch" })
  end
  local co = coroutine.running()
  if open[co] then return fn(...) end
  local b = {}
  open[co] = b
  n_open = n_open + 1
  local results = table.pack(pcall(fn, ...))
  open[co] = nil
  n_open = n_open - 1
  for _, finish in ipairs(joined) do finish(b, results[1]) end
  if not results[1] then error(results[2], 0) end
  return table.unpack(results, 2, results.n)
end

return batch
