-- A handle: an animation that can be started, stopped and awaited; it gives {finished=}. Every kind of animation is a handle with two
-- functions: begin(self, time, done), which calls done(finished, time) once, and halt(self), which makes it do so now with finished=false.
--
-- `time` is when the animation before ended, to the microsecond, so that the parts of a sequence meet exactly, however late a frame is.

local errors = require "hearth.errors"
local frames = require "hearth.animated.frames"
local owner = require "hearth.owner"
local task = require "hearth.core.task"

local Handle = { __name = "hearth.Animation" }
Handle.__index = Handle

---@class hearth.Animation

local handle = {}

function handle.is(x) return getmetatable(x) == Handle end

---@param fields {begin: function, halt: function, rewind?: function}
---@return hearth.Animation
function handle.new(fields)
  fields.running = false
  return setmetatable(fields, Handle)
end

local function ended(self, finished)
  if not self.running then return end
  self.running = false
  local result = { finished = finished }
  for _, cb in ipairs(self.callbacks) do task.spawn(cb, result) end
  local future = self.future
  if future then future:resolve(result) end
  self.result = result
end

---Starts it; `cb({finished=})` runs as a task at its end. A handle that is running goes on, and calls cb too.
---@param cb? fun(result: {finished: boolean})
---@return hearth.Animation
function Handle:start(cb)
  if cb ~= nil and type(cb) ~= "function" then
    errors.raise("EINVAL", ("animation:start takes a function, got a %s"):format(type(cb)), { op = "Animated" })
  end
  if cb then cb = owner.keep(cb) end
  if self.running then
    self.callbacks[#self.callbacks + 1] = cb
    return self
  end
  self.running, self.callbacks, self.result = true, { cb }, nil
  if self.future and self.future:done() then self.future = nil end
  self:begin(frames.now(), function(finished) ended(self, finished) end)
  return self
end

---Stops it where it is: {finished=false}. Nothing when it is not running.
function Handle:stop()
  if self.running then self:halt() end
end

---Is it running?
---@return boolean
function Handle:active() return self.running end

function Handle:__await()
  if not self.running and not self.result then self:start() end
  local future = self.future
  if not future then
    future = task.future()
    self.future = future
    if self.result then future:resolve(self.result) end
  end
  if not self.running then return future end
  -- A task of the awaiter's own: it is cancelled with the awaiter, or by a race that is lost, and then the animation stops.
  local waiting = task.lend(task.spawn(task.await, future))
  waiting:name "an animation that is awaited"
  waiting:on_done(function(t)
    if t:cancelled() then self:stop() end
  end)
  return waiting
end

---Starts it if need be, and waits for its end.
---@param seconds? number
---@return {finished: boolean}
function Handle:await(seconds)
  return task.await(self, seconds)
end

function handle.check(x, verb)
  if not handle.is(x) then
    errors.raise("EINVAL", ("%s: expects animations, got a %s"):format(verb, type(x)), { op = "Animated" })
  end
  return x
end

return handle
