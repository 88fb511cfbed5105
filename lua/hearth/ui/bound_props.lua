-- Bound props whose source changed: the node follows without a render, in place where the renderer takes single props (the table of props
-- is the node's own).

local binding = require "hearth.ui.binding"
local boundary = require "hearth.ui.boundary"
local touched = require "hearth.ui.touched"
local ui = require "hearth.core.ui"

local PROPS <const> = 2
local NODE <const> = 6

local next = next
local touch, text, queue = touched.touch, ui.text, binding.queue

local bound_props = {}

-- The renderer takes no single props: it gets a new table.
local function update(renderer, f, prop, v)
  local own, old = {}, f[PROPS]
  for k, o in next, old do own[k] = o end
  own[prop] = v
  f[PROPS] = own
  renderer.update(f[NODE], own, old)
end

local function push(link, v)
  local root, f, prop = link.root, link.fiber, link.prop
  local renderer = root.renderer
  if not root.touched then touch(root) end
  if link.is_text then
    v = text(v)
  elseif link.into then
    link.into[link.key] = v
    v = link.whole
  end
  local set = renderer.set
  if not set then return update(renderer, f, prop, v) end
  f[PROPS][prop] = v
  return set(f[NODE], prop, v)
end

local done = 0 -- how much of the queue
local applying = false -- the link that is worked on

--- Shows what changed, until nothing is left. Goes on where it was when it is called again after an error.
function bound_props.apply()
  while done < binding.queued do
    done = done + 1
    local link = queue[done]
    queue[done] = nil
    link.queued = false
    if link.live then
      applying = link
      local selector, v = link.selector, link.get(link.source)
      if selector then v = selector(v) end
      if v ~= link.value then
        link.value = v
        push(link, v)
      end
    end
  end
  done, binding.queued, applying = 0, 0, false
end

--- Was a bound value being shown when something failed?
function bound_props.is_applying() return applying ~= false end

--- Gives the error of the one that failed to the nearest boundary, else to its root.
---@param err any
function bound_props.fail(err)
  local link = applying
  applying = false
  if not boundary.catch(link.fiber, err) then link.root.fail(err, link.root.fiber, "a bound value") end
end

return bound_props
