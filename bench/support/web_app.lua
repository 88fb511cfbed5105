-- The app of bench/web.lua: a count that all pages share, bound to its text so that no component renders for it, and one of the page's own.

local hearth = require "hearth"

local shared = hearth.Store(0)

return hearth.component("Bench", function()
  local own, set_own = hearth.use_state(0)
  return hearth.Column {
    hearth.Text(shared:bind(function(n) return "All " .. n end)),
    hearth.Button("Share", { on_click = function() shared:set(function(n) return n + 1 end) end }),
    hearth.Text("Own " .. own),
    hearth.Button("Count", { on_click = function() set_own(function(n) return n + 1 end) end }),
  }
end)
