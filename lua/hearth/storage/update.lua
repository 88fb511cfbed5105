-- Read, change, write as one step, also between processes: the write has the revision that was read as its condition, and a refused
-- one brings the current record back, over which the change is made again. Tasks of this process take turns on a key.

local check = require "hearth.storage.check"
local json = require "hearth.core.json"
local lock = require "hearth.storage.lock"
local merge = require "hearth.storage.merge"
local task = require "hearth.core.task"

local fail, call = check.fail, check.call

-- step(text | nil) -> the new text or nil, kind, result of the verb
local function modify(verbs, view, verb, key, options, step)
  local namespace = view.namespace
  local ttl, wanted = check.options(verb, namespace, key, options)
  local _accepted <close> = verbs.accept()   -- luacheck: ignore 211
  local raw = view:handle(verb)
  local lock_ <close> = lock.take(lock.name(raw, "update", namespace, key))   -- luacheck: ignore 211
  local _ <close> = verbs.before_write(raw, namespace, key, true)
  local value, revision, version, expires_at = call(view, verb, key, raw.get, raw, namespace, key)
  while true do
    local text, kind, result = step(value)
    local op = {
      ns = namespace, key = key, value = text, kind = kind, version = version, ttl = ttl,
      -- What changes in place keeps its end, unless a new one is given.
      expires_at = not ttl and text ~= nil and expires_at or nil,
      if_revision = wanted or (value ~= nil and revision or 0),
    }
    local ok, records = call(view, verb, key, raw.apply, raw, { op })
    if ok then return result end
    local now = records[1]
    if now.error then error(check.label(view, verb, key, now.error), 0) end
    value, revision, version, expires_at = now.value, now.revision, now.version, now.expires_at
    if wanted then
      error(fail("ECONFLICT", verb, namespace, key,
        ("the revision is not %d; nothing was written: read again and retry"):format(wanted)))
    end
  end
end

-- The user's function runs in a coroutine of its own, in which an await is refused: it may run more than once, and a lock is held.
local function run(verb, namespace, key, fn, value)
  local co = coroutine.create(fn)
  local ok, result = coroutine.resume(co, value)
  if ok and coroutine.status(co) == "dead" then return result end
  coroutine.close(co)
  if ok or (type(result) == "table" and result.code == "ENOTASK") then
    error(fail(ok and "EINVAL" or "ENOTASK", verb, namespace, key, "its function must not await" ..
      (ok and " or yield" or " (it called " .. tostring(result.op or "an awaiting verb") .. ")") ..
      "; fetch what it needs before, or use a batch"))
  end
  error(result, 0)
end

local function decode(verb, namespace, key, text)
  if text == nil then return nil end
  local ok, value = pcall(json.decode_stored, text)
  if ok then return value end
  error(check.label({ namespace = namespace }, verb, key, value), 0)
end

local function begin(view, method, key)
  local verb = view.names[method]
  task.check(verb)
  check.key(verb, view.namespace, key)
  return verb, view.namespace
end

local function need_function(verb, namespace, key, fn)
  if type(fn) ~= "function" then
    error(fail("EINVAL", verb, namespace, key, "takes a function(current) -> next, got " .. type(fn)))
  end
end

return function(verbs)
  function verbs.update(view, key, fn, options)
    local verb, namespace = begin(view, "update", key)
    need_function(verb, namespace, key, fn)
    return modify(verbs, view, verb, key, options, function(text)
      local new = run(verb, namespace, key, fn, text)
      if new ~= nil then check.text(verb, namespace, key, new, "update_json") end
      return new, "text", new
    end)
  end

  function verbs.update_json(view, key, fn, options)
    local verb, namespace = begin(view, "update_json", key)
    need_function(verb, namespace, key, fn)
    return modify(verbs, view, verb, key, options, function(text)
      local new = run(verb, namespace, key, fn, decode(verb, namespace, key, text))
      return new ~= nil and verbs.encode(verb, namespace, key, new) or nil, "json", new
    end)
  end

  function verbs.merge_json(view, key, patch, options)
    local verb, namespace = begin(view, "merge_json", key)
    if type(patch) ~= "table" then
      error(fail("EINVAL", verb, namespace, key, "takes a table of what to change, got " .. type(patch)))
    end
    -- Encoded once here: a value that cannot be stored is refused before the store is touched, and later changes of the table do no harm.
    patch = decode(verb, namespace, key, tostring(verbs.encode(verb, namespace, key, patch)))
    return modify(verbs, view, verb, key, options, function(text)
      local new = merge(decode(verb, namespace, key, text), patch)
      return verbs.encode(verb, namespace, key, new), "json", new
    end)
  end

  function verbs.increment(view, key, n, options)
    local verb, namespace = begin(view, "increment", key)
    local step = n == nil and 1 or math.tointeger(type(n) == "number" and n or nil)
    if not step then
      error(fail("EINVAL", verb, namespace, key, "takes a whole number, got " .. (type(n) == "number" and tostring(n) or type(n))))
    end
    return modify(verbs, view, verb, key, options, function(text)
      local current = 0
      if text ~= nil then
        local ok, value = pcall(json.decode_stored, text)
        current = ok and math.type(value) and math.tointeger(value) or nil
        if not current then
          error(fail("EINVAL", verb, namespace, key, "the stored value is no whole number: " .. check.show(text)))
        end
      end
      if (step > 0 and current > math.maxinteger - step) or (step < 0 and current < math.mininteger - step) then
        error(fail("EINVAL", verb, namespace, key, ("%d + %d is outside the 64-bit integers; nothing was written"):format(current, step)))
      end
      local new = current + step
      return ("%d"):format(new), "json", new
    end)
  end
end
