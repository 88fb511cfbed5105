-- hearth.preload{keys}: reads keys before the first frame, so that it shows what is stored.

local cells = require "hearth.storage.cells"
local errors = require "hearth.errors"
local persisted_options = require "hearth.hooks.persisted_options"
local task = require "hearth.core.task"

local M = {}

local VERB = "hearth.preload"

--- Awaits until the keys are known: one operation for all. A key that cannot be read is no error here: its hook says so.
---@param keys string[]|{store: hearth.storage.Store?, scope: string?}
function M.preload(keys)
  if type(keys) ~= "table" then
    errors.raise("EINVAL", ("%s takes a list of keys, got %s"):format(VERB, type(keys)), {op = VERB})
  end
  task.check(VERB)
  local pool, ns = persisted_options.place {store = keys.store, scope = keys.scope}
  local waiting = {}
  for _, key in ipairs(keys) do
    local cell = cells.of(pool, ns, key)
    if cell.loading then waiting[#waiting + 1] = pool:wait_loaded(cell) end
  end
  for _, ticket in ipairs(waiting) do
    local ok, err = pcall(task.await, ticket)
    if not ok and errors.is_cancelled(err) then error(err, 0) end
  end
end

return M
