-- A counter that never loses a click. Its setters take functions (updaters), which are folded over the newest stored value: clicks made
-- before the load has landed count, and so do those made in another window at the same time.

local hearth = require "hearth"
local Column, Row, Text, Button = hearth.Column, hearth.Row, hearth.Text, hearth.Button

local function add(n)
  return function(count) return count + n end
end

local Counter = hearth.component("Counter", function(props)
  local count, set_count = hearth.use_persisted_state(props.name or "count", 0)
  return Column {
    spacing = 1, style = { padding = 1 },
    Text("Count: " .. count, { id = "count" }),
    Row {
      spacing = 1,
      Button("-1", { on_click = function() set_count(add(-1)) end }),
      Button("+1", { on_click = function() set_count(add(1)) end }),
      Button("+10", {
        on_click = function()
          for _ = 1, 10 do set_count(add(1)) end -- ten sets, one render, one write
        end,
      }),
      Button("Reset", { on_click = function() set_count(0) end, disabled = count == 0 }),
    },
  }
end)

hearth.app { name = "counter", root = Counter }

return Counter
