-- The pages of a site: which connection belongs to which session. A page that is lost has a minute to come back to its session; what it
-- says is somebody else's, so whatever makes no sense costs it its connection, and nobody else notices.

local expiry = require "hearth.web.expiry"
local json = require "hearth.json"
local random = require "hearth.web.random"
local session = require "hearth.web.session"
local task = require "hearth.core.task"
local timer = require "hearth.core.timer"

local RESUME <const> = 60 -- seconds for which a session waits for its page
local HELLO <const> = 10  -- seconds in which a page says which session it has

local pages = {}

local function drop_timer(s)
  if s.timer then s.timer:stop() end
  s.timer = nil
end

--- A page connected: it may say which session it has.
---@param site table
---@param event { id: integer, client: string }
function pages.open(site, event)
  local pending = { client = event.client }
  site.connections[event.id] = pending
  pending.timer = timer.after(HELLO, function()
    if site.connections[event.id] == pending then site.server:kick(event.id) end
  end, "u")
end

-- Room for one more: those whose page has gone make way, the longest gone first.
local function make_room(site)
  if site.count < site.max_sessions then return true end
  local oldest
  for _, s in pairs(site.sessions) do
    if not s.connection and (not oldest or s.left < oldest.left) then oldest = s end
  end
  if oldest then oldest:close "another page needs its place" end
  return oldest ~= nil
end

local function resume(site, event, known, got)
  drop_timer(known)
  if known.connection then -- the same tab, twice: the new one counts
    site.connections[known.connection] = nil
    site.server:kick(known.connection)
  end
  site.connections[event.id] = known
  site.counters.resumed = site.counters.resumed + 1
  known:resume(event.id, got)
end

local function mount(site, event, client, said)
  local own = json.array {}
  for i, key in ipairs(type(said.own) == "table" and said.own or {}) do
    if type(key) ~= "string" then error("malformed keys", 0) end
    own[i] = key
  end
  local ok, s = xpcall(session.open, debug.traceback, {
    server = site.server, id = random.id(16), client = client, tab = said.tab, connection = event.id, element = site.element,
    items = type(said.items) == "table" and said.items or {}, own = own, counters = site.counters,
  })
  if not ok then
    task.report(s, "the first render")
    return site.server:kick(event.id)
  end
  site.sessions[s.id] = s
  site.count = site.count + 1
  site.counters.opened = site.counters.opened + 1
  site.connections[event.id] = s
  expiry.seen(site.raw, "client:" .. s.client)
  expiry.seen(site.raw, "session:" .. s.renderer.who.session)
  s.on_close = function()
    drop_timer(s)
    site.sessions[s.id] = nil
    site.count = site.count - 1
  end
end

local function hello(site, event, pending, message)
  if type(message) ~= "table" or message[2] ~= "h" or type(message[3]) ~= "table" then error("a page begins with its session", 0) end
  local said = message[3]
  if type(said.tab) ~= "string" or not said.tab:match "^%x+$" or #said.tab > 64 then error("malformed tab", 0) end
  drop_timer(pending)
  local known = type(said.s) == "string" and site.sessions[said.s]
  if known and known.client == pending.client then
    if math.type(said.g) == "integer" and known:can_resume(said.g) then return resume(site, event, known, said.g) end
    known:close "its page begins anew"
  end
  if not make_room(site) then
    site.server:send(event.id, '{"t":"bye"}')
    return site.server:kick(event.id, true)
  end
  mount(site, event, pending.client, said)
end

local function listen(site, event, s)
  local message = json.decode(event.text)
  if type(message) ~= "table" then error("malformed message", 0) end
  if s.hear then return s:hear(message) end
  return hello(site, event, s, message)
end

---@param site table
---@param event { id: integer, text: string }
function pages.message(site, event)
  local s = site.connections[event.id]
  if not s then return end
  local ok, err = pcall(listen, site, event, s)
  if not ok then session.refuse(site.server, event.id, site.counters, err) end
end

--- A connection is gone; its session waits for the page to come back.
---@param site table
---@param event { id: integer }
function pages.close(site, event)
  local s = site.connections[event.id]
  site.connections[event.id] = nil
  if not s then return end
  drop_timer(s)
  if not s.hear or s.connection ~= event.id then return end
  s.connection = nil
  s.left = timer.now()
  s.timer = timer.after(RESUME, function()
    task.spawn(function() s:close() end):name "the end of a session"
  end, "u")
end

return pages
