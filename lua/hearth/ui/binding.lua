-- Bindings: a prop that follows a source without a render of its component. `Text(store:bind())` changes its node when the store does.
--
-- A source is any table with `get()`; it calls `binding.notify(source)` when its value changed. A link is one bound prop of one host fiber.

local scheduler = require "hearth.ui.scheduler"

local binding = {}

---@class hearth.Binding
local Binding = { __name = "hearth.Binding" }
Binding.__index = Binding

-- Has any binding been made? Until then no prop needs a look.
binding.used = false

--- A value for a prop that follows `source`, seen through `selector`.
---@param source { get: fun(self: table): any }
---@param selector? fun(value: any): any
---@return hearth.Binding
function binding.new(source, selector)
  binding.used = true
  return setmetatable({ source = source, selector = selector }, Binding)
end

function binding.is(v) return getmetatable(v) == Binding end

--- What the binding shows now.
function Binding:read()
  local v = self.source:get()
  local selector = self.selector
  if selector then return selector(v) end
  return v
end

local pending, n_pending = {}, 0

--- The source's value changed: its props follow at the end of the turn.
---@param source table
function binding.notify(source)
  local links = source.links
  if not links then return end
  for link in next, links do
    if not link.queued then
      link.queued = true
      n_pending = n_pending + 1
      pending[n_pending] = link
    end
  end
  if n_pending > 0 then scheduler.plan() end
end

--- For the reconciler: the links whose source changed, until there is none.
function binding.take()
  while n_pending > 0 do
    local link = pending[n_pending]
    pending[n_pending] = nil
    n_pending = n_pending - 1
    link.queued = false
    if link.live then return link end
  end
end

function binding.busy() return n_pending > 0 end

function binding.attach(link)
  local source = link.binding.source
  local links = source.links
  if not links then
    links = {}
    source.links = links
  end
  links[link] = true
  link.live = true
end

function binding.detach(link)
  local links = link.binding.source.links
  if links then links[link] = nil end
  link.live = false
end

--- What a text prop shows for any value.
function binding.shown(prop, v)
  if prop == "text" or prop == "label" then
    if v == nil then return "" end
    if type(v) ~= "string" then return tostring(v) end
  end
  return v
end

return binding
