-- Batches: reads and writes that happen as one step or not at all. The function collects its writes; they are committed together, with
-- everything that was read as a condition. Batches of one store take turns in this process; when somebody else has changed what was
-- read, the function runs again over the new values.

local check = require "hearth.storage.check"
local json = require "hearth.core.json"
local lock = require "hearth.storage.lock"
local task = require "hearth.core.task"

local fail, call = check.fail, check.call

local TRIES = 100

local batch = {}

---@class hearth.storage.Tx
local Tx = {}
Tx.__index = Tx

-- The private half of each transaction: {view, verb, raw, reads, writes, order, ended}
local inside = setmetatable({}, { __mode = "k" })

local names = { get = "tx:get", get_json = "tx:get_json", set = "tx:set", set_json = "tx:set_json", delete = "tx:delete" }

local function enter(tx, method, key)
  local t = inside[tx]
  if not t then error(fail("EINVAL", names[method], nil, nil, "call it on the tx of a batch, with a colon")) end
  local verb = names[method]
  if t.ended then
    error(fail("ECLOSED", verb, t.namespace, nil, "the batch has ended; begin another"))
  end
  check.key(verb, t.namespace, key)
  return t, verb
end

-- Records that were read, by namespace and key.
local function slot(map, namespace, key)
  local keys = map[namespace]
  if not keys then
    keys = {}
    map[namespace] = keys
  end
  return keys[key], keys
end

---What the batch sees under a key: its own write (a text, or packed), else what it read first.
---@return string|userdata|nil value
function batch.read(t, verb, namespace, key)
  task.check(verb)
  local op = slot(t.writes, namespace, key)
  if op then return op.value end
  local seen, keys = slot(t.reads, namespace, key)
  if not seen then
    t.verbs.before_read(t.raw, namespace, key)
    local value, revision, version, expires_at = call(t.view, verb, key, t.raw.get, t.raw, namespace, key)
    seen = { value = value, revision = value ~= nil and revision or 0, version = version, expires_at = expires_at }
    keys[key] = seen
    t.n_reads = t.n_reads + 1
  end
  return seen.value
end

---Adds a write; a later one of the same key takes its place.
function batch.write(t, namespace, key, value, kind, ttl, revision)
  local old, keys = slot(t.writes, namespace, key)
  local op = { ns = namespace, key = key, value = value, kind = kind, ttl = ttl, if_revision = revision }
  if old then
    op.if_revision, op.at = revision or old.if_revision, old.at
  else
    op.at = #t.order + 1
  end
  op.wanted = op.if_revision
  keys[key] = op
  t.order[op.at] = op
end

function Tx:get(key)
  local t, verb = enter(self, "get", key)
  local text = batch.read(t, verb, t.namespace, key)
  return text ~= nil and tostring(text) or nil
end

function Tx:get_json(key)
  local t, verb = enter(self, "get_json", key)
  local text = batch.read(t, verb, t.namespace, key)
  if text == nil then return nil, "ENOKEY" end
  local ok, value = pcall(json.decode_stored, tostring(text))
  if ok then return value end
  if type(value) == "table" and value.code == "ECORRUPT" then return nil, "ECORRUPT" end
  error(value, 0)
end

function Tx:set(key, value, options)
  local t, verb = enter(self, "set", key)
  check.text(verb, t.namespace, key, value, "tx:set_json")
  batch.write(t, t.namespace, key, value, "text", check.options(verb, t.namespace, key, options))
end

function Tx:set_json(key, value, options)
  local t, verb = enter(self, "set_json", key)
  batch.write(t, t.namespace, key, batch.encode(verb, t.namespace, key, value), "json", check.options(verb, t.namespace, key, options))
end

function Tx:delete(key, options)
  local t, verb = enter(self, "delete", key)
  local _, revision = check.options(verb, t.namespace, key, options)
  batch.write(t, t.namespace, key, nil, nil, nil, revision)
end

-- Are the records that a batch without writes has read still what they were, all at the same moment?
local function still_true(t)
  local pairs_read, revisions = {}, {}
  for namespace, keys in pairs(t.reads) do
    for key, seen in pairs(keys) do
      pairs_read[#pairs_read + 1] = { namespace, key }
      revisions[#revisions + 1] = seen.revision
    end
  end
  local now = call(t.view, t.verb, nil, t.raw.read_many, t.raw, pairs_read)
  for i, revision in ipairs(revisions) do
    local record = now[i]
    if (record.value ~= nil and record.revision or 0) ~= revision then return false end
  end
  return true
end

-- What hooks have issued for the keys of these ops goes first. Closed when the commit is answered.
-- `relative` ops: their values may be made of what was read.
local Writes = {}
Writes.__index = Writes

function Writes.new(t)
  return setmetatable({ t = t, queued = false }, Writes)
end

function Writes:before(ops, relative)
  local by_namespace, t = {}, self.t
  for _, op in ipairs(ops) do
    by_namespace[op.ns] = by_namespace[op.ns] or {}
    table.insert(by_namespace[op.ns], op.key)
  end
  for namespace, keys in pairs(by_namespace) do self[#self + 1] = t.verbs.before_write(t.raw, namespace, keys, relative) end
end

function Writes:__close(err)
  -- One that was cancelled while it waited has written nothing.
  for _, write in ipairs(self) do getmetatable(write).__close(write, not self.queued and "not written" or err) end
end

-- true when committed; false when what was read has changed meanwhile.
local function commit(t)
  if #t.order == 0 then return t.n_reads < 2 or still_true(t) end
  local ops, absolute, relative = {}, {}, {}
  for i, op in ipairs(t.order) do
    local seen = slot(t.reads, op.ns, op.key)
    if seen and not op.if_revision then op.if_revision = seen.revision end
    ops[i] = op
    table.insert(seen and relative or absolute, op)
  end
  for namespace, keys in pairs(t.reads) do
    for key, seen in pairs(keys) do
      if not slot(t.writes, namespace, key) then
        ops[#ops + 1] = { ns = namespace, key = key, if_revision = seen.revision, check = true }
      end
    end
  end
  local writes <close> = Writes.new(t)
  writes:before(absolute, false)
  writes:before(relative, true)
  writes.queued = true
  local revision, records = call(t.view, t.verb, nil, t.raw.apply, t.raw, ops)
  if revision then return true end
  writes.queued = false
  for i, op in ipairs(t.order) do
    local now = records[i]
    if op.wanted and now and (now.value == nil and not now.error and 0 or now.revision) ~= op.wanted then
      error(fail("ECONFLICT", t.verb, op.ns, op.key,
        ("the revision is not %d; nothing of the batch was written: read again and retry"):format(op.wanted)))
    end
  end
  return false
end

-- Runs fn(tx) until its commit is taken.
---@param inner? boolean fn is given the transaction's own state instead of a tx: for AppStorage
function batch.run(verbs, view, verb, fn, inner)
  local raw = view:handle(verb)
  local name = lock.name(raw, "batch", "")
  if lock.owner(name) == lock.me() then
    error(fail("EINVAL", verb, view.namespace, nil, "a batch inside a batch of the same store; use the outer one's tx"))
  end
  local _ <close> = lock.take(name)
  for _ = 1, TRIES do
    local tx = setmetatable({}, Tx)
    local t = {
      view = view, verb = verb, raw = raw, namespace = view.namespace, verbs = verbs,
      reads = {}, writes = {}, order = {}, n_reads = 0,
    }
    inside[tx] = t
    local results = table.pack(pcall(fn, inner and t or tx))
    t.ended = true
    if not results[1] then error(results[2], 0) end
    if commit(t) then return table.unpack(results, 2, results.n) end
  end
  error(fail("ECONFLICT", verb, view.namespace, nil,
    ("what it read was changed by others, %d times in a row; nothing was written. Does its function write the same keys outside of tx?")
      :format(TRIES)))
end

---@param verbs table
function batch.install(verbs)
  batch.encode = verbs.encode
  function verbs.batch(view, fn)
    local verb = view.names.batch
    task.check(verb)
    if type(fn) ~= "function" then
      error(fail("EINVAL", verb, view.namespace, nil, "takes a function(tx), got " .. type(fn)))
    end
    return batch.run(verbs, view, verb, fn)
  end
end

return batch
