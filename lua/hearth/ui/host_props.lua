-- What the node of a host element is given: its props without the children, with the values of bound props in their places.

local binding = require "hearth.ui.binding"

local ui = require "hearth.core.ui"

local VALUE <const> = 4 -- of a link (hearth.ui.binding)
local PROP <const> = 7
local IS_TEXT <const> = 8
local WHOLE <const> = 11

local next, next_prop, is_table = next, ui.next_prop, ui.is_table

local host_props = {}

--- The props for a node. The table that was given, where nothing has to be left out or replaced.
---@param props table
---@param n integer how many children are in it
---@param old table|nil the links that the fiber has
---@param root hearth.Root
---@return table own
---@return table<any, table>|nil links of the bound ones
function host_props.own(props, n, old, root)
  if n == 0 and not binding.used then return props end
  local own, links = props, nil
  if n > 0 then
    own = {}
    for k, v in next_prop, props do
      if k ~= "n" then own[k] = v end
    end
  end
  if not binding.used then return own end
  for k, v in next, own do
    if is_table(v) and binding.is(v) then
      links = links or {}
      binding.join(v, k, root, old, links)
    end
  end
  if links then
    if n == 0 then
      own = {}
      for k, v in next, props do own[k] = v end
    end
    for _, link in next, links do own[link[PROP]] = link[WHOLE] or (link[IS_TEXT] and ui.text(link[VALUE]) or link[VALUE]) end
  end
  return own, links
end

return host_props
