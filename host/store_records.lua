-- The store that a `hearth store` command means, and its records one after the other, however many they are.

local console = require "hearth.host.store_console"
local core = require "hearth.core.store"
local url = require "hearth.storage.url"

local records = {}

local PAGE = 4096 -- keys listed at once
local FEW, MANY, BYTES = 4, 1024, 4 << 20 -- records read at once: so many that they make about BYTES

---The raw store of the options; awaits. A damaged file is refused and stays as it is.
---@param o table options of the command line
---@param read_only boolean|nil
---@return table raw
function records.open(o, read_only)
  local place = o.store
  if not place and o.app then place = url.of_app(o.app) end
  if not place then
    place = os.getenv "HEARTH_STORE"
    if not place or place == "" then console.misuse("which store? Give --store URL or --app NAME, or set HEARTH_STORE") end
  end
  return core.open(place, { read_only = read_only, on_damage = "refuse" })
end

---@param o table
---@return string
function records.namespace(o)
  return o.namespace or "default"
end

---The namespaces that a command over the whole store is about.
---@return string[]
function records.namespaces(raw, o)
  if o.namespace then return { o.namespace } end
  local list = raw:namespaces()
  table.sort(list)
  return list
end

---The keys of a namespace, in byte order.
---@param prefix string
---@param fn fun(keys: string[]) gets them in parts
function records.keys(raw, namespace, prefix, fn)
  local start
  repeat
    local keys = raw:scan(namespace, prefix, start, PAGE)
    fn(keys)
    start = keys[#keys] and keys[#keys] .. "\0" -- the next key in byte order
  until #keys < PAGE
end

---The records of some namespaces. What is held at a time is bounded, however large the store.
---@param list string[]
---@param fn fun(namespace: string, key: string, record: table)
function records.each(raw, list, fn)
  local many = FEW
  for _, namespace in ipairs(list) do
    records.keys(raw, namespace, "", function(keys)
      local first = 1
      while first <= #keys do
        local part = table.move(keys, first, math.min(first + many - 1, #keys), 1, {})
        local found, bytes = raw:read(namespace, part), 0
        for _, key in ipairs(part) do
          local record = found[key]
          if record and (record.value ~= nil or record.error) then
            bytes = bytes + #(record.value or "")
            fn(namespace, key, record)
          end
        end
        first = first + #part
        many = bytes > BYTES and math.max(many // 4, 1) or bytes < BYTES // 4 and math.min(many * 2, MANY) or many
      end
    end)
  end
end

---Looking opens a store to read only. What turns out to be damaged is read once more by one who may write: its bytes go to
---quarantine.
---@param keys string[]
function records.keep_damaged(o, namespace, keys)
  local ok, raw = pcall(records.open, o)
  if ok then pcall(raw.read, raw, namespace, keys) end
end

return records
