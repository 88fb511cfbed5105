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
local scheduler = require "hearth.ui.scheduler"
local strict = require "hearth.ui.strict"
local value_module = require "hearth.storage.value"

local KIND <const> = "use_persisted_state"
local SETTER <const> = 3
local RENDERED <const> = 4
local NO_OPTIONS <const> = {}
local SETTER_NAME <const> = "the setter of use_persisted_state"

local math_type, rawequal, type = math.type, rawequal, type
local private, same = value_module.private, value_module.same
local peek, keep, due, check_set = hooks.peek, hooks.keep, hooks.due, hooks.check_set
local strict_mode = strict.on
local mark, set = scheduler.mark, cells.set

batch_scope.follow(batch.current, batch.join)

-- ---- what the hook shows

-- The slot of a hook is also what it is to its cell, its voice there: whom to tell, how its operations are meant, what it shows. When the key
-- changes the hook gets a new slot, because old setters stay with the old key. A slot keeps little: there are thousands.
---@class hearth.Voice
---@field cell hearth.Cell
---@field initial any
---@field is_lazy boolean?       `initial` is a function that has not been called
---@field options hearth.PersistedOptions?
---@field serial integer         of the cell, when what is on screen was looked at last
---@field info hearth.PersistedInfo
---@field seen table|false            the info fields that the last render has read
---@field replaces hearth.Voice? the slot before the key changed, which leaves its cell when this one arrives
local Voice = {}
Voice.__index = Voice

-- `initial` may be a function: called once, when it is needed. A table that was changed in place is not shown again as `initial`.
local function initial_of(voice)
  local initial = voice.initial
  if voice.is_lazy then
    voice.is_lazy = nil
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
  local value = cell.value
  if type(value) == "table" then value = cell:read() end
  if value == nil then return initial_of(voice) end
  if not voice.merge then return value end
  if voice.merged_serial ~= cell.serial then
    voice.merged, voice.merged_serial = options_of.merge(voice.merge, private(value), initial_of(voice)), cell.serial
  end
  return voice.merged
end

--- What it shows for a value (nil: the key is absent); an updater gets that.
function Voice:view(value)
  if value == nil then
    local initial = initial_of(self)
    return type(initial) ~= "table" and initial or private(initial)
  end
  if self.merge then return options_of.merge(self.merge, value, initial_of(self)) end
  return value
end

--- Something about the cell may look different: the component looks at the end of the turn.
function Voice:changed()
  if self.serial ~= self.cell.serial or self.seen then mark(self[2], 1) end
end

-- Would a render see anything else than the last one has seen: the value, or an info field that it has read?
local function differs(voice)
  local cell = voice.cell
  if voice.serial ~= cell.serial then
    local rendered = voice[RENDERED]
    local ok, value = true, cell.value
    if value ~= rendered and value ~= nil and type(value) ~= "table" and not voice.merge then return true end   -- by far the most
    if voice.merge or voice.is_lazy then   -- the user's functions: where they raise, the render does
      ok, value = pcall(compute, voice, cell)
    else
      value = compute(voice, cell)
    end
    if not ok or not rawequal(value, rendered) or math_type(value) ~= math_type(rendered) then return true end
    voice.serial = cell.serial
  end
  return voice.seen and persisted_info.differs(voice)
end
hooks.value_kind(KIND, differs)

-- ---- binding a slot to a key

--- The component is gone, or the key is another.
function Voice:on_unmount()
  local cell = self.cell
  if cell.pool then cell.pool:leave(cell, self) end
end

--- The fiber is on screen: from now on it hears of its cell, and no longer of the one before.
function Voice:arrive()
  if self.arrived then return end
  self.arrived = true
  if self.replaces then
    self.replaces:on_unmount()
    self.replaces = nil
  end
  local cell = self.cell
  if cell.pool then
    cell.pool:subscribe(cell, self)
    hooks.at_unmount(self)
  end
  self:changed()   -- since the render
end

local function setter(voice)
  return function(v)
    check_set(SETTER_NAME)
    return set(voice.cell, v, voice)
  end
end

local function plain_setter(voice)
  return function(v)
    check_set(SETTER_NAME)
    return voice.cell:set(v, voice)
  end
end

-- Functions in options are new in every render; those that a later event calls are the newest.
local function take_options(voice, options)
  voice.options = options
  options = options and options_of.check(options) or NO_OPTIONS
  voice.merge = options.merge
  voice.on_error, voice.on_load_error, voice.on_write_error = options.on_error, options.on_load_error, options.on_write_error
  voice.ttl, voice.equals, voice.write_delay, voice.max_delay = options.ttl, options.equals, options.write_delay, options.max_delay
end

local function bind(fiber, key, initial, options)
  -- With room for what every slot gets.
  local voice = setmetatable({
    KIND, fiber, false, nil,
    initial = initial, cell = nil, serial = nil, info = nil, arrived = false, seen = false, next_voice = nil, last_voice = nil,
  }, Voice)
  if type(initial) == "function" then voice.is_lazy = true end
  if options then take_options(voice, options) end
  if key == nil then
    voice.cell, voice[SETTER] = plain_cell.new(), plain_setter(voice)
  else
    local pool, ns = options_of.place(options or NO_OPTIONS, fiber)
    voice.cell, voice[SETTER] = cells.of(pool, ns, key), setter(voice)
  end
  return voice
end

-- The hook has another key: another slot, with the same info.
local function rebind(slot, key, initial, options)
  local voice = bind(slot[2], key, initial, options)
  voice.replaces = slot.arrived and slot or slot.replaces   -- a render that was abandoned has never arrived
  voice.info = persisted_info.follow(slot.info, voice)
  return keep(voice)
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
    slot = bind(fiber, key, initial, options)
    slot.info = persisted_info.new(slot)
    keep(slot)
  elseif slot.cell.key ~= key or options ~= slot.options and elsewhere(slot, options or NO_OPTIONS) then
    slot = rebind(slot, key, initial, options)
  elseif options ~= slot.options then
    take_options(slot, options)
  end
  if not slot.arrived then due(slot) end
  local cell = slot.cell
  if options and cell.pool then
    if options.version or options.validate then cell.pool:use_schema(cell, options) end
    if options.gate then wait_for_load(slot) end
  end
  slot.seen = false
  local value = compute(slot, cell)
  slot[RENDERED], slot.serial = value, cell.serial
  if strict_mode then strict.freeze(value) end
  return value, slot[SETTER], slot.info
end
