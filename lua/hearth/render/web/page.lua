-- The document around an app: its head, the headers that go with it, and the style sheet.

local html = require "hearth.render.web.html"

local page = {}

page.sheet = require "hearth.render.web.sheet"

local ruled, count = {}, 0 -- the rules of styles that were seen before

local function rule(style)
  local plain = style:gsub("&#39;", "'"):gsub("&quot;", '"'):gsub("&amp;", "&")
  if count >= 1000 then ruled, count = {}, 0 end
  ruled[style] = ('[data-y="%s"]{%s}'):format(plain:gsub("[\"\\]", "\\%0"), plain)
  count = count + 1
  return ruled[style]
end

-- One rule per style, for the first look; the page's script takes over from there. Attribute selectors take any text that is quoted.
local function rules(body)
  local seen, out, at = {}, {}, 1
  while true do
    local _, before = body:find('data-y="', at, true) -- plain: far quicker than a pattern
    if not before then return table.concat(out) end
    at = body:find('"', before + 1, true)
    local style = body:sub(before + 1, at - 1)
    if not seen[style] then
      seen[style] = true
      out[#out + 1] = ruled[style] or rule(style)
    end
  end
end

local HEAD <const> = '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>'
local LINKS <const> = [==[</title>
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">
<link rel="icon" href="data:,"><link rel="stylesheet" href="/hearth.css">]==]
local BODY <const> = [==[<script src="/hearth.js" defer></script></head>
<body><noscript><p class="note">Without JavaScript this page shows the app as it was when it was loaded.</p></noscript>
]==]
local TAIL <const> = '<div id="hearth-state" role="status" data-text="Connecting…"></div></body></html>\n'

--- The document of an app whose HTML is `body`.
---@param body string
---@param title string
---@param nonce string of the style element
---@return string
function page.document(body, title, nonce)
  local style = rules(body)
  if style ~= "" then style = '<style nonce="' .. nonce .. '">' .. style .. "</style>" end
  return HEAD .. html.escape(title) .. LINKS .. style .. BODY .. body .. TAIL
end

--- Headers of every answer, as the server's raw verb takes them.
---@param kind string the content type
---@param nonce? string
---@return string[]
function page.headers(kind, nonce)
  return {
    "content-type:", kind, "x-content-type-options:", "nosniff", "referrer-policy:", "same-origin", "x-frame-options:", "DENY",
    "cross-origin-opener-policy:", "same-origin", "cache-control:", "no-store",
    "content-security-policy:", "default-src 'none'; script-src 'self'; style-src 'self'" .. (nonce and " 'nonce-" .. nonce .. "'" or "")
      .. "; img-src 'self' data: https: http:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  }
end

return page
