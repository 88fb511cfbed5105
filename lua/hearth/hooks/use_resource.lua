-- use_resource(fetcher, deps): what fetcher() returns, which may await; the component waits for it under the nearest Suspense. It is
-- fetched again only when deps change ({} and nil: once); until then what is shown stays.

local hooks = require "hearth.ui.hooks"
local errors = require "hearth.errors"

local ONCE = {}

---@generic T
---@param fetcher fun(): T
---@param deps? any[]
---@return T
return function(fetcher, deps)
  local slot, first = hooks.slot "use_resource"
  hooks.check_fn("use_resource", fetcher)
  hooks.check_deps("use_resource", deps)
  deps = deps or ONCE
  if first or not slot.fetched or not hooks.same_deps(slot.deps, deps) then
    if not hooks.can_suspend() then
      local path = hooks.path(slot[2])
      error(errors.new("ENOTASK", ("%s: use_resource waits, and there is no Suspense above: put hearth.Suspense{ fallback=…, … } "
        .. "around the component, or load with use_query")
        :format(path), { op = "use_resource", component = path }), 0)
    end
    slot.value = fetcher()
    slot.fetched, slot.deps = true, deps
  end
  return slot.value
end
