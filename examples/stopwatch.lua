-- A stopwatch. While it runs an async effect wakes ten times a second; stopping cancels it. Only the time of the start is kept, so the
-- display can be late but never wrong.

local hearth = require "hearth"
local Column, Row, Text, Button = hearth.Column, hearth.Row, hearth.Text, hearth.Button

local function shown(seconds)
  local tenths = math.floor(seconds * 10 + 1e-6)
  return ("%02d:%02d.%d"):format(tenths // 600, tenths // 10 % 60, tenths % 10)
end

local Stopwatch = hearth.component("Stopwatch", function()
  local started, set_started = hearth.use_state(nil) -- when it was started, nil while it stands
  local before, set_before = hearth.use_state(0) -- seconds of earlier runs
  local now, set_now = hearth.use_state(0)
  local laps, set_laps = hearth.use_state {}

  hearth.use_async_effect(function()
    if not started then return end
    while true do
      set_now(hearth.now())
      hearth.sleep(0.1)
    end
  end, { started, n = 1 })

  local elapsed = before + (started and math.max(0, now - started) or 0)

  local function start_or_stop()
    local t = hearth.now()
    if started then
      set_before(before + t - started)
      set_started(nil)
    else
      set_now(t)
      set_started(t)
    end
  end

  local rows = {}
  for i, lap in ipairs(laps) do rows[i] = Text(("Lap %d: %s"):format(i, shown(lap)), { key = i }) end
  return Column {
    spacing = 1, style = { padding = 1 },
    Text(shown(elapsed), { id = "time", style = { bold = true } }),
    Row {
      spacing = 1,
      Button(started and "Stop" or "Start", { on_click = start_or_stop }),
      Button("Lap", {
        disabled = not started,
        on_click = function()
          local lap = before + hearth.now() - started
          set_laps(function(list)
            local longer = table.move(list, 1, #list, 1, {})
            longer[#longer + 1] = lap
            return longer
          end)
        end,
      }),
      Button("Clear", {
        on_click = function()
          set_before(0)
          set_laps {}
          if started then set_started(hearth.now()) end
        end,
      }),
    },
    rows,
  }
end)

hearth.app { name = "stopwatch", root = Stopwatch }

return Stopwatch
