-- The stores of hearth.testing: a fresh memory store for each test in the place of the app's own, raw access to its bytes, faults, and the
-- part of testing.restart that forgets what is only in memory.

local cells = require "hearth.storage.cells"
local core = require "hearth.core.store"
local default = require "hearth.storage.default"
local errors = require "hearth.errors"
local verbs = require "hearth.storage.verbs"
local watch = require "hearth.storage.watch"

local M = {}

local raw                -- the test's store; opened at its first use
local opened = {}        -- every store of this test
local files = {}         -- temporary files of this test

---@class hearth.testing.Store
local Store = {}
Store.__index = Store

-- It is a store: the verbs of AsyncStorage, as methods.
local names = verbs.names "store:"
local function handle(view) return view.raw end
for method in pairs(verbs.is_verb) do
  local verb = verbs[method]
  Store[method] = function(self, ...) return verb(self.view, ...) end
end

--- Replaces the bytes of a value and leaves the checksum: a damaged record, as a bad disk leaves one.
---@param key string
---@param bytes string
---@param namespace string?   of AsyncStorage by default
function Store:put_raw(key, bytes, namespace)
  self.raw:put_raw(namespace or "default", key, bytes)
end

--- The URL under which a program of its own could open it (files only).
---@return string
function Store:url() return self.raw:url() end

---@return table[] what was set aside: {key=, bytes=, time=, …}
function Store:quarantine() return self.raw:quarantine() end

local function use(opened_now)
  raw = opened_now
  opened[#opened + 1] = opened_now
  default.use(opened_now)
end

--- The test's own store. With file=true, from then on, a temporary file.
---@param options {file: boolean?}?
---@return hearth.testing.Store
function M.store(options)
  if options and options.file then
    local path = os.tmpname()
    os.remove(path)
    files[#files + 1] = path
    cells.forget()
    use(core.open("file:" .. path, {}))
  end
  if not raw then use(core.open("memory:", {})) end
  return setmetatable({raw = raw, view = {raw = raw, namespace = "default", names = names, handle = handle}}, Store)
end

local function is_count(n)
  return n == nil or math.type(n) == "integer" and n >= 1
end

--- From now on: every operation takes `latency` seconds more; the nth read, write or open fails, `times` times. {} ends it.
---@param plan {latency: number?, fail: {op: string, nth: integer?, times: integer?, code: string?}?}
function M.faults(plan)
  if type(plan) ~= "table" then
    errors.raise("EINVAL", "testing.faults takes a table {latency=, fail={op=, nth=, times=, code=}}", {op = "faults"})
  end
  if plan.fail and not (is_count(plan.fail.nth) and is_count(plan.fail.times)) then
    errors.raise("EINVAL", "testing.faults: nth and times are integers, 1 or more", {op = "faults"})
  end
  core.set_faults(next(plan) and plan or nil)
end

local function remove_files()
  for _, path in ipairs(files) do
    for _, suffix in ipairs {"", "-wal", "-shm", "-gate", "-journal"} do os.remove(path .. suffix) end
  end
  files = {}
end

-- Between tests (setup blocks, the top of a spec) there is a memory store too: specs leave no files.
function M.between()
  default.use("memory:")
end

M.part = {
  begin = function() use(core.open("memory:", {})) end,
  restart = function()
    cells.forget()
    for _, it in ipairs(opened) do
      watch.reset(it)
      it:crash()
    end
  end,
  finish = function()
    core.set_faults(nil)
    cells.forget()
    M.between()
    for _, it in ipairs(opened) do
      watch.reset(it)
      pcall(it.close, it)
    end
    raw, opened = nil, {}
    remove_files()
  end,
}

return M
