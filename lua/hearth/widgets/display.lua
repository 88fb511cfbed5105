-- What only shows: the state of work, and pictures.

local host = require "hearth.widgets.host"

local display = {}

-- value of max (1 unless told); no value: busy for an unknown time
display.ProgressBar = host.element("ProgressBar", { value = "number", max = "number" })
display.ActivityIndicator = host.element("ActivityIndicator", { active = "flag" })
-- source: a path or a URL; alt: what is read or printed in its place
display.Image = host.element("Image", { source = "text", alt = "text", on_click = "handler", on_load = "handler", on_error = "handler" })

return display
