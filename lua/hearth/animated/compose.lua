-- Animations made of animations: one after another, together, together with a lag, again and again. One that is stopped from outside
-- stops the whole.

local errors = require "hearth.errors"
local frames = require "hearth.animated.frames"
local handle = require "hearth.animated.handle"
local motions = require "hearth.animated.motions"

local compose = {}

local function check_list(list, verb)
  if type(list) ~= "table" or handle.is(list) then
    errors.raise("EINVAL", ("%s: expects a list of animations, got a %s"):format(verb, type(list)), { op = "Animated." .. verb })
  end
  local copy = {}
  for i = 1, #list do copy[i] = handle.check(list[i], verb) end
  return copy
end

-- Values go back to where they were before, the last part first.
local function rewind(self)
  for i = #self.parts, 1, -1 do
    local part = self.parts[i]
    if part.rewind then part:rewind() end
  end
end

local function forget(self)
  for _, part in ipairs(self.parts) do
    if part.forget then part:forget() end
  end
end

---One after another.
---@param list hearth.Animation[]
---@return hearth.Animation
function compose.sequence(list)
  local parts = check_list(list, "sequence")
  return handle.new {
    parts = parts, rewind = rewind, forget = forget,
    begin = function(self, time, done)
      local i, stepping, ended = 0, false, nil
      -- A part may end while it begins: a loop, not a recursion.
      local function step()
        if stepping then return end
        stepping = true
        repeat
          ended = nil
          i = i + 1
          local part = parts[i]
          if not part then
            self.part = nil
            stepping = false
            return done(true, time)
          end
          self.part = part
          part:begin(time, function(finished, at)
            time = at
            ended = finished
            if not finished then
              self.part = nil
              i = #parts + 1
              return done(false, at)
            end
            if not stepping then step() end
          end)
        until not ended
        stepping = false
      end
      step()
    end,
    halt = function(self)
      if self.part then self.part:halt() end
    end,
  }
end

---All together; it ends with the last.
---@param list hearth.Animation[]
---@return hearth.Animation
function compose.parallel(list)
  local parts = check_list(list, "parallel")
  return handle.new {
    parts = parts, rewind = rewind, forget = forget,
    begin = function(self, time, done)
      local left, latest, stopped = #parts, time, false
      local running = {}
      self.running_parts = running
      if left == 0 then return done(true, time) end
      for _, part in ipairs(parts) do
        running[part] = true
        part:begin(time, function(finished, at)
          running[part] = nil
          left = left - 1
          if at > latest then latest = at end
          if not finished and not stopped then
            stopped = true
            for _, other in ipairs(parts) do
              if running[other] then other:halt() end
            end
          end
          if left == 0 then done(not stopped, latest) end
        end)
        if stopped then
          -- What has not begun does not.
          local begun = true
          for _, other in ipairs(parts) do
            if not begun then left = left - 1 end
            if other == part then begun = false end
          end
          if left == 0 then done(false, latest) end
          return
        end
      end
    end,
    halt = function(self)
      for _, part in ipairs(parts) do
        if self.running_parts and self.running_parts[part] then return part:halt() end
      end
    end,
  }
end

---All together, each `ms` milliseconds after the one before.
---@param ms number
---@param list hearth.Animation[]
---@return hearth.Animation
function compose.stagger(ms, list)
  local parts = {}
  for i, part in ipairs(check_list(list, "stagger")) do
    parts[i] = i == 1 and part or compose.sequence { motions.delay(ms * (i - 1)), part }
  end
  if #parts < 2 then motions.delay(ms) end -- checks it all the same
  return compose.parallel(parts)
end

---Again and again, each time from where the values were at first; `iterations` times, or until it is stopped.
---@param animation hearth.Animation
---@param options? {iterations?: integer, reset?: boolean}
---@return hearth.Animation
function compose.loop(animation, options)
  handle.check(animation, "loop")
  options = options or {}
  local iterations = options.iterations
  if iterations ~= nil and (math.type(iterations) ~= "integer" or iterations < -1) then
    errors.raise("EINVAL", "loop: iterations is a whole number, or left out for ever", { op = "Animated.loop" })
  end
  if iterations == -1 then iterations = nil end
  return handle.new {
    parts = { animation }, rewind = rewind, forget = forget,
    begin = function(self, time, done)
      local round, stepping, again = 0, false, false
      if animation.forget then animation:forget() end
      local function step()
        if stepping then
          again = true
          return
        end
        stepping = true
        repeat
          again = false
          if iterations and round >= iterations then
            self.turning = false
            return done(true, time)
          end
          round = round + 1
          if round > 1 and options.reset ~= false and animation.rewind then animation:rewind() end
          local began = time
          self.turning = true
          animation:begin(time, function(finished, at)
            time = at
            if not finished then
              self.turning = false
              return done(false, at)
            end
            -- A round without length would turn for ever within one frame.
            if not iterations and at <= began then
              self.pause = motions.wait(frames.now(), 1000 / 60, function(went_on, later)
                self.pause = nil
                time = later
                if went_on then step() else done(false, later) end
              end)
              return
            end
            step()
          end)
        until not again
        stepping = false
      end
      step()
    end,
    halt = function(self)
      if self.pause then return self.pause() end
      if self.turning then animation:halt() end
    end,
  }
end

return compose
