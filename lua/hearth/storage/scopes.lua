-- Whose state it is: "app" (everybody who runs the app on this store), "client" (one browser, by its cookie) or "session" (one tab's
-- life). A scope is a namespace. A user interface that serves several people says who they are with `scopes.identify`.

local errors = require "hearth.errors"
local sessions = require "hearth.storage.sessions"

local M = {}

local identify                       -- fn(fiber) -> {client=ID, session=ID, default=scope} | nil
local session = nil                  -- of this process, where nobody says otherwise

--- Lets a user interface say whose render it is.
---@param fn fun(fiber: table?): {client: string, session: string, default: string?}?
function M.identify(fn)
  identify = fn
end

--- The id of the one session of a program in a terminal or a test.
---@return string
function M.session()
  session = session or sessions.new_id()
  return session
end

--- The program was closed and opened: another session.
function M.reset()
  if session then sessions.over(session) end
  session = nil
end

--- The namespace of this process's own session, if it has begun.
---@return string?
function M.own_session()
  return session and "session:" .. session
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
  local who = identify and identify(fiber)
  if not who then
    if identify and not fiber then
      local message = ('scope "%s" belongs to a browser, and there is none here: use it in a component, or scope "app"'):format(scope)
      errors.raise("EINVAL", message, {op = "use_persisted_state"})
    end
    who = {client = "local"}   -- a program in a terminal, or a test: one user
  end
  if scope == "client" then return "client:" .. who.client end
  return "session:" .. (who.session or M.session())
end

return M
