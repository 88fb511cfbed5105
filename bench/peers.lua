-- Hearth's store beside others, in the same run and on the same disk: what an app would use instead, each at its durable setting. bench/peers/store.js
-- measures those on Node, which tools/peers.sh installs; bench/peers/tarantool.lua measures Tarantool, where it is installed.
local hearth = require "hearth"
local median = require("bench.support.measure").median
local now = hearth.now

local MANY, ROUNDS = 10000, 5
local build = os.getenv "BUILD" or "build"
local folder = io.popen("mktemp -d"):read "l"

local function times(n, fn)
  local took = {}
  for i = 1, n do
    local t = now()
    fn(i)
    took[i] = (now() - t) * 1e6
  end
  return median(took)
end

local function of_hearth()
  local store = hearth.storage.open { url = "file:" .. folder .. "/hearth.sqlite3" }
  local round, figures = 0, {}
  local function map()
    round = round + 1
    local all = {}
    for i = 1, MANY do all["key:" .. i] = "value of some length " .. round * MANY + i end
    return all
  end
  store:set_many(map())
  figures.set = times(500, function(i) store:set("key:" .. i % 100, "value of some length " .. i) end)
  local maps = {}
  for i = 1, 2 * ROUNDS do maps[i] = map() end
  figures.together = times(ROUNDS, function(i)
    local tasks = {}
    for key, value in pairs(maps[i]) do tasks[#tasks + 1] = hearth.run_async(store.set, store, key, value) end
    hearth.all(tasks)
  end)
  figures.many = times(ROUNDS, function(i) store:set_many(maps[ROUNDS + i]) end)
  store:set("hot", "value")
  figures.get = times(9, function()
    for _ = 1, 200000 do store:get "hot" end
  end) / 200000
  store:close()
  return figures
end

local figures, names, missing = { hearth = hearth.run_async(of_hearth):await() }, { "hearth" }, {}

-- Takes what a program of peers prints, "NAME VERB MICROSECONDS" or "NAME missing REASON" a line.
local function peers(command)
  local pipe = assert(io.popen(command))
  for line in pipe:lines() do
    local name, verb, rest = line:match "^(%S+) (%S+) (.*)$"
    if verb == "missing" then
      missing[#missing + 1] = name .. ": " .. rest
    else
      if not figures[name] then
        figures[name] = {}
        names[#names + 1] = name
      end
      figures[name][verb] = tonumber(rest)
    end
  end
  if not pipe:close() then missing[#missing + 1] = "a peer failed; see above" end
end

if os.execute("BUILD=" .. build .. " sh tools/peers.sh") then
  peers(("NODE_PATH=%s/peers/node_modules node bench/peers/store.js %s"):format(build, folder))
else
  missing[1] = "the peers on Node could not be installed"
end
if os.execute "command -v tarantool >/dev/null" then
  peers(("tarantool bench/peers/tarantool.lua %s"):format(folder))
else
  missing[#missing + 1] = "tarantool: it is not installed (Debian's package of that name)"
end
os.execute("rm -rf '" .. folder .. "'")

print(("%-16s %16s %22s %20s %16s"):format("", "one durable set", "10,000 sets together", "10,000 in one", "awaited get"))
for _, name in ipairs(names) do
  local f = figures[name]
  local function us(verb) return f[verb] and ("%.1f us"):format(f[verb]) or "-" end
  local function ms(verb) return f[verb] and ("%.1f ms"):format(f[verb] / 1e3) or "-" end
  print(("%-16s %16s %22s %20s %16s"):format(name, us "set", ms "together", ms "many", f.get and ("%.3f us"):format(f.get) or "-"))
end
for _, text in ipairs(missing) do print("not measured: " .. text) end
