-- What `hearth serve` serves: an app, mounted once for each tab that looks at it. The server's events go to http.lua and pages.lua.

local default = require "hearth.storage.default"
local errors = require "hearth.errors"
local expiry = require "hearth.web.expiry"
local feature = require "hearth.core.feature"
local http = require "hearth.web.http"
local metrics = require "hearth.web.metrics"
local pages = require "hearth.web.pages"
local random = require "hearth.web.random"
local scopes = require "hearth.storage.scopes"
local task = require "hearth.core.task"
local timer = require "hearth.core.timer"

local ROOT <const> = 8           -- of a fiber
local SWEEP <const> = 6 * 3600   -- seconds between looks for state that has expired

local LIMITS <const> = { max_sessions = 2000, max_message = 2 * 1024 * 1024, max_queue = 4 * 1024 * 1024, rate = 200, idle = 20 }

---@class hearth.SiteOptions
---@field host? string
---@field port? integer
---@field title? string
---@field folder? string where the app's pictures are
---@field cert? string
---@field key? string
---@field metrics_host? string
---@field metrics_port? integer
---@field max_sessions? integer
---@field max_message? integer
---@field max_queue? integer
---@field rate? integer
---@field idle? integer

local site = {}

---@class hearth.Site
---@field sessions table<string, hearth.WebSession>
---@field connections table<integer, table> by the server's id: sessions, and pages that have not said which
local Site = {}
Site.__index = Site

-- The key that signs cookies: made once, then the same for every start on this store.
local function secret(raw)
  local namespace, name = "hearth:web", "cookie key"
  local key = raw:get(namespace, name)
  while not key do
    local ok, err = pcall(raw.write, raw, namespace, name, random.id(32), "text", nil, 0)
    if not ok and errors.code(err) ~= "ECONFLICT" then error(err, 0) end
    key = raw:get(namespace, name)
  end
  return key
end

-- ---- state that has expired

local function sweep(self)
  local here = {}
  for _, s in pairs(self.sessions) do
    here["client:" .. s.client], here["session:" .. s.renderer.who.session] = true, true
  end
  local ok, err = pcall(expiry.sweep, self.raw, function(ns) return here[ns] == true end)
  if not ok and not errors.is_cancelled(err) then task.report(err, "the removal of state that has expired") end
end

local function sweep_later(self, seconds)
  timer.after(seconds, function()
    task.spawn(sweep, self):name "the removal of state that has expired"
    sweep_later(self, SWEEP)
  end, "ur")
end

-- ---- a site

local handle = { request = http.handle, open = pages.open, message = pages.message, close = pages.close }

--- Serves until the program ends.
function Site:loop()
  while true do
    for _, event in ipairs(self.server:wait()) do handle[event.kind](self, event) end
  end
end

-- The page begins anew, with what is persisted.
local function begin_anew(self, s)
  s:transmit '{"t":"reload"}'
  if s.connection then self.server:kick(s.connection, true) end
  s.connection = nil
  s:close "the app was loaded again"
end

--- Shows another element from now on. Pages keep their state where its types are the same; one that cannot begins anew.
---@param element any
function Site:rerender(element)
  self.element = element
  local all = {}
  for _, s in pairs(self.sessions) do all[#all + 1] = s end
  for _, s in ipairs(all) do
    local ok, err = pcall(s.root.rerender, s.root, element)
    if not ok then
      if errors.code(err) ~= "EHOOK" then task.report(err, "the app that was loaded again") end
      begin_anew(self, s)
    end
  end
end

--- The fibers of all pages, for who wants to render them again.
---@return table[]
function Site:fibers()
  local list = {}
  for _, s in pairs(self.sessions) do list[#list + 1] = s.root.fiber end
  return list
end

---@return integer
function Site:port() return self.server:port() end

---@return integer 0 without an address for metrics
function Site:metrics_port() return self.server:metrics_port() end

--- Listens. Raises EIO when it cannot. `max_sessions`, `max_message` (bytes), `max_queue` (bytes) and `rate` (messages a second) and
--- `idle` (seconds in which a request must go on) bound what pages may do.
---@param element any
---@param options hearth.SiteOptions
---@return hearth.Site
function site.open(element, options)
  local raw = default.await "serve"
  local self = setmetatable({
    element = element, title = options.title or "Hearth", folder = options.folder or ".", raw = raw, counters = metrics.counters(),
    sessions = {}, connections = {}, count = 0, rendering = 0,
    max_sessions = options.max_sessions or LIMITS.max_sessions, secure = options.cert ~= nil,
  }, Site)
  self.server = feature.load("web").listen {
    host = options.host, port = options.port or 8080, cert = options.cert, key = options.key, cookie = "hearth_", secret = secret(raw),
    bye = '{"t":"bye"}', max_clients = self.max_sessions, max_message = options.max_message or LIMITS.max_message,
    max_queue = options.max_queue or LIMITS.max_queue, rate = options.rate or LIMITS.rate, idle = options.idle or LIMITS.idle,
    metrics_host = options.metrics_host, metrics_port = options.metrics_port,
  }
  self.cookie = "hearth_" .. self.server:port()
  if options.metrics_port then metrics.begin() end
  scopes.identify(function(fiber)
    local of = fiber and fiber[ROOT]
    return of and of.renderer.who
  end)
  sweep_later(self, 5)
  return self
end

return site
