-- `info` of use_persisted_state: one live table per hook. Its fields are read from the cell when they are asked for; those that a render
-- reads are remembered, so that the component renders again when one of them changes, and not for the others.

local cells = require "hearth.storage.cells"
local hooks = require "hearth.ui.hooks"
local ticket = require "hearth.storage.ticket"

local M = {}

--- "loading", "ready" or "error".
---@param cell hearth.Cell
---@return string
function M.status(cell)
  local base = cell.base
  if base.error then return "error" end
  return base.known and "ready" or "loading"
end

local fields = {
  status = M.status,
  exists = function(cell) return cell.value ~= nil end,
  save = cells.save_state,
  error = function(cell) return cell.base.error or cell.write_error end,
  revision = function(cell) return cell.base.known and cell.base.value ~= nil and cell.base.revision or nil end,
  expires_at = function(cell) return cell.expires_at end,
}

local verbs = {}

-- Removes the key: every hook on it shows its own `initial`.
function verbs.remove(slot)
  hooks.check_set "info.remove of use_persisted_state"
  if not slot.cell.pool then return slot.cell:set(nil, slot) end
  return cells.remove(slot.cell, slot)
end

-- Reads the stored value again; what waits to be written stays.
function verbs.reload(slot)
  local cell = slot.cell
  if not cell.pool then return ticket.done() end
  return cell.pool:reload(cell)
end

-- Writes now, whatever write_delay says.
function verbs.flush(slot)
  local cell = slot.cell
  if not cell.pool then return ticket.done() end
  return cell.pool:flush_cell(cell)
end

-- Tries again what has failed, without waiting: the load, or the write.
function verbs.retry(slot)
  local cell = slot.cell
  if not cell.pool then return ticket.done() end
  if not cell.base.known then return cell.pool:reload(cell) end
  return cell.pool:flush_cell(cell)
end

-- The stored value that the newest write replaces.
function verbs.previous(slot)
  return slot.cell:previous()
end

local Info = {}
local SLOT = Info   -- the key under which an info keeps its slot

function Info.__index(info, name)
  local slot = rawget(info, SLOT)
  local field = fields[name]
  if field then
    local value = field(slot.cell)
    if hooks.is_rendering() then
      if not slot.seen then slot.seen = {} end
      slot.seen[name] = value == nil and M or value
    end
    return value
  end
  local verb = verbs[name]
  if not verb then return nil end
  local function bound() return verb(rawget(info, SLOT)) end
  rawset(info, name, bound)
  return bound
end

function Info.__newindex(_, name)
  local message = ("info.%s of use_persisted_state cannot be set; use the setter, or info.remove()"):format(tostring(name))
  hooks.misuse(message, nil, "use_persisted_state")
end

--- For the slot of a hook.
---@param slot table
---@return hearth.PersistedInfo
function M.new(slot)
  return setmetatable({[SLOT] = slot}, Info)
end

--- The hook has another slot.
---@param info hearth.PersistedInfo
---@param slot table
---@return hearth.PersistedInfo
function M.follow(info, slot)
  return rawset(info, SLOT, slot)
end

--- Has a field that was read in the last render another value now?
---@param slot table
---@return boolean
function M.differs(slot)
  for name, value in pairs(slot.seen) do
    local now = fields[name](slot.cell)
    if now == nil then now = M end
    if now ~= value then return true end
  end
  return false
end

return M
