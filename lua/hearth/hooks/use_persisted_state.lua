-- use_persisted_state(key, initial [, options]) -> value, set, info. A hook is a view of a cell (hearth.storage.cells): it shows what the
-- cell shows, or its own `initial` where the key is absent, and gives the cell its operations. The cell does the rest.

local batch = require "hearth.ui.batch"
local batch_scope = require "hearth.storage.batch_scope"
local cells = require "hearth.storage.cells"
local errors = require "hearth.errors"
local hooks = require "hearth.ui.hooks"
local options_of = require "hearth.hooks.persisted_options"
local persisted_info = require "hearth.hooks.persisted_info"
local plain_cell = require "hearth.hooks.plain_cell"
local private = require("hearth.storage.cell").private
local same = require("hearth.storage.cell").same
local scheduler = require "hearth.ui.scheduler"

local KIND <const> = "use_persisted_state"
local VALUE <const>, SETTER <const>, RENDERED <const> = 3, 4, 5
local SETTER_NAME <const> = "the setter of use_persisted_state"

local math_type, rawequal, type = math.type, rawequal, type
local peek, keep, check_set = hooks.peek, hooks.keep, hooks.check_set
local mark = scheduler.mark

hooks.value_kind(KIND)
batch_scope.follow(batch.current, batch.join)

-- ---- what the hook shows

-- `initial` may be a function: called once, when it is needed. A table that was changed in place is not shown again as `initial`.
local function initial_of(slot)
  if slot.initial_fn then
    local fn = slot.initial_fn
    slot.initial_fn = nil
    slot.initial = fn()
  end
  local initial = slot.initial
  if type(initial) == "table" then
    if slot.initial_copy == nil then
      local ok, copy = pcall(private, initial)
      slot.initial_copy = ok and copy or false
    elseif slot.initial_copy and not same(initial, slot.initial_copy) then
      slot.initial = private(slot.initial_copy)
    end
  end
  return slot.initial
end

local function merge(slot, stored)
  return options_of.merge(slot.options.merge, stored, initial_of(slot))
end

local function compute(slot)
  local cell = slot.cell
  cell.told = nil
  local value, exists = cell:read()
  if not exists then return initial_of(slot) end
  if not slot.merges then return value end
  if slot.merged_serial ~= cell.serial then
    slot.merged, slot.merged_serial = merge(slot, private(value)), cell.serial
  end
  return slot.merged
end

-- Something about the cell may look different: the component renders if its value does, or an info field that it has read.
local function changed(slot)
  local value = compute(slot)
  local rendered = slot[RENDERED]
  slot[VALUE] = value
  if not rawequal(value, rendered) then
    mark(slot[2], 1)
  elseif math_type(value) ~= math_type(rendered) then
    mark(slot[2], 2)
  end
  if slot.seen and persisted_info.differs(slot) then mark(slot[2], 2) end
end

-- ---- binding a slot to a key

local function leave(slot)
  if slot.subscribed then
    slot.subscribed.pool:leave(slot.subscribed, slot.voice)
    slot.subscribed = nil
  end
end

-- The fiber is on screen: from now on it hears of its cell.
local function arrive(slot)
  if slot.subscribed == slot.cell then return end
  if slot.left then slot.left() end
  slot.left = nil
  local cell = slot.cell
  if cell.pool then
    cell.pool:subscribe(cell, slot.voice)
    slot.subscribed = cell
    hooks.on_unmount(slot, leave)
  end
  changed(slot)   -- it may have changed since the render
end

local function setter(cell, voice)
  return function(v)
    check_set(SETTER_NAME)
    if type(v) == "function" then return cells.update(cell, v, voice) end
    return cells.set(cell, v, voice)
  end
end

local function plain_setter(cell, voice)
  return function(v)
    check_set(SETTER_NAME)
    return cell:set(v, voice)
  end
end

-- What this hook is to the cell: whom to tell, and how its operations are meant.
local function voice_of(slot, options)
  return {
    changed = function() changed(slot) end,
    view = function(value, exists)
      if not exists then return private(initial_of(slot)) end
      if slot.merges then return merge(slot, value) end
      return value
    end,
    on_error = options.on_error, on_load_error = options.on_load_error, on_write_error = options.on_write_error,
    ttl = options.ttl, equals = options.equals, write_delay = options.write_delay, max_delay = options.max_delay,
  }
end

local NO_OPTIONS = {}

local function bind(slot, key, initial, options)
  options = options_of.check(options or NO_OPTIONS)
  slot.key, slot.options, slot.store, slot.scope = key, options, options.store, options.scope
  slot.merges = options.merge ~= nil
  slot.merged_serial, slot.seen, slot.initial_copy = nil, nil, nil
  slot.initial, slot.initial_fn = initial, nil
  if type(initial) == "function" then slot.initial, slot.initial_fn = nil, initial end
  if slot.subscribed then   -- the old key is heard of until the new one is on screen
    local old, voice = slot.subscribed, slot.voice
    slot.subscribed = nil
    slot.left = function() old.pool:leave(old, voice) end
  end
  slot.voice = voice_of(slot, options)
  if key == nil then
    slot.cell = plain_cell.new(slot.voice)
    slot[SETTER] = plain_setter(slot.cell, slot.voice)
  else
    local pool, ns = options_of.place(options, slot[2])
    slot.cell = cells.of(pool, ns, key)
    slot[SETTER] = setter(slot.cell, slot.voice)
  end
  hooks.after_commit(slot, arrive)
end

-- Functions in options are new in every render; those that a later event calls are the newest.
local function refresh(slot, options)
  slot.options = options
  local voice = slot.voice
  voice.on_error, voice.on_load_error, voice.on_write_error = options.on_error, options.on_load_error, options.on_write_error
  voice.ttl, voice.equals, voice.write_delay, voice.max_delay = options.ttl, options.equals, options.write_delay, options.max_delay
end

-- Suspends the render until the load has ended, well or badly.
local function wait_for_load(slot)
  while persisted_info.status(slot.cell) == "loading" do
    local ticket = slot.cell.pool:wait_loaded(slot.cell)
    local ok, err = pcall(hooks.suspend, ticket, "use_persisted_state with gate=true")
    if not ok and (errors.is_cancelled(err) or not ticket:done()) then error(err, 0) end
  end
end

--- State of this component that survives the program: kept in the store under `key`, shared by all who use the key.
---@generic T
---@param key string|nil      nil: plain state in memory
---@param initial T|fun(): T  shown while the key is absent, or not known yet
---@param options hearth.PersistedOptions?
---@return T value
---@return fun(next: T|(fun(current: T): T)|nil): hearth.Ticket set
---@return hearth.PersistedInfo info
return function(key, initial, options)
  local slot, fiber = peek(KIND)
  if not slot then
    slot = {KIND, fiber, nil, false, nil}
    bind(slot, key, initial, options)
    slot.info = persisted_info.new(slot)
    keep(slot)
  elseif slot.key ~= key or (options and (options.store ~= slot.store or options.scope ~= slot.scope)) then
    bind(slot, key, initial, options)
  elseif options and options ~= slot.options then
    refresh(slot, options_of.check(options))
  end
  local cell = slot.cell
  if options and cell.pool then
    if options.version or options.validate then cell.pool:use_schema(cell, options) end
    if options.gate then wait_for_load(slot) end
  end
  slot.seen = nil
  local value = compute(slot)
  slot[VALUE] = value
  return value, slot[SETTER], slot.info
end
