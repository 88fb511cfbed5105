-- What the specs of storage share: temporary folders, one list of engines, and errors as values.

local hearth = require "hearth"
local files = require "spec.support.files"
local patience = require "spec.support.patience"

local support = {}

local folders, stores = {}, {}

---A new empty folder, removed by support.clean().
function support.folder()
  local path = files.folder()
  folders[#folders + 1] = path
  return path
end

function support.clean()
  for _, store in ipairs(stores) do store:close() end
  for _, path in ipairs(folders) do files.remove(path) end
  folders, stores = {}, {}
end

---The engines, each with a function that gives a URL of a store that nobody has used.
local count = 0
support.engines = {
  { name = "memory", url = function()
    count = count + 1
    return ("memory:spec %d %.9f"):format(count, hearth.now()) -- each file of specs loads this module anew
  end },
  { name = "sqlite", url = function() return "file:" .. support.folder() .. "/a.sqlite3" end },
  { name = "json", url = function() return "json:" .. support.folder() .. "/a.json" end },
}

---A new store of an engine, and its URL; closed by support.clean().
---@param engine table
---@return table store, string url
function support.open(engine)
  local url = engine.url()
  local store = hearth.storage.open { url = url }
  stores[#stores + 1] = store
  return store, url
end

---The error object that fn(...) raises.
function support.err(fn, ...)
  local ok, err = pcall(fn, ...)
  if ok then error("it raised nothing", 2) end
  if type(err) ~= "table" or not err.code then error("it raised no error of Hearth: " .. tostring(err), 2) end
  return err
end

---Collects the events of a watcher; `wait(n)` awaits the n-th.
function support.recorder()
  local events = {}
  local function hear(event) events[#events + 1] = event end
  local function wait(n)
    if patience(function() return #events >= n end) then return events[n] end
    error(("only %d of %d events arrived"):format(#events, n), 2)
  end
  return events, hear, wait
end

return support
