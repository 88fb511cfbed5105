-- Contexts: a value that a Provider gives to everything below it. A consumer finds its Provider once (a mounted fiber never moves), and
-- renders when the value changes, whatever lies between.
--
-- A Provider keeps in EXTRA its `value` and its `consumers`, a set of fibers.

local element = require "hearth.ui.element"
local errors = require "hearth.errors"
local hooks = require "hearth.ui.hooks"
local reconciler = require "hearth.ui.reconciler"
local scheduler = require "hearth.ui.scheduler"

local TYPE <const> = 1
local PROPS <const> = 2
local PARENT <const> = 4
local CHILD <const> = 5
local DEPTH <const> = 7
local EXTRA <const> = 9

local context = {}

local Context = { __name = "hearth.Context" }

--- A context; `default` is what is read where no Provider is above.
---@generic T
---@param default T
---@param name? string for messages
---@return hearth.Context
function context.create_context(default, name)
  local self = setmetatable({ default = default }, Context)
  self.Provider = element.special("provider", (name or "Context") .. ".Provider", { context = self })
  return self
end

reconciler.kinds.provider = {
  mount = function(f, depth)
    f[EXTRA] = { value = f[PROPS].value, consumers = {} }
    f[CHILD] = reconciler.mount_children(f[PROPS], f, depth)
  end,
  update = function(f, _, _)
    local extra, props = f[EXTRA], f[PROPS]
    if not rawequal(extra.value, props.value) then
      reconciler.assign(extra, "value", props.value)
      for consumer in next, extra.consumers do scheduler.mark(consumer, 2) end
    end
    reconciler.update_children(f, props, f[DEPTH])
  end,
}

local function subscribe(slot)
  local consumers = slot.provider[EXTRA].consumers
  consumers[slot[2]] = (consumers[slot[2]] or 0) + 1
  hooks.on_unmount(slot, function() consumers[slot[2]] = nil end)
end

--- The value of the nearest Provider above this component.
---@generic T
---@param ctx hearth.Context
---@return T
function context.use_context(ctx)
  local slot, first = hooks.slot "use_context"
  if first or slot.context ~= ctx then
    if getmetatable(ctx) ~= Context then
      errors.raise("EHOOK", ("%s: use_context takes what hearth.create_context returned, got a "
        .. "%s"):format(hooks.path(slot[2]), type(ctx)), { op = "use_context" })
    end
    local p = slot[2][PARENT]
    while p and p[TYPE] ~= ctx.Provider do p = p[PARENT] end
    slot.context, slot.provider = ctx, p
    if p then hooks.after_commit(slot, subscribe) end
  end
  if slot.provider then return slot.provider[EXTRA].value end
  return ctx.default
end

return context
