-- On whose behalf code runs. One program may serve several people (a page of the web each): what a task of one of them asks, an alert
-- for example, is asked of that one. Tasks inherit the owner of the code that starts them; a root keeps that of the code that mounted it.

local task = require "hearth.core.task"

local owner = {}

local last = 0
local people = {}

---A new owner: an integer above 0. 0 is nobody in particular. Several, the pages of one browser, may be one `person`.
---@param person? string
---@return integer
function owner.new(person)
  last = last + 1
  people[last] = person
  return last
end

---Nothing more is begun on its behalf; what still runs goes on as somebody's of its own.
---@param id integer
function owner.close(id) people[id] = nil end

---A name for whom the running code serves: what it keeps for this one, cookies for example, is nobody else's.
---@return string
function owner.person()
  local id = task.owner()
  return id == 0 and "" or people[id] or "owner:" .. id
end

---@return integer
function owner.current() return task.owner() end

local function leave(before, ok, ...)
  task.owner(before)
  if not ok then error((...), 0) end
  return ...
end

---Calls fn(...) on behalf of `id`: tasks that it starts, roots that it mounts and what these start belong to it.
---@param id integer
---@param fn function
---@param ... any
---@return any ...
function owner.run(id, fn, ...)
  return leave(task.owner(id), pcall(fn, ...))
end

---For a function that is kept and called later as a task of its own, a watcher: it runs on behalf of who gave it.
---@generic F: function
---@param fn F
---@return F
function owner.keep(fn)
  local id = task.owner()
  if id == 0 then return fn end
  return function(...)
    task.owner(id)
    return fn(...)
  end
end

return owner
