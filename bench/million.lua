-- A store of 1,000,000 keys: how much later than an empty program one ends that reads its first value, and what walking and counting take. Runs take
-- turns, figures are medians.
local hearth = require "hearth"
local measure = require "bench.support.measure"
local median, timed = measure.median, measure.timed

local KEYS, PART, RUNS = 1000000, 50000, 31
local program = (os.getenv "BUILD" or "build") .. "/hearth"
local folder = io.popen("mktemp -d"):read "l"
local url = "file:" .. folder .. "/store.sqlite3"

local db = hearth.storage.open { url = url }
local filled = timed(function()
  for first = 1, KEYS, PART do
    local map = {}
    for i = first, first + PART - 1 do map[("user:%07d"):format(i)] = ('{"id":%d,"name":"user %d","active":true}'):format(i, i) end
    db:set_many(map)
  end
end)
print(("%-34s %8.2f s    %.0f a second"):format("1,000,000 keys by set_many", filled, KEYS / filled))
db:close()

local script = folder .. "/read.lua"
do
  local f <close> = assert(io.open(script, "w"))
  f:write(("local db = require 'hearth'.storage.open { url = %q }\nassert(db:get 'user:0777777')\n"):format(url))
end

-- A whole process, and the shell that starts it: from start to end.
local function process(arguments)
  return timed(function() assert(os.execute(program .. " " .. arguments)) end)
end
os.execute "sync" -- while the system still writes the file, every program takes longer
process(script)
local empty, read, later = {}, {}, {}
for i = 1, RUNS do
  empty[i], read[i] = process "-e ''", process(script)
  later[i] = read[i] - empty[i]
end
print(("%-34s %8.2f ms   over an empty program and its shell, %.2f ms (target: 2)"):format("first value of 1,000,000 keys",
  median(later) * 1e3, median(empty) * 1e3))

db = hearth.storage.open { url = url }
print(("%-34s %8.2f ms"):format("keys with a prefix, the first 100", timed(db.keys, db, { prefix = "user:05", limit = 100 }) * 1e3))
print(("%-34s %8.2f ms"):format("usage", timed(db.usage, db) * 1e3))
db:close()
os.execute("rm -rf '" .. folder .. "'")
