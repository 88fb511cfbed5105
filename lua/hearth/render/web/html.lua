-- A node as HTML. `parts(node)` gives what comes before its children and what comes after; an element that has children marks the place
-- for them with `data-s`. Every node has its id in `data-h`, by which patches name it and events come back; `data-e` lists the events
-- that it wants; `data-y` is its style, which the page's script puts into effect, because the Content-Security-Policy allows no style
-- attribute. Everything is escaped here and nowhere else.

local css = require "hearth.render.web.css"

local html = {}

local ESCAPES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;", ["\0"] = "\u{FFFD}",
  ["\r"] = "&#13;" }

--- Text for between tags and for attributes; bytes that are not UTF-8 become U+FFFD.
---@param value any
---@return string
function html.escape(value)
  local text = tostring(value)
  if not text:find "[^\x20\x21\x23-\x25\x28-\x3b\x3d\x3f-\x7e]" then return text end -- nothing special in it: nearly always
  if not utf8.len(text) then
    local out, i = {}, 1
    while i <= #text do
      local _, bad = utf8.len(text, i)
      out[#out + 1] = text:sub(i, (bad or #text + 1) - 1)
      if bad then out[#out + 1] = "\u{FFFD}" end
      i = (bad or #text) + 1
    end
    text = table.concat(out)
  end
  return (text:gsub("[&<>\"'%z\r]", ESCAPES))
end
local escape = html.escape

local function attribute(name, value)
  if value == nil or value == false then return "" end
  if value == true then return " " .. name end
  return (' %s="%s"'):format(name, escape(value))
end

-- What every element may have. `control`: the label is shown by the element itself.
local function common(node, class, events, control)
  local props = node.props
  local style = css.of(node.type, props)
  local list = events
  if props.on_focus then list = list .. "f" end
  if props.on_blur then list = list .. "b" end
  if props.on_key then list = list .. "k" end
  if props.on_layout then list = list .. "y" end
  if props.on_long_click and not props.disabled then list = list .. "p" end
  if props.on_load then list = list .. "o" end
  if props.on_error then list = list .. "n" end
  if props.class then class = escape(class .. " " .. tostring(props.class)) end
  local text = ' data-h="' .. node.id .. '" class="' .. class .. '"'
  if list ~= "" then text = text .. ' data-e="' .. list .. '"' end
  if style ~= "" then text = text .. ' data-y="' .. escape(style) .. '"' end
  if props.id then text = text .. attribute("id", props.id) end
  if props.role then text = text .. attribute("role", props.role) end
  if props.tooltip then text = text .. attribute("title", props.tooltip) end
  if props.label and not control then text = text .. attribute("aria-label", props.label) end
  if props.hidden then text = text .. " hidden" end
  return text
end

local open = {}

-- A box that can be clicked is a button to the keyboard and to a screen reader.
local function box(class)
  return function(node)
    local props = node.props
    local extra = ""
    if props.on_click then
      extra = (props.role and "" or ' role="button"')
        .. (props.disabled and ' aria-disabled="true"' or ' tabindex="0"')
    end
    return "<div" .. common(node, class, props.on_click and not props.disabled and "c" or "") .. extra .. " data-s>", "</div>"
  end
end
open.Root = function() return '<main id="hearth" data-h="0" data-s>', "</main>" end
open.Column, open.Row, open.View, open.Pressable = box "col", box "row", box "col", box "col press"
open.ScrollView, open.Spacer = box "col scroll", box "spacer"

local function list(node)
  local p = node.props
  local window = p.total and p.last and (p.first > 1 or p.last < p.total)
  return "<div" .. common(node, "col scroll list", "") .. (p.role and "" or ' role="list"')
    .. (window and (' data-w="%d,%d,%d"'):format(p.first, p.last, p.total) or "") .. " data-s>", "</div>"
end
open.FlatList, open.SectionList = list, list

function open.Text(node)
  local props = node.props
  return ("<span%s>%s</span>"):format(common(node, "text", props.on_click and "c" or ""),
    escape(props.text == nil and "" or props.text)), ""
end

function open.Button(node)
  local props = node.props
  local class = props.variant and "button " .. tostring(props.variant) or "button"
  return ('<button type="button"%s%s>%s</button>'):format(common(node, class, "c", true), attribute("disabled",
    props.disabled and true or nil),
    escape(props.label == nil and "" or props.label)), ""
end

-- A control with its label around it.
local function labelled(node, class, events, control, after)
  local props = node.props
  local label = props.label and props.label ~= "" and ("<span>%s</span>"):format(escape(props.label)) or ""
  return ("<label%s>%s</label>"):format(common(node, class, events, true), after and control .. label or label .. control), ""
end

local function off(props) return attribute("disabled", props.disabled and true or nil) end

function open.TextInput(node)
  local props = node.props
  local value = props.value
  if value == nil then value = props.default_value end
  if value == nil or value == false then value = "" end
  local shared = attribute("placeholder", props.placeholder) .. attribute("name", props.name) .. attribute("maxlength", props.max_length)
    .. attribute("readonly", props.read_only and true or nil) .. attribute("autofocus", props.autofocus and true or nil)
    .. attribute("aria-label", not props.label and (props.placeholder or props.name) or nil) .. off(props)
    .. (props.value ~= nil and " data-v" or "")
  local control
  if props.multiline then
    control = ("<textarea rows=\"4\"%s>\n%s</textarea>"):format(shared, escape(value))
  else
    control = ('<input type="%s" value="%s"%s>'):format(props.secure and "password" or "text", escape(value), shared)
  end
  return labelled(node, "field", "v" .. (props.on_submit and "s" or ""), control)
end

local function toggle(class, role)
  return function(node)
    local props = node.props
    local control = ('<input type="checkbox"%s%s%s data-v>'):format(role, attribute("checked", props.value and true or nil), off(props))
    return labelled(node, class, "v", control, true)
  end
end
open.Checkbox, open.Switch = toggle("check", ""), toggle("check switch", ' role="switch"')

function open.Picker(node)
  local props = node.props
  local options, found = {}, false
  for i, option in ipairs(props.options or {}) do
    local value, label = option, option
    if type(option) == "table" then value, label = option.value, option.label or option.value end
    local chosen = not found and value == props.value
    found = found or chosen
    options[i] = ('<option value="%d"%s>%s</option>'):format(i, chosen and " selected" or "", escape(label))
  end
  if not found then table.insert(options, 1,
    ('<option value="0" selected disabled>%s</option>'):format(escape(props.placeholder or ""))) end
  return labelled(node, "field", "v", ("<select%s data-v>%s</select>"):format(off(props), table.concat(options)))
end

function open.Slider(node)
  local props = node.props
  local function number(v, default) return type(v) == "number" and ("%.14g"):format(v) or default end
  local control = ('<input type="range" min="%s" max="%s" step="%s" value="%s"%s data-v>'):format(number(props.min, "0"),
    number(props.max, "1"),
    number(props.step, "any"), number(props.value, number(props.min, "0")), off(props))
  return labelled(node, "field", "v" .. (props.on_submit and "s" or ""), control)
end

function open.ProgressBar(node)
  local props = node.props
  local value = type(props.value) == "number" and attribute("value", ("%.14g"):format(props.value)) or ""
  local control = ('<progress max="%s"%s></progress>'):format(("%.14g"):format(props.max or 1), value)
  return labelled(node, "field", "", control)
end

function open.ActivityIndicator(node)
  local props = node.props
  if props.active == false then return ("<span%s></span>"):format(common(node, "idle", "", true)), "" end
  return ('<span%s%s><i></i>%s</span>'):format(common(node, "busy", "", true), props.role and "" or ' role="status"',
    escape(props.label or "")), ""
end

-- Only what a page may load from elsewhere is a picture; a path on this machine is not served.
function open.Image(node)
  local props = node.props
  local source = tostring(props.source or "")
  local events = props.on_click and "c" or ""
  if source:match "^https?://" or source:match "^data:image/[%w+.-]+;base64," then
    return ('<img%s src="%s" alt="%s">'):format(common(node, "image", events), escape(source), escape(props.alt or "")), ""
  end
  return ('<span%s role="img">%s</span>'):format(common(node, "image", events), escape(props.alt or "")), ""
end

function open.Modal(node)
  local props = node.props
  local shown = props.visible ~= false and not props.hidden
  local title = props.title and ("<h2>%s</h2>"):format(escape(props.title)) or ""
  return ('<div%s%s><div role="dialog" aria-modal="true"%s tabindex="-1">%s<div class="col" data-s>')
    :format(common(node, "modal", shown and props.on_close and "x" or ""), shown and "" or " hidden",
      attribute("aria-label", props.title or props.label), title), "</div></div></div>"
end

--- What comes before a node's children, and what after.
---@param node table
---@return string before, string after
function html.parts(node)
  local opened = open[node.type]
  if opened then return opened(node) end
  return box "col"(node)
end

--- Which types have a form of their own.
html.types = open

--- A node with all below it.
---@param node table
---@return string
function html.full(node)
  local out = {}
  local function walk(n)
    local before, after = html.parts(n)
    n.sent = before .. after
    out[#out + 1] = before
    for _, child in ipairs(n.children) do walk(child) end
    out[#out + 1] = after
  end
  walk(node)
  return table.concat(out)
end

return html
