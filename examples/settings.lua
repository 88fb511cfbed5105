-- Settings that have grown up. Version 0 was one word, the theme; version 1 a table; version 2 has a size in points. What an old version of this
-- program has left is migrated at the first start, once, and the old record is kept in quarantine.

local hearth = require "hearth"
local Column, Row, Text, Button = hearth.Column, hearth.Row, hearth.Text, hearth.Button

local SIZES = { small = 10, medium = 12, large = 16 }

local migrate = {
  function(theme) return { theme = theme, size = "medium" } end,
  function(settings)
    settings.size = SIZES[settings.size] or SIZES.medium
    return settings
  end,
}

local function validate(settings)
  if type(settings) ~= "table" or type(settings.size) ~= "number" then return false, "settings have a theme and a size" end
  return true
end

local function with(name, value)
  return function(settings)
    settings[name] = value
    return settings
  end
end

local Settings = hearth.component("Settings", function()
  local settings, set, info = hearth.use_persisted_state("settings", { theme = "light", size = 12, sound = true }, {
    version = 2, migrate = migrate, validate = validate,
    merge = "shallow",   -- `sound` is newer than some stored settings: they take it from here
  })
  return Column {
    spacing = 1, style = { padding = 1 },
    Text(("Theme %s, %d points, sound %s"):format(settings.theme, settings.size, settings.sound and "on" or "off"), { id = "summary" }),
    Row {
      spacing = 2,
      Button("Theme", { on_click = function() set(with("theme", settings.theme == "light" and "dark" or "light")) end }),
      Button("Bigger", { on_click = function() set(function(s) return with("size", s.size + 1)(s) end) end }),
      Button("Sound", { on_click = function() set(function(s) return with("sound", not s.sound)(s) end) end }),
      Button("Defaults", { on_click = function() info.remove() end }),
    },
    info.error and Text("Not usable: " .. tostring(info.error), { id = "error" }),
  }
end)

hearth.app { name = "settings", root = Settings, preload = { "settings" } }

return Settings
