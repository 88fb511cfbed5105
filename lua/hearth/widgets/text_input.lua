-- TextInput{value=, on_change=, on_submit=}: a line of text (several with `multiline`) that the user edits. With `value` the screen shows
-- that value; without, the input keeps what was typed, beginning with `default_value`.

local host = require "hearth.widgets.host"

return (host.element("TextInput", {
  value = "text", default_value = "text", on_change = "handler", on_submit = "handler", placeholder = "text", label = "text",
  secure = "flag", multiline = "flag", read_only = "flag", max_length = "number", name = "text",
  keyboard = "text", -- of a touch screen: number, decimal, email, tel, url, search
}))
