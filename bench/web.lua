-- The web UI against Node with `ws` doing the same (bench/web_peer.js), in the same run; the pages are bench/web_load.c, on the other core: the
-- same pages, clicks and acknowledgements for both. Doing the same is also that a page may come back: what it is told has numbers of its own and
-- is kept until it is acknowledged. What the socket alone costs Node is said beside it, by a peer that gives all pages one text and forgets it.
-- Without node and npm there are our own figures only. Aims: a click is a patch within 1 ms in the server; one change reaches 1,000 pages at
-- 1.3 times Node's rate; 30 KiB a session of the notes app; its first HTML 5,000 times a second on one core; a script of 12 KiB.
-- usage: hearth bench/web.lua [ROUNDS [SESSIONS]]

local build = os.getenv "BUILD" or "build"
local rounds, sessions = tonumber(arg and arg[1]) or 3, tonumber(arg and arg[2]) or 5000
local load = build .. "/bench/web_load"

local median = require("bench.support.measure").median

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
  local pipe = assert(io.popen(("%s %s %s %s"):format(load, kind, server.port, (rest:gsub("PID", server.pid)))))
  local first, second = pipe:read("n", "n")
  assert(pipe:close() and first, "bench/web_load failed: " .. kind)
  return first, second
end

local function hearth(app, store)
  return start(("%s/hearth serve %s --port 0 --max-sessions 10000 --store %s"):format(build, app, store))
end

-- Node's side, if there is node; `ws` is fetched into the build folder once. `how`: as bench/web_peer.js takes it.
local function peer(how)
  local folder = build .. "/npm"
  if not os.execute "command -v node >/dev/null 2>&1" then return nil end
  if not io.open(folder .. "/node_modules/ws/package.json") then
    os.execute(("mkdir -p %s && cd %s && npm install --no-save --silent --no-audit --no-fund --prefix . ws@8 >/dev/null 2>&1")
      :format(folder, folder))
  end
  if not io.open(folder .. "/node_modules/ws/package.json") then return nil end
  return start(("env NODE_PATH=%s/node_modules node bench/web_peer.js %s"):format(folder, how))
end

-- The medians of alternating rounds of us, of Node doing the same and of Node keeping nothing, each on a server of its own:
-- {figure, the same for a second of processor time} of each; nil where there is no Node.
local function compare(kind, rest)
  local servers = {
    function() return hearth("bench/support/web_app.lua", "memory:") end,
    function() return peer "" end,
    function() return peer "light" end,
  }
  local figures = {}
  for round = 1, rounds do
    for i, begin in ipairs(servers) do
      local server = begin()
      if server then
        local of = figures[i] or { {}, {} }
        figures[i] = of
        of[1][round], of[2][round] = measure(server, kind, rest)
        stop(server)
      end
    end
  end
  for _, of in pairs(figures) do of[1], of[2] = median(of[1]), median(of[2]) end
  return figures[1], figures[2], figures[3]
end

local has_peer = peer ""
if has_peer then stop(has_peer) else print "web: there is no node with ws here: no ratios" end

local ms, node_ms = compare("click", "300 Count 'Own '")
print(("web: a click is a patch after %.3f ms, there and back%s, aim 1"):format(ms[1],
  node_ms and (", Node %.3f, ratio %.2f"):format(node_ms[1], ms[1] / node_ms[1]) or ""))

-- One change that nobody follows up, and changes that come faster than they are told: then several go out as one frame.
for _, ahead in ipairs { 1, 8, 32 } do
  local rate, node, light = compare("broadcast", ("1000 %d %d Share 'All ' PID"):format(ahead * 40 + 60, ahead))
  print(("web: %.0f changes a second reach 1,000 pages, %d on their way at a time%s"):format(rate[1], ahead,
    node and (", Node %.0f, ratio %.2f, aim 1.3; in a second of one processor %.0f, Node %.0f, ratio %.2f; "
        .. "beside a Node that keeps nothing %.2f and %.2f")
      :format(node[1], rate[1] / node[1], rate[2], node[2], rate[2] / node[2], rate[1] / light[1], rate[2] / light[2]) or ""))
end

local store = os.tmpname()
os.remove(store)
local html, html_cpu = {}, {}
local server = hearth("examples/notes.lua", store)
for i = 1, rounds do html[i], html_cpu[i] = measure(server, "html", "2 8 PID") end
print(("web: first HTML of the notes %.0f times in a second of one processor, %.0f with whoever else is at work here, aim 5000"):format(
  median(html_cpu), median(html)))
print(("web: %.1f KiB for each of %d idle sessions of the notes, aim 30"):format(measure(server, "sessions", sessions .. " PID"), sessions))
stop(server)
for _, suffix in ipairs { "", "-wal", "-shm", "-gate" } do os.remove(store .. suffix) end

local script = require "hearth.render.web.client"
print(("web: the script of a page has %d bytes, aim %d"):format(#script, 12 * 1024))
