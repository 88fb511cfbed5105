-- Controls that hold one value: `value` says what is shown, `on_change(value)` what the user made of it.

local host = require "hearth.widgets.host"

local controls = {}

local TOGGLE = { value = "flag", on_change = "handler", on_click = "handler" }

controls.Checkbox = host.element("Checkbox", TOGGLE)
controls.Switch = host.element("Switch", TOGGLE)
-- options: strings, numbers, or {value=, label=}
controls.Picker = host.element("Picker", { value = "any", options = "list", on_change = "handler", placeholder = "text" })
controls.Slider = host.element("Slider", {
  value = "number", min = "number", max = "number", step = "number", on_change = "handler", on_submit = "handler",
})

return controls
