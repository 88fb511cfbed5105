-- One page and its mounted app. Both sides number what they say and keep it until the other has acknowledged it, so a connection may
-- break and come back without anything lost or done twice. What a page says is checked here: it is somebody else's program.

local alerts = require "hearth.alerts"
local errors = require "hearth.errors"
local html = require "hearth.render.web.html"
local json = require "hearth.json"
local local_storage = require "hearth.web.local_storage"
local metrics = require "hearth.web.metrics"
local owner = require "hearth.owner"
local root = require "hearth.ui.root"
local task = require "hearth.core.task"
local web = require "hearth.render.web"

local BACKLOG <const> = 4 * 1024 * 1024 -- bytes that wait for an acknowledgement; a page that is further behind begins anew
local STORED <const> = 12 * 1024 * 1024 -- characters of a page's localStorage; browsers have room for 5 Mi
local RUNNING <const> = 1000            -- handlers of a page that have begun and not ended, and messages that wait for their turn

-- What each message touches is at the front of a session: a broadcast goes through a thousand of them, and what lies together is read at once.
local SAID <const> = 1    -- the last number that the page was told
local GOT <const> = 2     -- the last one that it has acknowledged
local KEPT <const> = 3    -- the messages between the two, by number
local BYTES <const> = 4   -- of these
local HANDLED <const> = 5 -- the last number of the page whose handler has run
local TOLD <const> = 6    -- the last one of which the page was told that
local SERVER <const> = 7
local TAKE <const> = 8    -- the renderer's verb that gives what the app changed
local COUNTERS <const> = 9

---@class hearth.WebSession
---@field id string
---@field client string
---@field connection? integer the server's id of the page's connection, while there is one
local Session = {}
Session.__index = Session

local session = {}

local function malformed(what) error("malformed " .. what, 0) end

-- ---- values of localStorage on the wire: {text, is it JSON}; a string is its own text. What comes is kept as it is (mirror.lua)

local function to_wire(message)
  local out = { removed = message.removed, cleared = message.cleared, revision = message.revision }
  if message.localstorage then
    out.localstorage = {}
    for key, value in pairs(message.localstorage) do
      local plain = type(value) == "string"
      out.localstorage[key] = json.array { plain and value or json.encode(value), not plain }
    end
  end
  if out.removed then json.array(out.removed) end
  return out
end

local function from_wire(values)
  local entries = {}
  if values == nil then return entries end
  if type(values) ~= "table" then malformed "localStorage" end
  for key, pair in pairs(values) do
    if type(key) ~= "string" or type(pair) ~= "table" or type(pair[1]) ~= "string" then malformed "localStorage" end
    entries[key] = (pair[2] == true and "j" or "s") .. pair[1]
  end
  return entries
end

-- ---- to the page

function Session:transmit(text)
  return self.connection ~= nil and self[SERVER]:send(self.connection, text)
end

local function say(self, body)
  local said, handled, bytes = self[SAID] + 1, self[HANDLED], self[BYTES] + #body
  self[SAID], self[KEPT][said], self[BYTES], self[TOLD] = said, body, bytes, handled
  if bytes > BACKLOG then return self:close "the page does not keep up" end
  local connection = self.connection
  if connection then self[SERVER]:say(connection, said, handled, body) end
end

-- A message that must arrive: numbered, and kept. `body` is its JSON without the braces.
function Session:say(body)
  local starting = self.starting
  if not starting then return say(self, body) end
  starting[#starting + 1] = body
end

-- A change that all pages share is one string for all of them.
local last_patches, last_body
local function body_of(patches)
  if patches ~= last_patches then last_patches, last_body = patches, '"p":' .. patches end
  return last_body
end

-- What the app changed since the last time; and that what the page said was handled. A page that is away gets it as one when it is back.
local function flush(self)
  if not self.connection then return end
  local patches = self[TAKE]()
  if patches then
    local counters = self[COUNTERS]
    counters.commits = counters.commits + 1
    counters.patch_bytes = counters.patch_bytes + #patches
    say(self, body_of(patches))
  elseif self[TOLD] < self[HANDLED] then
    self[TOLD] = self[HANDLED]
    self:transmit('{"a":' .. self[HANDLED] .. "}")
  end
end

-- The alert that is open now, or none: a new number for each, so that an answer that comes late answers no other.
function Session:show_alert(open)
  if self.closed or open == self.alert then return end
  self.alert = open
  if not open then return self:say '"al":null' end
  self.alert_number = self.alert_number + 1
  self:say('"al":' .. json.encode(html.alert(self.alert_number, open)))
end

-- ---- from the page

-- The page has all messages up to this one: they need not be kept any longer.
function Session:acknowledged(number)
  local kept = self[KEPT]
  for i = self[GOT] + 1, math.min(number, self[SAID]) do
    self[BYTES] = self[BYTES] - #kept[i]
    kept[i] = nil
    self[GOT] = i
  end
end

-- What is wrong with a message by itself is said when it comes; the rest when its turn comes.
local checks, kinds = {}, {}

function checks.e(message)
  if math.type(message[3]) ~= "integer" or type(message[4]) ~= "string" then malformed "event" end
end

kinds.e = function(self, id, kind, value)
  local running = self.renderer.event(id, kind, value)
  if not running then return end
  self.running = self.running + 1
  running:on_done(function() self.running = self.running - 1 end)
end

function checks.l(message)
  local said = message[3]
  if type(said) ~= "table" or type(said.removed or {}) ~= "table" then malformed "localStorage" end
  said.localstorage = from_wire(said.localstorage)
end

kinds.l = function(self, message)
  local storage = self.renderer.local_storage
  storage:_receive({
    removed = message.removed, own = message.own, cleared = message.cleared and true or nil, ack = message.ack,
    refused = message.refused,
  }, message.localstorage)
  if storage:_size() <= STORED then return end
  self:close "its localStorage is larger than a browser's"
  malformed "localStorage"
end

function checks.r(message)
  local text = message[5]
  if math.type(message[3]) ~= "integer" or math.type(message[4]) ~= "integer" or type(text or "") ~= "string" then malformed "answer" end
end

kinds.r = function(self, number, button, text)
  local open = self.alerts:open()
  if not open or number ~= self.alert_number then return end
  if button ~= -1 and (button < 1 or button > #open.buttons) then malformed "answer" end
  self.alerts:respond(button, open.input and text or nil)
end

--- A page that makes no sense, or wants too much, is cut; it begins anew.
---@param server any
---@param connection? integer
---@param counters hearth.WebCounters
---@param err any
function session.refuse(server, connection, counters, err)
  if os.getenv "HEARTH_WEB_DEBUG" then io.stderr:write("hearth: a page was cut: ", tostring(err), "\n") end
  counters.refused = counters.refused + 1
  if connection then server:kick(connection) end
end

-- Does what a message says. It counts as handled when its handler has run as far as it does without waiting, and the page hears of that no sooner than of
-- what was rendered for it: then a control that still differs was left as it is. Renders of this turn are made at its end, before or after the first of
-- the two ends here. Then the next message has its turn: it is for what this one has made of the screen, by handlers that see what this one has set.
local function act(self, message)
  self.acting = true
  local ok, err = pcall(owner.run, self.owner, kinds[message[2]], self, message[3], message[4], message[5])
  if not ok then session.refuse(self[SERVER], self.connection, self[COUNTERS], err) end
  task.spawn(function()
    self[HANDLED] = message[1]
    task.at_turn_end(function()
      task.at_turn_end(function()
        local next_message = table.remove(self.waiting, 1)
        if next_message and not self.closed then return act(self, next_message) end
        self.acting = false
        if self[TOLD] < self[HANDLED] then flush(self) end
      end)
    end)
  end):name "the acknowledgement of an event"
end

--- Does what one message of the page says, when its turn comes. Raises for one that makes no sense by itself.
---@param message table
function Session:hear(message)
  local number, kind = message[1], message[2]
  if kind == "a" then
    if math.type(message[3]) ~= "integer" then malformed "acknowledgement" end
    return self:acknowledged(message[3])
  end
  local check = checks[kind]
  if not check or math.type(number) ~= "integer" then malformed "message" end
  if number <= self.heard then return end -- sent again, after it had arrived
  if number ~= self.heard + 1 then malformed "order" end
  check(message)
  local waiting = self.waiting
  if #waiting + (kind == "e" and self.running or 0) >= RUNNING then error("the app does not keep up with its page", 0) end
  self.heard = number
  self[COUNTERS].events = self[COUNTERS].events + 1
  if self.acting then
    waiting[#waiting + 1] = message
  else
    act(self, message)
  end
end

--- Is all that a page lacks, which has messages up to this one, still kept?
---@param got integer
---@return boolean
function Session:can_resume(got) return not self.closed and got >= self[GOT] and got <= self[SAID] end

--- The page is there again: what it has not seen is sent once more.
---@param connection integer
---@param got integer the last message that it has
function Session:resume(connection, got)
  self.connection = connection
  self:acknowledged(got)
  self:transmit(json.encode { t = "ok", a = self[HANDLED] })
  for i = self[GOT] + 1, self[SAID] do self[SERVER]:say(connection, i, self[HANDLED], self[KEPT][i]) end
  flush(self)
end

--- Unmounts the app. The page, if it is there, begins anew.
---@param why? string
function Session:close(why)
  if self.closed then return end
  self.closed = why or true
  local connection = self.connection
  self.connection = nil
  if connection then self[SERVER]:kick(connection) end
  self.root:unmount()
  self.alerts:close()
  owner.close(self.owner)
  if self.on_close then self.on_close(self) end
end

--- Mounts the app for a page. Raises what its first render raised.
---@param options { server: any, id: string, client: string, tab: string, connection: integer, element: any, items?: table, own?: table,
--- counters?: hearth.WebCounters }
---@return hearth.WebSession
function session.open(options)
  local renderer = web.new()
  local self = setmetatable({
    0, 0, {}, 0, 0, 0, options.server, renderer.take, options.counters or metrics.counters(), -- SAID to COUNTERS
    id = options.id, client = options.client, connection = options.connection, renderer = renderer,
    heard = 0, running = 0, waiting = {}, acting = false, closed = false,
    alert_number = 0, owner = owner.new("client:" .. options.client),
    starting = {}, -- what the first render and its effects say goes out after the page has its HTML
  }, Session)
  renderer.who = { client = options.client, session = options.client .. "-" .. options.tab, default = "client" }
  renderer.local_storage = local_storage { session_id = options.id, connection = {
    send = function(_, _, message)
      if self.closed then errors.raise("ECLOSED", "the page is gone", { op = "use_local_storage" }) end
      self:say('"ls":' .. json.encode(to_wire(message)))
    end,
  } }
  renderer.local_storage:_hold(from_wire(options.items), options.own or {})
  self.alerts = alerts.screen(self.owner, function(open) self:show_alert(open) end)
  local ok, mounted = pcall(owner.run, self.owner, root.mount, options.element, renderer)
  if not ok then
    self.closed = "the first render failed"
    self.alerts:close()
    owner.close(self.owner)
    error(mounted, 0)
  end
  self.root = mounted
  local starting = self.starting
  self.starting = nil
  self:transmit(json.encode { t = "new", s = self.id, html = renderer.html(), a = 0 })
  for _, body in ipairs(starting) do self:say(body) end
  function renderer.commit() flush(self) end
  flush(self) -- an effect may have set something in motion
  return self
end

return session
