-- The state of a browser (`client:ID`) goes when it was not here for 90 days, that of a tab (`session:ID`) after a day. Who was here is
-- noted once a day in the site's own namespace; what nobody has noted counts from when it is first found.

local errors = require "hearth.errors"
local task = require "hearth.core.task"
local timer = require "hearth.core.timer"

local DAY <const> = 24 * 3600
local KEPT <const> = { client = 90, session = 1 } -- days
local OWN <const> = "hearth:web"

local expiry = {}

local function today() return timer.wall() // DAY | 0 end

local noted = setmetatable({}, { __mode = "k" }) -- store -> namespace -> the day on which it was noted

--- Somebody is here whose state this is.
---@param raw any the store
---@param ns string
function expiry.seen(raw, ns)
  local day, days = today(), noted[raw]
  if not days then
    days = {}
    noted[raw] = days
  end
  if days[ns] == day then return end
  days[ns] = day
  raw:submit({ { ns = OWN, key = "seen " .. ns, value = tostring(day), kind = "text" } }, function(_, _, err)
    if err then
      days[ns] = nil
      if errors.code(err) ~= "ECLOSED" then task.report(err, "noting who was here") end
    end
  end)
end

--- Removes what has expired. Awaits. `here(ns)` says of whom a page is open now.
---@param raw any the store
---@param here fun(ns: string): boolean
---@return integer removed namespaces
function expiry.sweep(raw, here)
  local day, removed = today(), 0
  for ns, on in pairs(noted[raw] or {}) do
    if on ~= day then noted[raw][ns] = nil end
  end
  local spaces, names = {}, {}
  for _, ns in ipairs(raw:namespaces()) do
    local days = KEPT[ns:match "^(%l+):" or ""]
    if days then
      spaces[#spaces + 1] = { ns, days }
      names[#names + 1] = "seen " .. ns
    end
  end
  local seen = names[1] and raw:read(OWN, names) or {}
  for i, space in ipairs(spaces) do
    local ns, record = space[1], seen[names[i]]
    local last = tonumber(record and record.value)
    if here(ns) or not last then
      expiry.seen(raw, ns)
    elseif day - last > space[2] then
      raw:apply { { ns = ns, clear = true }, { ns = OWN, key = names[i] } }
      removed = removed + 1
    end
  end
  return removed
end

return expiry
