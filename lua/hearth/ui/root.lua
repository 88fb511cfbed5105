-- A root: one element mounted on one renderer. The first render is synchronous, its effects included; later ones come at the end of a turn.

local boundary = require "hearth.ui.boundary"
local commit = require "hearth.ui.commit"
local errors = require "hearth.errors"
local hooks = require "hearth.ui.hooks"
local placement = require "hearth.ui.placement"
local reconciler = require "hearth.ui.reconciler"
local task = require "hearth.core.task"
require "hearth.ui.context"
require "hearth.ui.portal"

local TYPE <const> = 1
local CHILD <const> = 5

---@class hearth.Root
---@field node any the renderer's container
local Root = {}
Root.__index = Root

local root = {}

-- Every root that is mounted; for tests, which unmount what was left.
root.mounted = setmetatable({}, { __mode = "k" })

local function check_renderer(renderer)
  if type(renderer) ~= "table" or type(renderer.create) ~= "function" or type(renderer.update) ~= "function"
    or not (renderer.children or renderer.insert and renderer.remove) then
    errors.raise("EINVAL", "mount: a renderer is a table with create, update, and either children or insert and remove "
      .. "(docs/renderers.md)", { op = "mount" })
  end
end

-- What happened to an error that no boundary caught: raised by the mount or rerender that is going on, else reported.
local function failing(self)
  return function(err, f, where)
    if self.synchronous then
      self.failure = self.failure or { err }
    else
      task.report(err, where or (f and hooks.path(f)) or nil)
    end
  end
end

local function render_into(self, element)
  local ok, err
  local whole, broken = task.guarded(hooks.guard, nil, function()
    reconciler.use(self)
    ok, err = boundary.attempt(reconciler.update_children, self.fiber, { element }, 1)
  end)
  if whole then return ok, err end
  hooks.abandon()
  return false, broken
end

-- Nearly all that a first render makes stays: to collect meanwhile would walk it again and again, and right after it once more, while what
-- it needs is loaded. So the collector stops, and then waits until as much has been made once more; this once only, until it has run.
local waited = setmetatable({}, { __mode = "v" })

local function stop_collecting(self)
  if not collectgarbage "isrunning" then return end -- a layout effect may come here again
  self.collects_from = collectgarbage "count"
  collectgarbage "stop"
end

--- When the frame is committed, before effects run, or when there is none.
function Root:collect_again()
  local from = self.collects_from
  if not from then return end
  self.collects_from = false
  local made, first = collectgarbage "count" - from, waited[1] == nil
  waited[1] = waited[1] or {}
  collectgarbage "restart"
  if first and made > 0 then collectgarbage("step", -(made // 1)) end -- as if that had been freed
end

-- Renders `element` as the only child of the root fiber and flushes; raises what no boundary caught.
local function show(self, element)
  local rendering = hooks.rendering()
  if rendering then hooks.misuse(("mount was called while %s renders; call it in an effect or a "
    .. "handler"):format(rendering), nil, "mount") end
  if not self.fiber then errors.raise("ECLOSED", "rerender: this root was unmounted; mount the element again", { op = "rerender" }) end
  local outer = reconciler.root()
  local before = self.synchronous
  self.synchronous, self.failure = true, nil
  stop_collecting(self)
  local ok, err = render_into(self, element)
  local whole, broken = true, nil
  if ok then whole, broken = pcall(commit.flush, true) end
  self:collect_again()
  if not whole then error(broken, 0) end
  if ok then
    err = self.failure and self.failure[1]
    ok = not self.failure
  else
    reconciler.use(nil)
  end
  if outer then reconciler.use(outer) end
  self.synchronous, self.failure = before, nil
  if not ok then error(err, 0) end
end

--- Mounts an element. Returns when the first frame is on screen; raises what its render raised, then nothing stays mounted.
---@param element any
---@param renderer hearth.Renderer
---@param options? { observe?: boolean, inert?: boolean } observe: counts renders by component, for tests; inert: effects do not run, for a look that
--- nobody has answered yet
---@return hearth.Root
function root.mount(element, renderer, options)
  check_renderer(renderer)
  local self = setmetatable({
    renderer = renderer, place = placement.placer(renderer), commits = 0, renders = {},
    observe = options and options.observe or false, inert = options and options.inert or false,
    plain = not (options and options.observe), suspends = false, touched = false, portals = nil, synchronous = false, collects_from = false,
    owner = task.owner(), -- on whose behalf its effects run (hearth.owner)
  }, Root)
  self.fail = failing(self)
  -- A component renders through this where that is more than to run a function (not `plain`): it is counted, or may wait.
  self.render = function(f)
    if self.observe and not boundary.waits(f) then
      local t = f[TYPE]
      t = t.of or t
      self.renders[t] = (self.renders[t] or 0) + 1
    end
    if self.suspends then return boundary.render(f) end
    return hooks.render(f)
  end
  reconciler.hosts.Root = true
  self.node = renderer.create("Root", {})
  self.fiber = { "Root", {}, false, false, {}, self.node, 0 }
  local ok, err = pcall(show, self, element)
  if not ok then
    self:unmount()
    error(err, 0)
  end
  task.hold()
  self.held = true
  root.mounted[self] = true
  return self
end

--- Shows another element in place of the one that is shown; what has the same types and keys keeps its state.
---@param element any
function Root:rerender(element) show(self, element) end

--- The program may end while this root is mounted: nobody looks at it.
function Root:release()
  if self.held then
    self.held = false
    task.unhold()
  end
end

--- Takes everything off: cleanups run, async effects are cancelled. Twice is fine.
function Root:unmount()
  local fiber = self.fiber
  if not fiber then return end
  local rendering = hooks.rendering()
  if rendering then hooks.misuse(("unmount was called while %s renders; call it in an effect or a "
    .. "handler"):format(rendering), nil, "unmount") end
  self.fiber = nil
  for _, child in ipairs(fiber[CHILD] or {}) do
    if child then commit.unmount(child) end
  end
  fiber[CHILD] = {}
  self.place(fiber, self.node, {})
  if self.renderer.commit then self.renderer.commit(self.node) end
  root.mounted[self] = nil
  self:release()
end

--- Unmounts every root that is still mounted: for tests.
function root.unmount_all()
  for mounted in pairs(root.mounted) do mounted:unmount() end
end

--- Is it still mounted?
---@return boolean
function Root:mounted() return self.fiber ~= nil end

return root
