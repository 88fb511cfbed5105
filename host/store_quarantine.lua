-- hearth store quarantine: what was damaged, shown, put back, thrown away.

local console = require "hearth.host.store_console"
local records = require "hearth.host.store_records"

local misuse, fail, show = console.misuse, console.fail, console.show

local function kept(raw, o)
  local list = {}
  for _, item in ipairs(raw:quarantine()) do
    if not o.namespace or item.ns == o.namespace then list[#list + 1] = item end
  end
  return list
end

local function find(list, text)
  local id = math.tointeger(tonumber(text))
  for _, item in ipairs(list) do
    if item.id == id then return item end
  end
  fail("quarantine: there is no item ", text, "; `hearth store quarantine list` shows them")
end

local quarantine = {}

function quarantine.list(o, args)
  if #args > 0 then misuse("quarantine list takes no arguments, got %s", args[1]) end
  for _, item in ipairs(kept(records.open(o, true), o)) do
    console.write(("%d  %s  %s  %s  %d bytes\n"):format(item.id, os.date("!%Y-%m-%dT%H:%M:%SZ", math.floor(item.time)), show(item.ns),
      show(item.key), #item.bytes))
  end
end

function quarantine.restore(o, args)
  if #args ~= 1 then misuse("quarantine restore takes one ID") end
  local raw = records.open(o)
  local item = find(kept(raw, o), args[1])
  local now = raw:read(item.ns, { item.key })[item.key]
  if now and now.value ~= nil and not o.force then
    fail("quarantine: ", show(item.key), " has a good value now; --force replaces it")
  end
  local revision = now and (now.value ~= nil or now.error) and now.revision or nil
  raw:write(item.ns, item.key, item.bytes, item.kind, nil, revision, item.version)
  raw:quarantine_take(item.id)
end

function quarantine.purge(o, args)
  local raw = records.open(o)
  local list = kept(raw, o)
  local gone = list
  if #args > 0 then
    gone = {}
    for i, id in ipairs(args) do gone[i] = find(list, id) end
  end
  for _, item in ipairs(gone) do raw:quarantine_take(item.id) end
end

return {
  usage = "quarantine list | restore [--force] ID | purge [ID…]",
  about = "What was damaged is kept, the newest three of each key. list prints it: id, time, namespace, key, size. restore\n" ..
    "puts the bytes back as the key's value (--force: also over a good one). purge removes the ones named, or all.",
  flags = { force = false },
  run = function(o, args)
    local what = table.remove(args, 1) or "list"
    local run = quarantine[what]
    if not run then misuse("quarantine takes list, restore or purge, got %s", what) end
    run(o, args)
    return 0
  end,
}
