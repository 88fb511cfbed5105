-- An alert as a dialog: the nodes of a Modal, made by hand because no component of the app owns it.

local alerts = require "hearth.alerts"

local alert = {}

local NONE = {}

local function node(type, props, children)
  local made = { type = type, props = props, children = children or NONE, parent = false, stale = true }
  for _, child in ipairs(made.children) do child.parent = made end
  return made
end

--- The dialog of an open alert.
---@param open hearth.OpenAlert
---@return table node
function alert.node(open)
  local parts = {}
  if open.message and open.message ~= "" then parts[#parts + 1] = node("Text", { text = open.message }) end
  if open.input then
    parts[#parts + 1] = node("TextInput", {
      default_value = open.input.value, placeholder = open.input.placeholder, secure = open.input.secure, autofocus = true,
      on_change = function(text) open.input.value = text end,
      on_submit = function(text) alerts.respond(#open.buttons, text) end,
    })
  end
  local buttons, width = {}, 0
  for i, label in ipairs(open.buttons) do
    width = width + #label + 6
    buttons[i] = node("Button", {
      label = label, variant = open.destructive == i and "danger" or nil,
      on_click = function() alerts.respond(i) end,
    })
  end
  local many = width > 56 or #buttons > 4
  parts[#parts + 1] = node("View", { style = many and {} or { direction = "row", spacing = 2 } }, buttons)
  return node("Modal", {
    title = open.title, on_close = function() alerts.respond(-1) end, style = { spacing = 1, max_width = 70 },
  }, parts)
end

return alert
