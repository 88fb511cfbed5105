-- The pulse of all animations: 60 frames a second from the loop, only while something moves. A motion is {start=, ends=, value=,
-- at=fn(motion, ms) -> value, done; finish=fn(motion, finished, time)}; each frame moves every value once. One by an easing is, besides,
-- {ease=, length=, from=, way=, to=}: a frame works it out of these.
--
-- Times are whole microseconds from a motion's start, and timers are set a little early, so that a clock that is moved in parts (0.1 + 0.2)
-- meets every end exactly.

local task = require "hearth.core.task"
local timer = require "hearth.core.timer"

local frames = {}

local RATE <const> = 60
local EARLY <const> = 3e-7

local floor, huge = math.floor, math.huge
local now = timer.now

-- What a frame needs of each motion lies in lists of its own: a thousand tables, looked at once in a frame, are memory that has to be fetched.
local motions, count = {}, 0
local starts, ends, values = {}, {}, {} -- motion.start, .ends, .value
local eases, lengths, froms, ways = {}, {}, {}, {} -- motion.ease (or false), .length, .from, .way
local pulse, due -- the timer that is set, and for when
local epoch -- when the first of those that move now began

---Milliseconds from a start to a time, to the microsecond.
local function elapsed(start, time)
  local ms = floor((time - start) * 1e6 + 0.5) / 1e3
  return ms > 0 and ms or 0
end

local beat

local function arm(time)
  if count == 0 then return end
  local next_frame = epoch + (floor((time - epoch) * RATE + 1e-3) + 1) / RATE
  local soonest = next_frame
  for i = 1, count do
    if ends[i] < soonest then soonest = ends[i] end
  end
  if pulse then
    if due <= soonest and due > time then return end
    pulse:stop()
  end
  due = soonest
  local left = soonest - EARLY - time
  pulse = timer.after(left > 0 and left or 0, beat)
end

-- One frame. `at_place` says whose turn it is, should its easing raise.
local at_place = 1
local ended, n_ended = {}, 0

local function advance(time)
  local move = frames.move
  local start, ms -- those that began together are as far
  while at_place <= count do
    local i = at_place
    if starts[i] ~= start then
      start = starts[i]
      ms = elapsed(start, time)
    end
    local ease, motion, done = eases[i], nil, false
    if ease and ms < lengths[i] then
      move(values[i], froms[i] + ways[i] * ease(ms / lengths[i]))
    else
      local x
      motion = motions[i]
      x, done = motion:at(ms)
      move(values[i], x)
    end
    if done then
      frames.remove(motion)
      n_ended = n_ended + 1
      ended[n_ended] = motion
    else
      at_place = at_place + 1
    end
  end
end

local function finish(motion, finished, time)
  local ok, err = pcall(motion.finish, motion, finished, time)
  if not ok then task.report(err, "Animated") end
end

function beat()
  pulse = nil
  local time = now()
  at_place, n_ended = 1, 0
  while true do
    local ok, err = pcall(advance, time)
    if ok then break end
    local motion = motions[at_place]
    if not motion then
      task.report(err, "Animated")
      break
    end
    frames.remove(motion)
    task.report(err, "the easing of an animation")
    finish(motion, false, time)
  end
  local n = n_ended
  if n > 0 then
    local list = ended
    ended = {}
    -- In the order in which they began, for what their ends begin.
    if n > 1 then table.sort(list, function(a, b) return a.order < b.order end) end
    for k = 1, n do finish(list[k], true, list[k].ends < huge and list[k].ends or time) end
  end
  arm(time)
end

local order = 0

---Hears of each motion that begins: fn(motion). When it leaves, at its end or before, `motion.gone(motion)` is called where there is one.
---@type fun(motion: table)|false
frames.observer = false

local function put(place, motion)
  motion.place = place
  motions[place], starts[place], ends[place], values[place] = motion, motion.start, motion.ends, motion.value
  eases[place], lengths[place], froms[place], ways[place] = motion.ease or false, motion.length or 0, motion.from or 0, motion.way or 0
end

---Starts a motion.
---@param motion table
function frames.add(motion)
  order = order + 1
  motion.order = order
  count = count + 1
  put(count, motion)
  local time = now()
  if count == 1 then epoch = motion.start end
  arm(time)
  if frames.observer then frames.observer(motion) end
end

---Takes a motion off; it is not told.
---@param motion table
function frames.remove(motion)
  local place = motion.place
  if not place then return end
  motion.place = nil
  local last = motions[count]
  if last ~= motion then put(place, last) end
  motions[count], values[count], eases[count] = nil, nil, nil -- the others hold numbers
  count = count - 1
  if count == 0 and pulse then
    pulse:stop()
    pulse = nil
  end
  if motion.gone then motion:gone() end
end

---Where a motion is at this very moment.
function frames.sample(motion)
  return (motion:at(elapsed(motion.start, now())))
end

frames.now = now

---Moves a value to where its motion has brought it; node.lua puts it here.
---@type fun(value: hearth.AnimatedValue, x: number)
frames.move = nil

---Forgets all that moves, without telling: the end of a test.
function frames.reset()
  for i = 1, count do
    local motion = motions[i]
    motion.place, motion.value.motion = nil, false
  end
  motions, values, eases, count = {}, {}, {}, 0
  if pulse then pulse:stop() end
  pulse = nil
end

---Does anything move?
---@return boolean
function frames.active() return count > 0 end

return frames
