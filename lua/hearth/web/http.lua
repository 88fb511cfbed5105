-- What a site answers to plain requests: the page, rendered here first so that it can be read at once, its script, style sheet and
-- pictures, and how it is.

local files = require "hearth.web.files"
local first_look = require "hearth.web.first_look"
local metrics = require "hearth.web.metrics"
local page = require "hearth.render.web.page"
local random = require "hearth.web.random"
local task = require "hearth.core.task"

local PATIENCE <const> = 0.1     -- seconds for which the first HTML waits for storage
local RENDERS <const> = 200      -- first looks that are prepared at once
local COOKIE_AGE <const> = 90 * 24 * 3600

local TEXT <const> = "text/plain; charset=utf-8"

local http = {}

local function answer(site, event, status, kind, body, more)
  local headers = page.headers(kind, more and more.nonce)
  if more and more.cookie then table.move({ "set-cookie:", more.cookie }, 1, 2, #headers + 1, headers) end
  site.server:reply(event.id, status, headers, body)
end

local function show(site, event)
  if site.rendering >= RENDERS then return answer(site, event, 503, TEXT, "Too busy; try again in a moment.\n") end
  local client = event.client or random.id(16)
  site.rendering = site.rendering + 1
  local ok, body = xpcall(first_look, debug.traceback, site.element, {
    client = client, session = client .. "-look", default = "client", -- no tab has that name
  }, PATIENCE)
  site.rendering = site.rendering - 1
  if not ok then
    task.report(body, "the first render")
    return answer(site, event, 500, TEXT, "The app could not be shown; its log says why.\n")
  end
  local nonce = random.id(12)
  answer(site, event, 200, "text/html; charset=utf-8", page.document(body, site.title, nonce), {
    nonce = nonce,
    cookie = ("%s=%s.%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Lax%s"):format(site.cookie, client, site.server:sign(client), COOKIE_AGE,
      site.secure and "; Secure" or ""),
  })
end

local script = require "hearth.render.web.client"

local function healthy(site, event) answer(site, event, 200, TEXT, "ok\n") end

local routes = {
  ["/"] = show,
  ["/hearth.js"] = function(site, event) answer(site, event, 200, "text/javascript; charset=utf-8", script) end,
  ["/hearth.css"] = function(site, event) answer(site, event, 200, "text/css; charset=utf-8", page.sheet) end,
  ["/healthz"] = healthy,
}

local operators = {
  ["/metrics"] = function(site, event) answer(site, event, 200, "text/plain; version=0.0.4; charset=utf-8", metrics.text(site)) end,
  ["/healthz"] = healthy,
}

local function nothing(site, event) answer(site, event, 404, TEXT, "There is nothing here.\n") end

local function picture(site, event)
  local content, kind = files.read(site.folder, event.path:sub(#"/files/" + 1))
  if not content then return nothing(site, event) end
  answer(site, event, 200, kind, content)
end

--- Answers a request, in a task of its own because it may wait.
---@param site table
---@param event { id: integer, path: string, client?: string, metrics?: boolean }
function http.handle(site, event)
  site.counters.requests = site.counters.requests + 1
  local route = (event.metrics and operators or routes)[event.path]
  if not route and not event.metrics and event.path:sub(1, 7) == "/files/" then route = picture end
  if not route then return nothing(site, event) end
  task.spawn(route, site, event):name("GET " .. event.path)
end

return http
