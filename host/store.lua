-- hearth store …: look into a store, change it, copy it, repair it; also while an app is running. This is its command line: which command, its
-- options, and the status. Status 0 is success, 1 says that something is missing or wrong, 2 is a wrong command line.

local commands = require "hearth.host.store_commands"
local console = require "hearth.host.store_console"

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

local misuse = console.misuse

local general = { store = true, app = true, namespace = true, help = false } -- true: it takes a value

local function usage_of(command)
  return "usage: hearth store [--store URL | --app NAME] [--namespace NS] " .. command.usage
end

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
      if takes == nil then misuse("unknown option --%s%s; -- ends the options", name, rest[1] and " of " .. rest[1] or "") end
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
  for _, name in ipairs { "store", "app" } do
    if o[name] == "" then misuse("--%s needs a value that is not empty", name) end
  end
  return o, rest
end

local function run(args)
  local o, rest = parse(args)
  local name = table.remove(rest, 1)
  if not name then
    if not o.help then misuse("which command?") end
    console.write(store.usage, "\n")
    return 0
  end
  local command = commands[name]
  if not command then misuse("there is no command %s", name) end
  if o.help then
    console.write(usage_of(command), "\n\n", command.about, "\n")
    return 0
  end
  local status = command.run(o, rest)
  console.flush()
  return status
end

-- What a wrong command line should have been.
local function usage_for(args)
  for _, word in ipairs(args) do
    if commands[word] then return usage_of(commands[word]) end
  end
  return store.usage
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
  local kind = getmetatable(err)
  if kind == console.Usage then
    console.complain(err.message, "\n", usage_for(args))
    return 2
  end
  console.complain(kind == console.Trouble and err.message or tostring(err))
  return 1
end

return store
