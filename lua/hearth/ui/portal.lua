-- Portal{ … }: children that belong here (contexts, errors, life) and are shown at the end of the root, above everything else.

local commit = require "hearth.ui.commit"
local element = require "hearth.ui.element"
local reconciler = require "hearth.ui.reconciler"

local PROPS <const> = 2
local CHILD <const> = 5
local DEPTH <const> = 7
local ROOT <const> = 8

-- The list is replaced, never changed, so that a failed render can be undone.
local function without(list, f)
  local copy = {}
  for _, other in ipairs(list or {}) do
    if other ~= f then copy[#copy + 1] = other end
  end
  return copy
end

reconciler.kinds.portal = {
  mount = function(f, depth)
    local base = reconciler.stack_mark()
    f[CHILD] = reconciler.mount_children(f[PROPS], f, depth)
    reconciler.nodes(base)
    local root = f[ROOT]
    local portals = without(root.portals, f)
    portals[#portals + 1] = f
    reconciler.assign(root, "portals", portals)
    reconciler.restructure(f)
  end,
  update = function(f) reconciler.update_children(f, f[PROPS], f[DEPTH]) end,
  unmount = function(f)
    local root = f[ROOT]
    root.portals = without(root.portals, f)
    commit.list_again(root)
  end,
}

return element.special("portal", "Portal")
