-- How cells are read: one multi-get per turn; a record becomes a base; one that is unreadable, too old or too new becomes an error and the
-- reason to hold writes. Data that was not read is never overwritten.

local cell_module = require "hearth.storage.cell"
local errors = require "hearth.errors"
local json = require "hearth.core.json"
local migrate = require "hearth.storage.migrate"
local pool_module = require "hearth.storage.pool"
local task = require "hearth.core.task"
local ticket = require "hearth.storage.ticket"
local timer = require "hearth.core.timer"

local unknown, private = cell_module.unknown, require("hearth.storage.value").private
local decode = json.decode_stored
local Pool, back_off = pool_module.Pool, pool_module.back_off

local function named(cell, code, message)
  return errors.new(code, ("use_persisted_state(%q): %s"):format(cell.key, message), {
    op = "use_persisted_state", key = cell.key, namespace = cell.ns,
  })
end

--- Reads the cell at the end of this turn.
---@param cell hearth.Cell
function Pool:load(cell)
  if cell.loading then return end
  self.to_load[#self.to_load + 1] = cell
  cell.loading, cell.load_timer = true, nil   -- the list that it is read with, once that is on its way
  if self.raw then self:touch() elseif not self.opening and self.open then self:open() end
end

--- Reads again, now: after an error, or because the user asks for it. What waits to be written stays.
---@param cell hearth.Cell
---@return hearth.Ticket   resolves when it was read
function Pool:reload(cell)
  self:load(cell)
  return self:wait_loaded(cell)
end

--- Resolves when the load that is going on, with its migration, has ended; is rejected if it fails.
---@param cell hearth.Cell
---@return hearth.Ticket
function Pool.wait_loaded(_, cell)
  if not cell.loading and not cell.migrating then return ticket.done(cell.base.revision) end
  local t = ticket.new()
  cell.load_waiters = cell.load_waiters or {}
  table.insert(cell.load_waiters, t)
  return t
end

local function loaded(cell, err)
  local waiters = cell.load_waiters
  cell.load_waiters = nil
  for _, t in ipairs(waiters or {}) do
    if err then ticket.reject(t, err) else ticket.resolve(t, cell.base.revision) end
  end
end

--- One operation for everything that is to be read.
function Pool:fetch()
  local cells, names = self.to_load, {}
  for i = 1, #cells do
    local cell = cells[i]
    names[2 * i - 1], names[2 * i] = cell.ns, cell.key
    cell.heard = nil
  end
  local landed = self:answer(function(found, _, err)
    if not found then
      self:load_failed(cells, err)
      return
    end
    for i = 1, #cells do
      local cell, revision = cells[i], found[2 * i]
      if cell.loading == cells then   -- not so when this had to be done again after an error
        -- An event that came meanwhile is newer than what was read.
        if not (cell.heard and cell.base.known and revision <= cell.heard) then self:take(cell, found[2 * i - 1], revision) end
        cell.loading, cell.load_tries = nil, nil
        if cell.load_waiters and not cell.migrating then loaded(cell, not cell.base.known and cell.base.error or nil) end
      end
    end
  end)
  self.to_load = {}
  for i = 1, #cells do cells[i].loading = cells end
  local ok, err = pcall(self.raw.load, self.raw, names, landed)
  if not ok then landed(nil, nil, err) end
end

-- What a load found: a text, false, or a record where there is more to say. By far the most are text that nobody has to look at.
function Pool:take(cell, found, revision)
  local is_text = type(found) == "string"
  if is_text and not cell.schema then
    local ok, value = pcall(decode, found)
    if ok then
      if cell:begin(value, revision) then return self:publish(cell) end
      return self:rebase(cell, {known = true, value = value, revision = revision}, true)
    end
  end
  self:adopt(cell, is_text and {value = found, revision = revision} or found or {revision = revision}, true)
end

--- The cell gets a base that can be used.
function Pool:rebase(cell, base, force)
  local _, failed = cell:rebase(base, force)
  self:after(cell, failed)
end

-- "overwrite" if one of those who look at the cell says so.
local function policy(cell, err)
  for voice in cell:voices() do
    local choice = voice.on_load_error
    if type(choice) == "function" then
      local ok, answer = pcall(choice, err)
      if not ok then task.report(answer, "in on_load_error") end
      choice = ok and answer or "retain"
    end
    if choice == "overwrite" then return "overwrite" end
  end
  return "retain"
end

-- The stored value is there and cannot be used: writes are held, unless a hook says otherwise.
function Pool:refuse(cell, err, revision)
  local base = unknown(err)
  base.revision = revision or 0
  if err.code ~= "ENEWER" and policy(cell, err) == "overwrite" then
    base.known, base.condition = true, revision or false
  end
  self:tell(cell, err)
  local _, failed = cell:rebase(base, true)
  self:release_barriers(cell)
  self:after(cell, failed)
end

function Pool:load_failed(cells, err)
  local tries = 0
  for _, cell in ipairs(cells) do
    cell.loading = nil
    cell.load_tries = cell.load_tries + 1
    tries = math.max(tries, cell.load_tries)
    loaded(cell, err)
    if cell.base.known then self:tell(cell, err) else self:refuse(cell, err) end
  end
  local wait = {}   -- one timer for all; a cell that is read earlier leaves it
  for _, cell in ipairs(cells) do
    cell.load_timer = wait
    self:keep(cell)
  end
  timer.after(back_off(tries), function()
    if self.dead then return end
    for _, cell in ipairs(cells) do
      if cell.load_timer == wait and not cell.gone then self:load(cell) end
    end
  end, "u")
end

-- ---- a record becomes a base

local function read(cell, record)
  if record.error then return nil, record.error end
  local ok, value = pcall(decode, record.value)
  if ok then return value end
  return nil, named(cell, "ECORRUPT", "the stored value is not JSON (" .. tostring(value) .. "); set replaces it")
end

local function validate(cell, value)
  local check = cell.schema and cell.schema.validate
  if not check then return true end
  local ok, valid, message = pcall(check, value)
  if not ok then return false, "validate raised: " .. tostring(valid) end
  return valid and true or false, message or "validate refused it"
end

local function base_of(record)
  local expires_at = record.value ~= nil and record.expires_at or nil
  return {
    known = true, revision = record.revision or 0, version = record.version, expires_at = expires_at,
    expired = expires_at ~= nil and expires_at <= timer.wall() or nil,
  }
end

--- What a record is to this cell: a base; or nil and the value that has to be migrated first; or nil, nil and the error.
---@return hearth.CellBase? base, any old, any err
function Pool.interpret(_, cell, record)
  local base = base_of(record)
  if record.value == nil and not record.error then return base end
  local value, err = read(cell, record)
  local from, to = record.version or 0, cell.schema and cell.schema.version
  if not err and to and not base.expired then
    if from > to then
      return nil, nil, named(cell, "ENEWER",
        ("the stored value has version %d, this program knows %d; update the program"):format(from, to))
    elseif from < to then
      return nil, value
    end
  end
  if not err then
    local valid, why = validate(cell, value)
    if not valid then err = named(cell, "ECORRUPT", ("the stored value is not valid (%s); set replaces it"):format(why)) end
  end
  if err then
    base.error, base.condition, base.expires_at = err, record.revision, nil
    return base
  end
  base.value = value
  return base
end

--- Takes a record as the new base: from a load (`force`), an event, or a refused write.
---@param cell hearth.Cell
---@param record table
---@param force boolean?
function Pool:adopt(cell, record, force)
  if not force then
    cell.heard = math.max(cell.heard or 0, record.revision or 0)
    if cell.base.known and (record.revision or 0) < cell.base.revision then return end
  end
  local base, old, err = self:interpret(cell, record)
  if not base and cell.sent > 0 then return end   -- what is on its way will be refused, and brings this record back
  if base then
    if base.error and not (cell.base.error and cell.base.revision == base.revision) then
      policy(cell, base.error)
      self:tell(cell, base.error)
    end
    self:rebase(cell, base, force)
  elseif err then
    self:refuse(cell, err, record.revision)
  else
    self:migrate(cell, record, old)
  end
end

--- The options of a hook that say how a stored value is to be read. One that no other hook had is applied to what was read already.
---@param cell hearth.Cell
---@param schema {version: integer?, migrate: any, validate: function?}
function Pool:use_schema(cell, schema)
  local old = cell.schema
  if old and old.version and (schema.version or 0) < old.version then return end
  cell.schema = schema
  local base = cell.base
  if not base.known or base.value == nil then return end
  if old and old.version == schema.version and (old.validate == nil) == (schema.validate == nil) then return end
  if schema.version and schema.version ~= (base.version or 0) then
    cell:rebase(unknown(), true)
    self:load(cell)
  elseif not validate(cell, private(base.value)) then
    self:load(cell)
  end
end

-- ---- migrations

--- Turns an old value into one of this program's version and commits it by compare-and-set; the old record goes to the quarantine.
function Pool:migrate(cell, record, value)
  if cell.migrating then
    cell.migrate_again = true
    return
  end
  cell.migrating = true
  cell:rebase(unknown(), true)
  local schema = cell.schema
  local function ended(fn, ...)
    cell.migrating = false
    if self.dead then return end
    fn(self, cell, ...)
    loaded(cell, not cell.base.known and cell.base.error or nil)
    if cell.migrate_again then
      cell.migrate_again = nil
      self:load(cell)
    end
  end
  task.spawn(function()
    local ok, result = pcall(migrate.run, schema, value, record.version or 0)
    if self.dead then return end
    local encoded, text
    if ok then encoded, text = pcall(json.pack, result) end
    if not ok or not encoded then
      local why = ok and text or result
      if errors.is_cancelled(why) then why = "it was cancelled" end
      ended(Pool.refuse, named(cell, "EMIGRATE", tostring(why) .. "; the stored value is untouched"), record.revision)
      return
    end
    self:submit({
      {ns = cell.ns, key = cell.key, value = text, kind = "json", version = schema.version, expires_at = record.expires_at,
        if_revision = record.revision, tag = self.tag, keep = true},
    }, function(revision, records, err)
      if revision then
        ended(Pool.adopt, {value = tostring(text), revision = revision, version = schema.version, expires_at = record.expires_at}, true)
      elseif records then   -- somebody else wrote, or migrated, first
        ended(Pool.adopt, records[1], true)
      else
        ended(function() self:load_failed({cell}, err) end)
      end
    end)
  end)
end

return Pool
