-- Bound props whose source changed: the node follows without a render, in place where the renderer takes single props (the table of props
-- is the node's own).

local binding = require "hearth.ui.binding"
local boundary = require "hearth.ui.boundary"
local touched = require "hearth.ui.touched"
local ui = require "hearth.core.ui"

local PROPS <const> = 2
local NODE <const> = 6

local next, xpcall = next, xpcall
local touch, text, on_error = touched.touch, ui.text, boundary.on_error

local bound_props = {}

local function push(link, v)
  local root, f, prop = link.root, link.fiber, link.prop
  local renderer = root.renderer
  if not root.touched then touch(root) end
  local into, set = link.into, renderer.set
  if into then
    into[link.key] = v
    v = link.whole
  elseif link.is_text then
    v = text(v)
  end
  local old = f[PROPS]
  if set then
    old[prop] = v
    return set(f[NODE], prop, v)
  end
  local own = {}
  for k, o in next, old do own[k] = o end
  own[prop] = v
  f[PROPS] = own
  renderer.update(f[NODE], own, old)
end

-- One protected call for as many as go well: there may be thousands in a frame.
local links, n_links, at_link, applying = nil, 0, 0, nil

local function apply_links()
  while at_link < n_links do
    at_link = at_link + 1
    local link = links[at_link]
    links[at_link], applying = nil, link
    link.queued = false
    if link.live then
      local selector = link.selector
      local v = link.get(link.source)
      if selector then v = selector(v) end
      if v ~= link.value then
        link.value = v
        push(link, v)
      end
    end
  end
end

--- Shows what changed, until nothing is left. An error goes to the nearest boundary.
function bound_props.apply()
  while binding.pending > 0 do
    links, n_links = binding.take()
    at_link = 0
    while at_link < n_links do
      local ok, err = xpcall(apply_links, on_error)
      if not ok and not boundary.catch(applying.fiber, err) then applying.root.fail(err, applying.root.fiber, "a bound value") end
    end
    applying = nil
  end
end

return bound_props
