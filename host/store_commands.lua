-- The commands of `hearth store`, each one function over the raw store: {usage=, about=, flags=, run=}. Nothing here changes a file that cannot be
-- read: it says what is wrong and ends with a status.

local console = require "hearth.host.store_console"
local errors = require "hearth.errors"
local json = require "hearth.core.json"
local portable = require "hearth.host.store_lines"
local records = require "hearth.host.store_records"
local timer = require "hearth.core.timer"

local complain, fail, misuse, show, write = console.complain, console.fail, console.misuse, console.show, console.write

local commands = { quarantine = require "hearth.host.store_quarantine" }

local function no_arguments(name, args)
  if #args > 0 then misuse("%s takes no arguments, got %s", name, args[1]) end
end

commands.get = {
  usage = "get [--raw] KEY",
  about = "Prints the value of KEY and a newline; with --raw its bytes alone. Status 1 if there is no such key.",
  flags = { raw = false },
  run = function(o, args)
    if #args ~= 1 then misuse("get takes one KEY") end
    local namespace = records.namespace(o)
    local there, raw = pcall(records.open, o, true)
    if not there then
      if errors.code(raw) ~= "ENOKEY" then error(raw, 0) end
      fail("there is no key ", show(args[1]), ": ", raw.message)
    end
    local read, value = pcall(raw.get, raw, namespace, args[1])
    if not read then
      if errors.code(value) == "ECORRUPT" then records.keep_damaged(o, namespace, { args[1] }) end
      error(value, 0)
    end
    if value == nil then fail("there is no key ", show(args[1]), " in namespace ", show(namespace)) end
    write(value, o.raw and "" or "\n")
    return 0
  end,
}

commands.set = {
  usage = "set [--json] [--ttl SECONDS] [--if-revision N] KEY [VALUE]",
  about = "Stores VALUE, or what standard input holds when there is no VALUE. --json refuses text that is no JSON. With --ttl\n" ..
    "the key ends after so many seconds; with --if-revision it is stored only over that revision, 0: only if it is not there.",
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
    records.open(o):write(records.namespace(o), args[1], value, o.json and "json" or "text", ttl, revision)
    return 0
  end,
}

commands.delete = {
  usage = "delete KEY…",
  about = "Removes the keys, in one step. A key that is not there is no error.",
  run = function(o, args)
    if #args == 0 then misuse("delete takes one KEY or more") end
    local ops = {}
    for i, key in ipairs(args) do ops[i] = { ns = records.namespace(o), key = key } end
    records.open(o):apply(ops)
    return 0
  end,
}

commands.keys = {
  usage = "keys [--prefix PREFIX] [--null]",
  about = "Prints the keys in byte order, one a line; with --null each is ended by a NUL byte instead.",
  flags = { prefix = true, null = false },
  run = function(o, args)
    no_arguments("keys", args)
    records.keys(records.open(o, true), records.namespace(o), o.prefix or "", function(keys)
      for _, key in ipairs(keys) do write(key, o.null and "\0" or "\n") end
    end)
    return 0
  end,
}

commands.dump = {
  usage = "dump",
  about = "Prints every record as one line of JSON, exact also for binary keys and values; `load` takes them back. Keys\n" ..
    "that cannot be read are named on standard error and make the status 1. For a copy of one moment while an app is\n" ..
    "writing, use backup.",
  run = function(o, args)
    no_arguments("dump", args)
    local raw = records.open(o, true)
    local n, status, p = 0, 0, console.progress "dump: records"
    records.each(raw, records.namespaces(raw, o), function(namespace, key, record)
      if record.error then
        p.done()
        complain("damaged, left out: ", show(key), " in namespace ", show(namespace))
        records.keep_damaged(o, namespace, { key })
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

-- The lines of a file, or of standard input: fn(line, number). What cannot be read is told, as a file that cannot be opened is.
local function each_line(path, fn)
  local input = io.stdin
  if path and path ~= "-" then
    local message
    input, message = io.open(path, "rb")
    if not input then fail("load: ", message) end
  end
  local at = 0
  while true do
    local line, message = input:read "l"
    if not line then
      if message then fail("load: ", path or "standard input", ": ", message) end
      break
    end
    at = at + 1
    fn(line, at)
  end
  if input ~= io.stdin then input:close() end
end

commands.load = {
  usage = "load [FILE]",
  about = "Stores the records of a dump, from FILE or standard input, in one step: all of them, or none if a line cannot be\n" ..
    "understood. Records whose time has ended meanwhile are left out. Other keys stay. With --namespace everything goes there.",
  run = function(o, args)
    if #args > 1 then misuse("load takes at most one FILE") end
    local ops, ended, p = {}, 0, console.progress "load: lines"
    each_line(args[1], function(line, at)
      if line:find "%S" then
        local ok, op = pcall(portable.op, line)
        if not ok then
          p.done()
          fail(("load: line %d: %s; nothing was stored"):format(at, type(op) == "table" and op.message or tostring(op)))
        end
        op.ns = o.namespace or op.ns
        if op.expires_at and op.expires_at <= timer.wall() then
          ended = ended + 1
        else
          ops[#ops + 1] = op
        end
      end
      p.at(at)
    end)
    if #ops > 0 then records.open(o):apply(ops) end
    p.done()
    io.stderr:write(("%d records stored%s\n"):format(#ops, ended > 0 and (", %d left out: their time has ended"):format(ended) or ""))
    return 0
  end,
}

commands.stats = {
  usage = "stats",
  about = "Prints figures: keys and bytes of each namespace, then the bytes of the file and of its log, and the newest revision.",
  run = function(o, args)
    no_arguments("stats", args)
    local raw = records.open(o, true)
    write("store: ", raw:url(), "\n")
    for _, namespace in ipairs(records.namespaces(raw, o)) do
      local usage = raw:usage(namespace)
      write(("namespace %s: %d keys, %d bytes\n"):format(show(namespace), usage.keys, usage.bytes))
    end
    local figures = raw:stats()
    write(("file_bytes: %d\n"):format(raw:usage(records.namespace(o)).file_bytes or 0))
    for _, name in ipairs { "wal_bytes", "revision" } do
      if figures[name] then write(name, ": ", tostring(figures[name]), "\n") end
    end
    return 0
  end,
}

commands.verify = {
  usage = "verify",
  about = "Reads every record and checks the structure of the file. Names what is damaged; status 1 if anything is.",
  run = function(o, args)
    no_arguments("verify", args)
    local raw = records.open(o, true)
    local result = console.waiting("verify", raw.verify, raw)
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
    local raw = records.open(o, true)
    console.waiting("backup", raw.backup, raw, args[1])
    return 0
  end,
}

return commands
