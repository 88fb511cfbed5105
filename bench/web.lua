-- The web UI against Node with `ws` doing the same (bench/web_peer.js), in the same run; the pages are bench/web_load.c, on the other core.
-- Without node and npm there are our own figures only. Aims: a click is a patch within 1 ms in the server; one change reaches 1,000 pages at
-- 1.3 times Node's rate; 30 KiB a session of the notes app; its first HTML 5,000 times a second on one core; a script of 12 KiB.
-- usage: hearth bench/web.lua [ROUNDS [SESSIONS]]

local build = os.getenv "BUILD" or "build"
local rounds, sessions = tonumber(arg and arg[1]) or 3, tonumber(arg and arg[2]) or 5000
local load = build .. "/bench/web_load"

local function median(list)
  table.sort(list)
  return list[#list // 2 + 1]
end

-- Starts a server: its pid and its port.
local function start(command)
  local pipe = assert(io.popen("echo $$; exec " .. command .. " 2>&1"))
  local pid, line = pipe:read "l", pipe:read "l"
  local port = line and line:match "(%d+)/?$"
  assert(port, line)
  return { pid = pid, port = port, pipe = pipe }
end

local function stop(server)
  os.execute("kill " .. server.pid)
  server.pipe:close()
end

local function measure(server, kind, rest)
  local pipe = assert(io.popen(("%s %s %s %s"):format(load, kind, server.port, rest)))
  local first, second = pipe:read("n", "n")
  assert(pipe:close() and first, "bench/web_load failed: " .. kind)
  return first, second
end

local function hearth(app, store)
  return start(("%s/hearth serve %s --port 0 --max-sessions 10000 --store %s"):format(build, app, store))
end

-- Node's side, if there is node; `ws` is fetched into the build folder once.
local function peer()
  local folder = build .. "/npm"
  if not os.execute "command -v node >/dev/null 2>&1" then return nil end
  if not io.open(folder .. "/node_modules/ws/package.json") then
    os.execute(("mkdir -p %s && cd %s && npm install --no-save --silent --no-audit --no-fund --prefix . ws@8 >/dev/null 2>&1")
      :format(folder, folder))
  end
  if not io.open(folder .. "/node_modules/ws/package.json") then return nil end
  return start(("env NODE_PATH=%s/node_modules node bench/web_peer.js"):format(folder))
end

-- The median of alternating rounds of both, each on a server of its own.
local function compare(kind, rest)
  local ours, theirs = {}, {}
  for i = 1, rounds do
    local server = hearth("bench/web_app.lua", "memory:")
    ours[i] = measure(server, kind, rest)
    stop(server)
    server = peer()
    if server then
      theirs[i] = measure(server, kind, rest)
      stop(server)
    end
  end
  return median(ours), theirs[1] and median(theirs)
end

local has_peer = peer()
if has_peer then stop(has_peer) else print "web: there is no node with ws here: no ratios" end

local ms, node_ms = compare("click", "300 Count 'Own '")
print(("web: a click is a patch after %.3f ms, there and back%s, aim 1"):format(ms,
  node_ms and (", Node %.3f, ratio %.2f"):format(node_ms, ms / node_ms) or ""))

for _, ahead in ipairs { 1, 8, 32 } do
  local rate, node_rate = compare("broadcast", ("1000 %d %d Share 'All '"):format(ahead * 40 + 60, ahead))
  print(("web: %.0f changes a second reach 1,000 pages, %d on their way at a time%s, aim 1.3"):format(rate, ahead,
    node_rate and (", Node %.0f, ratio %.2f"):format(node_rate, rate / node_rate) or ""))
end

local store = os.tmpname()
os.remove(store)
local html = {}
local server = hearth("examples/notes.lua", store)
for i = 1, rounds do html[i] = measure(server, "html", "2 8") end
print(("web: first HTML of the notes %.0f times a second, aim 5000"):format(median(html)))
print(("web: %.1f KiB for each of %d idle sessions of the notes, aim 30"):format(measure(server, "sessions",
  ("%d %s"):format(sessions, server.pid)), sessions))
stop(server)
for _, suffix in ipairs { "", "-wal", "-shm", "-gate" } do os.remove(store .. suffix) end

local script = require "hearth.render.web.client"
print(("web: the script of a page has %d bytes, aim %d"):format(#script, 12 * 1024))
