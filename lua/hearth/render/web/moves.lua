-- Animations that a browser runs by itself. When motions of animated values begin, the nodes that show them in their style are looked at:
-- where the style follows the values evenly, the page is told once where it goes, how long that takes and how the time is spread, and
-- hears of no frame until the motions have left. Anything else (text, an interpolation with corners, two motions of different lengths) is
-- pushed frame by frame as ever.

local css = require "hearth.render.web.css"
local frames = require "hearth.animated.frames"
local style = require "hearth.ui.style"

local NODE <const>, LINKS <const> = 6, 7 -- of a fiber
local SOURCE <const>, GET <const>, SELECTOR <const>, ROOT <const>, FIBER <const>, PROP <const> = 1, 2, 3, 5, 6, 7 -- of a link (hearth.ui.binding)
local INTO <const>, KEY <const>, AFTER <const>, LIVE <const>, FOLLOWER <const> = 9, 10, 13, 14, 16

local LONGEST <const> = 10000 -- ms of a motion that says itself when it is over
local POINTS <const> = 24     -- of a curve for which CSS has no name

local moves = {}

-- Calls fn() while values are what `xs` says.
local function at(node, links, xs, fn)
  local props, olds, before = node.props, {}, {}
  for value, x in pairs(xs) do before[value], value.current = value.current, x end
  for i, link in ipairs(links) do
    local into, key = link[INTO] or props, link[KEY] or link[PROP]
    olds[i] = into[key]
    local v = link[GET](link[SOURCE])
    if link[SELECTOR] then v = link[SELECTOR](v) end
    into[key] = v
  end
  local result = fn()
  for value, x in pairs(before) do value.current = x end
  for i, link in ipairs(links) do (link[INTO] or props)[link[KEY] or link[PROP]] = olds[i] end
  return result
end

-- A style without its numbers, and these; a colour is three from 0 to 1. Nothing has no unit: 0 and 5ch are of one kind.
local function numbers(text)
  local list = {}
  text = text:gsub("#(%x%x)(%x%x)(%x%x)", function(r, g, b)
    return ("rgb %.4f %.4f %.4f"):format(tonumber(r, 16) / 255, tonumber(g, 16) / 255, tonumber(b, 16) / 255)
  end)
  local shape = text:gsub("(%-?%d+%.?%d*)ch", "%1"):gsub("(%-?%d+%.?%d*)rem", "%1"):gsub("(%-?%d+%.?%d*)px", "%1")
    :gsub("%-?%d+%.?%d*", function(n)
      list[#list + 1] = tonumber(n)
      return "0"
    end)
  return shape, list
end

-- How a motion goes: where to, for how many ms, and as which timing function. nil when that cannot be said.
local function course(motion, from)
  local ms = (motion.ends - motion.start) * 1000
  if ms > LONGEST and ms == math.huge then -- a spring: it says itself when it is at rest
    ms = 0
    repeat
      ms = ms + 1000 / 60
      local _, done = motion:at(ms)
    until done or ms > LONGEST
    if ms > LONGEST then return nil end
  end
  local to = motion:at(ms)
  if to == from or ms <= 0 then return nil end
  if motion.css then return to, ms, motion.css end
  local points = {}
  for i = 0, POINTS do
    points[i + 1] = ("%.4g"):format(((i == POINTS and to or motion:at(ms * i / POINTS)) - from) / (to - from))
  end
  return to, ms, "linear(" .. table.concat(points, ",") .. ")"
end

-- Is the style halfway where the values are halfway, and so on? Then a browser that goes from one end to the other shows the same.
local function is_even(node, links, from, to)
  local function look(part)
    local xs = {}
    for value, x in pairs(from) do xs[value] = x + (to[value] - x) * part end
    return numbers(at(node, links, xs, function() return css.of(node.type, node.props) end))
  end
  local shape, first = look(0)
  local last_shape, last = look(1)
  if shape ~= last_shape then return false end
  for _, part in ipairs { 0.25, 0.5, 0.75 } do
    local now_shape, now = look(part)
    if now_shape ~= shape then return false end
    for i, n in ipairs(now) do
      local way = last[i] - first[i]
      if math.abs(first[i] + way * part - n) > math.abs(way) * 0.02 + 0.004 then return false end
    end
  end
  return true
end

-- The animated values that a source follows.
local function values_of(source, found)
  if source.inputs then
    for _, input in ipairs(source.inputs) do
      if type(input) == "table" then values_of(input, found) end
    end
  else
    found[source] = true
  end
  return found
end

---@class hearth.WebMove
---@field css string the declarations at its end
---@field html string the node's own HTML then
---@field ms number that are left
---@field timing string a timing function of CSS
---@field holds fun(): boolean does it go as was said?

--- What a page may be told of a node whose style is in motion, through these links; nil when each frame has to be pushed.
---@param node table
---@param links table[]
---@param parts fun(node: table): string, string
---@return hearth.WebMove|nil
function moves.plan(node, links, parts)
  local values, from, to, still, moving = {}, {}, {}, {}, {}
  local start, ms, timing
  for _, link in ipairs(links) do
    if not link[LIVE] then return nil end
    values_of(link[SOURCE], values)
  end
  for value in pairs(values) do
    local motion = value.motion
    if motion and motion.place then
      local its_to, its_ms, its_timing = course(motion, motion:at(0))
      if not its_to or start and (motion.start ~= start or its_ms ~= ms or its_timing ~= timing) then return nil end
      start, ms, timing = motion.start, its_ms, its_timing
      from[value], to[value], moving[value] = motion:at(0), its_to, motion
    else
      still[value] = value.current
    end
  end
  local left = start and start * 1000 + ms - frames.now() * 1000
  if not left or left <= 0 or not is_even(node, links, from, to) then return nil end
  local plan = { ms = math.floor(left + 0.5), timing = timing }
  at(node, links, to, function()
    plan.css = css.of(node.type, node.props)
    local before, after = parts(node)
    plan.html = before .. after
  end)
  function plan.holds()
    for value, motion in pairs(moving) do
      if value.motion ~= motion or not motion.place then return false end
    end
    for value, x in pairs(still) do
      if value.current ~= x then return false end
    end
    return true
  end
  return plan
end

---Is it a prop that a style may say too?
---@param prop string
function moves.is_look(prop) return prop == "style" or style.keys[prop] ~= nil end

-- The links of nodes that show a source in their style, by the node: those of other sources too. False for a node that shows it elsewhere.
local function gather(source, found)
  local link = source.links
  while link do
    if link[FOLLOWER] then
      gather(link[FOLLOWER], found)
    elseif link[FIBER] and link[ROOT].renderer.move then
      local node = link[FIBER][NODE]
      if not moves.is_look(link[PROP]) then
        found[node] = false
      elseif found[node] == nil then
        local list = { renderer = link[ROOT].renderer }
        for _, other in pairs(link[FIBER][LINKS]) do
          if moves.is_look(other[PROP]) then list[#list + 1] = other end
        end
        found[node] = list
      end
    end
    link = link[AFTER]
  end
  return found
end

local function begins(motion)
  if not motion.value.links then return end
  for node, links in pairs(gather(motion.value, {})) do
    if links then links.renderer.move(node, motion, links) end
  end
end

--- From now on motions are offered to renderers that have `move(node, motion, links)`.
function moves.begin() frames.observer = begins end

return moves
