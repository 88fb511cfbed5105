-- Interpolation: a node that maps ranges of numbers to ranges of numbers, of colours, or of texts with numbers in them ("0deg" to "90deg").

local easing = require "hearth.animated.easing"
local node = require "hearth.animated.node"

local get, refuse = node.Node.get, node.refuse
local floor = math.floor

-- ---- colours: red, green, blue and opacity, each 0 to 255

local names = {
  black = 0x000000, white = 0xffffff, red = 0xff0000, green = 0x008000, blue = 0x0000ff, yellow = 0xffff00, cyan = 0x00ffff,
  magenta = 0xff00ff, gray = 0x808080, grey = 0x808080, orange = 0xffa500, purple = 0x800080,
}

local function hex(text)
  local digits = text:match "^#(%x+)$"
  if not digits then return end
  if #digits == 3 or #digits == 4 then digits = digits:gsub("%x", "%0%0") end
  if #digits == 6 then digits = digits .. "ff" end
  if #digits ~= 8 then return end
  local n = tonumber(digits, 16)
  return { n >> 24, n >> 16 & 255, n >> 8 & 255, n & 255 }
end

local function colour(text)
  if type(text) ~= "string" then return end
  local n = names[text]
  if n then return { n >> 16, n >> 8 & 255, n & 255, 255 } end
  if text == "transparent" then return { 0, 0, 0, 0 } end
  local c = hex(text)
  if c then return c end
  local inside = text:match "^rgba?%((.*)%)$"
  if not inside then return end
  local parts = {}
  for part in inside:gmatch "[%d.]+" do parts[#parts + 1] = tonumber(part) end
  if #parts == 3 then parts[4] = 1 end
  if #parts ~= 4 then return end
  parts[4] = parts[4] * 255
  return parts
end

local function byte(x)
  x = floor(x + 0.5)
  return x < 0 and 0 or x > 255 and 255 or x
end

local function shown(c)
  local a = byte(c[4])
  if a == 255 then return ("#%02x%02x%02x"):format(byte(c[1]), byte(c[2]), byte(c[3])) end
  return ("#%02x%02x%02x%02x"):format(byte(c[1]), byte(c[2]), byte(c[3]), a)
end

-- ---- texts with numbers

local NUMBER <const> = "[+-]?%d+%.?%d*"

local function pattern(text)
  if type(text) ~= "string" then return end
  local numbers = {}
  local rest = text:gsub("%%", "%%%%"):gsub(NUMBER, function(n)
    numbers[#numbers + 1] = tonumber(n)
    return "%s"
  end)
  return #numbers > 0 and numbers or nil, rest
end

local function number_text(x)
  return floor(x) == x and ("%d"):format(x) or ("%.14g"):format(x)
end

-- ---- the map

-- Outputs as lists of numbers, and the function that makes an output of such a list.
local function read_output(output)
  local lists = {}
  if type(output[1]) == "number" then
    for i, x in ipairs(output) do lists[i] = { node.check_number(x, "interpolate: output") } end
    return lists, function(list) return list[1] end
  end
  if colour(output[1]) then
    for i, x in ipairs(output) do
      lists[i] = colour(x)
      if not lists[i] then
        refuse(("interpolate: '%s' is no colour; write #rgb, #rrggbb, #rrggbbaa or rgba(r, g, b, a)"):format(tostring(x)))
      end
    end
    return lists, shown
  end
  local first, format = pattern(output[1])
  if not first then refuse(("interpolate: the output %s is no number, no colour and has no number in it"):format(tostring(output[1]))) end
  for i, x in ipairs(output) do
    local numbers, rest = pattern(x)
    if not numbers or rest ~= format then
      refuse(("interpolate: the outputs '%s' and '%s' differ in more than their numbers"):format(tostring(output[1]), tostring(x)))
    end
    lists[i] = numbers
  end
  return lists, function(list)
    local texts = {}
    for i, x in ipairs(list) do texts[i] = number_text(x) end
    return format:format(table.unpack(texts))
  end
end

-- Which piece x is in, and how far, 0 to 1; nothing where the input itself is the output.
local function find(self, x)
  local input, i = self.input, 1
  local low, high = input[1], input[2]
  if x < low then
    if self.left ~= "extend" then
      if self.left == "identity" then return end
      x = low
    end
  else
    local n = self.count
    while i < n - 1 and x >= high do
      i = i + 1
      low, high = high, input[i + 1]
    end
    if x > high and self.right ~= "extend" then
      if self.right == "identity" then return end
      x = high
    end
  end
  local t = high == low and (x < low and 0 or 1) or (x - low) / (high - low)
  local ease = self.ease
  return i, ease and ease(t) or t
end

local function between_numbers(self, read)
  local x = (read or get)(self.of)
  local i, t = find(self, x)
  if not i then return x end
  local output = self.output
  local from, to = output[i], output[i + 1]
  return t == 1 and to or from + (to - from) * t
end

-- Two points without an easing, the usual case. There may be thousands in a frame, so what it needs lies together: {of, low, high, from, to}.
local function between_two(self, read)
  local x, low, high = (read or get)(self[1]), self[2], self[3]
  if x < low or x >= high then return between_numbers(self, read) end
  local from = self[4]
  return from + (self[5] - from) * ((x - low) / (high - low))
end

local function between_lists(self, read)
  local x = (read or get)(self.of)
  local i, t = find(self, x)
  if not i then return x end
  local a, b, mixed = self.lists[i], self.lists[i + 1], self.mixed -- used again in each frame
  if t == 1 then return self.show(b) end
  for k = 1, #a do mixed[k] = a[k] + (b[k] - a[k]) * t end
  return self.show(mixed)
end

local SIDES = { extend = true, clamp = true, identity = true }

local function side(value, name)
  if not SIDES[value] then refuse(("interpolate: %s is \"extend\", \"clamp\" or \"identity\", not %s"):format(name, tostring(value))) end
  return value
end

local function check_input(input, output)
  if type(input) ~= "table" or type(output) ~= "table" then refuse "interpolate: expects {input={…}, output={…}}" end
  if #input < 2 then refuse "interpolate: input has at least two numbers" end
  if #input ~= #output then refuse(("interpolate: input has %d entries and output %d"):format(#input, #output)) end
  for i, x in ipairs(input) do
    node.check_number(x, "interpolate: input")
    if i > 1 and x < input[i - 1] then refuse "interpolate: input is in ascending order" end
  end
end

local KNOWN = {
  input = true, output = true, input_range = true, output_range = true, clamp = true, easing = true, extrapolate = true,
  extrapolate_left = true, extrapolate_right = true,
}

---A node that maps this one: numbers, colours or texts with numbers. Beyond the ends it goes on as between the last two ("extend"), stays
---("clamp", or clamp=true), or gives the input ("identity").
---@param config {input: number[], output: any[], clamp?: boolean, extrapolate?: string, easing?: any} also extrapolate_left and _right
---@return hearth.AnimatedNode
local function interpolate(self, config)
  if type(config) ~= "table" then refuse "interpolate: expects {input={…}, output={…}}" end
  for key in pairs(config) do
    if not KNOWN[key] then refuse(("interpolate: there is no option '%s'"):format(tostring(key))) end
  end
  local input, output = config.input or config.input_range, config.output or config.output_range
  check_input(input, output)
  input = table.move(input, 1, #input, 1, {})
  local lists, show = read_output(output)
  local both = config.clamp and "clamp" or config.extrapolate or "extend"
  local left = side(config.extrapolate_left or both, "extrapolate_left")
  local right = side(config.extrapolate_right or both, "extrapolate_right")
  local ease = config.easing and easing.of(config.easing)
  local fields = { of = self, input = input, count = #input, left = left, right = right, ease = ease or false }
  if type(output[1]) == "number" then
    fields.output = table.move(output, 1, #output, 1, {})
    if #input > 2 or ease then return node.derive({ self }, between_numbers, fields) end
    for i, x in ipairs { self, input[1], input[2], output[1], output[2] } do fields[i] = x end
    return node.derive({ self }, between_two, fields)
  end
  fields.lists, fields.show, fields.mixed = lists, show, {}
  return node.derive({ self }, between_lists, fields)
end

node.Node.interpolate = interpolate

return interpolate
