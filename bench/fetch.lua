-- 1,000 requests at once to a local server: hearth.fetch against the same through libcurl's multi interface in C (bench/raw_curl.c), in
-- the same run. A median of alternating rounds; the aim is at most 1.3.
-- usage: hearth bench/fetch.lua [ROUNDS]

local hearth = require "hearth"

local build = os.getenv "BUILD" or "build"
local rounds, requests = tonumber(arg and arg[1]) or 7, 1000
local now = require("hearth.core.timer").now

local server = assert(io.popen("exec " .. build .. "/posts-server </dev/null"))
local port = assert(server:read "l", "build/posts-server is missing: make " .. build .. "/posts-server")
local url = ("http://127.0.0.1:%s/bytes/1000"):format(port)

local function median(list)
  table.sort(list)
  return list[#list // 2 + 1]
end

local function raw()
  local pipe = assert(io.popen(("%s/bench/raw_curl %s %d"):format(build, url, requests)))
  local seconds = tonumber((pipe:read "a"))
  pipe:close()
  return seconds
end

local function one()
  local resp = hearth.fetch(url)
  assert(resp.status == 200 and #resp.content == 1000)
end

local function ours()
  local tasks, t = {}, now()
  for i = 1, requests do tasks[i] = hearth.run_async(one) end
  for i = 1, requests do tasks[i]:await() end
  return now() - t
end

one()
raw()
local a, b = {}, {}
for i = 1, rounds do a[i], b[i] = ours(), raw() end
local fetch, curl = median(a), median(b)
print(("fetch, %d at once: %.1f ms, libcurl %.1f ms, ratio %.2f (aim 1.3)"):format(requests, fetch * 1e3, curl * 1e3, fetch / curl))

pcall(hearth.fetch, ("http://127.0.0.1:%s/quit"):format(port), { timeout = 1 })
server:close()
