-- Text("hello"), Text("hello", {style={bold=true}, on_click=f}): one piece of text. The string may be a number, or bound to a Store.

local host = require "hearth.widgets.host"

return (host.labelled("Text", "text", {
  text = "any", on_click = "handler", on_long_click = "handler", selectable = "flag", max_lines = "number",
}))
