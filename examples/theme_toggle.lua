-- A theme that survives everything: it is read from disk before the first click can reach it, shown at once when it changes, and on
-- disk when the program dies, even by kill -9.

local hearth = require "hearth"
local Column, Row, Text, Button, Spacer = hearth.Column, hearth.Row, hearth.Text, hearth.Button, hearth.Spacer

local COLORS = {
  light = { color = "black", background = "white" },
  dark = { color = "white", background = "black" },
}

local ThemeToggle = hearth.component("ThemeToggle", function()
  local theme, set_theme, info = hearth.use_persisted_state("theme", "light")

  local function toggle()
    set_theme(function(current) return current == "light" and "dark" or "light" end)
  end

  return Column {
    spacing = 1, style = { COLORS[theme] or COLORS.light, { padding = 1, grow = 1 } },
    Text("Theme: " .. theme, { id = "theme", style = { bold = true } }),
    Row {
      spacing = 2,
      Button("Toggle theme", { on_click = toggle }),
      Button("Forget", { on_click = function() info.remove() end, disabled = not info.exists }),
      Spacer(),
      Text(info.status == "loading" and "loading" or info.save == "clean" and "saved" or info.save, { style = { dim = true } }),
    },
  }
end)

hearth.app { name = "theme_toggle", root = ThemeToggle }

return ThemeToggle
