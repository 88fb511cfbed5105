-- hearth store …: look into a store, change it, copy it, repair it; also while an app is running. Each command is one function over the raw
-- store. Nothing here changes a file that cannot be read: it says what is wrong and ends with a status.

local core = require "hearth.core.store"
local errors = require "hearth.errors"
local json = require "hearth.core.json"
local portable = require "hearth.host.store_lines"
local timer = require "hearth.core.timer"
local url = require "hearth.storage.url"

local store = {}

store.usage = [[
usage: hearth store [--store URL | --app NAME] [--namespace NS] COMMAND …

  get KEY                  print a value                     set KEY [VALUE]        store a value (standard input without VALUE)
  delete KEY…              remove keys                       keys                   print the keys, one a line
  dump                     print records as JSON lines       load [FILE]            store the records of a dump, all or nothing
  stats                    figures                           verify                 read and check everything
  backup PATH              copy the store while it is used   quarantine …           list, restore or purge what was damaged

  --store URL              a path, file:PATH, json:PATH; without it and --app, $HEARTH_STORE
  --app NAME               the store of an app
  --namespace NS           "default" if absent; dump, stats and quarantine then take all of them

hearth store COMMAND --help tells more about one of them.]]

local PAGE = 4096 -- keys listed at once
local FEW, MANY, BYTES = 4, 1024, 4 << 20 -- records read at once: so many that they make about BYTES

local Usage = {} -- raised for a wrong command line

local function misuse(fmt, ...)
  error(setmetatable({ message = fmt:format(...) }, Usage), 0)
end

local function complain(...)
  io.stdout:flush()
  io.stderr:write("hearth store: ", ...)
  io.stderr:write("\n")
end

local function write(...)
  assert(io.stdout:write(...))
end

-- A key on a line of a report.
local function show(key)
  return '"' .. key:gsub('[%c"\\]', function(c)
    return c == '"' and '\\"' or c == "\\" and "\\\\" or ("\\%03d"):format(c:byte())
  end) .. '"'
end

-- How far a long work has come, on standard error if that is a terminal.
local function progress(what)
  local watched, last = nil, timer.now()
  local p = {}
  function p.at(n)
    local now = timer.now()
    if now - last < 0.2 then return end
    last = now
    if watched == nil then watched = os.execute("test -t 2") and true or false end
    if watched then
      io.stderr:write(("\r\27[K%s: %d"):format(what, n))
      io.stderr:flush()
    end
  end
  function p.done()
    if watched then io.stderr:write("\r\27[K") end
  end
  return p
end

-- fn(...), with the seconds that it has taken so far: for work whose size is not known.
local function waiting(what, fn, ...)
  local began, p, tick = timer.now(), progress(what .. ": seconds"), nil
  local function again()
    p.at(math.floor(timer.now() - began))
    tick = timer.after(0.5, again, "ur")
  end
  again()
  local results = table.pack(pcall(fn, ...))
  tick:stop()
  p.done()
  if not results[1] then error(results[2], 0) end
  return table.unpack(results, 2, results.n)
end

local function open(o, read_only)
  local place = o.store
  if not place and o.app then place = url.of_app(o.app) end
  if not place then
    place = os.getenv "HEARTH_STORE"
    if not place or place == "" then misuse("which store? Give --store URL or --app NAME, or set HEARTH_STORE") end
  end
  return core.open(place, { read_only = read_only, on_damage = "refuse" })
end

local function namespaces(raw, o)
  if o.namespace then return { o.namespace } end
  local list = raw:namespaces()
  table.sort(list)
  return list
end

-- Walks the records of some namespaces: fn(namespace, key, record). What is held at a time is bounded, however large the store.
local function each(raw, list, fn)
  local many = FEW
  for _, namespace in ipairs(list) do
    local start
    repeat
      local keys = raw:scan(namespace, "", start, PAGE)
      local first = 1
      while first <= #keys do
        local part = table.move(keys, first, math.min(first + many - 1, #keys), 1, {})
        local records, bytes = raw:read(namespace, part), 0
        for _, key in ipairs(part) do
          local record = records[key]
          if record and (record.value ~= nil or record.error) then
            bytes = bytes + #(record.value or "")
            fn(namespace, key, record)
          end
        end
        first = first + #part
        many = bytes > BYTES and math.max(many // 4, 1) or bytes < BYTES // 4 and math.min(many * 2, MANY) or many
      end
      start = keys[#keys] and keys[#keys] .. "\0" -- the next key in byte order
    until #keys < PAGE
  end
end

-- Looking opens a store to read only. What turns out to be damaged is read once more by one who may write: its bytes go to
-- quarantine.
local function keep_damaged(o, namespace, keys)
  local ok, raw = pcall(open, o)
  if ok then pcall(raw.read, raw, namespace, keys) end
end

-- ---- the commands: {usage=, about=, flags=, run=}

local commands = {}

commands.get = {
  usage = "get [--raw] KEY",
  about = "Prints the value of KEY and a newline; with --raw its bytes alone. Status 1 if there is no such key.",
  flags = { raw = false },
  run = function(o, args)
    if #args ~= 1 then misuse("get takes one KEY") end
    local namespace = o.namespace or "default"
    local there, raw = pcall(open, o, true)
    if not there then
      if errors.code(raw) ~= "ENOKEY" then error(raw, 0) end
      complain("there is no key ", show(args[1]), ": ", raw.message)
      return 1
    end
    local read, value = pcall(raw.get, raw, namespace, args[1])
    if not read then
      if errors.code(value) == "ECORRUPT" then keep_damaged(o, namespace, { args[1] }) end
      error(value, 0)
    end
    if value == nil then
      complain("there is no key ", show(args[1]), " in namespace ", show(namespace))
      return 1
    end
    write(value, o.raw and "" or "\n")
    return 0
  end,
}

commands.set = {
  usage = "set [--json] [--ttl SECONDS] [--if-revision N] KEY [VALUE]",
  about = "Stores VALUE, or what standard input holds when there is no VALUE. --json refuses text that is no JSON.",
  flags = { json = false, ttl = true, ["if-revision"] = true },
  run = function(o, args)
    if #args < 1 or #args > 2 then misuse("set takes KEY and at most one VALUE") end
    local ttl, revision = nil, nil
    if o.ttl then
      ttl = tonumber(o.ttl)
      if not ttl or not (ttl > 0 and ttl < math.huge) then misuse("--ttl takes a positive number of seconds, got %s", o.ttl) end
    end
    if o["if-revision"] then
      revision = math.tointeger(tonumber(o["if-revision"]))
      if not revision or revision < 0 then misuse("--if-revision takes a whole number, got %s", o["if-revision"]) end
    end
    local value = args[2] or io.stdin:read "a"
    if o.json then json.decode(value) end
    open(o):write(o.namespace or "default", args[1], value, o.json and "json" or "text", ttl, revision)
    return 0
  end,
}

commands.delete = {
  usage = "delete KEY…",
  about = "Removes the keys, in one step. A key that is not there is no error.",
  run = function(o, args)
    if #args == 0 then misuse("delete takes one KEY or more") end
    local ops = {}
    for i, key in ipairs(args) do ops[i] = { ns = o.namespace or "default", key = key } end
    open(o):apply(ops)
    return 0
  end,
}

commands.keys = {
  usage = "keys [--prefix PREFIX] [--null]",
  about = "Prints the keys in byte order, one a line; with --null each is ended by a NUL byte instead.",
  flags = { prefix = true, null = false },
  run = function(o, args)
    if #args > 0 then misuse("keys takes no arguments, got %s", args[1]) end
    local raw, start = open(o, true), nil
    repeat
      local keys = raw:scan(o.namespace or "default", o.prefix or "", start, PAGE)
      for _, key in ipairs(keys) do write(key, o.null and "\0" or "\n") end
      start = keys[#keys] and keys[#keys] .. "\0"
    until #keys < PAGE
    return 0
  end,
}

commands.dump = {
  usage = "dump",
  about = "Prints every record as one line of JSON, exact also for binary keys and values; `load` takes them back. Keys\n" ..
    "that cannot be read are named on standard error and make the status 1. For a copy of one moment while an app is\n" ..
    "writing, use backup.",
  run = function(o, args)
    if #args > 0 then misuse("dump takes no arguments, got %s", args[1]) end
    local raw = open(o, true)
    local n, status, p = 0, 0, progress "dump: records"
    each(raw, namespaces(raw, o), function(namespace, key, record)
      if record.error then
        p.done()
        complain("damaged, left out: ", show(key), " in namespace ", show(namespace))
        keep_damaged(o, namespace, { key })
        status = 1
      else
        write(portable.line(namespace, key, record), "\n")
      end
      n = n + 1
      p.at(n)
    end)
    p.done()
    return status
  end,
}

commands.load = {
  usage = "load [FILE]",
  about = "Stores the records of a dump, from FILE or standard input, in one step: all of them, or none if a line cannot be\n" ..
    "understood. Other keys stay. With --namespace everything goes there.",
  run = function(o, args)
    if #args > 1 then misuse("load takes at most one FILE") end
    local input = io.stdin
    if args[1] and args[1] ~= "-" then
      local message
      input, message = io.open(args[1], "rb")
      if not input then
        complain("load: ", message)
        return 1
      end
    end
    local ops, at, p = {}, 0, progress "load: lines"
    for line in input:lines() do
      at = at + 1
      if line:find "%S" then
        local ok, op = pcall(portable.op, line)
        if not ok then
          p.done()
          complain(("load: line %d: %s; nothing was stored"):format(at, type(op) == "table" and op.message or tostring(op)))
          return 1
        end
        op.ns = o.namespace or op.ns
        if not (op.expires_at and op.expires_at <= timer.wall()) then ops[#ops + 1] = op end
      end
      p.at(at)
    end
    if input ~= io.stdin then input:close() end
    if #ops > 0 then open(o):apply(ops) end
    p.done()
    io.stderr:write(("%d records stored\n"):format(#ops))
    return 0
  end,
}

commands.stats = {
  usage = "stats",
  about = "Prints figures: keys and bytes of each namespace, then those of the store.",
  run = function(o, args)
    if #args > 0 then misuse("stats takes no arguments, got %s", args[1]) end
    local raw = open(o, true)
    write("store: ", raw:url(), "\n")
    for _, namespace in ipairs(namespaces(raw, o)) do
      local usage = raw:usage(namespace)
      write(("namespace %s: %d keys, %d bytes\n"):format(show(namespace), usage.keys, usage.bytes))
    end
    write(("file_bytes: %d\n"):format(raw:usage(o.namespace or "default").file_bytes or 0))
    local figures, names = raw:stats(), {}
    for name, value in pairs(figures) do
      if type(value) == "number" and name ~= "file_bytes" then names[#names + 1] = name end
    end
    table.sort(names)
    for _, name in ipairs(names) do write(name, ": ", tostring(figures[name]), "\n") end
    return 0
  end,
}

commands.verify = {
  usage = "verify",
  about = "Reads every record and checks the structure of the file. Names what is damaged; status 1 if anything is.",
  run = function(o, args)
    if #args > 0 then misuse("verify takes no arguments, got %s", args[1]) end
    local raw = open(o, true)
    local result = waiting("verify", raw.verify, raw)
    for _, text in ipairs(result.problems or {}) do write(text, "\n") end
    for _, item in ipairs(result.damaged or {}) do
      write("damaged: ", show(item.key), " in namespace ", show(item.ns), "\n")
    end
    local bad = #(result.problems or {}) + #(result.damaged or {})
    write(("%d records, %d damaged\n"):format(result.records or 0, #(result.damaged or {})))
    return bad > 0 and 1 or 0
  end,
}

commands.backup = {
  usage = "backup PATH",
  about = "Copies the whole store to PATH as it is at one moment, also while it is used. Refuses a PATH that exists.",
  run = function(o, args)
    if #args ~= 1 then misuse("backup takes one PATH") end
    local there = io.open(args[1], "rb")
    if there then
      there:close()
      complain("backup: ", args[1], " exists already; nothing was written")
      return 1
    end
    local raw = open(o, true)
    waiting("backup", raw.backup, raw, args[1])
    return 0
  end,
}

local function kept(raw, o)
  local list = {}
  for _, item in ipairs(raw:quarantine()) do
    if not o.namespace or item.ns == o.namespace then list[#list + 1] = item end
  end
  return list
end

local quarantine = {}

function quarantine.list(o, args)
  if #args > 0 then misuse("quarantine list takes no arguments, got %s", args[1]) end
  for _, item in ipairs(kept(open(o, true), o)) do
    write(("%d  %s  %s  %s  %d bytes\n"):format(item.id, os.date("!%Y-%m-%dT%H:%M:%SZ", math.floor(item.time)), show(item.ns),
      show(item.key), #item.bytes))
  end
  return 0
end

local function find(list, text)
  local id = math.tointeger(tonumber(text))
  for _, item in ipairs(list) do
    if item.id == id then return item end
  end
  complain("quarantine: there is no item ", text, "; `hearth store quarantine list` shows them")
  return nil
end

function quarantine.restore(o, args)
  if #args ~= 1 then misuse("quarantine restore takes one ID") end
  local raw = open(o)
  local item = find(kept(raw, o), args[1])
  if not item then return 1 end
  local now = raw:read(item.ns, { item.key })[item.key]
  if now and now.value ~= nil and not o.force then
    complain("quarantine: ", show(item.key), " has a good value now; --force replaces it")
    return 1
  end
  local revision = now and (now.value ~= nil or now.error) and now.revision or nil
  raw:write(item.ns, item.key, item.bytes, item.kind, nil, revision, item.version)
  raw:quarantine_take(item.id)
  return 0
end

function quarantine.purge(o, args)
  local raw = open(o)
  local list = kept(raw, o)
  local gone = {}
  for i, id in ipairs(args) do
    gone[i] = find(list, id)
    if not gone[i] then return 1 end
  end
  if #args == 0 then gone = list end
  for _, item in ipairs(gone) do raw:quarantine_take(item.id) end
  return 0
end

commands.quarantine = {
  usage = "quarantine list | restore [--force] ID | purge [ID…]",
  about = "What was damaged is kept, the newest three of each key. list prints it: id, time, namespace, key, size. restore\n" ..
    "puts the bytes back as the key's value (--force: also over a good one). purge removes the ones named, or all.",
  flags = { force = false },
  run = function(o, args)
    local what = table.remove(args, 1) or "list"
    local run = quarantine[what]
    if not run then misuse("quarantine takes list, restore or purge, got %s", what) end
    return run(o, args)
  end,
}

-- ---- the command line

local general = { store = true, app = true, namespace = true, help = false }

-- Options anywhere, `--` ends them; the rest in order.
local function parse(args)
  local o, rest = {}, {}
  local i = 1
  while i <= #args do
    local a = args[i]
    if a == "--" then
      table.move(args, i + 1, #args, #rest + 1, rest)
      break
    elseif a == "-h" then
      o.help = true
    elseif a:sub(1, 2) == "--" then
      local name, value = a:match "^%-%-([^=]+)=(.*)$"
      name = name or a:sub(3)
      local command = commands[rest[1]]
      local takes = general[name]
      if takes == nil and command and command.flags then takes = command.flags[name] end
      if takes == nil then misuse("unknown option --%s%s", name, rest[1] and " of " .. rest[1] or "") end
      if takes and not value then
        i = i + 1
        value = args[i] or misuse("--%s needs a value", name)
      elseif value and not takes then
        misuse("--%s takes no value", name)
      end
      o[name] = value or true
    else
      rest[#rest + 1] = a
    end
    i = i + 1
  end
  if o.store and o.app then misuse("give --store or --app, not both") end
  return o, rest
end

local function run(args)
  local o, rest = parse(args)
  local name = table.remove(rest, 1)
  if not name then
    if o.help then
      write(store.usage, "\n")
      return 0
    end
    misuse("which command?")
  end
  local command = commands[name]
  if not command then misuse("there is no command %s", name) end
  if o.help then
    write("usage: hearth store [--store URL | --app NAME] [--namespace NS] ", command.usage, "\n\n", command.about, "\n")
    return 0
  end
  local status = command.run(o, rest)
  assert(io.stdout:flush())
  return status
end

---@param args string[] what follows `hearth store`
---@return integer status
function store.main(args)
  local ok, status = xpcall(run, function(err)
    if type(err) == "table" then return err end
    return debug.traceback(tostring(err), 2)
  end, args)
  if ok then return status end
  local err = status
  if getmetatable(err) == Usage then
    complain(err.message, "\n", store.usage)
    return 2
  end
  complain(tostring(err))
  return 1
end

return store
