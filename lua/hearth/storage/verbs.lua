-- The verbs of storage, shared by AsyncStorage and by the Store objects. Each takes a view first: what it works on and what the user
-- calls it. A verb checks the await, then its arguments, then queues the held operations of the cells it touches, then its own.
--
-- A view: namespace, names (method -> what errors call it), handle(self, verb) -> the raw store (may await), on_error, report; raw, or now() -> the raw
-- store if that is open.

local check = require "hearth.storage.check"
local hooks = require "hearth.storage.hooks"
local json = require "hearth.core.json"
local task = require "hearth.core.task"

local build = require("hearth.core.store").build
local check_await = task.check
local MAX_KEY, MAX_VALUE = check.MAX_KEY, check.MAX_VALUE
local type = type
local call, fail = check.call, check.fail

local verbs = {}

---Names of verbs, made at first use: `names("AsyncStorage.").get` is "AsyncStorage.get".
---@param prefix string
---@return table<string, string>
function verbs.names(prefix)
  return setmetatable({}, {
    __index = function(names, method)
      local name = prefix .. method
      names[method] = name
      return name
    end,
  })
end

local function is_short(text, limit)
  return type(text) == "string" and #text <= limit
end

local accepted = setmetatable({}, { __close = function() task.accept(false) end })

---For a verb that reads before it writes: `local _ <close> = verbs.accept()`. Its write is queued also if the program ends meanwhile.
function verbs.accept()
  task.accept()
  return accepted
end

local writers = {
  set = true, set_json = true, delete = true, clear = true, set_many = true, delete_many = true, update = true, update_json = true,
  merge_json = true, increment = true,
}

---A public verb. What a task that is to begin with one that writes was given is accepted: it is written also if the program ends before.
---@param method string
---@param fn function
---@return function fn
function verbs.mark(method, fn)
  return writers[method] and task.writer(fn) or fn
end

-- keys: one key, a list, or nil for the whole namespace. See hearth.storage.hooks.
local function before_write(raw, namespace, keys, relative)
  local before = hooks.before_write
  return before and before(raw, namespace, keys, relative)
end
verbs.before_write = before_write

local function before_read(raw, namespace, keys)
  local before = hooks.before_read
  if before then before(raw, namespace, keys) end
end
verbs.before_read = before_read

-- What a store verb takes for a value: its text, or packed where that is long; or EINVAL with the value's path. nil is no value: the message says
-- how to remove.
local function encode(verb, namespace, key, value)
  if value == nil then
    error(fail("EINVAL", verb, namespace, key, "the value is nil; use delete to remove a key, or hearth.null to store a null"))
  end
  local ok, packed = pcall(json.pack, value)
  if not ok then error(check.label({ namespace = namespace }, verb, key, packed), 0) end
  return packed
end
verbs.encode = encode

---The stored value of a key, read as JSON. Large text is read by a worker, and the value built in steps, with turns of the loop between them.
---@return boolean|nil found nil: there is none; false: the text is no JSON, and `value` the error
---@return any value
function verbs.load(view, verb, raw, namespace, key)
  local found, value = call(view, verb, key, raw.get_json, raw, namespace, key)
  if found ~= "reader" then return found, value end
  while true do
    local done, built = build(value)
    if done then return true, built end
  end
end

function verbs.get(view, key)
  local verb, namespace = view.names.get, view.namespace
  check_await(verb)
  check.key(verb, namespace, key)
  local raw = view:handle(verb)
  before_read(raw, namespace, key)
  return (call(view, verb, key, raw.get, raw, namespace, key))
end

local function write(view, verb, key, value, kind, options)
  local namespace = view.namespace
  local ttl, revision = check.options(verb, namespace, key, options)
  local raw = view:handle(verb, true)
  local _ <close> = before_write(raw, namespace, key)
  return call(view, verb, key, raw.write, raw, namespace, key, value, kind, ttl, revision)
end
verbs.write = write

---A storable value as JSON. What is made of a large one is done with when it is stored.
function verbs.write_json(view, verb, key, value, options)
  local packed = encode(verb, view.namespace, key, value)
  local revision = write(view, verb, key, packed, "json", options)
  if type(packed) ~= "string" then json.done(packed) end
  return revision
end

function verbs.set(view, key, value, options)
  local verb = view.names.set
  check_await(verb)
  check.key(verb, view.namespace, key)
  check.text(verb, view.namespace, key, value, "set_json")
  return write(view, verb, key, value, "text", options)
end

function verbs.set_json(view, key, value, options)
  local verb = view.names.set_json
  check_await(verb)
  check.key(verb, view.namespace, key)
  return verbs.write_json(view, verb, key, value, options)
end

function verbs.delete(view, key, options)
  local verb = view.names.delete
  check_await(verb)
  check.key(verb, view.namespace, key)
  return write(view, verb, key, nil, nil, options)
end

function verbs.get_json(view, key)
  local verb, namespace = view.names.get_json, view.namespace
  check_await(verb)
  check.key(verb, namespace, key)
  local raw = view:handle(verb)
  before_read(raw, namespace, key)
  local found, value = verbs.load(view, verb, raw, namespace, key)
  if found then return value end
  return nil, found == nil and "ENOKEY" or "ECORRUPT"
end

function verbs.get_or_default(view, key, default)
  local verb, namespace = view.names.get_or_default, view.namespace
  check_await(verb)
  check.key(verb, namespace, key)
  local raw = view:handle(verb)
  before_read(raw, namespace, key)
  local value = call(view, verb, key, raw.get, raw, namespace, key)
  if value == nil then return default end
  return value
end

-- One record, damaged ones included; nil when there is none.
local function record(view, verb, key)
  local namespace = view.namespace
  check_await(verb)
  check.key(verb, namespace, key)
  local raw = view:handle(verb)
  before_read(raw, namespace, key)
  local found = call(view, verb, key, raw.read, raw, namespace, { key })[key]
  if found and (found.value ~= nil or found.error) then return found end
  return nil
end
verbs.record = record

function verbs.contains_key(view, key)
  return record(view, view.names.contains_key, key) ~= nil
end

function verbs.info(view, key)
  local found = record(view, view.names.info, key)
  if not found then return nil end
  return {
    revision = found.revision, size = found.size or (found.value and #found.value), created_at = found.created_at,
    updated_at = found.updated_at, expires_at = found.expires_at, damaged = found.error and true or nil,
  }
end

function verbs.get_many(view, keys)
  local verb, namespace = view.names.get_many, view.namespace
  check_await(verb)
  keys = check.keys(verb, namespace, keys)
  local raw = view:handle(verb)
  local values, damaged = {}, {}
  if #keys == 0 then return values, damaged end
  before_read(raw, namespace, keys)
  for key, found in pairs(call(view, verb, nil, raw.read, raw, namespace, keys)) do
    if found.error then
      damaged[key] = check.label(view, verb, key, found.error)
    else
      values[key] = found.value
    end
  end
  return values, damaged
end

-- A list of operations in one commit. A refused condition names the key whose record was another one.
local function apply(view, verb, raw, ops)
  local revision, records = call(view, verb, nil, raw.apply, raw, ops)
  if revision then return revision end
  for i, op in ipairs(ops) do
    local now = records and records[i]
    if op.if_revision and now and (now.revision or 0) ~= op.if_revision then
      error(fail("ECONFLICT", verb, op.ns, op.key, ("the revision is %s and not %d; nothing was written: read again and retry")
        :format(now.value == nil and not now.error and "that of no record" or tostring(now.revision), op.if_revision)))
    end
  end
  error(fail("ECONFLICT", verb, view.namespace, nil, "a key has changed; nothing was written: read again and retry"))
end
verbs.apply = apply

function verbs.set_many(view, map, options)
  local verb, namespace = view.names.set_many, view.namespace
  check_await(verb)
  if type(map) ~= "table" then
    error(fail("EINVAL", verb, namespace, nil, "takes a table {key = string}, got " .. type(map)))
  end
  local ttl, revision = check.options(verb, namespace, nil, options)
  for key, value in next, map do
    if not (is_short(key, MAX_KEY) and is_short(value, MAX_VALUE)) then
      check.key(verb, namespace, key)
      check.text(verb, namespace, key, value, "set_json, or a batch")
    end
  end
  if next(map) == nil then
    view:handle(verb)
    return nil
  end
  -- Where nothing is waited for before the write is queued, the map is taken as it is.
  if not revision and not hooks.before_write and (view.raw or view.now and view.now()) then
    local raw = view:handle(verb, true)
    return call(view, verb, nil, raw.put_many, raw, namespace, map, ttl)
  end
  local ops, keys, n = {}, {}, 0
  for key, value in next, map do
    n = n + 1
    keys[n] = key
    ops[n] = { ns = namespace, key = key, value = value, kind = "text", ttl = ttl, if_revision = revision }
  end
  local raw = view:handle(verb, true)
  local _ <close> = before_write(raw, namespace, keys)
  return apply(view, verb, raw, ops)
end

function verbs.delete_many(view, keys, options)
  local verb, namespace = view.names.delete_many, view.namespace
  check_await(verb)
  keys = check.keys(verb, namespace, keys)
  local _, revision = check.options(verb, namespace, nil, options)
  if #keys == 0 then
    view:handle(verb)
    return nil
  end
  local raw = view:handle(verb, true)
  local ops = {}
  for i, key in ipairs(keys) do ops[i] = { ns = namespace, key = key, if_revision = revision } end
  local _ <close> = before_write(raw, namespace, keys)
  return apply(view, verb, raw, ops)
end

function verbs.clear(view)
  local verb, namespace = view.names.clear, view.namespace
  check_await(verb)
  local raw = view:handle(verb, true)
  local _ <close> = before_write(raw, namespace)
  return apply(view, verb, raw, { { ns = namespace, clear = true } })
end

local function scan(view, verb, prefix, start, limit, reverse)
  local raw = view:handle(verb)
  before_read(raw, view.namespace)
  return call(view, verb, nil, raw.scan, raw, view.namespace, prefix or "", start, limit, reverse)
end

function verbs.all_keys(view)
  local verb = view.names.all_keys
  check_await(verb)
  return scan(view, verb)
end

local range = { prefix = "string", start = "string", limit = "number", reverse = "boolean" }

function verbs.keys(view, options)
  local verb, namespace = view.names.keys, view.namespace
  check_await(verb)
  options = options == nil and {} or options
  if type(options) ~= "table" then
    error(fail("EINVAL", verb, namespace, nil, "takes a table {prefix=, start=, limit=, reverse=}, got " .. type(options)))
  end
  for name, value in pairs(options) do
    if not range[name] then
      error(fail("EINVAL", verb, namespace, nil, ("unknown option %s; there are prefix, start, limit and reverse"):format(tostring(name))))
    end
    if type(value) ~= range[name] then
      error(fail("EINVAL", verb, namespace, nil, ("%s must be a %s, got %s"):format(name, range[name], type(value))))
    end
  end
  local limit = options.limit
  if limit then
    limit = math.tointeger(limit)
    if not limit or limit < 0 then
      error(fail("EINVAL", verb, namespace, nil, "limit must be a whole number from 0 on, got " .. tostring(options.limit)))
    end
    if limit == 0 then return {} end
  end
  return scan(view, verb, options.prefix, options.start, limit, options.reverse)
end

---Everything written so far, the held operations of cells included, is on disk when it returns.
function verbs.flush(view)
  local verb = view.names.flush
  check_await(verb)
  local raw = view:handle(verb)
  before_read(raw, view.namespace)
  call(view, verb, nil, raw.flush, raw)
end

function verbs.usage(view)
  local verb = view.names.usage
  check_await(verb)
  local raw = view:handle(verb)
  before_read(raw, view.namespace)
  return call(view, verb, nil, raw.usage, raw, view.namespace)
end

---What was damaged in this namespace and put aside: a list of {key, bytes, time}, oldest first.
function verbs.quarantine(view)
  local verb = view.names.quarantine
  check_await(verb)
  local raw = view:handle(verb)
  local list = {}
  for _, item in ipairs(call(view, verb, nil, raw.quarantine, raw)) do
    if item.ns == view.namespace then list[#list + 1] = { key = item.key, bytes = item.bytes, time = item.time } end
  end
  return list
end

-- The methods of AsyncStorage and of a Store.
verbs.is_verb = {}
for _, method in ipairs {
  "get", "set", "delete", "all_keys", "clear", "get_json", "set_json", "get_many", "set_many", "delete_many", "contains_key",
  "get_or_default", "update", "update_json", "merge_json", "increment", "keys", "info", "watch", "batch", "flush", "usage", "quarantine",
} do
  verbs.is_verb[method] = true
end

require "hearth.storage.update" (verbs)
require "hearth.storage.watch" .install(verbs)
require "hearth.storage.batch" .install(verbs)

return verbs
