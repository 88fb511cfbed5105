-- use_effect(fn, deps) and use_layout_effect(fn, deps): fn runs after the commit (layout effects first, children first) in which deps
-- changed; what it returns runs before the next time and at the unmount. deps nil: every commit, {}: once.
--
-- The slot: `effect` is what shall run after this commit, `cleanup` what the last run gave. The commit runs them.

local hooks = require "hearth.ui.hooks"

local peek, same_deps, due = hooks.peek, hooks.same_deps, hooks.due

local effects = {}

local function make(kind, layout)
  return function(fn, deps)
    local slot, fiber = peek(kind)
    if not slot then
      hooks.check_fn(kind, fn)
      hooks.check_deps(kind, deps)
      slot = hooks.keep { kind, fiber, layout = layout, deps = nil, effect = fn, cleanup = false, next_deps = deps }
      due(slot)
    elseif not same_deps(slot.deps, deps) then
      -- `deps` moves on when the commit runs the effect: a render that is abandoned changes nothing.
      hooks.check_fn(kind, fn)
      hooks.check_deps(kind, deps)
      slot.effect, slot.next_deps = fn, deps
      due(slot)
    else
      slot.effect = false
    end
  end
end

---@type fun(fn: fun(): (fun()|nil), deps?: any[])
effects.use_effect = make("use_effect", false)
---@type fun(fn: fun(): (fun()|nil), deps?: any[])
effects.use_layout_effect = make("use_layout_effect", true)

return effects
