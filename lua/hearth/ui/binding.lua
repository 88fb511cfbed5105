-- Bindings: a prop that follows a source without a render of its component. `Text(store:bind())` changes its node when the store does.
--
-- A source is any table with `get()`; it calls `binding.notify(source)` when its value changed, and hears from `source:observed()`, where it has
-- that, when its first link comes and when its last one goes. One with a `carrier` changes only when that other source does: its links are kept
-- there. A link is one bound prop of one host fiber, or one place in a table that is a prop (a style), or a source that follows another one.
-- Thousands of links may follow in one frame of an animation, so the way from a source to its node makes no tables and goes through few.

local plan = require("hearth.ui.scheduler").plan

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

--- A table for a prop, with sources in some places of it: a frame changes what is in these places.
---@param whole table
---@param places { source: table, into: table, key: any }[] `into` is the table, or one inside of it
---@return hearth.Binding
function binding.inside(whole, places)
  binding.used = true
  return setmetatable({ whole = whole, places = places }, Binding)
end

function binding.is(v) return getmetatable(v) == Binding end

-- ---- links

-- A link, not attached yet: what `source` shows in `prop` of a fiber. The links of a source are a list through `before` and `after`.
local function new_link(source, selector, prop, root)
  return {
    source = source, get = source.get, selector = selector or false, prop = prop, root = root, fiber = false, value = nil,
    is_text = prop == "text" or prop == "label", -- shown as the text of whatever it is
    whole = false, into = false, key = false, follower = false, before = false, after = false, live = false, queued = false,
  }
end

local function read(link)
  local v = link.get(link.source)
  if link.selector then v = link.selector(v) end
  link.value = v
  return v
end

--- Adds to `links` those through which `root` shows a binding as `prop`, with what they show now; `old` are those that there are.
---@param b hearth.Binding
---@param prop string
---@param root hearth.Root
---@param old? table<any, table>
---@param links table<any, table>
function binding.join(b, prop, root, old, links)
  if b.places then
    for _, place in ipairs(b.places) do
      local link = new_link(place.source, nil, prop, root)
      link.whole, link.into, link.key, link.is_text = b.whole, place.into, place.key, false
      place.into[place.key] = read(link)
      links[place] = link
    end
    return
  end
  local link = old and old[prop]
  if not (link and link.source == b.source and link.selector == (b.selector or false)) then
    link = new_link(b.source, b.selector, prop, root)
  end
  read(link)
  links[prop] = link
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
  source = source.carrier or source
  local first = source.links
  link.after = first or false
  if first then first.before = link end
  source.links = link
  link.live = true
  if not first and source.observed then source:observed() end
end

function binding.detach(link)
  if not link.live then return end
  local source, before, after = link.source, link.before, link.after
  source = source.carrier or source
  if before then before.after = after else source.links = after end
  if after then after.before = before end
  link.before, link.after, link.live = false, false, false
  if not source.links and source.observed then source:observed() end
end

-- The links whose source changed, for the flush (hearth.ui.bound_props), and how many they are.
local queue = {}
binding.queue, binding.queued = queue, 0

--- The source's value changed: its props follow at the end of the turn.
---@param source table
function binding.notify(source)
  local link = source.links
  while link do
    if link.follower then
      link.changed(link.follower)
    elseif not link.queued then
      link.queued = true
      local n = binding.queued + 1
      queue[n], binding.queued = link, n
      if n == 1 then plan() end
    end
    link = link.after
  end
end

return binding
