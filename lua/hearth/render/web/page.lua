-- The document around an app: its head, the headers that go with it, and the style sheet.

local html = require "hearth.render.web.html"

local page = {}

page.sheet = [==[
:root{color-scheme:light dark;--fg:#1d2330;--bg:#fbfbfa;--soft:#6b7280;--line:#d5d8de;--field:#fff;--accent:#2f5fd0;--on:#fff}
@media(prefers-color-scheme:dark){:root{--fg:#e7e9ee;--bg:#16181d;--soft:#9aa1ad;--line:#3a3f4a;--field:#1f2229;--accent:#7ea2ff;--on:#10131a}}
*{box-sizing:border-box}[hidden]{display:none!important}
body{margin:0;background:var(--bg);color:var(--fg);font:16px/1.5 system-ui,sans-serif}
#hearth{display:flex;flex-direction:column;min-height:100vh;max-width:48rem;margin:0 auto;padding:1rem}
.col,.row{display:flex;min-width:0}.col{flex-direction:column}.row{flex-direction:row;flex-wrap:wrap}.spacer{flex:1 1 0}
.scroll{overflow:auto;max-height:80vh}.text{white-space:pre-wrap;overflow-wrap:anywhere}
.press,[role=button]{cursor:pointer}[aria-disabled=true]{opacity:.5;cursor:default}
.button{font:inherit;color:var(--on);background:var(--accent);border:1px solid transparent;border-radius:8px;padding:.5rem 1rem;min-height:2.75rem;cursor:pointer}
.row>.button{flex:none}.col>.button{align-self:flex-start}.button:hover{filter:brightness(1.08)}.button:disabled{opacity:.5;cursor:default}
.field{display:flex;flex-direction:column;gap:.25rem;min-width:0}.row>.field{flex:1}.field>span{font-size:.9rem;color:var(--soft)}
.field input,.field textarea,.field select{font:inherit;color:inherit;background:var(--field);border:1px solid var(--line);border-radius:8px;padding:.5rem .75rem;min-height:2.75rem;width:100%}
.field input[type=range]{padding:0;accent-color:var(--accent)}progress{width:100%;accent-color:var(--accent)}
.check{display:flex;align-items:center;gap:.6rem;min-height:2.75rem}.check input{width:1.25rem;height:1.25rem;margin:0;accent-color:var(--accent)}
.switch input{appearance:none;width:2.5rem;height:1.5rem;border-radius:1rem;background:var(--line);position:relative;transition:background .15s}
.switch input:checked{background:var(--accent)}.switch input::after{content:"";position:absolute;inset:.2rem auto .2rem .2rem;width:1.1rem;border-radius:50%;background:var(--field);transition:left .15s}
.switch input:checked::after{left:1.2rem}:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
.busy{display:flex;align-items:center;gap:.5rem}.busy>i{width:1.1rem;height:1.1rem;border:2px solid var(--line);border-top-color:var(--accent);border-radius:50%;animation:turn 1s linear infinite}
@keyframes turn{to{transform:rotate(1turn)}}.image{max-width:100%}
.modal{position:fixed;inset:0;display:flex;align-items:center;justify-content:center;padding:1rem;background:rgba(0,0,0,.45);z-index:10}
.modal>div{background:var(--bg);border-radius:12px;padding:1.25rem;max-width:32rem;width:100%;max-height:90vh;overflow:auto}.modal h2{margin:0 0 .75rem;font-size:1.15rem}
#hearth-state{position:fixed;bottom:1rem;left:50%;transform:translateX(-50%);background:var(--fg);color:var(--bg);padding:.4rem .9rem;border-radius:8px;font-size:.9rem}
@media(prefers-reduced-motion:reduce){*{animation:none!important;transition:none!important}}
]==]

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
  local seen, out = {}, {}
  for style in body:gmatch 'data%-y="([^"]*)"' do
    if not seen[style] then
      seen[style] = true
      out[#out + 1] = ruled[style] or rule(style)
    end
  end
  return table.concat(out)
end

--- The document of an app whose HTML is `body`.
---@param body string
---@param title string
---@param nonce string of the style element
---@return string
function page.document(body, title, nonce)
  local style = rules(body)
  return ([==[<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>%s</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="/hearth.css">%s<script src="/hearth.js" defer></script></head>
<body>%s<div id="hearth-state" role="status" hidden>Connecting…</div></body></html>
]==]):format(html.escape(title), style ~= "" and ('<style nonce="%s">%s</style>'):format(nonce, style) or "", body)
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
