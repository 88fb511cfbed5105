-- Bindings: a prop that follows a source without a render of its component. `Text(store:bind())` changes its node when the store does.
--
-- A source is any table with `get()`; it calls `binding.notify(source)` when its value changed, and hears from `source:observed()`, where it has
-- that, when its first link comes and when its last one goes. One with a `carrier` changes only when that other source does: its links are kept
-- there. A link is one bound prop of one host fiber, or one place in a table that is a prop (a style), or a source that follows another one.
-- Thousands of links may follow in one frame of an animation, so the way from a source to its node makes no tables and goes through few. A link
-- is an array.

local plan = require("hearth.ui.scheduler").plan
local touch = require("hearth.ui.touched").touch
local ui = require "hearth.core.ui"

-- Of a link; each file that reads links repeats what it needs.
local SOURCE <const> = 1 -- what it follows
local GET <const> = 2 -- its `get`
local SELECTOR <const> = 3 -- what the value is seen through, or false
local VALUE <const> = 4 -- what it showed last
local ROOT <const> = 5
local FIBER <const> = 6 -- the host fiber that shows it …
local PROP <const> = 7 -- … as this prop
local IS_TEXT <const> = 8 -- is it shown as the text of whatever it is
local INTO <const> = 9 -- where it is one place in a table: the table, or one inside of it …
local KEY <const> = 10 -- … its place there …
local WHOLE <const> = 11 -- … and the table; else false
local BEFORE <const> = 12 -- the links of a source are a list
local AFTER <const> = 13
local LIVE <const> = 14 -- is it attached
local QUEUED <const> = 15 -- does it wait for the flush
local FOLLOWER <const> = 16 -- where a source follows another one: it, …
local CHANGED <const> = 17 -- … and what is called

local PROPS <const> = 2 -- of a fiber
local NODE <const> = 6

local next = next
local text, shown = ui.text, ui.shown

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

-- A link, not attached yet: what `source` shows in `prop` of a fiber.
local function new_link(source, selector, prop, root)
  local is_text = (prop == "text" or prop == "label") and selector ~= shown -- which gives a text
  return { source, source.get, selector or false, nil, root, false, prop, is_text, false, false, false, false, false, false, false }
end

local function read(link)
  local v = link[GET](link[SOURCE])
  if link[SELECTOR] then v = link[SELECTOR](v) end
  link[VALUE] = v
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
      link[WHOLE], link[INTO], link[KEY], link[IS_TEXT] = b.whole, place.into, place.key, false
      place.into[place.key] = read(link)
      links[place] = link
    end
    return
  end
  local link = old and old[prop]
  if not (link and link[SOURCE] == b.source and link[SELECTOR] == (b.selector or false)) then
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
  local link = new_link(source, nil, false, false)
  link[QUEUED], link[FOLLOWER], link[CHANGED] = true, follower, changed -- it is not to be queued
  binding.attach(link)
  return link
end

function binding.attach(link)
  if link[LIVE] then return end
  local source = link[SOURCE]
  source = source.carrier or source
  local first = source.links
  link[AFTER] = first or false
  if first then first[BEFORE] = link end
  source.links = link
  link[LIVE] = true
  if not first and source.observed then source:observed() end
end

function binding.detach(link)
  if not link[LIVE] then return end
  local source, before, after = link[SOURCE], link[BEFORE], link[AFTER]
  source = source.carrier or source
  if before then before[AFTER] = after else source.links = after end
  if after then after[BEFORE] = before end
  link[BEFORE], link[AFTER], link[LIVE] = false, false, false
  if not source.links and source.observed then source:observed() end
end

-- ---- what changed

local queue, n_queue, done = {}, 0, 0 -- the links whose source changed, and how many of them were shown
binding.waiting = false -- is any link in it

--- The source's value changed: its props follow at the end of the turn.
---@param source table
function binding.notify(source)
  local link = source.links
  while link do
    if not link[QUEUED] then
      link[QUEUED] = true
      local n = n_queue + 1
      n_queue = n
      queue[n] = link
      if n == 1 then
        binding.waiting = true
        plan()
      end
    elseif link[FOLLOWER] then
      link[CHANGED](link[FOLLOWER])
    end
    link = link[AFTER]
  end
end

-- The renderer takes no single props: it gets a new table.
local function update(renderer, f, prop, v)
  local own, old = {}, f[PROPS]
  for k, o in next, old do own[k] = o end
  own[prop] = v
  f[PROPS] = own
  renderer.update(f[NODE], own, old)
end

-- The node follows in place where the renderer takes single props: the table of props is the node's own.
local function show(link, v)
  local root, f, prop, key = link[ROOT], link[FIBER], link[PROP], nil
  local renderer = root.renderer
  if link[IS_TEXT] then
    v = text(v)
  elseif link[INTO] then
    local into = link[INTO]
    into[link[KEY]] = v
    v = link[WHOLE]
    if into == v then key = link[KEY] end
  end
  touch(root)
  local set = renderer.set
  if not set then return update(renderer, f, prop, v) end
  f[PROPS][prop] = v
  return set(f[NODE], prop, v, key)
end

local applying = false -- the link that is worked on

--- For the flush: shows what changed, until nothing is left. Goes on where it was when it is called again after an error.
function binding.apply()
  while done < n_queue do
    local i = done + 1
    local link = queue[i]
    done = i
    queue[i] = nil
    link[QUEUED] = false
    if link[LIVE] then
      applying = link
      local v, selector = link[GET](link[SOURCE]), link[SELECTOR]
      if selector then v = selector(v) end
      if v ~= link[VALUE] then
        link[VALUE] = v
        show(link, v)
      end
    end
  end
  n_queue, done, applying, binding.waiting = 0, 0, false, false
end

--- The link that `apply` was working on when it failed, or false. Once.
---@return table|false
function binding.failed()
  local link = applying
  applying = false
  return link
end

return binding
