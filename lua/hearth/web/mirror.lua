-- What one browser holds in its localStorage (`base`), and on top of it the writes that it has not acknowledged (`pending`). What is shown
-- is the one upon the other, so a refusal, a change by the page or a reconnect only ever changes the base.
--
-- A value is kept as an entry, a string: "j" and its JSON text, or "s" and a string as it is. Equal values have equal entries, nobody
-- changes one in place, and what a page makes up takes no more memory than its text.

local core = require "hearth.core.json"
local errors = require "hearth.errors"
local tickets = require "hearth.storage.ticket"

local REMOVED <const> = false -- in `pending`: the key is gone
local TICKETS <const> = 64    -- of one key that wait for their own revision; beyond that writes share the newest

---@class hearth.Mirror
---@field size integer characters of keys and values that are shown, as a browser counts them
---@field package base table<string, string>
---@field package pending table<string, table>
---@field package weights table<string, integer> of each key that is shown
local Mirror = {}
Mirror.__index = Mirror

local mirror = {}

-- ---- entries

--- The entry of a value. Raises EINVAL for what is no JSON.
---@param value any
---@return string
function mirror.entry(value)
  if type(value) == "string" then return "s" .. value end
  return "j" .. core.encode(value)
end

--- The value of an entry, the caller's own copy; nil for nil. What a page calls JSON and is not is the string that it is.
---@param entry string|nil
---@return any
function mirror.value(entry)
  if not entry then return nil end
  local text = entry:sub(2)
  if entry:byte() == 115 then return text end
  local ok, value = pcall(core.decode, text)
  if ok then return value end
  return text
end

-- UTF-16 code units, which is what a browser counts.
local function units(text)
  local count = utf8.len(text) or #text
  if count == #text then return count end
  local _, beyond = text:gsub("[\xF0-\xF4]", "")
  return count + beyond
end

--- How many characters of its storage a browser counts for a key with this entry.
---@param key string
---@param entry string|nil
---@return integer
function mirror.weight(key, entry) return entry and units(key) + units(entry) - 1 or 0 end

-- ---- what is shown

--- The entry that is shown for a key, or nil.
---@param key string
---@return string|nil
function Mirror:shown(key)
  local op = self.pending[key]
  if op then return op.entry or nil end
  return self.base[key]
end

--- The keys that are shown, in byte order.
---@return string[]
function Mirror:keys()
  local list = {}
  for key in pairs(self.weights) do list[#list + 1] = key end
  table.sort(list)
  return list
end

---@param key string
---@return integer
function Mirror:weight(key) return self.weights[key] or 0 end

-- After any change of a key.
local function weigh(self, key)
  local entry = self:shown(key)
  local now = entry and mirror.weight(key, entry) or nil
  self.size = self.size + (now or 0) - (self.weights[key] or 0)
  self.weights[key] = now
end

-- ---- writes

--- Notes a write that the browser has not acknowledged; nil removes. Returns its ticket.
---@param key string
---@param entry string|nil
---@param revision integer
---@return hearth.Ticket
function Mirror:write(key, entry, revision)
  local op = self.pending[key]
  local list = op and op.tickets or {}
  self.pending[key] = { entry = entry or REMOVED, revision = revision, tickets = list }
  weigh(self, key)
  local last = list[#list]
  if #list >= TICKETS then
    last.revision = revision
    return last.ticket
  end
  local ticket = tickets.new()
  list[#list + 1] = { revision = revision, ticket = ticket }
  return ticket
end

--- The ticket of the newest write of a key that is not acknowledged, or nil.
---@param key string
---@return hearth.Ticket|nil
function Mirror:ticket(key)
  local op = self.pending[key]
  return op and op.tickets[#op.tickets].ticket
end

--- Is any write not acknowledged?
---@return boolean
function Mirror:is_pending() return next(self.pending) ~= nil end

--- All that is not acknowledged: entries by key, and the keys that are gone, sorted; nil for none.
---@return table<string, string>|nil entries, string[]|nil removed
function Mirror:unacknowledged()
  local entries, removed
  for key, op in pairs(self.pending) do
    if op.entry then
      entries = entries or {}
      entries[key] = op.entry
    else
      removed = removed or {}
      removed[#removed + 1] = key
    end
  end
  if removed then table.sort(removed) end
  return entries, removed
end

-- ---- what the browser says

--- It holds this, whatever is pending.
---@param key string
---@param entry string|nil
function Mirror:hold(key, entry)
  self.base[key] = entry
  weigh(self, key)
end

--- It holds just this.
---@param entries table<string, string>
function Mirror:hold_all(entries)
  local before = self.base
  self.base = {}
  for key in pairs(before) do
    if entries[key] == nil then weigh(self, key) end
  end
  for key, entry in pairs(entries) do self:hold(key, entry) end
end

---@return table<string, string> entries what it holds, as far as is known
function Mirror:held() return self.base end

--- It has applied, or refused, all writes up to a revision.
---@param ack integer
function Mirror:settle(ack)
  for key, op in pairs(self.pending) do
    local left = {}
    for _, t in ipairs(op.tickets) do
      if t.revision <= ack then tickets.resolve(t.ticket, t.revision) else left[#left + 1] = t end
    end
    op.tickets = left
    if op.revision <= ack then
      self.base[key], self.pending[key] = op.entry or nil, nil
    end
  end
end

--- It refused a write of a key, all up to `ack` being answered: what it holds counts again, unless it was written again since. Returns
--- why, when what is shown is not what was written.
---@param key string
---@param code string
---@param ack integer
---@return hearth.Error|nil
function Mirror:refuse(key, code, ack)
  local op = self.pending[key]
  if not op then return nil end
  local left, failed = {}, nil
  for _, t in ipairs(op.tickets) do
    if t.revision == ack or op.revision <= ack and t.revision == op.revision then failed = t
    elseif t.revision > ack then left[#left + 1] = t
    else tickets.resolve(t.ticket, t.revision) end
  end
  op.tickets = left
  local err = errors.new(code, ("LocalStorage.set: the browser refused '%s'%s; its old value is back"):format(key,
    code == "EQUOTA" and ", its storage is full" or ""), { op = "LocalStorage.set", key = key })
  local taken_back = op.revision <= ack
  if taken_back then
    self.pending[key] = nil
    weigh(self, key)
  end
  if failed then tickets.reject(failed.ticket, err) end
  return taken_back and err or nil
end

---@return hearth.Mirror
function mirror.new() return setmetatable({ base = {}, pending = {}, weights = {}, size = 0 }, Mirror) end

return mirror
