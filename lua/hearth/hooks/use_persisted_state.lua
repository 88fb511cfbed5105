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
local strict = require "hearth.ui.strict"

local KIND <const> = "use_persisted_state"
local VALUE <const>, SETTER <const>, RENDERED <const> = 3, 4, 5
local SETTER_NAME <const> = "the setter of use_persisted_state"

local math_type, rawequal, type = math.type, rawequal, type
local peek, keep, check_set = hooks.peek, hooks.keep, hooks.check_set
local strict_mode = strict.on
local mark, set = scheduler.mark, cells.set

hooks.value_kind(KIND)
batch_scope.follow(batch.current, batch.join)

-- ---- what the hook shows

-- What a hook is to its cell: whom to tell, how its operations are meant, what it shows. One for each key that the hook has had, because
-- old setters stay with the old key.
---@class hearth.Voice
local Voice = {}
Voice.__index = Voice

-- `initial` may be a function: called once, when it is needed. A table that was changed in place is not shown again as `initial`.
local function initial_of(voice)
  local initial = voice.initial
  if voice.is_lazy then
    voice.is_lazy = false
    initial = initial()
    voice.initial = initial
  end
  if type(initial) == "table" then
    if voice.initial_copy == nil then
      local ok, copy = pcall(private, initial)
      voice.initial_copy = ok and copy or false
    elseif voice.initial_copy and not same(initial, voice.initial_copy) then
      voice.initial = private(voice.initial_copy)
      return voice.initial
    end
  end
  return initial
end

local function compute(voice, cell)
  cell.told = nil
  local value, exists = cell:read()
  if not exists then return initial_of(voice) end
  if not voice.merge then return value end
  if voice.merged_serial ~= cell.serial then
    voice.merged, voice.merged_serial = options_of.merge(voice.merge, private(value), initial_of(voice)), cell.serial
  end
  return voice.merged
end

--- What it shows for a value; an updater gets that.
function Voice:view(value, exists)
  if not exists then
    local initial = initial_of(self)
    return type(initial) ~= "table" and initial or private(initial)
  end
  if self.merge then return options_of.merge(self.merge, value, initial_of(self)) end
  return value
end

--- Something about the cell may look different: the component renders if its value does, or an info field that it has read.
function Voice:changed()
  local slot = self.slot
  if slot.voice ~= self then return end
  local value = compute(self, slot.cell)
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
  local cell = slot.subscribed
  if cell then
    cell.pool:leave(cell, slot.subscribed_voice)
    slot.subscribed = false
  end
end

-- The fiber is on screen: from now on it hears of its cell, and no longer of the one before.
local function arrive(slot)
  local cell, voice = slot.cell, slot.voice
  if slot.subscribed_voice == voice then return end
  leave(slot)
  slot.subscribed_voice = voice
  if cell.pool then
    cell.pool:subscribe(cell, voice)
    slot.subscribed = cell
    hooks.on_unmount(slot, leave)
  end
  if cell.serial ~= slot.serial or slot.seen then voice:changed() end   -- it has changed since the render
end

local function setter(cell, voice)
  return function(v)
    check_set(SETTER_NAME)
    return set(cell, v, voice)
  end
end

local function plain_setter(cell, voice)
  return function(v)
    check_set(SETTER_NAME)
    return cell:set(v, voice)
  end
end

-- Functions in options are new in every render; those that a later event calls are the newest.
local function take_options(voice, options)
  voice.merge = options.merge
  voice.on_error, voice.on_load_error, voice.on_write_error = options.on_error, options.on_load_error, options.on_write_error
  voice.ttl, voice.equals, voice.write_delay, voice.max_delay = options.ttl, options.equals, options.write_delay, options.max_delay
end

local NO_OPTIONS = {}

local function bind(slot, key, initial, options)
  local voice = setmetatable({slot = slot, initial = initial, is_lazy = type(initial) == "function"}, Voice)
  if options then take_options(voice, options_of.check(options)) end
  slot.key, slot.options, slot.seen, slot.voice = key, options, false, voice
  if key == nil then
    slot.cell = plain_cell.new(voice)
    slot[SETTER] = plain_setter(slot.cell, voice)
  else
    local pool, ns = options_of.place(options or NO_OPTIONS, slot[2])
    slot.cell = cells.of(pool, ns, key)
    slot[SETTER] = setter(slot.cell, voice)
  end
  hooks.after_commit(slot, arrive)
end

local function elsewhere(slot, options)
  local old = slot.options or NO_OPTIONS
  return options.store ~= old.store or options.scope ~= old.scope
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
    slot = {
      KIND, fiber, nil, false, nil,
      key = key, options = options, seen = false, voice = false, cell = false, subscribed = false, subscribed_voice = false,
      serial = 0, info = false, on_commit = false, on_unmount = false,
    }
    bind(slot, key, initial, options)
    slot.info = persisted_info.new(slot)
    keep(slot)
  elseif slot.key ~= key or options ~= slot.options and elsewhere(slot, options or NO_OPTIONS) then
    bind(slot, key, initial, options)
  elseif options ~= slot.options then
    slot.options = options
    take_options(slot.voice, options_of.check(options or NO_OPTIONS))
  end
  local cell = slot.cell
  if options and cell.pool then
    if options.version or options.validate then cell.pool:use_schema(cell, options) end
    if options.gate then wait_for_load(slot) end
  end
  slot.seen = false
  local value = compute(slot.voice, cell)
  slot[VALUE], slot[RENDERED], slot.serial = value, value, cell.serial
  if strict_mode then strict.freeze(value) end
  return value, slot[SETTER], slot.info
end
