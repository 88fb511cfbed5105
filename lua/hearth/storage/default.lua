-- The app's default store: opened once, at its first use, and shared by AsyncStorage, AppStorage and the cells.

local check = require "hearth.storage.check"
local core = require "hearth.core.store"
local errors = require "hearth.errors"
local task = require "hearth.core.task"
local url = require "hearth.storage.url"

local default = {}

local current   -- the open handle
local opening   -- the future of an open that is under way
local chosen    -- a URL that replaces the resolved one
local listeners = {}

local function changed()
  for _, fn in ipairs(listeners) do fn() end
end

---The open handle, or nil. Never waits.
---@return userdata|nil
function default.raw()
  return current
end

---@type fun(err: any)|nil hears of each open that failed; for programs that must not lose state in silence
default.on_failure = nil

---Opens the store if need be, for those who cannot wait. A failed open is tried again by the next call.
---@return table future resolves with the handle
function default.open()
  if opening then return opening end
  local future = task.future()
  if current then
    future:resolve(current)
    return future
  end
  opening = future
  task.spawn(function()
    local ok, raw = pcall(function() return core.open(chosen or url.default(), { on_damage = "set_aside" }) end)
    if opening ~= future then -- replaced meanwhile
      if ok then raw:close() end
      if current then future:resolve(current) else future:reject(ok and "the default store was replaced" or raw) end
      return
    end
    opening = nil
    if ok then
      current = raw
      future:resolve(raw)
      changed()
    else
      if default.on_failure then default.on_failure(raw) end
      future:reject(raw)
    end
  end)
  return future
end

---The open handle; opens it and waits for that if need be.
---@param verb string who asks, for errors
---@return userdata
function default.await(verb)
  task.check(verb)
  if current then return current end
  local opened = default.open()
  local ok, result = pcall(opened.await, opened)
  if ok then return result end
  if not errors.is(result) or errors.is_cancelled(result) then error(result, 0) end
  -- One open may have many waiters: each gets an error of its own, with the name of its verb.
  local copy = errors.new(result.code, result.message, result)
  error(check.label({}, verb, nil, copy), 0)
end

---Puts another store in the place of the default one, which is not closed.
---@param store userdata|string|nil a handle, a URL, or nil to resolve afresh at the next use
function default.use(store)
  opening = nil
  current, chosen = nil, nil
  if type(store) == "string" then chosen = store else current = store end
  changed()
end

---@param fn fun() called after the default store was opened or replaced; must not await
function default.on_change(fn)
  listeners[#listeners + 1] = fn
end

return default
