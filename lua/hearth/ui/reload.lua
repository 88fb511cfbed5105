-- Loading an app again while it runs. Components, memos and contexts that are defined again, under the same name (or, without one, in
-- the same order in the same file), stay the same type and only get their new function, so what is mounted keeps its state. Effects,
-- memos and callbacks run again, because they belong to the old code. Nothing changes before the whole file has loaded.

local async = require "hearth.async"
local context = require "hearth.ui.context"
local element = require "hearth.ui.element"
local errors = require "hearth.errors"
local events = require "hearth.ui.events"
local hooks = require "hearth.ui.hooks"

local TYPE <const> = 1
local CHILD <const> = 5
local STATE <const> = 6
local EXTRA <const> = 9
local HOOKS <const> = 10

local reload = {}

local types = {} -- key -> the type that is mounted
local counts, pending -- of the load that is going on
local tasks = setmetatable({}, { __mode = "k" }) -- tasks that the app's code started -> number of the load
local generation = 0

local CODE = { use_effect = true, use_layout_effect = true, use_async_effect = true, use_memo = true, use_callback = true,
  use_resource = true }

-- Where the app's code called the definition: its file.
local function file_of(level)
  local info = debug.getinfo(level + 1, "S")
  return info and info.source or "?"
end

-- The type that stands for a new definition.
local function stands_for(key, new, update)
  if not counts then return new end
  counts[key] = (counts[key] or 0) + 1
  key = key .. "#" .. counts[key]
  local old = types[key]
  if not old then
    pending[#pending + 1] = function() types[key] = new end
    return new
  end
  local before = {}
  pending[#pending + 1] = function(undo)
    if undo then
      for name, value in pairs(before) do old[name] = value[1] end
    else
      for name in pairs(update) do before[name] = { old[name] } end
      for name in pairs(update) do old[name] = new[name] end
    end
  end
  return old
end

local installed = false

--- Puts the definitions under observation. Before the app is loaded for the first time; the public table must not have them yet.
---@param hearth table
function reload.install(hearth)
  if installed then return end
  installed = true
  local component, memo, create_context = element.component, element.memo, context.create_context
  element.component = function(name, fn)
    local new = component(name, fn)
    local key = type(name) == "string" and "component " .. name or "component in " .. file_of(2)
    return stands_for(key, new, { render = true, name = true })
  end
  element.memo = function(of, equal)
    local new = memo(of, equal)
    return stands_for("memo of " .. of.name, new, { render = true, name = true, equal = true, of = true })
  end
  context.create_context = function(default)
    local new = create_context(default)
    return stands_for("context in " .. file_of(2), new, { default = true })
  end
  local run_async, fire = async.run_async, events.fire
  async.run_async = function(...)
    local t = run_async(...)
    tasks[t] = generation
    return t
  end
  events.fire = function(...)
    local t = fire(...)
    if t then tasks[t] = generation end
    return t
  end
  for _, name in ipairs { "component", "memo", "create_context", "run_async" } do rawset(hearth, name, nil) end
end

-- Ends the tasks that loads first..last have started, but for the one that is running.
local function cancel(first, last)
  local running = async.current_task()
  for t, number in pairs(tasks) do
    if number >= first and number <= last and t ~= running and not t:done() then t:cancel() end
  end
end

--- Calls load() and gives its results; the definitions that it makes wait for `take` or `drop`.
---@param load fun(): ...
---@return any ...
function reload.attempt(load)
  counts, pending = {}, {}
  generation = generation + 1
  return load()
end

--- The load failed: its tasks end, and everything stays as it was.
function reload.drop()
  counts, pending = nil, nil
  cancel(generation, generation)
end

local refresh

local function refresh_list(fibers)
  for i = 1, #fibers do
    if fibers[i] then refresh(fibers[i]) end
  end
end

-- Everything below a fiber is to render again, and the code that its hooks keep is not to be kept.
function refresh(fiber)
  local t = fiber[TYPE]
  if type(t) == "table" and t.render and fiber[STATE] >= 0 then
    for i = HOOKS + 1, #fiber do
      local slot = fiber[i]
      if type(slot) == "table" and CODE[slot[1]] then slot.deps = nil end
    end
    hooks.mark_dirty(fiber)
  end
  local child = fiber[CHILD]
  if child and type(t) == "table" and t.render then
    refresh(child)
  elseif child then
    refresh_list(child)
  end
  local extra = type(t) == "table" and t.kind == "suspense" and fiber[EXTRA]
  if extra and extra.fallback then refresh_list(extra.fallback) end
end

--- The first load: its definitions are the types from now on.
function reload.begin()
  for _, change in ipairs(pending) do change() end
  counts, pending = nil, nil
end

--- The load worked: the mounted tree becomes what the new code says. Returns true, or false and the error: then the old code is back. A
--- component whose hooks changed cannot keep its state: `remount` is called in that case.
---@param root hearth.Root
---@param shown any the new element
---@param remount fun() mounts the new element in place of the old
---@return boolean ok, any err
function reload.take(root, shown, remount)
  local changes = pending
  counts, pending = nil, nil
  for _, change in ipairs(changes) do change() end
  refresh(root.fiber)
  local ok, err = pcall(root.rerender, root, shown)
  if not ok and errors.code(err) == "EHOOK" then ok, err = pcall(remount) end
  if not ok then
    for _, change in ipairs(changes) do change(true) end
    cancel(generation, generation)
    return false, err
  end
  cancel(0, generation - 1)
  return true
end

return reload
