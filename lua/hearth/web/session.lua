-- One page and its mounted app. Both sides number what they say and keep it until the other has acknowledged it, so a connection may
-- break and come back without anything lost or done twice. What a page says is checked here: it is somebody else's program.

local errors = require "hearth.errors"
local json = require "hearth.json"
local local_storage = require "hearth.web.local_storage"
local root = require "hearth.ui.root"
local task = require "hearth.core.task"
local web = require "hearth.render.web"

local KEPT <const> = 4 * 1024 * 1024 -- bytes that wait for an acknowledgement; a page that is further behind begins anew

---@class hearth.WebSession
---@field id string
---@field client string
---@field connection? integer the server's id of the page's connection, while there is one
local Session = {}
Session.__index = Session

local session = {}

local function malformed(what) error("malformed " .. what, 0) end

-- ---- values of localStorage on the wire: {text, is it JSON}; a string is its own text

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
  if values == nil then return nil end
  if type(values) ~= "table" then malformed "localStorage" end
  local out = {}
  for key, pair in pairs(values) do
    if type(key) ~= "string" or type(pair) ~= "table" or type(pair[1]) ~= "string" then malformed "localStorage" end
    local ok, value
    if pair[2] == true then ok, value = pcall(json.decode, pair[1]) end
    if not ok then value = pair[1] end
    out[key] = value
  end
  return out
end

-- ---- to the page

function Session:transmit(text)
  return self.connection ~= nil and self.server:send(self.connection, text)
end

-- A message that must arrive: numbered, and kept.
function Session:say(message)
  self.said = self.said + 1
  message.q, message.a = self.said, self.handled
  local text = json.encode(message)
  self.kept[#self.kept + 1] = { self.said, text }
  self.kept_bytes = self.kept_bytes + #text
  self.told = self.handled
  if self.kept_bytes > KEPT then return self:close "the page does not keep up" end
  self:transmit(text)
end

-- What the app changed since the last time; and that what the page said was handled.
function Session:flush()
  if self.closed then return end
  local patches = self.renderer.take()
  if patches then
    self:say { p = json.array(patches) }
  elseif self.told < self.handled then
    self.told = self.handled
    self:transmit(json.encode { a = self.handled })
  end
end

-- ---- from the page

function Session:acknowledged(number)
  local kept = self.kept
  local gone = 0
  while kept[gone + 1] and kept[gone + 1][1] <= number do
    gone = gone + 1
    self.kept_bytes = self.kept_bytes - #kept[gone][2]
  end
  if gone > 0 then self.kept = table.move(kept, gone + 1, #kept, 1, {}) end
end

local kinds = {}

kinds.e = function(self, id, kind, value)
  if math.type(id) ~= "integer" or type(kind) ~= "string" then malformed "event" end
  self.renderer.event(id, kind, value)
end

kinds.l = function(self, message)
  if type(message) ~= "table" then malformed "localStorage" end
  self.renderer.local_storage:receive {
    localstorage = from_wire(message.localstorage), removed = message.removed, cleared = message.cleared and true or nil,
    ack = message.ack, refused = message.refused,
  }
end

--- Does what one message of the page says. Raises for one that makes no sense.
---@param message table
function Session:hear(message)
  local number, kind = message[1], message[2]
  if kind == "a" then
    if math.type(message[3]) ~= "integer" then malformed "acknowledgement" end
    return self:acknowledged(message[3])
  end
  local act = kinds[kind]
  if not act or math.type(number) ~= "integer" then malformed "message" end
  if number <= self.heard then return end -- sent again, after it had arrived
  if number ~= self.heard + 1 then malformed "order" end
  self.heard = number
  act(self, message[3], message[4], message[5])
  -- It counts as handled when its handler has run as far as it does without waiting: then a control that still differs was left as it is.
  task.spawn(function()
    self.handled = math.max(self.handled, number)
    task.at_turn_end(function() self:flush() end)
  end):name "the acknowledgement of an event"
end

--- The page is there again: what it has not seen is sent once more.
---@param connection integer
---@param got integer the last message that it has
function Session:resume(connection, got)
  self.connection = connection
  self:acknowledged(got)
  self:transmit(json.encode { t = "ok", a = self.handled })
  for _, item in ipairs(self.kept) do self:transmit(item[2]) end
end

--- Unmounts the app. The page, if it is there, begins anew.
---@param why? string
function Session:close(why)
  if self.closed then return end
  self.closed = why or true
  local connection = self.connection
  self.connection = nil
  if connection then self.server:kick(connection) end
  self.root:unmount()
  if self.on_close then self.on_close(self) end
end

--- Mounts the app for a page. Raises what its first render raised.
---@param options { server: any, id: string, client: string, tab: string, connection: integer, element: any, items?: table, own?: table }
---@return hearth.WebSession
function session.open(options)
  local self = setmetatable({
    id = options.id, client = options.client, server = options.server, connection = options.connection,
    said = 0, heard = 0, handled = 0, told = 0, kept = {}, kept_bytes = 0, closed = false,
  }, Session)
  local renderer = web.new()
  self.renderer = renderer
  renderer.who = { client = options.client, session = options.client .. "-" .. options.tab, default = "client" }
  renderer.local_storage = local_storage { session_id = options.id, connection = {
    send = function(_, _, message)
      if self.closed then errors.raise("ECLOSED", "the page is gone", { op = "use_local_storage" }) end
      self:say { ls = to_wire(message) }
    end,
  } }
  renderer.local_storage:reconnect { items = from_wire(options.items), own = options.own }
  local starting = {} -- what the first render and its effects write goes out after the page has its HTML
  local say = self.say
  self.say = function(_, message) starting[#starting + 1] = message end
  self.root = root.mount(options.element, renderer)
  self.say = nil
  self:transmit(json.encode { t = "new", s = self.id, html = renderer.html(), a = 0 })
  for _, message in ipairs(starting) do say(self, message) end
  renderer.changed = function() self:flush() end
  return self
end

return session
