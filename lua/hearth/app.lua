-- hearth.app{name=, root=, …}: what an app file says about itself. The name makes the default place of its store, so it is said before
-- storage is used; `root` is what `hearth run` and `hearth serve` mount.

local errors = require "hearth.errors"
local suggest = require "hearth.ui.suggest"

local FIELDS = { name = "string", root = "any", preload = "table", title = "string" }

local current

---@class hearth.App
---@field name? string
---@field root? any a component (or an element)
---@field preload? string[] keys of persisted state that the first frame shows as stored
---@field title? string

local function refuse(text, key)
  errors.raise("EINVAL", "hearth.app: " .. text, { op = "app", key = key })
end

local app = setmetatable({}, {
  __call = function(_, spec)
    if type(spec) ~= "table" then refuse("expects a table, hearth.app{ name=…, root=Component }, got a " .. type(spec)) end
    for key, value in pairs(spec) do
      local kind = FIELDS[key]
      if not kind then refuse(('unknown field "%s"%s'):format(tostring(key), suggest.phrase(key, FIELDS)), tostring(key)) end
      if kind ~= "any" and type(value) ~= kind then refuse(("%s must be a %s, got a %s"):format(key, kind, type(value)), key) end
    end
    if spec.name == "" then refuse("name is empty; leave it out, or give the app a name", "name") end
    current = spec
    if spec.name then require("hearth.storage.url").configure { app = spec.name } end
    return spec
  end,
})

--- The app that was declared last, for the host; nil without one.
---@return hearth.App?
function app.current() return current end

--- Forgets it, before an app file is loaded.
function app.reset() current = nil end

return app
