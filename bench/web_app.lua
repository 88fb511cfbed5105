-- The app of bench/web.lua: a count that all pages share, and one of the page's own.

local hearth = require "hearth"

local shared = hearth.Store(0)

return hearth.component("Bench", function()
  local all = hearth.use_store(shared)
  local own, set_own = hearth.use_state(0)
  return hearth.Column {
    hearth.Text("All " .. all), hearth.Button("Share", { on_click = function() shared:set(function(n) return n + 1 end) end }),
    hearth.Text("Own " .. own), hearth.Button("Count", { on_click = function() set_own(function(n) return n + 1 end) end }),
  }
end)
