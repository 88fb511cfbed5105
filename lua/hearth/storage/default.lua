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

local waiting = {} -- functions that hear of the open that is under way

local function landed(future, raw, err)
  if opening ~= future then -- replaced meanwhile
    if raw then task.spawn(raw.close, raw) end
    raw, err = current, err or "the default store was replaced"
  else
    opening = nil
    if raw then
      current = raw
    elseif default.on_failure then
      default.on_failure(err)
    end
  end
  local list = waiting
  waiting = {}
  if raw then future:resolve(raw) else future:reject(err) end
  for _, fn in ipairs(list) do fn(raw, err) end
  if raw then changed() end
end

---Opens the store if need be, for those who cannot wait. A failed open is tried again by the next call. It goes on while the
---runtime flushes.
---@param fn? fun(raw: userdata|nil, err: any) called when it is open, or failed; must not await
---@return table future resolves with the handle
function default.open(fn)
  local future = opening or task.future()
  if current then
    future:resolve(current)
    if fn then fn(current) end
    return future
  end
  waiting[#waiting + 1] = fn
  if opening then return opening end
  opening = future
  local ok, err = pcall(function()
    core.open(chosen or url.default(), { on_damage = "set_aside" }, function(raw, _, why) landed(future, raw, why) end)
  end)
  if not ok then landed(future, nil, err) end
  return future
end

---The open handle; opens it and waits for that if need be.
---@param verb string who asks, for errors
---@param writes? boolean its write has been accepted: it is queued also if the program ends while the store is being opened
---@return userdata
function default.await(verb, writes)
  task.check(verb)
  if current then return current end
  if writes then task.accept() end
  local opened = default.open()
  local ok, result = pcall(opened.await, opened)
  if ok then return result end
  task.accept(false)
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
