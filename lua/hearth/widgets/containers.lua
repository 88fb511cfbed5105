-- Containers: what arranges its children. Column stacks, Row lines up, View is a plain box, ScrollView shows a part of a long content,
-- Spacer takes the free space, Modal lies over everything else, Pressable makes all that is in it clickable.

local host = require "hearth.widgets.host"
local errors = require "hearth.errors"

local containers = {}

local CLICKS = { on_click = "handler", on_long_click = "handler" }

containers.Column = host.element("Column", CLICKS)
containers.Row = host.element("Row", CLICKS)
containers.View = host.element("View", CLICKS)
containers.Pressable = host.element("Pressable", CLICKS)
containers.ScrollView = host.element("ScrollView", { horizontal = "flag", on_scroll = "handler", offset = "number" })
containers.Modal = host.element("Modal", { visible = "flag", title = "text", on_close = "handler" })

local spacer = host.element("Spacer", { size = "number" })

--- Spacer() takes what is free, Spacer(2) or Spacer{size=2} two cells.
---@param given? number|table
---@return hearth.Element
function containers.Spacer(given)
  if type(given) == "number" then
    given = { size = given }
  elseif given ~= nil and type(given) ~= "table" then
    errors.raise("EINVAL", ("Spacer takes a number of cells or a table, got a %s"):format(type(given)), { op = "Spacer" })
  end
  return spacer(given)
end

return containers
