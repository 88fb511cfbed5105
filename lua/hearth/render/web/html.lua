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

-- What every element may have. `control`: the label is shown by the element itself. `style`: CSS, if not the node's own.
local function common(node, class, events, control, style)
  local props = node.props
  style = style or css.of(node.type, props)
  local list = events
  if props.on_focus then list = list .. "f" end
  if props.on_blur then list = list .. "b" end
  if props.on_key then list = list .. "k" end
  if props.on_layout then list = list .. "y" end
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

-- Can the keyboard go there? What can be clicked or hears keys can, like a button; and what a script says.
local function reach(props, role)
  if props.focusable == false then return ' tabindex="-1"' end
  local acts = props.on_click or props.on_long_click
  if not acts and not props.on_key and not props.focusable then return "" end
  local text = ' tabindex="0"'
  if acts and props.disabled then text = ' aria-disabled="true"' end
  if acts and not props.role then text = text .. (role or ' role="button"') end
  if props.autofocus then text = text .. " autofocus" end
  return text
end

local function clicks(props)
  if props.disabled then return "" end
  return (props.on_click and "c" or "") .. (props.on_long_click and "p" or "")
end

-- A row of a list says so, unless it is something else already.
local LISTS = { FlatList = true, SectionList = true }
local function in_list(node)
  local props, parent = node.props, node.parent
  return parent and LISTS[parent.type] and not (props.role or props.on_click) and ' role="listitem"' or ""
end

local function box(class)
  return function(node)
    local props = node.props
    local extra = reach(props)
    if props.label and not props.role and extra == "" then extra = ' role="group"' end
    return "<div" .. common(node, class, clicks(props)) .. extra .. in_list(node) .. " data-s>", "</div>"
  end
end
open.Root = function() return '<main id="hearth" data-h="0" data-s>', "</main>" end
open.Column, open.Row, open.View, open.Pressable = box "col", box "row", box "col", box "col press"
open.Spacer = box "spacer"

-- What scrolls can be reached by the keyboard, which scrolls it.
local function scroller(node, class, role, more)
  local props = node.props
  return "<div" .. common(node, class, props.on_scroll and "w" or "") .. (props.role and "" or role)
    .. (props.focusable == false and ' tabindex="-1"' or ' tabindex="0"') .. more .. " data-s>", "</div>"
end

function open.ScrollView(node)
  local props = node.props
  return scroller(node, "col scroll", props.label and ' role="region"' or "",
    attribute("data-o", type(props.offset) == "number" and ("%.14g"):format(props.offset) or nil) .. in_list(node))
end

local function list(node)
  local p = node.props
  return scroller(node, "col scroll list", ' role="list"',
    p.total and p.last and p.total > 0 and (' data-w="%d,%d,%d"'):format(p.first, p.last, p.total) or "")
end
open.FlatList, open.SectionList = list, list

function open.Text(node)
  local props = node.props
  return "<span" .. common(node, "text", clicks(props)) .. reach(props) .. in_list(node) .. ">"
    .. escape(props.text == nil and "" or props.text) .. "</span>", ""
end

-- Of the control itself.
local function own(props)
  return (props.disabled and " disabled" or "") .. (props.autofocus and " autofocus" or "")
    .. (props.focusable == false and ' tabindex="-1"' or "")
end

function open.Button(node)
  local props = node.props
  local class = props.variant and escape("button " .. tostring(props.variant)) or "button"
  return '<button type="button"' .. common(node, class, props.on_long_click and "cp" or "c", true)
    .. own(props) .. ">" .. escape(props.label == nil and "" or props.label) .. "</button>", ""
end

-- A control with its label around it.
local function labelled(node, class, events, control, after)
  local props = node.props
  local label = props.label and props.label ~= "" and ("<span>%s</span>"):format(escape(props.label)) or ""
  return ("<label%s>%s</label>"):format(common(node, class, events, true), after and control .. label or label .. control), ""
end

local KEYBOARDS = { number = "numeric", decimal = "decimal", email = "email", tel = "tel", url = "url", search = "search" }

function open.TextInput(node)
  local props = node.props
  local value = props.value
  if value == nil then value = props.default_value end
  if value == nil or value == false then value = "" end
  local shared = attribute("placeholder", props.placeholder) .. attribute("name", props.name) .. attribute("maxlength", props.max_length)
    .. attribute("readonly", props.read_only and true or nil) .. attribute("inputmode", KEYBOARDS[props.keyboard])
    .. attribute("aria-label", not props.label and (props.placeholder or props.name) or nil) .. own(props)
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
    local control = ('<input type="checkbox"%s%s%s data-v>'):format(role, attribute("checked", props.value and true or nil), own(props))
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
  return labelled(node, "field", "v", ("<select%s%s data-v>%s</select>"):format(
    attribute("aria-label", not props.label and props.placeholder or nil), own(props), table.concat(options)))
end

-- A value beside a control, for those who see it: the control itself says it to the others, and its name does not contain it.
local function beside(text) return ('<small aria-hidden="true">%s</small>'):format(escape(text)) end

function open.Slider(node)
  local props = node.props
  local function number(v, default) return type(v) == "number" and ("%.14g"):format(v) or default end
  local value = number(props.value, number(props.min, "0"))
  local control = ('<input type="range" min="%s" max="%s" step="%s" value="%s"%s%s data-v>'):format(number(props.min, "0"),
    number(props.max, "1"), number(props.step, "any"), value, attribute("aria-label", props.label), own(props))
  if props.label then control = beside(type(props.value) == "number" and ("%.4g"):format(props.value) or value) .. control end
  return labelled(node, "field", "v" .. (props.on_submit and "s" or ""), control)
end

function open.ProgressBar(node)
  local props = node.props
  local most = type(props.max) == "number" and props.max > 0 and props.max or 1
  local known = type(props.value) == "number" and props.value == props.value
  local control = ('<progress max="%s"%s%s></progress>'):format(("%.14g"):format(most), attribute("aria-label", props.label),
    known and (' value="%.14g"'):format(props.value) or "")
  if known and props.label then control = beside(("%d%%"):format(math.max(0, math.min(100, props.value / most * 100)) // 1)) .. control end
  return labelled(node, "field", "", control)
end

function open.ActivityIndicator(node)
  local props = node.props
  if props.active == false then return ("<span%s></span>"):format(common(node, "idle", "", true)), "" end
  return ('<span%s%s><i></i>%s</span>'):format(common(node, "busy", "", true), props.role and "" or ' role="status"',
    escape(props.label or "Busy")), ""
end

-- A picture's address: one of the web, one that is its own data, or a path of the files that are served with the app.
local function address(source)
  if source:match "^https?://" or source:match "^data:image/[%w+.-]+;base64," then return source end
  if source == "" or source:match "^%a[%w+.-]*:" or source:match "^/" then return nil end
  return "/files/" .. source:gsub("[^%w%-._~/]", function(c) return ("%%%02X"):format(c:byte()) end)
end

function open.Image(node)
  local props = node.props
  local source = address(tostring(props.source or ""))
  local events = clicks(props)
  local shared = common(node, "image", events) .. reach(props)
  if source then
    return ('<img%s src="%s" alt="%s">'):format(shared, escape(source), escape(props.alt or "")), ""
  end
  return ('<span%s role="img">%s</span>'):format(shared, escape(props.alt or "")), ""
end

-- A dialog, which the page's script opens as the browser's own: nothing else has the focus meanwhile. `open` is for pages without script.
function open.Modal(node)
  local props = node.props
  local shown = props.visible ~= false and not props.hidden
  local style = css.of("Modal", props)
  local title = props.title and ("<h2>%s</h2>"):format(escape(props.title)) or ""
  local shared = common(node, "modal", shown and props.on_close and "x" or "", true, "") .. (shown and " open data-open" or "")
    .. attribute("aria-label", props.title or props.label)
  return ('<dialog%s><div>%s<div class="col"%s data-s>'):format(shared, title, attribute("data-y", style ~= "" and style or nil)),
    "</div></div></dialog>"
end

--- The dialog of an alert: `data-i` is its number, `data-n` how many buttons it has, `data-b` which one a button is.
---@param number integer
---@param alert hearth.OpenAlert
---@return string
function html.alert(number, alert)
  local buttons, last = {}, #alert.buttons
  for i, label in ipairs(alert.buttons) do
    local variant = i == alert.destructive and " danger" or i == last and last <= 2 and " primary" or ""
    buttons[i] = ('<button type="button" class="button%s" data-b="%d">%s</button>'):format(variant, i, escape(label))
  end
  local title, input = escape(alert.title), alert.input
  local message = alert.message and alert.message ~= "" and ("<p>%s</p>"):format(escape(alert.message)) or ""
  local field = input and ('<div class="field"><input type="%s" value="%s" placeholder="%s" aria-label="%s" autofocus></div>'):format(
    input.secure and "password" or "text", escape(input.value or ""), escape(input.placeholder or ""), title) or ""
  return table.concat {
    ('<dialog class="modal" id="hearth-alert-%d" data-i="%d" data-n="%d" role="alertdialog" aria-label="%s"><div><h2>%s</h2>'):format(
      number, number, last, title, title),
    message, field, ('<div class="%s answers">'):format(last > 2 and "col" or "row"), table.concat(buttons), "</div></div></dialog>",
  }
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
