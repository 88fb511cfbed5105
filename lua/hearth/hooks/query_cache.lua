-- The queries of this process: one entry per key, or per component where there is no key. An entry runs at most one request; a request that
-- was superseded is cancelled, and if it ends all the same nobody hears of it.

local attempt = require "hearth.hooks.attempt"
local task = require "hearth.core.task"
local errors = require "hearth.errors"
local hooks = require "hearth.ui.hooks"
local timer = require "hearth.core.timer"

local cache = {}

---Entries with a key that nobody shows are kept up to this many, the least recently shown go first.
cache.limit = 100

local by_key = {}
local idle, n_idle = {}, 0 -- entries that nobody shows: entry -> when it was left
local clock = 0

---@class hearth.QueryEntry
local Entry = {}
Entry.__index = Entry

local function new(key)
  return setmetatable({ key = key, slots = {}, n_slots = 0, generation = 0, loading = false, has_data = false }, Entry)
end

---The entry of a key; without one a new entry of the caller's own.
---@param key? string
---@return hearth.QueryEntry
function cache.entry(key)
  if key == nil then return new() end
  local entry = by_key[key]
  if not entry then
    entry = new(key)
    by_key[key] = entry
  end
  return entry
end

---The entry of a key if there is one: for renders, which change nothing.
function cache.peek(key) return key ~= nil and by_key[key] or nil end

local function evict()
  while n_idle > cache.limit do
    local oldest, when
    for entry, left in next, idle do
      if not when or left < when then oldest, when = entry, left end
    end
    idle[oldest] = nil
    n_idle = n_idle - 1
    by_key[oldest.key] = nil
  end
end

local function changed(entry)
  for slot in next, entry.slots do hooks.mark_dirty(slot[2]) end
end

-- ---- who shows it

function Entry:join(slot)
  if self.slots[slot] then return end
  self.slots[slot] = true
  self.n_slots = self.n_slots + 1
  if idle[self] then
    idle[self] = nil
    n_idle = n_idle - 1
  end
end

function Entry:leave(slot)
  if not self.slots[slot] then return end
  self.slots[slot] = nil
  self.n_slots = self.n_slots - 1
  if self.n_slots > 0 then return end
  self:cancel()
  if not self.key or by_key[self.key] ~= self then return end
  if not self.has_data then
    by_key[self.key] = nil
    return
  end
  clock = clock + 1
  idle[self] = clock
  n_idle = n_idle + 1
  evict()
end

-- ---- requests

local function settle(entry, ok, value)
  local future = entry.future
  entry.future = nil
  if not future then return end
  if ok then future:resolve(value) else future:reject(value) end
end

local function run(entry, fetcher, generation)
  local ok, value = attempt.await(fetcher)
  if entry.generation ~= generation then return end
  entry.task, entry.loading = nil, false
  if ok then
    entry:put(value)
  else
    entry.error = value
  end
  settle(entry, ok, value)
  changed(entry)
end

local function stop(entry)
  entry.generation = entry.generation + 1
  local t = entry.task
  entry.task = nil
  if t and not t:done() then t:cancel() end
end

---Starts a request in place of the one that runs.
---@param fetcher fun(): any
---@param deps any[]
---@param name string who asks
function Entry:fetch(fetcher, deps, name)
  stop(self)
  self.deps, self.wanted, self.loading = deps, nil, true
  self.task = task.spawn(run, self, fetcher, self.generation)
  self.task:name("a query of " .. name)
  changed(self)
end

---Asks for a request at the end of this turn: several in one turn are one. Returns the future of its data.
---@param slot table
---@return hearth.Future
function Entry:refetch(slot)
  self.future = self.future or task.future()
  local future = self.future
  if not self.wanted then
    self.wanted, self.loading = true, true
    changed(self)
    task.at_turn_end(function()
      if not self.wanted then return end
      if self.n_slots == 0 then return self:cancel() end
      self:fetch(slot.fetcher, slot.deps, hooks.path(slot[2]))
    end)
  end
  return future
end

---Nobody wants its result any more.
function Entry:cancel()
  stop(self)
  self.wanted, self.loading = nil, false
  settle(self, false, errors.new("ECANCELED", "use_query: the component was unmounted before its query ended", { op = "use_query" }))
end

---New data: `loaded_at` is now.
function Entry:put(value)
  self.data, self.error, self.has_data, self.loaded_at = value, nil, true, timer.now()
  if self.persist then
    local ok, err = pcall(self.persist, value)
    if not ok then task.report(err, "use_query: the data cannot be kept") end
  end
end

---Puts data in place by hand.
---@param value any|fun(current: any): any
function Entry:set_data(value)
  if type(value) == "function" then value = value(self.data) end
  self:put(value)
  changed(self)
end

---Is what it has older than `seconds`, or not there?
function Entry:stale(seconds)
  return not self.has_data or timer.now() >= self.loaded_at + seconds
end

---Forgets all that is kept, as at the start of the program: for tests.
function cache.reset()
  for _, entry in pairs(by_key) do
    if entry.n_slots == 0 then entry:cancel() end
  end
  by_key, idle, n_idle = {}, {}, 0
end

---How many entries with a key there are.
function cache.count()
  local n = 0
  for _ in pairs(by_key) do n = n + 1 end
  return n
end

return cache
