-- 1,000 requests at once to a local server: hearth.fetch against the same through libcurl's multi interface in C (bench/raw_curl.c). Each side
-- is a new process that does it several times: the first time on new connections, then on those that it has. The sides take turns; what is
-- compared are the medians over all rounds, first times with first times, later ones with later ones. The aim is at most 1.3.
-- usage: hearth bench/fetch.lua [ROUNDS]

local hearth = require "hearth"
local median = require("bench.support.measure").median

local build = os.getenv "BUILD" or "build"
local requests, times = 1000, 5
local now = require("hearth.core.timer").now

-- ---- our side, in a process of its own: prints the seconds of each time, as raw_curl does

local function ours(url)
  local function one()
    local resp = hearth.fetch(url)
    assert(resp.status == 200 and #resp.content == 1000)
  end
  for _ = 1, times do
    local tasks, t = {}, now()
    for i = 1, requests do tasks[i] = hearth.run_async(one) end
    for i = 1, requests do tasks[i]:await() end
    print(("%.6f"):format(now() - t))
  end
end

if arg[1] == "ours" then return ours(arg[2]) end

-- ---- the comparison

local rounds = tonumber(arg[1]) or 7
local server = assert(io.popen("exec " .. build .. "/posts-server </dev/null"))
local port = assert(server:read "l", "build/posts-server is missing: make " .. build .. "/posts-server")
local url = ("http://127.0.0.1:%s/bytes/1000"):format(port)

local function run(command, cold, warm)
  local pipe = assert(io.popen(command))
  local n = 0
  for line in pipe:lines() do
    n = n + 1
    table.insert(n == 1 and cold or warm, tonumber(line))
  end
  pipe:close()
  assert(n == times, command)
end

local cold, warm, raw_cold, raw_warm = {}, {}, {}, {}
for _ = 1, rounds do
  run(("%s/hearth bench/fetch.lua ours %s"):format(build, url), cold, warm)
  run(("%s/bench/raw_curl %s %d %d"):format(build, url, requests, times), raw_cold, raw_warm)
end
local function report(what, mine, raw)
  mine, raw = median(mine), median(raw)
  print(("fetch, %d at once, %s connections: %.1f ms, libcurl %.1f ms, ratio %.2f (aim 1.3)")
    :format(requests, what, mine * 1e3, raw * 1e3, mine / raw))
end
report("new", cold, raw_cold)
report("kept", warm, raw_warm)

pcall(hearth.fetch, ("http://127.0.0.1:%s/quit"):format(port), { timeout = 1 })
server:close()
