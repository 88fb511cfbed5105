-- The reconciler: makes the fibers agree with new elements, and notes what the renderer must hear. Rendering changes only fibers, through
-- a log that can be undone, so a render that fails leaves no trace; the commit (hearth.ui.commit) then tells the renderer.
--
-- Nodes of what is newly mounted are pushed on one stack; whoever owns the place takes them off.

local binding = require "hearth.ui.binding"
local children = require "hearth.ui.children"
local element = require "hearth.ui.element"
local errors = require "hearth.errors"
local hooks = require "hearth.ui.hooks"
local host_props = require "hearth.ui.host_props"
local keys = require "hearth.ui.keys"
local scheduler = require "hearth.ui.scheduler"
local touch = require("hearth.ui.touched").touch
local ui = require "hearth.core.ui"

local TYPE <const> = 1
local PROPS <const> = 2
local KEY <const> = 3
local PARENT <const> = 4
local CHILD <const> = 5
local NODE <const> = 6
local LINKS <const> = 7
local STATE <const> = 6
local DEPTH <const> = 7
local ROOT <const> = 8
local LINK_FIBER <const> = 6 -- of a link (hearth.ui.binding)
local PROP <const> = 7
local WHOLE <const> = 11

local reconciler = {}

local type, next, xpcall, move = type, next, xpcall, table.move
local due_mark, take_due, render_hooks, changed = hooks.due_mark, hooks.take_due, hooks.render, hooks.changed
local EMPTY, List = element.EMPTY, element.List
local as_element, count, own_props = children.as_element, element.count, host_props.own
local array, is_table, same_props, in_step, match = ui.array, ui.is_table, ui.same_props, ui.in_step, ui.match

-- Which types are host elements: filled as they are seen, because a look-up costs less than a call of type().
local hosts = {}
reconciler.hosts = hosts
-- Those that never have children: the prop that their constructor's text becomes, or true.
local leaves = ui.leaves
leaves.Text, leaves.Button = "text", "label"
for _, t in ipairs { "TextInput", "Checkbox", "Switch", "Picker", "Slider", "ProgressBar", "ActivityIndicator", "Image", "Spacer" } do
  leaves[t] = true
end
for t in next, leaves do hosts[t] = true end

-- How the special kinds mount and update, by kind: {mount = fn(fiber, depth), update = fn(fiber, old_props, depth), …}.
local kinds = {}
reconciler.kinds = kinds

-- ---- the pass

local root, create -- the root whose fibers are being worked on, and its renderer's create
local working = false -- the component whose output is being worked on, for messages

local log, n_log = {}, 0 -- (table, key, old value): what to undo; (fiber, STATE, …) of a dirty one that rendered
local patches, n_patches = {}, 0 -- (host fiber, old props, root): it has new props, and the node must be updated
local structs, n_structs = {}, 0 -- (host fiber, root): its list of nodes changed
local deleted, n_deleted = {}, 0 -- fibers taken out of the tree
local dying = {} -- the same as a set
local relinks, n_relinks = {}, 0 -- (old links or false, new links or false)
local ready, n_ready = {}, 0 -- slots for the commit, children first
local undoable, n_undoable = {}, 0 -- functions to call when undone
local stack, sp = {}, 0 -- nodes of what was mounted
local is_new = true -- has nothing been rendered in this pass

--- Sets a field so that a failed render can be undone.
local function assign(t, k, v)
  local n = n_log
  log[n + 1] = t
  log[n + 2] = k
  log[n + 3] = t[k]
  n_log = n + 3
  t[k] = v
end
reconciler.assign = assign

--- The nodes below the host that holds `f` must be listed anew.
local function restructure(f)
  while not hosts[f[TYPE]] do
    f = f[PARENT]
    if not f then return end
    if f[TYPE].kind == "portal" then f = root.fiber end
  end
  structs[n_structs + 1], structs[n_structs + 2] = f, root
  n_structs = n_structs + 2
end
function reconciler.restructure(f) restructure(f[TYPE].kind == "portal" and root.fiber or f) end

local function delete(f)
  n_deleted = n_deleted + 1
  deleted[n_deleted] = f
  dying[f] = true
end
reconciler.delete = delete

-- Undoes what was rendered since the pass stood there. Fibers that were dirty of their own are dirty again.
local function rollback(b_log, b_patches, b_structs, b_deleted, b_relinks, b_ready, b_undoable, b_sp, b_due)
  hooks.abandon() -- the handler of errors has done so, but for one: memory that ran out
  for i = n_undoable, b_undoable + 1, -1 do
    undoable[i]()
    undoable[i] = nil
  end
  for i = n_log - 2, b_log + 1, -3 do
    local t, k, old = log[i], log[i + 1], log[i + 2]
    log[i], log[i + 1], log[i + 2] = nil, nil, nil
    if k ~= STATE then
      t[k] = old
    elseif t[STATE] == 0 then
      scheduler.mark(t, 2) -- its slots have what the undone render saw, so whether they changed says nothing
    end
  end
  for i = b_deleted + 1, n_deleted do
    dying[deleted[i]] = nil
    deleted[i] = nil
  end
  for i = n_patches - 2, b_patches + 1, -3 do
    patches[i][PROPS] = patches[i + 1]
    patches[i], patches[i + 1], patches[i + 2] = nil, nil, nil
  end
  for i = b_structs + 1, n_structs do structs[i] = nil end
  for i = b_relinks + 1, n_relinks do relinks[i] = nil end
  for i = b_ready + 1, n_ready do ready[i] = nil end
  for i = b_sp + 1, sp do stack[i] = nil end
  n_log, n_patches, n_structs, n_deleted, n_relinks, n_ready, n_undoable, sp =
    b_log, b_patches, b_structs, b_deleted, b_relinks, b_ready, b_undoable, b_sp
  hooks.drop_due(b_due)
end

--- Runs fn(a, b, c) under xpcall; undoes what it rendered if it fails.
---@param on_error fun(err: any): any
---@return boolean ok
---@return any result or the error
function reconciler.attempt(on_error, fn, a, b, c)
  local b_log, b_patches, b_structs, b_deleted, b_relinks, b_ready, b_undoable, b_sp, b_due =
    n_log, n_patches, n_structs, n_deleted, n_relinks, n_ready, n_undoable, sp, due_mark()
  is_new = false
  local ok, result = xpcall(fn, on_error, a, b, c)
  if not ok then
    rollback(b_log, b_patches, b_structs, b_deleted, b_relinks, b_ready, b_undoable, b_sp, b_due)
  end
  return ok, result
end

-- Where the render of the dirty fiber that is worked on began: what `attempt` keeps, without a protected call of its own. `at_log` is false for the
-- first of a pass, most often the only one.
local at_log, at_patches, at_structs, at_deleted, at_relinks, at_ready, at_undoable, at_sp, at_due = false, 0, 0, 0, 0, 0, 0, 0, 0

--- Undoes what `refresh` has rendered of a fiber before it failed.
function reconciler.undo()
  if not at_log then return rollback(0, 0, 0, 0, 0, 0, 0, 0, 0) end
  rollback(at_log, at_patches, at_structs, at_deleted, at_relinks, at_ready, at_undoable, at_sp, at_due)
end

--- fn() is called if the render that is going on is undone.
function reconciler.on_undo(fn)
  n_undoable = n_undoable + 1
  undoable[n_undoable] = fn
end

--- Gives slots to the commit.
function reconciler.ready(slot)
  n_ready = n_ready + 1
  ready[n_ready] = slot
end

--- Takes the nodes above `base` off the stack.
function reconciler.nodes(base)
  for i = base + 1, sp do stack[i] = nil end
  sp = base
end
function reconciler.stack_mark() return sp end

-- ---- mount

local mount, update

-- A list with room for n items; tables that grow are copied again and again.
local function list_of(n) return n > 8 and array(n) or {} end

local function relink(old, new)
  relinks[n_relinks + 1], relinks[n_relinks + 2] = old, new
  n_relinks = n_relinks + 2
end

local function mount_list(items, n, parent, depth)
  local list = list_of(n)
  local keyed = false
  for i = 1, n do
    local item = items[i]
    if item == nil or item == false or item == true then
      list[i] = false
    else
      if not is_table(item) or item.type == nil then item = as_element(item) end
      if item.key ~= nil then keyed = true end
      list[i] = mount(item, parent, depth)
    end
  end
  if keyed then keys.check_mounted(list, n, parent) end
  return list
end

local function mount_host(t, props, key, parent, depth)
  local n = leaves[t] and 0 or count(props)
  local own, links = own_props(props, n, nil, root)
  local node = create(t, own)
  local f = { t, own, key, parent, false, node, links or 0 }
  if links then
    for _, link in next, links do link[LINK_FIBER] = f end
    relink(false, links)
  end
  if n > 0 then
    local base = sp
    f[CHILD] = mount_list(props, n, f, depth)
    if sp > base then
      root.place(f, node, move(stack, base + 1, sp, 1, list_of(sp - base)))
      for i = base + 1, sp do stack[i] = nil end
      sp = base
    end
  end
  sp = sp + 1
  stack[sp] = node
  return f
end

local function mount_component(t, props, key, parent, depth)
  local f = { t, props, key, parent, false, 0, depth, root, false, -1, false }
  local out, due
  if root.plain then
    out, due = render_hooks(f)
  else
    out, due = root.render(f)
  end
  if out then
    local outer = working
    working = f
    if not is_table(out) or out.type == nil then out = as_element(out) end
    if out then f[CHILD] = mount(out, f, depth + 1) end
    working = outer
  end
  if due > 0 then n_ready = take_due(due, ready, n_ready) end
  return f
end

--- Mounts an element; its nodes are pushed on the stack.
function mount(item, parent, depth)
  local t = item.type
  if hosts[t] then
    if leaves[t] and not binding.used then -- most of what is on a screen: mount_host in short
      local props = item.props
      local node = create(t, props)
      sp = sp + 1
      stack[sp] = node
      return { t, props, item.key or false, parent, false, node, 0 }
    end
    return mount_host(t, item.props, item.key or false, parent, depth)
  end
  if is_table(t) then
    if t.render then return mount_component(t, item.props, item.key or false, parent, depth) end
    local kind = kinds[t.kind]
    if kind then
      local f = { t, item.props, item.key or false, parent, false, 0, depth, root, false }
      kind.mount(f, depth)
      return f
    end
  elseif type(t) == "string" then
    hosts[t] = true
    return mount_host(t, item.props, item.key or false, parent, depth)
  end
  errors.raise("EINVAL", ("an element's type must be a name or a component, got a %s"):format(type(t)))
end
reconciler.mount = mount

--- Mounts the children given in a list (or in the array part of props).
function reconciler.mount_children(items, parent, depth)
  return mount_list(items, count(items), parent, depth)
end

-- ---- update

-- The list of children of `f` becomes `items`. Returns the new list of fibers: the old one where nothing moved.
local function diff_list(f, old, items, n, depth)
  local m = old and #old or 0
  local i = 1
  -- In step with the old list: the usual case, which makes no garbage.
  while true do
    i = in_step(items, i, n, old, m)
    if i > n or i > m then break end
    local item, child = items[i], old[i]
    if not child or not item or item == true then break end
    if not is_table(item) or item.type == nil then item = as_element(item) end
    if child[TYPE] ~= item.type or child[KEY] ~= (item.key or false) then break end
    update(child, item.props, depth)
    i = i + 1
  end
  if i > n and n == m then return old end

  if f[TYPE] == List and n ~= m then keys.warn_missing(items, n, f) end
  -- First every new child finds its old fiber, then those that are new or differ are worked on in order.
  local list, wanted, work, works, gone, goners = match(items, i, n, old, m, as_element)
  local base = sp
  local fresh
  for w = 1, works do
    local j = work[w]
    local item, child = wanted[j], list[j]
    if child then
      update(child, item.props, depth)
    else
      if item.key ~= nil then
        fresh = fresh or {}
        fresh[#fresh + 1] = j
      end
      list[j] = mount(item, f, depth)
    end
  end
  for j = base + 1, sp do stack[j] = nil end
  sp = base
  if fresh then keys.check_updated(list, n, fresh, f) end
  for o = 1, goners do delete(gone[o]) end
  restructure(f)
  return list
end

local function update_children(f, items, n, depth)
  local old = f[CHILD]
  if n == 0 and not old then return end
  local list = diff_list(f, old, items, n, depth)
  if list ~= old then assign(f, CHILD, list) end
end

--- The children of a fiber become `items`.
function reconciler.update_children(f, items, depth) update_children(f, items, count(items), depth) end

local function update_host(f, props, depth)
  local own = f[PROPS]
  if own == props then return end
  local n = leaves[f[TYPE]] and 0 or count(props)
  local links = binding.used and type(f[LINKS]) == "table" and f[LINKS]
  -- A bound prop always differs from the value that the node has, so without links there is none where nothing differs.
  if links or own.text ~= props.text or own.label ~= props.label or not same_props(props, n, own) then
    local new, new_links = props, nil
    if n > 0 or binding.used then
      new, new_links = own_props(props, n, links or nil, root)
      if new_links then
        for _, link in next, new_links do link[LINK_FIBER] = f end
      end
      if links or new_links then relink(links or false, new_links or false) end
    end
    local own_links = new_links or 0
    if f[LINKS] ~= own_links then assign(f, LINKS, own_links) end
    if not links or not same_props(new, 0, own) then
      f[PROPS] = new
      local p = n_patches
      patches[p + 1] = f
      patches[p + 2] = own
      patches[p + 3] = root
      n_patches = p + 3
    elseif new_links then
      -- Nothing to show, but from now on frames change what is in the new table.
      for _, link in next, new_links do
        if link[WHOLE] then assign(own, link[PROP], link[WHOLE]) end
      end
    end
  end
  if n > 0 or f[CHILD] then update_children(f, props, n, depth) end
end

-- What a component shows becomes `out`.
local function update_child(f, out, depth)
  local child = f[CHILD]
  if out and (not is_table(out) or out.type == nil) then out = as_element(out) end
  if not out then
    if child then
      assign(f, CHILD, false)
      delete(child)
      restructure(f)
    end
    return
  end
  local t = out.type
  if child and child[TYPE] == t and child[KEY] == (out.key or false) then
    if hosts[t] then update_host(child, out.props, depth) else update(child, out.props, depth) end
  else
    local base = sp
    local new = mount(out, f, depth)
    for i = base + 1, sp do stack[i] = nil end
    sp = base
    assign(f, CHILD, new)
    if child then delete(child) end
    restructure(f)
  end
end

--- Renders a mounted component again, and what is below it where that changed.
local function update_component(f)
  if f[STATE] > 0 then assign(f, STATE, 0) end
  local out, due, keep
  if root.plain then
    out, due = render_hooks(f)
  else
    out, due, keep = root.render(f)
    if keep then return end
  end
  local outer = working
  working = f
  update_child(f, out, f[DEPTH] + 1)
  working = outer
  if due > 0 then n_ready = take_due(due, ready, n_ready) end
end

--- A fiber gets the props of a new element of its type.
function update(f, props, depth)
  local t = f[TYPE]
  if hosts[t] then
    update_host(f, props, depth)
  elseif t.render then
    local old, state = f[PROPS], f[STATE]
    if old == props or t.equal and t.equal(old, props) then
      if state == 0 then return end
      if state == 1 and not hooks.changed(f) then
        f[STATE] = 0
        return
      end
    end
    assign(f, PROPS, props)
    update_component(f)
  else
    local old = f[PROPS]
    f[STATE] = f[STATE] > 0 and 0 or f[STATE]
    assign(f, PROPS, props)
    kinds[t.kind].update(f, old, depth)
  end
end

kinds.fragment = {
  mount = function(f, depth)
    f[CHILD] = mount_list(f[PROPS], count(f[PROPS]), f, depth)
    f[PROPS] = EMPTY -- the children are not needed again, and may be many
  end,
  update = function(f, _, depth)
    local items = f[PROPS]
    f[PROPS] = EMPTY
    update_children(f, items, count(items), depth)
  end,
}

-- ---- for the commit

--- Does `f` belong to something that this pass takes out?
local function is_dying(f)
  while f do
    if dying[f] then return true end
    f = f[PARENT]
  end
  return false
end
function reconciler.is_dying(f) return n_deleted > 0 and is_dying(f) end

--- Works on the fibers of this root from now on; nil when the pass is over.
function reconciler.use(new)
  working = false
  if new == root then return end
  root, create = new, new and new.renderer.create
end
function reconciler.root() return root end

--- Renders one dirty fiber in its place. When that fails, `undo` leaves no trace of it, and it is not tried again.
---@param f table
function reconciler.refresh(f)
  if n_deleted > 0 and is_dying(f) then return end
  working = false
  local its = f[ROOT]
  if its ~= root then root, create = its, its.renderer.create end
  if is_new then
    is_new, at_log = false, false
  else
    at_log, at_patches, at_structs, at_deleted, at_relinks, at_ready, at_undoable, at_sp, at_due =
      n_log, n_patches, n_structs, n_deleted, n_relinks, n_ready, n_undoable, sp, due_mark()
  end
  local t, state = f[TYPE], f[STATE]
  f[STATE] = 0
  if not t.render then
    kinds[t.kind].update(f, f[PROPS], f[DEPTH])
  elseif state == 2 or changed(f) then
    update_component(f)
  end
end

--- The component whose output was being worked on when something failed; false when there is none.
function reconciler.failed_at()
  local f = working
  working = false
  return f
end

-- Empties a list that is used again; a long one is left to the collector.
local function emptied(list, n)
  if n == 3 then -- one entry, of most lists
    list[1], list[2], list[3] = nil, nil, nil
    return list
  end
  if n > 256 then return {} end
  for i = 1, n do list[i] = nil end
  return list
end

-- The renderers were told of props, and nothing can be undone any more.
local function end_pass()
  if n_patches > 0 then patches, n_patches = emptied(patches, n_patches), 0 end
  if n_log > 0 then log, n_log = emptied(log, n_log), 0 end
  if n_undoable > 0 then undoable, n_undoable = emptied(undoable, n_undoable), 0 end
  root, create, is_new = nil, nil, true
end

--- Tells the renderers which props changed. In most passes that is all; then the pass is over.
---@return boolean more is there more to be done: `noted`, and `finish`
function reconciler.tell_props()
  for i = 1, n_patches, 3 do
    local f, its = patches[i], patches[i + 2]
    touch(its)
    its.renderer.update(f[NODE], f[PROPS], patches[i + 1])
  end
  if n_structs + n_relinks + n_deleted + n_ready > 0 then return true end
  end_pass()
  return false
end

--- What else the pass noted for the renderers: structs and relinks, each with its count.
function reconciler.noted() return structs, n_structs, relinks, n_relinks end

--- The renderers were told. What is left of the pass: the fibers that went, and the slots for cleanups and effects; a new pass begins.
---@return table deleted, integer n_deleted, table ready, integer n_ready
function reconciler.finish()
  end_pass()
  if n_structs > 0 then structs, n_structs = emptied(structs, n_structs), 0 end
  if n_relinks > 0 then relinks, n_relinks = emptied(relinks, n_relinks), 0 end
  local gone, n_gone, slots, n_slots = deleted, n_deleted, ready, n_ready
  -- These outlive the pass: effects may mount another root.
  if n_deleted > 0 then deleted, n_deleted, dying = {}, 0, {} end
  if n_ready > 0 then ready, n_ready = {}, 0 end
  return gone, n_gone, slots, n_slots
end

return reconciler
