-- The store against raw SQLite in C with the same settings, in the same run: medians and ratios.
-- The raw side is bench/raw_sqlite.c (make bench builds it).
local store = require "hearth.core.store"
local task = require "hearth.core.task"

local folder = os.tmpname()
os.remove(folder)
os.execute("mkdir -m 700 '" .. folder .. "'")

local function median(list)
  table.sort(list)
  return list[#list // 2 + 1]
end

local now = require("hearth.core.timer").now

local function raw()
  os.execute("rm -f " .. folder .. "/raw.*")
  local pipe = assert(io.popen(("%s %s/raw.sqlite3 %d %d"):format((os.getenv("BUILD") or "build") .. "/bench/raw_sqlite", folder, 1000, 5)))
  local commit = tonumber(pipe:read("l"):match("commit (%d+)"))
  local transaction = tonumber(pipe:read("l"):match("transaction (%d+)"))
  pipe:close()
  return commit / 1e9, transaction / 1e9
end

local db = store.open("file:" .. folder .. "/store.sqlite3", {})

local function one_set()
  local took = {}
  for i = 1, 1000 do
    local value = "value of some length " .. i
    local t = now()
    db:write("default", "key:" .. i % 100, value, "text")
    took[i] = now() - t
  end
  return median(took)
end

local round = 0
local function many_sets()
  round = round + 1
  local tasks = {}
  local t = now()
  for i = 1, 10000 do
    tasks[i] = task.spawn(function() db:write("default", "key:" .. i, "value of some length " .. round * 10000 + i, "text") end)
  end
  for i = 1, 10000 do task.await(tasks[i]) end
  return now() - t
end

local function one_batch()
  round = round + 1
  local t = now()
  local ops = {}
  for i = 1, 10000 do ops[i] = { ns = "default", key = "key:" .. i, value = "value of some length " .. round * 10000 + i } end
  db:apply(ops)
  return now() - t
end

local function cached_get()
  local get = db:getter("default", "AsyncStorage.get")
  db:write("default", "hot", "value", "text")
  get("hot")
  local took = {}
  for i = 1, 15 do
    local t = now()
    for _ = 1, 100000 do get("hot") end
    took[i] = (now() - t) / 100000
  end
  return median(took)
end

local function of(n, fn)
  local list = {}
  for i = 1, n do list[i] = fn() end
  return median(list)
end

local function main()
  local commit, transaction = raw()
  local set = one_set()
  many_sets()
  local many = of(5, many_sets)
  local batch = of(5, one_batch)
  local commit2, transaction2 = raw()
  commit, transaction = math.min(commit, commit2), math.min(transaction, transaction2)
  local get = cached_get()
  print(("cached awaited get             %8.3f us"):format(get * 1e6))
  print(("one awaited durable set        %8.1f us   %.2f of a raw commit (%.1f us)"):format(set * 1e6, set / commit, commit * 1e6))
  print(("10,000 sets, a task each       %8.1f ms   %.2f of one raw transaction (%.1f ms)"):format(many * 1e3, many / transaction,
    transaction * 1e3))
  print(("10,000 sets, one batch         %8.1f ms   %.2f of one raw transaction"):format(batch * 1e3, batch / transaction))
end

main()
db:close()
os.execute("rm -rf '" .. folder .. "'")
