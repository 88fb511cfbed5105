-- Whose state it is: "app" (everybody who runs the app on this store), "client" (one browser, by its cookie) or "session" (one tab's
-- life). A scope is a namespace. A user interface that serves several people says who they are with `scopes.identify`.

local M = {}

local identify                       -- fn(fiber) -> {client=ID, session=ID, default=scope} | nil
local session = nil                  -- of this process, where nobody says otherwise

--- Lets a user interface say whose render it is.
---@param fn fun(fiber: table?): {client: string, session: string, default: string?}?
function M.identify(fn)
  identify = fn
end

local function new_id()
  local words = {}
  local random = io.open("/dev/urandom", "rb")
  local bytes = random and random:read(12)
  if random then random:close() end
  for i = 1, 12 do words[i] = ("%02x"):format(bytes and bytes:byte(i) or math.random(0, 255)) end
  return table.concat(words)
end

--- The id of the one session of a program in a terminal or a test.
---@return string
function M.session()
  session = session or new_id()
  return session
end

--- The program was closed and opened: another session.
function M.reset()
  session = nil
end

--- The scope where none is given.
---@param fiber table?
---@return "app"|"client"|"session"
function M.default(fiber)
  local who = identify and identify(fiber)
  return who and who.default or "app"
end

---@param scope "app"|"client"|"session"
---@param fiber table?
---@return string namespace
function M.namespace(scope, fiber)
  if scope == "app" then return "default" end
  local who = identify and identify(fiber) or {client = "local"}
  if scope == "client" then return "client:" .. who.client end
  return "session:" .. (who.session or M.session())
end

return M
