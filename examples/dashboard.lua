-- A dashboard that ticks: the machine's load and memory, once a second, with what they were before. An async effect is the clock; it ends with the
-- component, or when it is paused.

local hearth = require "hearth"
local Column, Row, View, Text, Switch, ProgressBar = hearth.Column, hearth.Row, hearth.View, hearth.Text, hearth.Switch, hearth.ProgressBar

local KEPT <const> = 40 -- samples
local BARS <const> = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" }

local function read(path)
  local file = io.open(path)
  if not file then return "" end
  local text = file:read "a"
  file:close()
  return text
end

-- What the kernel says now; zeros where it says nothing.
local function sample()
  local memory = read "/proc/meminfo"
  local total, available = memory:match "MemTotal:%s*(%d+)", memory:match "MemAvailable:%s*(%d+)"
  local share = total and available and (total - available) / total or 0
  return { load = tonumber(read "/proc/loadavg":match "^[%d.]+") or 0, memory = share, lua = collectgarbage "count" }
end

-- A row of bars, the highest for the greatest value.
local function sparkline(list, field)
  local top = 1e-9
  for _, s in ipairs(list) do top = math.max(top, s[field]) end
  local out = {}
  for i, s in ipairs(list) do out[i] = BARS[math.max(1, math.ceil(s[field] / top * #BARS))] end
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
      hearth.sleep(1)
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
      hearth.Spacer(),
      Switch { label = "Live", value = running, on_change = set_running },
    },
    Row {
      spacing = 1,
      Panel { id = "load", title = "Load", value = ("%.2f"):format(now.load), line = sparkline(samples, "load") },
      Panel {
        id = "memory", title = "Memory in use", value = ("%.0f %%"):format(now.memory * 100), line = sparkline(samples, "memory"),
        share = now.memory,
      },
      Panel { id = "lua", title = "Lua's own", value = ("%.1f MB"):format(now.lua / 1024), line = sparkline(samples, "lua") },
    },
    Text(("%d s"):format(ticks), { id = "ticks", style = { dim = true } }),
  }
end)

hearth.app { name = "dashboard", root = Dashboard }

return Dashboard
