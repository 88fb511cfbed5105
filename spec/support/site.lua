-- `hearth serve` under test: the program, its port, requests and pages. Whoever starts one ends it with `close`.

local hearth = require "hearth"
local Page = require "spec.support.page"
local program = require "spec.support.program"

local Site = {}
Site.__index = Site

---@param app string the text of the app
---@param options? { args?: string[], scheme?: string, ca_file?: string, before?: string }
---@return table
function Site.start(app, options)
  local folder = program.temporary() -- of its own: all of it may be served, and is watched
  assert(os.execute(("mkdir -m 700 '%s'"):format(folder)))
  local self = setmetatable({
    folder = folder, app = folder .. "/app.lua", store = folder .. "/store.sqlite3", pages = {}, options = options or {},
  }, Site)
  self:save(app)
  self.scheme = self.options.scheme or "http"
  self:again()
  return self
end

--- The text of the app from now on.
function Site:save(text)
  local file = assert(io.open(self.app .. ".new", "w"))
  file:write(text)
  file:close()
  assert(os.rename(self.app .. ".new", self.app))
end

--- Starts it (again) on the same store.
function Site:again(...)
  local args = { "serve", self.app, "--port", "0", "--store", self.store, table.unpack(self.options.args or {}) }
  for _, arg in ipairs { ... } do args[#args + 1] = arg end
  self.out = program.start(args, nil, self.options.before)
  self.pid = self.out:read "l"
  local line = self.out:read "l"
  self.port = tonumber(line and line:match("^hearth: " .. self.scheme .. "://127%.0%.0%.1:(%d+)/$"))
  assert(self.port, line)
end

--- Ends it as an administrator would. What it still said, and its status.
function Site:stop(signal)
  if not self.out then return "" end
  os.execute(("kill -%s %s"):format(signal or "TERM", self.pid))
  local rest = self.out:read "a"
  local _, _, status = self.out:close()
  self.out = nil
  assert(not rest:find("Sanitizer", 1, true), rest)
  return rest, status
end

function Site:close()
  for _, p in ipairs(self.pages) do p:close() end
  self:stop()
  os.execute(("rm -r '%s'"):format(self.folder))
end

function Site:get(path, headers, more)
  local options = { headers = headers, ca_file = self.options.ca_file }
  for k, v in pairs(more or {}) do options[k] = v end
  return hearth.fetch(("%s://%s:%d%s"):format(self.scheme, self.options.ca_file and "localhost" or "127.0.0.1", self.port, path), options)
end

--- The cookie of a browser that was not here before.
function Site:cookie(resp)
  local set = (resp or self:get "/").headers["set-cookie"]
  return (type(set) == "table" and set[1] or set):match "^[^;]+"
end

--- A connection of a browser with this cookie.
function Site:page(cookie, headers)
  local all = { Cookie = cookie or self:cookie() }
  for k, v in pairs(headers or {}) do all[k] = v end
  local p = Page.open(self.port, all, self.options.ca_file)
  self.pages[#self.pages + 1] = p
  return p
end

--- A page that is mounted: the page, and the message that it got.
function Site:mounted(cookie, said)
  local p = self:page(cookie)
  return p, p:hello(said)
end

--- The number of the element with this label in the HTML of a page.
function Site.id_of(html, label)
  local before = html:match("^(.*)>" .. label:gsub("%p", "%%%0") .. "<")
  return tonumber(before and before:match '.*data%-h="(%d+)"')
end

return Site
