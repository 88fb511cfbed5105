-- Button("Save", {on_click=f}): a label that can be clicked.

local host = require "hearth.widgets.host"

return (host.labelled("Button", "label", {
  label = "any", on_click = "handler", on_long_click = "handler", variant = "text",
}))
