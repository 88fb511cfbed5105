-- What a site counts, as Prometheus reads it: `GET /metrics` on an address of its own, because it is nobody's business but the operator's.

local core = require "hearth.core.store"

local metrics = {}

---@class hearth.WebCounters
---@field commits integer that changed a page
---@field patch_bytes integer
---@field events integer of pages
---@field requests integer
---@field opened integer sessions
---@field resumed integer
---@field refused integer pages that were cut for what they said

---@return hearth.WebCounters
function metrics.counters()
  return { commits = 0, patch_bytes = 0, events = 0, requests = 0, opened = 0, resumed = 0, refused = 0 }
end

local COUNTERS <const> = {
  { "commits", "hearth_web_commits_total", "Commits that changed a page." },
  { "patch_bytes", "hearth_web_patch_bytes_total", "Bytes of patches for pages, each counted once." },
  { "events", "hearth_web_events_total", "Events of pages." },
  { "requests", "hearth_web_requests_total", "HTTP requests." },
  { "opened", "hearth_web_sessions_opened_total", "Sessions that were mounted." },
  { "resumed", "hearth_web_sessions_resumed_total", "Times that a page came back to its session." },
  { "refused", "hearth_web_pages_cut_total", "Pages that were cut for what they said." },
}

local function head(out, name, kind, help)
  out[#out + 1] = ("# HELP %s %s\n# TYPE %s %s"):format(name, help, name, kind)
end

local function histogram(out, latency)
  local name <const> = "hearth_store_latency_seconds"
  head(out, name, "histogram", "Time from a call of the store until its answer is there; what a cache answers at once is not counted.")
  for _, operation in ipairs { "read", "write" } do
    local h, sum = latency[operation], 0
    for i, count in ipairs(h) do
      sum = sum + count
      local bound = latency.bounds[i] and ("%.14g"):format(latency.bounds[i]) or "+Inf"
      out[#out + 1] = ('%s_bucket{operation="%s",le="%s"} %d'):format(name, operation, bound, sum)
    end
    out[#out + 1] = ('%s_sum{operation="%s"} %.9g'):format(name, operation, h.sum)
    out[#out + 1] = ('%s_count{operation="%s"} %d'):format(name, operation, h.count)
  end
end

--- Begins to measure what is measured only for those who look.
function metrics.begin() core.latency() end

--- All of it, as text.
---@param site { counters: hearth.WebCounters, sessions: table<string, hearth.WebSession>, count: integer, server: any }
---@return string
function metrics.text(site)
  local out, connected = {}, 0
  for _, s in pairs(site.sessions) do
    if s.connection then connected = connected + 1 end
  end
  head(out, "hearth_web_sessions", "gauge", "Mounted sessions: those whose page is connected, and those that wait for theirs.")
  out[#out + 1] = ('hearth_web_sessions{state="connected"} %d'):format(connected)
  out[#out + 1] = ('hearth_web_sessions{state="away"} %d'):format(site.count - connected)
  for _, c in ipairs(COUNTERS) do
    head(out, c[2], "counter", c[3])
    out[#out + 1] = ("%s %d"):format(c[2], site.counters[c[1]])
  end
  histogram(out, core.latency())
  head(out, "hearth_lua_memory_bytes", "gauge", "Memory of the Lua state.")
  out[#out + 1] = ("hearth_lua_memory_bytes %d"):format(collectgarbage "count" * 1024 // 1 | 0)
  return table.concat(out, "\n") .. "\n"
end

return metrics
