-- Mutual exclusion between tasks of this process, first come, first served. What it guards is also guarded by revisions in the
-- store; the lock only saves tasks of one process from refusing each other.

local task = require "hearth.core.task"

local lock = {}

local held = {} -- name -> {owner=, queue of {future=, dead=}}

local Lock = {}
Lock.__index = Lock

local function pass_on(name)
  local l = held[name]
  while true do
    local waiter = table.remove(l.queue, 1)
    if not waiter then
      held[name] = nil
      return
    end
    if not waiter.dead then
      l.owner, waiter.granted = waiter.owner, true
      waiter.future:resolve()
      return
    end
  end
end

function Lock:__close()
  pass_on(self.name)
end

---The name of a lock on a part of a store.
---@return string
function lock.name(raw, kind, namespace, key)
  return string.pack("s4s4s4s4", tostring(raw:id()), kind, namespace, key or "")
end

---Who would own a lock that is taken now.
function lock.me()
  return task.current() or "main"
end

---@return any owner nil when the lock is free
function lock.owner(name)
  local l = held[name]
  return l and l.owner
end

---Awaits the lock. `local _ <close> = lock.take(name)` holds it to the end of the block.
function lock.take(name)
  local l = held[name]
  if not l then
    held[name] = { owner = lock.me(), queue = {} }
  else
    local waiter = { owner = lock.me(), future = task.future() }
    l.queue[#l.queue + 1] = waiter
    local ok, err = pcall(waiter.future.await, waiter.future)
    if not ok then
      if waiter.granted then pass_on(name) else waiter.dead = true end
      error(err, 0)
    end
  end
  return setmetatable({ name = name }, Lock)
end

return lock
