-- What `hearth serve` serves: the page, rendered here first so that it can be read at once, its script and style sheet, and the sessions
-- of those who look at it.

local default = require "hearth.storage.default"
local errors = require "hearth.errors"
local feature = require "hearth.core.feature"
local json = require "hearth.json"
local first_look = require "hearth.web.first_look"
local page = require "hearth.render.web.page"
local scopes = require "hearth.storage.scopes"
local session = require "hearth.web.session"
local task = require "hearth.core.task"
local timer = require "hearth.core.timer"

local RESUME <const> = 60        -- seconds for which a session waits for its page
local HELLO <const> = 10         -- seconds in which a page says which session it has
local PATIENCE <const> = 0.1     -- seconds for which the first HTML waits for storage
local RENDERS <const> = 200      -- first looks that are prepared at once
local YEAR_QUARTER <const> = 90 * 24 * 3600
local ROOT <const> = 8           -- of a fiber

local LIMITS <const> = { max_sessions = 2000, max_message = 1024 * 1024, max_queue = 8 * 1024 * 1024, rate = 200 }

---@class hearth.SiteOptions
---@field host? string
---@field port? integer
---@field title? string
---@field cert? string
---@field key? string
---@field max_sessions? integer
---@field max_message? integer
---@field max_queue? integer
---@field rate? integer

local site = {}

local Site = {}
Site.__index = Site

local random = assert(io.open("/dev/urandom", "rb"))
random:setvbuf("full", 1024)
local function new_id(bytes) return ("%02x"):rep(bytes):format(random:read(bytes):byte(1, -1)) end

-- The key that signs cookies: made once, then the same for every start on this store.
local function secret()
  local raw = default.await "serve"
  local namespace, name = "hearth:web", "cookie key"
  local key = raw:get(namespace, name)
  while not key do
    local ok, err = pcall(raw.write, raw, namespace, name, new_id(32), "text", nil, 0)
    if not ok and errors.code(err) ~= "ECONFLICT" then error(err, 0) end
    key = raw:get(namespace, name)
  end
  return key
end

-- ---- HTTP

local function answer(self, event, status, kind, body, more)
  local headers = page.headers(kind, more and more.nonce)
  if more and more.cookie then table.move({ "set-cookie:", more.cookie }, 1, 2, #headers + 1, headers) end
  self.server:reply(event.id, status, headers, body)
end

local function show(self, event)
  if self.rendering >= RENDERS then return answer(self, event, 503, "text/plain; charset=utf-8", "Too busy; try again in a moment.\n") end
  local client = event.client or new_id(16)
  self.rendering = self.rendering + 1
  local ok, body = xpcall(first_look, debug.traceback, self.element, {
    client = client, session = client .. "-" .. new_id(12), default = "client",
  }, PATIENCE)
  self.rendering = self.rendering - 1
  if not ok then
    task.report(body, "the first render")
    return answer(self, event, 500, "text/plain; charset=utf-8", "The app could not be shown; its log says why.\n")
  end
  local nonce = new_id(12)
  answer(self, event, 200, "text/html; charset=utf-8", page.document(body, self.title, nonce), {
    nonce = nonce,
    cookie = ("%s=%s.%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Lax%s"):format(self.cookie, client, self.server:sign(client), YEAR_QUARTER,
      self.secure and "; Secure" or ""),
  })
end

-- The script as it is served: without its indentation and the comments on lines of their own.
local script = ("\n" .. require "hearth.render.web.client"):gsub("\n%s+", "\n"):gsub("\n//[^\n]*", ""):sub(2)

local routes = {
  ["/"] = show,
  ["/hearth.js"] = function(self, event) answer(self, event, 200, "text/javascript; charset=utf-8", script) end,
  ["/hearth.css"] = function(self, event) answer(self, event, 200, "text/css; charset=utf-8", page.sheet) end,
  ["/healthz"] = function(self, event) answer(self, event, 200, "text/plain; charset=utf-8", "ok\n") end,
}

local handle = {}

-- Each answer is prepared in a task of its own, because it may wait.
function handle.request(self, event)
  local route = routes[event.path]
  if not route then return answer(self, event, 404, "text/plain; charset=utf-8", "There is nothing here.\n") end
  task.spawn(route, self, event):name("GET " .. event.path)
end

-- ---- pages

function handle.open(self, event)
  local pending = { client = event.client }
  self.connections[event.id] = pending
  pending.timer = timer.after(HELLO, function()
    if self.connections[event.id] == pending then self.server:kick(event.id) end
  end, "ur")
end

local function drop_timer(s)
  if s.timer then s.timer:stop() end
  s.timer = nil
end

-- Room for one more: those whose page has gone make way, the longest gone first.
local function make_room(self)
  if self.count < self.max_sessions then return true end
  local oldest
  for _, s in pairs(self.sessions) do
    if not s.connection and (not oldest or s.left < oldest.left) then oldest = s end
  end
  if oldest then oldest:close "another page needs its place" end
  return oldest ~= nil
end

local function hello(self, event, pending, message)
  if type(message) ~= "table" or message[2] ~= "h" or type(message[3]) ~= "table" then error("a page begins with its session", 0) end
  local said = message[3]
  if type(said.tab) ~= "string" or not said.tab:match "^%x+$" or #said.tab > 64 then error("malformed tab", 0) end
  drop_timer(pending)
  local known = type(said.s) == "string" and self.sessions[said.s]
  if known and known.client == pending.client and math.type(said.g) == "integer" then
    drop_timer(known)
    if known.connection then
      self.connections[known.connection] = nil
      self.server:kick(known.connection)
    end
    self.connections[event.id] = known
    return known:resume(event.id, said.g)
  end
  if not make_room(self) then
    self.server:send(event.id, json.encode { t = "bye" })
    return self.server:kick(event.id, true)
  end
  local own = json.array {}
  for i, key in ipairs(type(said.own) == "table" and said.own or {}) do
    if type(key) == "string" then own[i] = key end
  end
  local ok, s = xpcall(session.open, debug.traceback, {
    server = self.server, id = new_id(16), client = pending.client, tab = said.tab, connection = event.id, element = self.element, counters = self.counters,
    items = type(said.items) == "table" and said.items or {}, own = own,
  })
  if not ok then
    task.report(s, "the first render")
    return self.server:kick(event.id)
  end
  self.sessions[s.id] = s
  self.count = self.count + 1
  self.connections[event.id] = s
  s.on_close = function()
    drop_timer(s)
    self.sessions[s.id] = nil
    self.count = self.count - 1
  end
end

function handle.message(self, event)
  local s = self.connections[event.id]
  if not s then return end
  -- A page that makes no sense loses its connection, and nobody else notices.
  local ok, err = pcall(function()
    local message = json.decode(event.text)
    if type(message) ~= "table" then error("malformed message", 0) end
    if s.hear then return s:hear(message) end
    return hello(self, event, s, message)
  end)
  if not ok then
    if os.getenv "HEARTH_WEB_DEBUG" then io.stderr:write("hearth: a page was cut: ", tostring(err), "\n") end
    self.server:kick(event.id)
  end
end

function handle.close(self, event)
  local s = self.connections[event.id]
  self.connections[event.id] = nil
  if not s then return end
  drop_timer(s)
  if s.hear and s.connection == event.id then
    s.connection = nil
    s.left = timer.now()
    s.timer = timer.after(RESUME, function()
      task.spawn(function() s:close() end):name "the end of a session"
    end, "ur")
  end
end

--- Serves until the program ends.
function Site:loop()
  while true do
    for _, event in ipairs(self.server:wait()) do handle[event.kind](self, event) end
  end
end

--- Shows another element from now on: every page begins anew, with what is persisted.
---@param element any
function Site:replace(element)
  self.element = element
  for _, s in pairs(self.sessions) do
    s:transmit(json.encode { t = "reload" })
    if s.connection then self.server:kick(s.connection, true) end
    s.connection = nil
    task.spawn(s.close, s, "the app was loaded again")
  end
end

---@return integer
function Site:port() return self.server:port() end

--- Listens. Raises EIO when it cannot. `max_sessions`, `max_message` (bytes), `max_queue` (bytes) and `rate` (messages a second) bound
--- what pages may do.
---@param element any
---@param options hearth.SiteOptions
---@return table
function site.open(element, options)
  local self = setmetatable({
    element = element, title = options.title or "Hearth", sessions = {}, connections = {}, count = 0, rendering = 0,
    counters = { commits = 0, patch_bytes = 0, events = 0, requests = 0, opened = 0, resumed = 0, refused = 0 },
    max_sessions = options.max_sessions or LIMITS.max_sessions, secure = options.cert ~= nil,
  }, Site)
  local port = options.port or 8080
  self.server = feature.load("web").listen {
    host = options.host, port = port, cert = options.cert, key = options.key, cookie = "hearth_", secret = secret(),
    bye = json.encode { t = "bye" }, max_clients = self.max_sessions, max_message = options.max_message or LIMITS.max_message,
    max_queue = options.max_queue or LIMITS.max_queue, rate = options.rate or LIMITS.rate,
  }
  self.cookie = "hearth_" .. self.server:port()
  scopes.identify(function(fiber)
    local of = fiber and fiber[ROOT]
    return of and of.renderer.who
  end)
  return self
end

return site
