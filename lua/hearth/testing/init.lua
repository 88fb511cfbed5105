-- hearth.testing: screens without a display, a clock that the test moves, a store of the test's own, faults. What a test changed is
-- undone after it: `_begin_test` and `_end_test` are called around each one by the runner (hearth.testing.busted).

local alerts = require "hearth.alerts"
local busted = require "hearth.testing.busted"
local diagnostics = require "hearth.ui.diagnostics"
local errors = require "hearth.errors"
local roots = require "hearth.ui.root"
local screens = require "hearth.testing.screen"
local stores = require "hearth.testing.store"
local task = require "hearth.core.task"
local timer = require "hearth.core.timer"

local testing = {}

local mounted = {} -- screens of this test
local known -- tasks that were there before it

--- Renders an element, or a component without props.
---@param element any
---@return hearth.Screen
function testing.render(element)
  local screen = screens.render(element)
  mounted[#mounted + 1] = screen
  return screen
end

--- Awaits until nothing is runnable and no operation is in flight. Sleeps, retries, ttl and polls are not waited for.
testing.settle = task.settle

-- ---- the clock

---@class hearth.testing.Clock
local Clock = {}
Clock.__index = Clock

--- Moves the clock; what is due runs in order, and what follows from it has settled when this returns. A negative number sets it back.
---@param seconds number
function Clock.advance(_, seconds)
  if type(seconds) ~= "number" or seconds ~= seconds then
    errors.raise("EINVAL", ("clock:advance takes a number of seconds, got a %s"):format(type(seconds)), { op = "advance" })
  end
  if not timer.is_fake() then errors.raise("ECLOSED", "clock:advance: the fake clock was put away at the end of its "
    .. "test", { op = "advance" }) end
  task.settle()
  local to = timer.now() + seconds
  while timer.step(to) do task.settle() end
  task.settle()
end

--- The clock's time in seconds, as hearth.now() tells it.
---@return number
function Clock.now() return timer.now() end

--- Puts a clock that only the test moves in place of the real one, until the test ends.
---@return hearth.testing.Clock
function testing.fake_clock()
  timer.fake(true)
  return setmetatable({}, Clock)
end

-- ---- around a test

local undo = {} -- {begin=, restart=, finish=}: other modules' parts

--- Lets a module take part: `begin()` before a test, `restart()` in testing.restart, `finish()` after it.
---@param part { begin?: fun(), restart?: fun(), finish?: fun() }
function testing._join(part) undo[#undo + 1] = part end

testing.store, testing.faults = stores.store, stores.faults
testing._join(stores.part)

local function each(name)
  for _, part in ipairs(undo) do
    if part[name] then part[name]() end
  end
end

local function unmount_all(problems)
  local list = mounted
  mounted = {}
  for i = #list, 1, -1 do
    local ok, err = pcall(list[i].unmount, list[i])
    if not ok and problems then problems[#problems + 1] = "unmounting a screen: " .. tostring(err) end
  end
  -- Roots that were mounted past testing.render, as an app of the test does.
  local ok, err = pcall(roots.unmount_all)
  if not ok and problems then problems[#problems + 1] = "unmounting a root: " .. tostring(err) end
end

--- As kill -9 and a new start: screens are unmounted, what is only in memory is forgotten, the bytes that were committed stay.
function testing.restart()
  unmount_all()
  each "restart"
end

--- Before a test, its before_each blocks included.
---@param _name? string
function testing._begin_test(_name)
  known = {}
  for _, t in ipairs(task.live()) do known[t] = true end
  each "begin"
end

-- The tasks that the test began and that go on.
local function left_over()
  local left = {}
  for _, t in ipairs(task.live()) do
    if not (known and known[t]) and not t:done() then left[#left + 1] = t end
  end
  return left
end

--- After a test and its after_each blocks: unmounts, cancels what is left, undoes clock and faults.
---@return string[] problems what the test left behind
function testing._end_test()
  local problems = {}
  unmount_all(problems)
  diagnostics.listener = nil
  diagnostics.reset()
  -- Cancelled async effects end in the next turn, what they awaited in the one after it, and so on; those that go on are leaks.
  local left = left_over()
  repeat
    local before = #left
    timer.sleep(0, "r")
    left = left_over()
  until #left == 0 or #left >= before
  for _, t in ipairs(left) do
    problems[#problems + 1] = ("a task outlived the test: %s\n%s\nawait it, or cancel it before the test "
      .. "ends"):format(t:name(), task.traceback(t) or "")
    t:cancel()
  end
  if #left > 0 then timer.sleep(0, "r") end
  if timer.is_fake() then timer.fake(false) end
  each "finish"
  return problems
end

-- Animations that a test leaves behind stop with it.
testing._join { finish = function() require("hearth.animated.frames").reset() end }

--- Alerts: `respond(i [, text])` answers the open one, or the next (-1 dismisses); `log` has those that were shown.
testing.alerts = { respond = alerts.script, log = alerts.log }
alerts.attach(function() end)
testing._join { begin = alerts.reset, restart = alerts.reset }

-- What queries keep in memory goes with the test.
local function forget_queries() require("hearth.hooks.query_cache").reset() end
testing._join { begin = forget_queries, restart = forget_queries }

local forget_cookies = require("hearth.net.cookies").forget
testing._join { begin = forget_cookies, restart = forget_cookies }

testing._between = stores.between
busted.use(testing)

return testing
