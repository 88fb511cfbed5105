-- use_async_effect(fn, deps): an effect that may await. It runs as a task, which is cancelled when deps change or the component is
-- unmounted. What it returns may be a cleanup, or something to await. Its errors go to the nearest ErrorBoundary.

local async = require "hearth.core.task"
local attempt = require "hearth.hooks.attempt"
local commit = require "hearth.ui.commit"
local errors = require "hearth.errors"
local hooks = require "hearth.ui.hooks"
local use_effect = require("hearth.hooks.use_effect").use_effect

---@param fn fun(): any
---@param deps? any[]
return function(fn, deps)
  local fiber = hooks.current "use_async_effect"
  hooks.check_fn("use_async_effect", fn)
  use_effect(function()
    local gone, cleanup = false, nil
    local t = async.spawn(function()
      local ok, result = attempt.await(fn)
      if not ok then
        if errors.is_cancelled(result) and gone then error(result, 0) end
        if not gone then commit.fail(fiber, result, "an async effect") end
      elseif type(result) == "function" then
        if gone then result() else cleanup = result end
      end
    end)
    t:name("an async effect of " .. hooks.path(fiber))
    return function()
      gone = true
      if not t:done() then t:cancel() end
      if cleanup then cleanup() end
    end
  end, deps)
end
