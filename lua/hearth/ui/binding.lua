-- Bindings: a prop that follows a source without a render of its component. `Text(store:bind())` changes its node when the store does.
--
-- A source is any table with `get()`; it calls `binding.notify(source)` when its value changed, and hears from `source:observed()`, where it has
-- that, when its first link comes and when its last one goes. A link is one bound prop of one host fiber, or a source that follows another one.
-- Thousands of links may follow in one frame of an animation, so the way from a source to its node makes no tables.

local scheduler = require "hearth.ui.scheduler"

local is_string = require("hearth.core.ui").is_string

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

-- ---- links

--- A link, not attached yet: `root` shows the binding as `prop` of a fiber. The links of a source are a list through `before` and `after`.
---@param b hearth.Binding
---@param prop string
---@param root hearth.Root
function binding.link(b, prop, root)
  return {
    source = b.source, get = b.source.get, selector = b.selector, prop = prop, root = root, fiber = false, value = nil,
    follower = false, before = false, after = false, live = false, queued = false,
  }
end

--- A link through which `follower`, a source, hears of the changes of another one: changed(follower), at once.
---@param source table
---@param follower table
---@param changed fun(follower: table)
function binding.follow(source, follower, changed)
  local link = { source = source, follower = follower, changed = changed, before = false, after = false, live = false }
  binding.attach(link)
  return link
end

function binding.attach(link)
  if link.live then return end
  local source = link.source
  local first = source.links
  link.after = first or false
  if first then first.before = link end
  source.links = link
  link.live = true
  if not first and source.observed then source:observed() end
end

function binding.detach(link)
  if not link.live then return end
  local before, after = link.before, link.after
  if before then before.after = after else link.source.links = after end
  if after then after.before = before end
  link.before, link.after, link.live = false, false, false
  local source = link.source
  if not source.links and source.observed then source:observed() end
end

local pending, n_pending = {}, 0
local spare = {} -- the list that is not being filled

--- The source's value changed: its props follow at the end of the turn.
---@param source table
function binding.notify(source)
  local link = source.links
  while link do
    if link.follower then
      link.changed(link.follower)
    elseif not link.queued then
      link.queued = true
      n_pending = n_pending + 1
      pending[n_pending] = link
    end
    link = link.after
  end
  if n_pending > 0 then scheduler.plan() end
end

--- For the flush: the links whose source changed, and their number. Set `queued` of each to false; the list is good until the next take.
---@return table[] links
---@return integer n
function binding.take()
  local list, n = pending, n_pending
  pending, spare, n_pending = spare, list, 0
  return list, n
end

function binding.busy() return n_pending > 0 end

--- What a text prop shows for any value.
function binding.shown(prop, v)
  if prop == "text" or prop == "label" then
    if v == nil then return "" end
    if not is_string(v) then return tostring(v) end
  end
  return v
end

return binding
