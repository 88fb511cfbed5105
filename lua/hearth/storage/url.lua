-- Which store is "the app's own": what was configured (`--store`, or by the embedder), else $HEARTH_STORE, else a file of its own below
-- $XDG_DATA_HOME, named after the app, else after the script.

local errors = require "hearth.errors"
local task = require "hearth.core.task"

local url = {}

local configured = {}

---What the default URL is made of. Fields that are absent stay as they are.
---@param parts {store?: string, app?: string, script?: string}
function url.configure(parts)
  for name, value in pairs(parts) do configured[name] = value end
end

---Forgets what was configured.
function url.reset()
  configured = {}
end

-- A name of any bytes as one file name, and no two names as the same one.
local function file_name(name)
  local safe = name:gsub("[%c/\\%%:]", function(c) return ("%%%02X"):format(c:byte()) end)
  return (safe:gsub("^%.", "%%2E"))
end

local function script_name()
  local script = configured.script
  if not script then
    local arg = rawget(_G, "arg")
    script = type(arg) == "table" and arg[0]
    -- Without a script (-e, -i, standard input) arg[0] is the program itself.
    if script and not arg[-1] then script = nil end
  end
  if type(script) ~= "string" then return "hearth" end
  local name = script:match("([^/]*)$"):gsub("%.lua$", "")
  return name ~= "" and name or "hearth"
end

---The folder below which apps keep their data.
---@return string
function url.data_home()
  local home = os.getenv "XDG_DATA_HOME"
  if home and home:sub(1, 1) == "/" then return home end
  home = os.getenv "HOME"
  if home and home ~= "" then return home .. "/.local/share" end
  error(errors.new("EINVAL", "no place for the app's store: neither HEARTH_STORE, XDG_DATA_HOME nor HOME is set; " ..
    "set one of them, or give --store URL", { op = "hearth.storage.open" }))
end

---The file of an app's own store.
---@param app string
---@return string
function url.of_app(app)
  return ("%s/hearth/%s/store.sqlite3"):format(url.data_home(), file_name(app))
end

---The URL of the app's default store.
---@return string
function url.default()
  local given = configured.store or task.default_store()
  if given then return given end
  local env = os.getenv "HEARTH_STORE"
  if env and env ~= "" then return env end
  return "file:" .. url.of_app(configured.app or script_name())
end

return url
