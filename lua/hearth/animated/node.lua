-- Animated numbers: a Value that is set or moved, and nodes that follow others (arithmetic, interpolation). `value` reads; a prop that is
-- bound to a node changes without a render.

local binding = require "hearth.ui.binding"
local errors = require "hearth.errors"
local frames = require "hearth.animated.frames"
local hooks = require "hearth.ui.hooks"
local owner = require "hearth.owner"
local task = require "hearth.core.task"

local notify, rawset = binding.notify, rawset

local node = {}

local Node = {} -- methods of all

---@class hearth.AnimatedNode
---@field value number|string what it is at this very moment

local function refuse(message, key)
  errors.raise("EINVAL", message, { op = "Animated", key = key })
end
node.refuse = refuse

local meta = { __name = "hearth.Animated" }

function node.is(x)
  return type(x) == "table" and getmetatable(x) == meta
end

---Raises EINVAL for what is no finite number.
function node.check_number(x, name)
  if type(x) ~= "number" or x ~= x or x == math.huge or x == -math.huge then
    refuse(("%s: expects a finite number, got %s"):format(name, type(x) == "number" and tostring(x) or "a " .. type(x)), name)
  end
  return x
end

function meta.__index(self, key)
  if key == "value" then return self:_now() end
  return Node[key]
end

function meta.__newindex(self, key, value)
  if key == "value" then refuse("an animated value is set with value:set_value(x), or moved with Animated.timing", "value") end
  rawset(self, key, value)
end

function meta.__tostring(self) return ("Animated(%s)"):format(tostring(self:_now())) end

local function tell(self)
  local listeners, value = self.listeners, self:get()
  for i = 1, #listeners do task.spawn(listeners[i].fn, value) end
end

-- It, or one that it follows, has another value: who looks at it is told.
local function touch(self)
  if self.links then notify(self) end
  if self.listeners then tell(self) end
end

-- A node hears of those that it follows only while somebody looks at it: links to it, or listeners.
function Node:observed()
  local inputs, follows = self.inputs, self.follows
  if not inputs then return end
  if self.links or self.listeners then
    if follows then return end
    local seen = {}
    follows = {}
    self.follows = follows
    for _, input in ipairs(inputs) do
      if node.is(input) and not seen[input] then
        seen[input] = true
        follows[#follows + 1] = binding.follow(input, self, touch)
      end
    end
  elseif follows then
    self.follows = false
    for _, link in ipairs(follows) do binding.detach(link) end
  end
end

---fn(value) runs as a task after each change: each frame while it moves.
---@param fn fun(value: number|string)
---@return fun() remove
function Node:add_listener(fn)
  if type(fn) ~= "function" then refuse(("add_listener takes a function, got a %s"):format(type(fn))) end
  local entry = { fn = owner.keep(fn) }
  -- A new list each time: one that is being told stays as it is.
  self.listeners = table.move(self.listeners or {}, 1, #(self.listeners or {}), 1, {})
  self.listeners[#self.listeners + 1] = entry
  self:observed()
  return function()
    local rest = {}
    for _, other in ipairs(self.listeners or {}) do
      if other ~= entry then rest[#rest + 1] = other end
    end
    self.listeners = rest[1] and rest or false
    self:observed()
  end
end

-- ---- a value

---@class hearth.AnimatedValue: hearth.AnimatedNode

-- Every field is there from the beginning: a look at one that is not goes through the metatable, and frames look at thousands.
local function new(fields)
  fields.inputs = fields.inputs or false -- what it follows
  fields.carrier = fields.carrier or false -- the one that it follows: its links are there (hearth.ui.binding)
  fields.motion = false
  fields.follows, fields.links, fields.listeners = false, false, false
  return setmetatable(fields, meta)
end

---@param x? number 0
---@return hearth.AnimatedValue
function node.new(x)
  return new { current = node.check_number(x == nil and 0 or x, "Animated.Value") }
end

-- At the last frame: what is on screen.
local function get(self)
  if self.inputs then return self:compute() end
  return self.current
end
Node.get = get

-- At this very moment.
function Node:_now()
  local inputs = self.inputs
  if inputs then return self:compute(Node._now) end
  local motion = self.motion
  if motion and motion.place then return frames.sample(motion) end
  return self.current
end

local function move(self, x)
  if x == self.current then return end
  self.current = x
  if self.links then notify(self) end
  if self.listeners then tell(self) end
end
frames.move = move

local function check_value(self, verb)
  if not node.is(self) or self.inputs then refuse(verb .. ": only an Animated.Value can be set or moved; this follows another one") end
end
node.check_value = check_value

---Stops what moves it and sets it.
---@param x number
function Node:set_value(x)
  check_value(self, "set_value")
  hooks.check_set "set_value"
  node.check_number(x, "set_value")
  self:stop_animation()
  move(self, x)
end

---Stops what moves it, where it is.
---@return number value
function Node:stop_animation()
  check_value(self, "stop_animation")
  local motion = self.motion
  if motion then
    move(self, self:_now())
    self:_halt(motion)
  end
  return self.current
end

-- Another motion takes its place; the one before ends unfinished.
function Node:_start(motion)
  local before = self.motion
  if before then
    move(self, self:_now())
    self:_halt(before)
  end
  motion.value = self
  self.motion = motion
  frames.add(motion)
end

function Node:_halt(motion)
  if self.motion ~= motion then return end
  self.motion = false
  frames.remove(motion)
  motion:finish(false, frames.now())
end

-- ---- nodes that follow

---A node whose value is compute(self, read): `inputs` may hold plain numbers among nodes; `fields` are compute's own. Without `read` it is the
---value at the last frame.
---@param inputs any[]
---@param compute fun(self: table, read?: fun(n: table): any): any
---@param fields? table
---@return hearth.AnimatedNode
function node.derive(inputs, compute, fields)
  fields = fields or {}
  fields.inputs, fields.compute, fields.get = inputs, compute, compute
  local one
  for _, input in ipairs(inputs) do
    if node.is(input) then
      if one and one ~= input then return new(fields) end
      one = input
    end
  end
  fields.carrier = one and (one.carrier or one)
  return new(fields)
end

local function operand(x, name)
  if node.is(x) then return x end
  return node.check_number(x, name)
end

local function binary(name, fn)
  local function make(a, b)
    return node.derive({ operand(a, name), operand(b, name) }, function(self, read)
      read = read or get
      local x, y = self.inputs[1], self.inputs[2]
      if type(x) == "table" then x = read(x) end
      if type(y) == "table" then y = read(y) end
      return fn(x, y)
    end)
  end
  node[name] = make
  return make
end

meta.__add = binary("add", function(a, b) return a + b end)
meta.__sub = binary("subtract", function(a, b) return a - b end)
meta.__mul = binary("multiply", function(a, b) return a * b end)
meta.__div = binary("divide", function(a, b) return b == 0 and 0 or a / b end) -- a moving divisor may pass 0
meta.__mod = binary("modulo", function(a, b) return b == 0 and 0 or a % b end)
function meta.__unm(a) return node.multiply(a, -1) end

---Follows the changes of a node, kept between low and high: a bar that hides when a list scrolls.
---@param a hearth.AnimatedNode
---@param low number
---@param high number
---@return hearth.AnimatedNode
function node.diff_clamp(a, low, high)
  node.check_number(low, "diff_clamp")
  node.check_number(high, "diff_clamp")
  if low > high then refuse "diff_clamp: the lower bound is above the upper one" end
  local last = operand(a, "diff_clamp")
  local seen = node.is(last) and last:_now() or last
  local kept = math.min(math.max(seen, low), high)
  return node.derive({ a }, function(_, read)
    local x = node.is(a) and (read or get)(a) or a
    kept = math.min(math.max(kept + x - seen, low), high)
    seen = x
    return kept
  end)
end

node.Node = Node

return node
