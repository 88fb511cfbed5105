-- The cells of this process: which store has which, the operations that hooks issue, and the ways in for everybody else: the verbs that
-- write the same keys, the end of the program, tests that restart the app. The work is in pool.lua, load.lua and commit.lua.

local batch_scope = require "hearth.storage.batch_scope"
local errors = require "hearth.errors"
local pool_module = require "hearth.storage.pool"
local scopes = require "hearth.storage.scopes"
local task = require "hearth.core.task"
local ticket = require "hearth.storage.ticket"
local timer = require "hearth.core.timer"
require "hearth.storage.load"
require "hearth.storage.commit"
require "hearth.storage.order"
require "hearth.storage.recovery"

local Pool = pool_module.Pool
local private = require("hearth.storage.value").private
local new_ticket = ticket.new
local huge, type, math_type = math.huge, type, math.type

local cells = {save_state = Pool.save_state}

local VERB = "use_persisted_state"
local MAX_KEY = 65536
local MAX_DELAY = 10   -- max_delay is this many times write_delay where it is not given

local pools = {}          -- every pool alive
local by_id = {}          -- store id -> list of pools
local default_pool        -- of the app's store; may still be opening
local listening           -- to a change of the default store

-- ---- pools

local exit_registered

local function register(pool, raw)
  local id = raw:id()
  pool.handles = {[raw] = true}
  by_id[id] = by_id[id] or {}
  table.insert(by_id[id], pool)
end

local function new_pool(raw)
  if not exit_registered and task.at_exit then
    exit_registered = true
    task.at_exit(cells.save_all, cells.unsaved)
  end
  local pool = pool_module.new(raw)
  pools[#pools + 1] = pool
  if raw then register(pool, raw) end
  return pool
end

--- The cells of an open store.
---@param raw any a handle of hearth.core.store
---@return hearth.CellPool
function cells.pool(raw)
  for _, pool in ipairs(by_id[raw:id()] or {}) do
    if not pool.dead then
      pool.handles[raw] = true
      return pool
    end
  end
  return new_pool(raw)
end

--- The cells of the app's default store, which is opened if need be; until it is, they load.
---@return hearth.CellPool
function cells.default()
  if default_pool and not default_pool.dead then return default_pool end
  local default = require "hearth.storage.default"
  if not listening then
    listening = true
    default.on_change(cells.default_changed)
  end
  local raw = default.raw()
  if raw then
    default_pool = cells.pool(raw)
    return default_pool
  end
  local pool = new_pool(nil)
  default_pool = pool
  function pool:open()
    self.opening = true
    default.open(function(opened, err)
      self.opening = false
      if self.dead or self.raw then return end
      if opened then
        register(self, opened)
        self:attach(opened)
      else
        local waiting = self.to_load
        self.to_load = {}
        self:load_failed(waiting, err)
      end
    end)
  end
  return pool
end

--- The default store was replaced: new cells belong to the new one. A pool that is still being opened takes what comes.
function cells.default_changed()
  if not default_pool or not default_pool.raw then return end
  local raw = require("hearth.storage.default").raw()
  if not raw or raw:id() ~= default_pool.raw:id() then default_pool = nil end
end

local function refuse(key)
  if type(key) ~= "string" then
    errors.raise("EINVAL", ("%s: a key is a string, got %s"):format(VERB, type(key)), {op = VERB})
  end
  errors.raise("EBIG", ("%s: the key has %d bytes, at most %d are possible"):format(VERB, #key, MAX_KEY), {op = VERB, key = key})
end

--- The cell of a key.
---@param pool hearth.CellPool
---@param ns string
---@param key string
---@return hearth.Cell
function cells.of(pool, ns, key)
  if type(key) ~= "string" or #key > MAX_KEY then refuse(key) end
  return pool:cell(ns, key)
end

-- ---- operations

-- When the cell is to be written, as the hook that set it wants. What is due at once stays so.
local function delay(cell, voice)
  local wait = voice and voice.write_delay
  if not wait then
    cell.due = nil
    return
  end
  local first = cell.n == cell.sent + 1
  if not first and not cell.due then return end
  local now = timer.now()
  if first then cell.due_at_most = now + (voice.max_delay or MAX_DELAY * wait) end
  cell.due = math.min(now + wait, cell.due_at_most)
end

-- An updater must not set its own key: that would change what is being folded.
local function append_update(cell, op)
  cell.folding = true
  local ok, outcome, failure = pcall(cell.append, cell, op)
  cell.folding = nil
  if not ok then error(outcome, 0) end
  return outcome, failure
end

local function issued_plain(cell, op, tell)
  local pool = cell.pool
  cell.due = nil
  -- The frame first, then the disk: who is told first does first what it has to do at the end of the turn.
  if tell then pool:publish(cell) end
  pool:mark(cell)
  if not op.group then cell.hot, cell.told = op, tell end
end

local function issue(cell, op)
  local pool = cell.pool
  if cell.gone then
    if pool.dead then
      ticket.reject(op, pool_module.lost())
      return op
    end
    cell = pool:cell(cell.ns, cell.key)   -- it was dropped because nobody looked at it
  end
  if cell.folding then
    errors.raise("EHOOK", ("set of %s(%q): called inside an updater of that key; return the next value instead"):format(VERB, cell.key), {
      op = VERB, key = cell.key,
    })
  end
  local scope = batch_scope.current()
  if scope then
    batch_scope.enter(scope, cell)
    op.group = scope
  end
  local outcome, failure
  if op.kind == "update" then outcome, failure = append_update(cell, op) else outcome, failure = cell:append(op) end
  if outcome == "failed" then
    pool:dropped(cell, failure)
  elseif outcome == "none" then
    ticket.resolve(op, cell.base.revision)
  else
    local tell = outcome == "changed" or cell.n == cell.sent + 1
    if op.plain then
      issued_plain(cell, op, tell)
    else
      delay(cell, op.owner)
      pool:mark(cell)   -- a table may still change in this turn, which is looked at before the frame
      if cell.expires_at ~= cell.expiry_at then pool:watch_expiry(cell) end
      if tell then pool:publish(cell) end
    end
  end
  return op
end

local function expires_at(voice)
  return voice and voice.ttl and math.ceil((timer.wall() + voice.ttl) * 1000) / 1000 or nil
end

--- Sets a value (nil removes), or updates with a function.
---@param cell hearth.Cell
---@param value any
---@param voice table?   whose set it is: on_error, and where it has `options`, ttl, equals, write_delay, …
---@return hearth.Ticket
function cells.set(cell, value, voice)
  local kind = type(value)
  local plain = kind == "number" and value > -huge and value < huge or kind == "string" or kind == "boolean"
  if plain then
    -- The hot path: another plain value in the same turn takes the place of the one before, with its ticket.
    local hot = cell.hot
    if hot and hot.owner == voice and hot == cell.log[cell.n] and not batch_scope.current() then
      hot.value, hot.copy = value, value
      if value ~= cell.value or math_type(value) ~= math_type(cell.value) then
        cell.value, cell.serial = value, cell.serial + 1
        if not cell.told then
          cell.pool:publish(cell)
          cell.told = true   -- until somebody has looked
        end
      end
      return hot
    end
  elseif kind == "function" then
    return cells.update(cell, value, voice)
  elseif value == nil then
    return cells.remove(cell, voice)
  end
  local op = new_ticket {kind = "set", value = value, copy = value, owner = voice, plain = plain, seq = nil, state = nil, answer = nil}
  if not (voice and voice.options) then
    if plain and not (cell.gone or cell.folding or batch_scope.current()) and cell:assign(op) then
      issued_plain(cell, op, true)
      return op
    end
  else
    op.equals = voice.equals
    if voice.ttl then op.expires_at = expires_at(voice) end
    if plain and (voice.ttl or op.equals or voice.write_delay) then op.plain = nil end
  end
  if not plain then
    local ok, copy = pcall(private, value)
    if not ok then error(pool_module.unstorable(cell, op, copy), 0) end
    op.copy, op.open = copy, true
  end
  return issue(cell, op)
end

-- Whose operation it is where nobody says.
local nobody = {view = function(_, value) return value end}

--- An updater that must only compute: an await in it is ENOTASK, and names the key.
---@param fn fun(current: any): any
---@param key string?
---@return fun(current: any): any
function cells.guarded(fn, key)
  local name
  return function(current)
    name = name or ("the updater of %s(%q)"):format(VERB, key)
    local old = task.render_guard(name)
    local ok, result = pcall(fn, current)
    task.render_guard(old)
    if not ok then error(result, 0) end
    return result
  end
end

--- Updates: fn gets a copy of what is there and returns what is to be there; nil removes. It may run more than once.
---@param cell hearth.Cell
---@param fn fun(current: any): any
---@param voice table?   its `view(value, exists)` is what the hook shows for a value
---@return hearth.Ticket
function cells.update(cell, fn, voice)
  return issue(cell, ticket.new {
    kind = "update", fn = cells.guarded(fn, cell.key), owner = voice or nobody, expires_at = expires_at(voice),
    equals = voice and voice.equals,
  })
end

--- Removes the key.
---@param cell hearth.Cell
---@param voice table?
---@return hearth.Ticket
function cells.remove(cell, voice)
  return issue(cell, ticket.new {kind = "remove", owner = voice})
end

-- ---- everybody else

-- The living pool of a store, if it has cells.
local function pool_of(raw)
  if default_pool and default_pool.raw == raw and not default_pool.dead then return default_pool end
  for _, pool in ipairs(by_id[raw:id()] or {}) do
    if not pool.dead then return pool end
  end
end

--- Would before_read have something to do for this key?
---@param raw any
---@param ns string
---@param key any
---@return boolean
function cells.is_pending(raw, ns, key)
  local pool = pool_of(raw)
  return pool ~= nil and pool:is_pending(ns, key)
end

--- A verb that reads calls this first: what hooks have set is queued, so that the verb sees it.
---@param raw any
---@param ns string
---@param keys string|string[]|nil nil: the whole namespace
function cells.before_read(raw, ns, keys)
  local pool = pool_of(raw)
  if pool then pool:before_read(ns, keys) end
end

--- A verb that writes calls this before it queues its own write, and closes what it gets when that is answered.
---@param raw any
---@param ns string
---@param keys string|string[]|nil nil: the whole namespace
---@param relative boolean?
---@return hearth.CellWrite?
function cells.before_write(raw, ns, keys, relative)
  local pool = pool_of(raw)
  return pool and pool:before_write(ns, keys, relative)
end

--- Writes everything that waits, now. True if nothing is left that is not on disk. Asked again and again at the end of the program.
---@return boolean
function cells.save_all()
  local saved = true
  for _, pool in ipairs(pools) do
    if not pool.dead and not (pool:save() and pool:end_session()) then saved = false end
  end
  return saved
end

--- Names what is not on disk, and why.
---@return string[]
function cells.unsaved()
  local list = {}
  for _, pool in ipairs(pools) do
    if not pool.dead then
      for _, lost in ipairs(pool:unsaved()) do
        list[#list + 1] = ("key %q of use_persisted_state%s"):format(lost.key, lost.error and ": " .. tostring(lost.error) or "")
      end
    end
  end
  return list
end

--- Forgets every cell without saving, as kill -9 does (testing.restart).
function cells.forget()
  local old = pools
  pools, by_id, default_pool = {}, {}, nil
  for _, pool in ipairs(old) do pool:forget(pool_module.lost()) end
  scopes.reset()
end

--- A handle is about to be closed: what waits is written first. Its cells go on with another handle of the same store, or are let go.
---@param raw any
function cells.closing(raw)
  for _, pool in ipairs(by_id[raw:id()] or {}) do
    if not pool.dead and pool.handles[raw] then
      pool:save()
      pool:settled()
      pool.handles[raw] = nil
      if pool.raw == raw then
        local other = next(pool.handles)
        pool.unsubscribe()
        if other then pool:attach(other) else pool:forget(pool_module.lost()) end
      end
    end
  end
end

local seam = require "hearth.storage.hooks"
seam.closing, seam.is_pending, seam.before_read, seam.before_write = cells.closing, cells.is_pending, cells.before_read, cells.before_write

return cells
