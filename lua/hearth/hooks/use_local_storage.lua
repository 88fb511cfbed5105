-- use_local_storage() -> storage: the localStorage of the browser that shows this component; it renders again when anything in it
-- changes. Where there is no browser (a terminal, a test) each mounted root has one of its own, which lives as long as the root.

local hooks = require "hearth.ui.hooks"
local local_storage = require "hearth.web.local_storage"

local FIBER <const> = 2
local ROOT <const> = 8 -- of a fiber

local function leave(slot) slot.unlisten() end

local function join(slot)
  local storage, fiber = slot.storage, slot[FIBER]
  if slot.unlisten then return end
  slot.unlisten = storage:_listen(function() hooks.mark_dirty(fiber) end)
  hooks.on_unmount(slot, leave)
  if storage.version ~= slot.version then hooks.mark_dirty(fiber) end
end

---@return hearth.LocalStorage
return function()
  local slot, first = hooks.slot "use_local_storage"
  if first then
    local root = slot[FIBER][ROOT]
    local storage = root.renderer.local_storage or root.local_storage
    if not storage then
      storage = local_storage {}
      root.local_storage = storage
    end
    slot.storage = storage
    hooks.after_commit(slot, join)
  end
  slot.version = slot.storage.version
  return slot.storage
end
