-- A dashboard that ticks: the machine's load and memory, and what they were before. An async effect is the clock; it ends with the
-- component, or when it is paused. Arguments: the seconds between two samples (1), and what to read instead of /proc.
--
--     build/hearth serve examples/dashboard.lua -- 0.5

local hearth = require "hearth"
local Column, Row, View, Text = hearth.Column, hearth.Row, hearth.View, hearth.Text
local Switch, ProgressBar, Spacer = hearth.Switch, hearth.ProgressBar, hearth.Spacer

local period, folder = ...
local PERIOD <const>, FOLDER <const> = tonumber(period) or 1, folder or "/proc"
local KEPT <const> = 20 -- samples
local BARS <const> = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" }

local function read(name)
  local file = io.open(FOLDER .. "/" .. name)
  if not file then return "" end
  local text = file:read "a"
  file:close()
  return text
end

-- What the kernel says now; zeros where it says nothing.
local function sample()
  local memory = read "meminfo"
  local total, available = memory:match "MemTotal:%s*(%d+)", memory:match "MemAvailable:%s*(%d+)"
  local share = total and available and (total - available) / total or 0
  return {
    load = tonumber(read("loadavg"):match "^[%d.]+") or 0, memory = share,
    own = (tonumber(read("self/status"):match "VmRSS:%s*(%d+)") or 0) / 1024,
  }
end

-- A row of bars, from the least value to the greatest; values that are close together look so.
local function sparkline(list, field)
  local low, high = math.huge, -math.huge
  for _, s in ipairs(list) do low, high = math.min(low, s[field]), math.max(high, s[field]) end
  local span = math.max(high - low, high / 4, 1e-9)
  local out = {}
  for i, s in ipairs(list) do out[i] = BARS[1 + (s[field] - low) / span * (#BARS - 1) // 1] end
  return table.concat(out)
end

local Panel = hearth.component("Panel", function(props)
  return View {
    label = props.title, grow = 1, basis = 24, spacing = 1, style = { border = "rounded", padding_x = 1 },
    Text(props.title, { style = { dim = true } }),
    Text(props.value, { id = props.id, style = { bold = true, font_size = 28 } }),
    Text(props.line, { style = { color = "blue", text_wrap = "clip" } }),
    props.share and ProgressBar { tooltip = props.title, value = props.share },
  }
end)

local Dashboard = hearth.component("Dashboard", function()
  local samples, set_samples = hearth.use_state(function() return { sample() } end)
  local running, set_running = hearth.use_state(true)
  local ticks, set_ticks = hearth.use_state(0)

  hearth.use_async_effect(function()
    while running do
      hearth.sleep(PERIOD)
      set_ticks(function(n) return n + 1 end)
      set_samples(function(list)
        local longer = table.move(list, math.max(1, #list - KEPT + 2), #list, 1, {})
        longer[#longer + 1] = sample()
        return longer
      end)
    end
  end, { running })

  local now = samples[#samples]
  return Column {
    spacing = 1, style = { padding = 1 },
    Row {
      spacing = 2,
      Text("This machine", { style = { bold = true, font_size = 22 } }),
      Spacer(),
      Switch { label = "Live", value = running, on_change = set_running },
    },
    Row {
      spacing = 1,
      Panel { id = "load", title = "Load", value = ("%.2f"):format(now.load), line = sparkline(samples, "load") },
      Panel {
        id = "memory", title = "Memory in use", value = ("%.0f %%"):format(now.memory * 100), line = sparkline(samples, "memory"),
        share = now.memory,
      },
      Panel { id = "own", title = "This program", value = ("%.1f MB"):format(now.own), line = sparkline(samples, "own") },
    },
    Text(("%.6g s"):format(ticks * PERIOD), { id = "ticks", style = { dim = true } }),
  }
end)

hearth.app { name = "dashboard", root = Dashboard }

return Dashboard
