-- The flush: renders what is dirty, tells the renderer, runs cleanups and effects, until nothing is dirty. Once per turn, or at once for
-- a first render. The order of one commit: patches, all cleanups (children first), layout effects, and after the renderer's commit the
-- effects; where layout effects have set something, the effects run before that is rendered.

local binding = require "hearth.ui.binding"
local boundary = require "hearth.ui.boundary"
local errors = require "hearth.errors"
local fibers = require "hearth.ui.fiber"
local hooks = require "hearth.ui.hooks"
local placement = require "hearth.ui.placement"
local reconciler = require "hearth.ui.reconciler"
local scheduler = require "hearth.ui.scheduler"
local task = require "hearth.core.task"
local touched = require "hearth.ui.touched"

local TYPE <const> = 1
local PARENT <const> = 4
local CHILD <const> = 5
local NODE <const> = 6
local LINKS <const> = 7
local STATE <const> = 6
local ROOT <const> = 8
local EXTRA <const> = 9
local LINK_ROOT <const> = 5 -- of a link (hearth.ui.binding)
local LINK_FIBER <const> = 6

local LIMIT <const> = 50 -- renders in a row

local commit = {}

local next, xpcall, ipairs, type = next, xpcall, ipairs, type
local owner = task.owner
local guarded, guard, touch, tell_roots = task.guarded, hooks.guard, touched.touch, touched.commit
local hosts, kinds = reconciler.hosts, reconciler.kinds
local refresh, tell_props = reconciler.refresh, reconciler.tell_props
local take = scheduler.take
local on_error = boundary.on_error

-- ---- errors

--- An error of the component at `f`: to the nearest boundary, else to the root.
---@param f table
---@param err any
---@param what string "the render", "an effect", …
local function fail(f, err, what)
  if boundary.catch(f, err) then return end
  local root = f[ROOT]
  root.fail(err, f, ("%s of %s"):format(what, boundary.where.component or fibers.path(f)))
end
commit.fail = fail

-- ---- unmounting

local function unhook(slot)
  local fn = slot.on_unmount
  slot.on_unmount = nil
  local before, outer = owner(slot[2][ROOT].owner), hooks.phase
  hooks.phase = slot
  local ok, err = xpcall(fn, on_error, slot)
  owner(before)
  hooks.phase = outer
  if not ok then fail(slot[2], err, "a cleanup") end
end

-- Children first. A fiber that is gone lets go of the tree: a setter that somebody kept holds one fiber, not all that was on the screen.
local function unmount(f)
  local t, child = f[TYPE], f[CHILD]
  f[CHILD] = false
  if hosts[t] then
    local links = binding.used and f[LINKS]
    if links and type(links) == "table" then
      for _, link in next, links do binding.detach(link) end
    end
    if child then
      for i = 1, #child do
        if child[i] then unmount(child[i]) end
      end
    end
    f[PARENT] = false
    return
  end
  if t.render then
    if child then unmount(child) end
    f[STATE], f.sketches = -1, nil
    local slots = f[EXTRA]
    if slots then
      for i = 1, #slots do
        if slots[i].on_unmount then unhook(slots[i]) end
      end
    end
    if f[ROOT].suspends then boundary.unmounted(f) end
  else
    if child then
      for i = 1, #child do
        if child[i] then unmount(child[i]) end
      end
    end
    f[STATE] = -1
    local kind = kinds[t.kind]
    local hidden = kind.hidden and kind.hidden(f)
    for _, other in ipairs(hidden or {}) do
      if other then unmount(other) end
    end
    if kind.unmount then kind.unmount(f) end
  end
  f[PARENT] = false
end
commit.unmount = unmount

-- ---- effects

local function clean(slot)
  local cleanup = slot.cleanup
  slot.cleanup = false
  if cleanup then cleanup() end
end

local function run_effect(slot)
  local effect = slot.effect
  slot.effect = false
  slot.deps = slot.next_deps
  local cleanup = effect()
  if type(cleanup) == "function" or type(cleanup) == "table" and (getmetatable(cleanup) or {}).__call then
    slot.cleanup = cleanup
  end
end

-- Calls fn(slot) for a mounted component, on behalf of its root's owner; its error goes to the boundary.
local function protected(fn, slot, what)
  local f = slot[2]
  if f[STATE] < 0 then return end
  local outer = hooks.phase
  hooks.phase = slot
  boundary.where.component = nil
  local before = owner(f[ROOT].owner)
  local ok, err = xpcall(fn, on_error, slot)
  owner(before)
  hooks.phase = outer
  if not ok then fail(f, err, what) end
end

local function committed(slot)
  local fn = slot.on_commit
  slot.on_commit = nil
  fn(slot)
end

-- Slots that only wait for being on screen (`arrive`, code of ours that cannot fail) have no part in what follows: there may be thousands.
-- Gives how many others there are.
local function run_arrivals(ready, n)
  local left = 0
  for i = 1, n do
    local slot = ready[i]
    local arrive = slot.arrive
    if not arrive then
      left = left + 1
      ready[left] = slot
    elseif slot[2][STATE] >= 0 then
      arrive(slot)
    end
  end
  for i = left + 1, n do ready[i] = nil end
  return left
end

local function run_cleanups(ready, n)
  for i = 1, n do
    local slot = ready[i]
    if slot.effect and slot.cleanup then
      slot.deps = nil -- it must run again now, whatever the next render says
      protected(clean, slot, "a cleanup")
    end
    if slot.effect and not slot.on_unmount then hooks.on_unmount(slot, clean) end -- in call order
  end
  for i = 1, n do
    if ready[i].on_commit then protected(committed, ready[i], "an effect") end
  end
end

local function run_effects(ready, n, layout)
  for i = 1, n do
    local slot = ready[i]
    if slot.effect and slot.layout == layout and not slot[2][ROOT].inert then protected(run_effect, slot, "an effect") end
  end
end

-- ---- the renderer

-- Tells the renderers which nodes came, went and moved, and sources which props follow them.
local function tell_structure()
  local structs, n_structs, relinks, n_relinks = reconciler.noted()
  if n_structs > 0 then
    local seen = {}
    for i = 1, n_structs, 2 do
      local f, root = structs[i], structs[i + 1]
      if not seen[f] then
        seen[f] = true
        touch(root)
        root.place(f, f[NODE], placement.nodes(hosts, f, f == root.fiber and root.portals or nil))
      end
    end
  end
  for i = 1, n_relinks, 2 do
    local old, new = relinks[i], relinks[i + 1]
    for k, link in next, old or {} do
      if not new or new[k] ~= link then binding.detach(link) end
    end
    for k, link in next, new or {} do
      if not old or old[k] ~= link then binding.attach(link) end
    end
  end
end

-- A portal went with what was unmounted: its nodes were shown by the root.
local stale = {}
function commit.list_again(root) stale[#stale + 1] = root end

local function list_again()
  for _, root in ipairs(stale) do
    if root.fiber then
      touch(root)
      root.place(root.fiber, root.node, placement.nodes(hosts, root.fiber, root.portals))
    end
  end
  stale = {}
end

-- ---- the flush

-- What a flush knows of itself. It is here because behind an error of a component the flush begins again: one protected call is enough for a
-- flush in which nothing fails.
local flushing = false
local rendered = false -- was something rendered that is not committed yet
local rendering = false -- the fiber whose render is going on
-- Did something fail: what was `rendering`, or a link; and the error. No table: memory may be short.
local failed, failed_link, failure = false, false, nil
local rounds = 0 -- how many times what was dirty has been rendered
local effects, n_effects = nil, 0 -- which run after the renderer's commit

local function endless(f)
  local first = f
  while f do
    f[STATE] = 0
    f = take()
  end
  if not first then return end
  local path = fibers.path(first)
  fail(first, errors.new("EHOOK",
    ("Too many re-renders: %s did not settle after %d renders in a row. An effect sets state that makes it run again: give the effect "
      .. "deps, or set only when the value differs")
      :format(path, LIMIT), { op = "render", component = path }), "the render")
end

local function run_later(ready, n)
  if not effects then
    effects, n_effects = ready, n
    return
  end
  table.move(ready, 1, n, n_effects + 1, effects)
  n_effects = n_effects + n
end

-- Renders what is dirty, `f` first, and commits it but for the effects, which run later. Gives what is dirty after that, or nil.
local function render_pass(f)
  while f do
    rendering = f
    refresh(f)
    f = take()
  end
  rendering = false
  if boundary.suspends then boundary.settle_suspenses() end
  if not tell_props() then return end
  tell_structure()
  local deleted, n_deleted, ready, n = reconciler.finish()
  if n_deleted + n == 0 then return end -- nobody was there who could have set anything
  if n_deleted > 0 then
    for i = 1, n_deleted do unmount(deleted[i]) end
    if stale[1] then list_again() end
  end
  if n > 0 then n = run_arrivals(ready, n) end
  if n > 0 then
    run_cleanups(ready, n)
    run_effects(ready, n, true)
    run_later(ready, n)
  end
  return take()
end

-- What failed hears of it, and the flush goes on.
local function mend()
  local f, link, err = rendering, failed_link, failure
  failed, rendering, failed_link, failure = false, false, false, nil
  if f then
    rendered, rounds = true, rounds - 1
    reconciler.undo()
    fail(f, err, "the render")
  elseif not boundary.catch(link[LINK_FIBER], err) then
    local root = link[LINK_ROOT]
    root.fail(err, root.fiber, "a bound value")
  end
end

local function run_waiting_effects()
  local list, n = effects, n_effects
  effects, n_effects = nil, 0
  run_effects(list, n, false)
end

local function flush()
  if failed then mend() end
  local f = take()
  repeat
    -- What layout effects set is rendered before the renderer commits.
    while f or rendered do
      rendered = false
      rounds = rounds + 1
      if rounds > LIMIT then
        endless(f)
        f = take() -- the boundary that shows it
      end
      f = render_pass(f)
      if f and n_effects > 0 then -- those of this commit are not left out for it
        run_waiting_effects()
        if f[STATE] <= 0 then f = take() end -- one of them has rendered it
      end
    end
    if binding.waiting then binding.apply() end
    tell_roots()
    if n_effects == 0 then break end -- nobody was there who could have set anything
    run_waiting_effects()
    f = take()
  until not f and not binding.waiting
  rounds = 0
end

--- Ends a flush or a render that broke off outside the components (memory).
function commit.break_off()
  hooks.phase = false
  rendered, rendering, rounds, effects, n_effects = false, false, 0, nil, 0
  hooks.abandon()
  reconciler.use(nil)
  if binding.waiting then scheduler.plan() end
end

local flush_inside

--- Renders and commits until nothing is dirty.
---@param has_rendered? boolean there is something to commit already
function commit.flush(has_rendered)
  if flushing then return flush_inside(has_rendered) end
  flushing, rendered = true, has_rendered
  local ok, err = guarded(guard, on_error, flush)
  while not ok do
    failed_link = binding.failed()
    if not (rendering or failed_link) then break end
    failed, failure = true, err
    ok, err = guarded(guard, on_error, flush)
  end
  flushing = false
  if ok then return end
  commit.break_off()
  error(err, 0)
end

-- The same in an effect of a flush that is going on: a root is mounted, or rendered anew.
function flush_inside(has_rendered)
  local outer_rounds, outer_effects, outer_n = rounds, effects, n_effects
  rounds, effects, n_effects, flushing = 0, nil, 0, false
  local ok, err = pcall(commit.flush, has_rendered)
  rounds, effects, n_effects, flushing = outer_rounds, outer_effects, outer_n, true
  if not ok then error(err, 0) end
end

scheduler.on_flush(commit.flush)

return commit
