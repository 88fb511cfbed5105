-- Which fibers must render, kept by depth: what is above renders first, and a descendant that was rendered on the way is clean when its
-- turn comes. Setters only mark; one flush at the end of the turn does the work. Most often there is one fiber: it needs no order.

local task = require "hearth.core.task"

local STATE <const> = 6
local DEPTH <const> = 7

local scheduler = {}

local only = false -- the fiber that is marked, as long as there is one
local buckets = {} -- where there are several, by depth: fibers at head+1 .. n
local low, high = math.huge, -1
local planned = false
local flush -- set by the reconciler

local function at_end()
  planned = false
  flush()
end

--- Asks for a flush at the end of this turn.
function scheduler.plan()
  if not planned then
    planned = true
    task.at_turn_end(at_end)
  end
end

local function put(fiber)
  local depth = fiber[DEPTH]
  local bucket = buckets[depth]
  if not bucket then
    bucket = { head = 0, n = 0 }
    buckets[depth] = bucket
  end
  local n = bucket.n + 1
  bucket.n, bucket[n] = n, fiber
  if depth < low then low = depth end
  if depth > high then high = depth end
end

--- Marks a fiber: level 1 "its state may have changed", 2 "must render". An unmounted one is left alone.
---@param fiber table
---@param level integer
function scheduler.mark(fiber, level)
  local state = fiber[STATE]
  if state < 0 or state >= level then return end
  fiber[STATE] = level
  if state > 0 then return end
  if high < 0 and not only then
    only = fiber
  else
    if only then
      put(only)
      only = false
    end
    put(fiber)
  end
  if not planned then scheduler.plan() end
end

--- The next fiber to render, or nil; those that became clean meanwhile are stepped over.
---@return table|nil
function scheduler.take()
  local one = only
  if one then
    only = false
    return one[STATE] > 0 and one or nil
  end
  while low <= high do
    local bucket = buckets[low]
    local last = bucket and bucket.n or 0
    if last > 0 then
      local i = bucket.head + 1
      local fiber = bucket[i]
      bucket[i] = false
      if i < last then
        bucket.head = i
      else
        bucket.head, bucket.n = 0, 0
        if low == high then low, high = math.huge, -1 end
      end
      if fiber[STATE] > 0 then return fiber end
    else
      low = low + 1
    end
  end
end

function scheduler.on_flush(fn) flush = fn end

return scheduler
