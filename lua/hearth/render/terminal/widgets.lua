-- What each kind of element looks like and does, in cells. A widget is a table with
--   measure(node, limit) -> width, height [, narrowest]     the size of a leaf
--   paint(node, d, x, y, w, h, fg, attr)                    draws it at x, y; d is the drawing (stage.lua)
--   focusable(node) -> boolean    click(node, ui)     key(node, event, ui) -> handled     mouse(node, event, ui, x, y) -> handled
-- ui is the session: fire(fn, ...), changed(node) and so on (init.lua).

local layout = require "hearth.ui.layout"
local text_width = require "hearth.ui.text_width"
local theme = require "hearth.render.terminal.theme"

local floor, max, min = math.floor, math.max, math.min
local width_of, is_plain = text_width.width, text_width.is_plain
local INVERSE, BOLD, DIM, UNDERLINE = theme.INVERSE, theme.BOLD, theme.DIM, theme.UNDERLINE

local widgets = {}

local function shown(value) return value == nil and "" or tostring(value) end
widgets.shown = shown

local function clickable(node) return node.props.on_click ~= nil and not node.props.disabled end

local function click(node, ui) ui.fire(node.props.on_click) end

-- ---- Text

local Text = { focusable = clickable, click = click }
widgets.Text = Text

-- The lines of a text in so many cells, and the widest: remembered for the few widths that a layout asks for.
local function lines_of(node, limit)
  local text, how, most = shown(node.props.text), node.style.text_wrap, node.props.max_lines
  local known = node.wrapped
  if not known or known.text ~= text or known.how ~= how or known.most ~= most or known.n > 8 then
    known = { text = text, how = how, most = most, n = 0 }
    node.wrapped = known
  end
  local found = known[limit or -1]
  if found then return found, found.width end
  local lines, widest
  if how == "truncate" or how == "clip" then
    lines, widest = text_width.wrap(text, nil)
    if how == "truncate" and limit and widest > limit then
      for i, line in ipairs(lines) do lines[i] = text_width.truncate(line, limit) end
      widest = limit
    end
  else
    lines, widest = text_width.wrap(text, limit)
  end
  if most and #lines > most and most >= 1 then
    for i = #lines, most + 1, -1 do lines[i] = nil end
    lines[most] = text_width.truncate(lines[most] .. " …", limit or width_of(lines[most]))
  end
  lines.width, lines.plain = widest, true
  for i = 1, #lines do
    if not is_plain(lines[i]) then lines.plain = false end
  end
  known[limit or -1], known.n = lines, known.n + 1
  return lines, widest
end

function Text.measure(node, limit)
  local lines, widest = lines_of(node, limit)
  if limit then return widest, #lines end
  local text = shown(node.props.text)
  if text == "" then return 0, 0, 0 end
  local how = node.style.text_wrap
  return widest, #lines, (how == "truncate" or how == "clip") and 1 or text_width.longest_word(text)
end

--- The node has another text. Does nothing move? So it is with one plain line in the place of another, where it has room, and where nobody
--- asked how wide it is by itself, or it is as wide as it was.
function Text.keeps_place(node)
  local known, new = node.wrapped, shown(node.props.text)
  if not known or not node.unbounded then return false end
  local old = known.text
  if known.plain == nil then known.plain = old ~= "" and is_plain(old) end
  if not known.plain or new == "" or not is_plain(new) then return false end
  local least, own = layout.asked(node)
  if not least or #new > least or #old > least then return false end
  if #new ~= #old then
    if own then return false end
    node.natural_w = nil -- it is another
  end
  return not own or text_width.longest_word(new) == text_width.longest_word(old)
end

local function aligned(style, line, w)
  local align = style.text_align
  if not align or align == "left" or align == "start" then return 0 end
  local spare = max(0, w - width_of(line))
  return align == "center" and spare // 2 or spare
end

function Text.paint(node, d, x, y, w, h, fg, attr)
  local lines = lines_of(node, w)
  if node == d.focus then attr = attr ~ INVERSE end
  local draw = lines.plain and d.ascii or d.text
  local style, n = node.style, #lines
  for i = 1, n < h and n or h do
    local line = lines[i]
    draw(style.text_align and x + aligned(style, line, w) or x, y + i - 1, line, fg, nil, attr)
  end
end

-- ---- Button

local Button = { click = click }
widgets.Button = Button
function Button.focusable(node) return not node.props.disabled end
function Button.measure(node, limit)
  local w = width_of(shown(node.props.label)) + 4
  return limit and min(w, max(limit, 1)) or w, 1, min(w, 8)
end

-- One line of label between brackets.
local function bracketed(d, node, x, y, w, fg, bg, attr)
  local label = text_width.truncate(shown(node.props.label):gsub("%c", " "), max(0, w - 4))
  local spare = w - 4 - width_of(label)
  local left = max(0, spare // 2)
  d.text(x, y, "[ " .. (" "):rep(left) .. label .. (" "):rep(max(0, spare - left)) .. " ]", fg, bg, attr)
end

function Button.paint(node, d, x, y, w, h, fg, attr)
  local look, props = d.look, node.props
  local bg = node.background == nil and look.button or nil
  y = y + max(0, (h - 1) // 2)
  if props.disabled then
    bracketed(d, node, x, y, w, look.muted or fg, nil, attr | (look.muted and 0 or DIM))
  elseif d.pressed == node or d.focus == node then
    if look.accent then bracketed(d, node, x, y, w, look.on_accent, look.accent, attr | BOLD)
    else bracketed(d, node, x, y, w, fg, nil, attr ~ INVERSE) end
  else
    if props.variant == "primary" then attr = attr | BOLD end
    if props.variant == "danger" and look.bad then fg = look.bad end
    bracketed(d, node, x, y, w, fg, bg, attr)
  end
end

-- ---- Checkbox and Switch

local function toggle_click(node, ui)
  local props = node.props
  if props.on_change then ui.fire(props.on_change, not props.value) end
  if props.on_click then ui.fire(props.on_click) end
end

local function toggle(mark_of, mark_width)
  local widget = { click = toggle_click }
  function widget.focusable(node) return not node.props.disabled end
  function widget.measure(node, limit)
    local label = shown(node.props.label)
    local w = mark_width + (label ~= "" and 1 + width_of(label) or 0)
    return limit and min(w, max(1, limit)) or w, 1, min(w, mark_width + 4)
  end
  function widget.paint(node, d, x, y, w, _, fg, attr)
    local look, props = d.look, node.props
    local mark = mark_of(props.value)
    if props.disabled then fg, attr = look.muted or fg, attr | (look.muted and 0 or DIM) end
    local mark_fg = props.value and not props.disabled and look.accent or fg
    d.text(x, y, mark, mark_fg, nil, d.focus == node and attr ~ INVERSE or attr)
    local label = shown(props.label):gsub("%c", " ")
    if label ~= "" then
      d.text(x + mark_width + 1, y, text_width.truncate(label, max(0, w - mark_width - 1)), fg, nil,
        d.focus == node and attr | BOLD or attr)
    end
  end
  return widget
end

widgets.Checkbox = toggle(function(value) return value and "[x]" or "[ ]" end, 3)
widgets.Switch = toggle(function(value) return value and "( ●)" or "(○ )" end, 4)

-- ---- Picker: Left and Right step, Enter opens the list (dropdown.lua)

local Picker = {}
widgets.Picker = Picker

---@return any[] values, string[] labels, integer|nil index of the value
function widgets.options(props)
  local values, labels, index = {}, {}, nil
  for i, option in ipairs(props.options or {}) do
    local value, label = option, option
    if type(option) == "table" then value, label = option.value, option.label or option.value end
    values[i], labels[i] = value, shown(label)
    if value == props.value then index = i end
  end
  return values, labels, index
end

function Picker.focusable(node) return not node.props.disabled end
function Picker.measure(node, limit)
  local _, labels = widgets.options(node.props)
  local widest = width_of(shown(node.props.placeholder))
  for _, label in ipairs(labels) do widest = max(widest, width_of(label)) end
  local label = shown(node.props.label)
  local w = (label ~= "" and width_of(label) + 2 or 0) + widest + 4
  return limit and min(w, max(1, limit)) or w, 1, min(w, 10)
end

-- "Label  " and where what follows begins.
local function leading_label(node, d, x, y, fg, attr)
  local label = shown(node.props.label):gsub("%c", " ")
  if label == "" then return x end
  return d.text(x, y, label, d.focus == node and fg or d.look.muted or fg, nil, d.focus == node and attr | BOLD or attr) + 2
end

function Picker.paint(node, d, x, y, w, _, fg, attr)
  local look, props = d.look, node.props
  local start = leading_label(node, d, x, y, fg, attr)
  local _, labels, index = widgets.options(props)
  local label = index and labels[index] or props.value ~= nil and shown(props.value) or shown(props.placeholder)
  local room = max(0, x + w - start - 4)
  label = text_width.truncate(label:gsub("%c", " "), room)
  local body = " " .. label .. (" "):rep(room - width_of(label)) .. " ▾ "
  if props.disabled then d.text(start, y, body, look.muted or fg, nil, attr | (look.muted and 0 or DIM))
  elseif d.focus == node then
    if look.accent then d.text(start, y, body, look.on_accent, look.accent, attr) else d.text(start, y, body, fg, nil, attr ~ INVERSE) end
  else d.text(start, y, body, fg, look.field, attr | (look.field and 0 or UNDERLINE)) end
  node.menu_x, node.menu_width = start, width_of(body)
end
function Picker.click(node, ui) ui.open_menu(node) end
function Picker.key(node, event, ui)
  local props = node.props
  local values, _, index = widgets.options(props)
  local step = event.key == "left" and -1 or event.key == "right" and 1
  if event.key == "down" and event.alt then ui.open_menu(node) return true end
  if not step then return false end
  local other = index and index + step or (step > 0 and 1 or #values)
  if other >= 1 and other <= #values and props.on_change then ui.fire(props.on_change, values[other]) end
  return true
end

-- ---- Slider

local Slider = {}
widgets.Slider = Slider
function Slider.focusable(node) return not node.props.disabled end

local function slider_range(props)
  local low, high = props.min or 0, props.max or 1
  return low, high, max(low, min(high, tonumber(props.value) or low))
end

local function slider_text(props)
  local low, high, value = slider_range(props)
  if math.type(value) == "integer" or value == floor(value) and (props.step or 0.1) % 1 == 0 then return ("%d"):format(floor(value)) end
  return high - low > 10 and ("%.1f"):format(value) or ("%.2f"):format(value)
end

function Slider.measure(node, limit)
  local label = shown(node.props.label)
  local w = (label ~= "" and width_of(label) + 2 or 0) + 30
  return limit and min(w, max(1, limit)) or w, 1, min(w, 12)
end
function Slider.paint(node, d, x, y, w, _, fg, attr)
  local look, props = d.look, node.props
  local start = leading_label(node, d, x, y, fg, attr)
  local text = slider_text(props)
  local track = max(1, x + w - start - 7)
  local low, high, value = slider_range(props)
  local at = high > low and floor((value - low) / (high - low) * (track - 1) + 0.5) or 0
  local dim = props.disabled and look.muted
  d.text(start, y, ("━"):rep(at), dim or look.accent or fg, nil, attr)
  d.text(start + at, y, "●", dim or look.accent or fg, nil, d.focus == node and attr ~ INVERSE or attr)
  d.text(start + at + 1, y, ("─"):rep(track - 1 - at), look.track or fg, nil, attr)
  d.text(start + track + 1, y, text, fg, nil, attr)
  node.track_x, node.track_width = start, track
end

local function slide(node, value, ui)
  local props = node.props
  local low, high, now = slider_range(props)
  local step = props.step
  if step and step > 0 then value = low + floor((value - low) / step + 0.5) * step end
  value = max(low, min(high, value))
  if math.type(low) == "integer" and math.type(step or 0.5) == "integer" then value = math.tointeger(value) or value end
  if value ~= now and props.on_change then ui.fire(props.on_change, value) end
end

function Slider.key(node, event, ui)
  local low, high, value = slider_range(node.props)
  local step = node.props.step or (high - low) / 20
  if event.key == "left" or event.text == "-" then slide(node, value - step, ui)
  elseif event.key == "right" or event.text == "+" then slide(node, value + step, ui)
  elseif event.key == "home" then slide(node, low, ui)
  elseif event.key == "end" then slide(node, high, ui)
  elseif event.key == "enter" and node.props.on_submit then ui.fire(node.props.on_submit, value)
  else return false end
  return true
end
function Slider.mouse(node, event, ui, x)
  if event.action == "release" then
    if node.props.on_submit then ui.fire(node.props.on_submit, (select(3, slider_range(node.props)))) end
    return true
  end
  local low, high = slider_range(node.props)
  if not node.track_x then return false end
  slide(node, low + (high - low) * max(0, min(1, (x - node.track_x) / max(1, node.track_width - 1))), ui)
  return true
end

-- ---- what only shows

local ProgressBar = {}
widgets.ProgressBar = ProgressBar
local EIGHTHS = { "▏", "▎", "▍", "▌", "▋", "▊", "▉" }
function ProgressBar.measure(node, limit)
  local label = shown(node.props.label)
  local w = (label ~= "" and width_of(label) + 2 or 0) + 30
  return limit and min(w, max(1, limit)) or w, 1, min(w, 8)
end
function ProgressBar.paint(node, d, x, y, w, _, fg, attr)
  local look, props = d.look, node.props
  local start = leading_label(node, d, x, y, fg, attr)
  local value, whole = props.value, props.max or 1
  local room = max(1, x + w - start - (value and 5 or 0))
  if not value then
    local at = d.tick(node) % max(1, room - 3)
    d.text(start, y, ("░"):rep(room), look.track or fg, nil, attr)
    d.text(start + at, y, ("█"):rep(min(4, room)), look.accent or fg, nil, attr)
    return
  end
  local part = whole > 0 and max(0, min(1, value / whole)) or 0
  local eighths = floor(part * room * 8 + 0.5)
  local full, rest = eighths // 8, eighths % 8
  d.text(start, y, ("░"):rep(room), look.track or fg, nil, attr)
  d.text(start, y, ("█"):rep(full), look.accent or fg, nil, attr)
  if rest > 0 then d.text(start + full, y, EIGHTHS[rest], look.accent or fg, nil, attr) end
  d.text(start + room + 1, y, ("%3d%%"):format(floor(part * 100 + 0.5)), fg, nil, attr)
end

local ActivityIndicator = {}
widgets.ActivityIndicator = ActivityIndicator
local SPINNER = { "⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏" }
function ActivityIndicator.measure(node)
  if node.props.active == false then return 0, 0, 0 end
  local label = shown(node.props.label)
  return 1 + (label ~= "" and 1 + width_of(label) or 0), 1
end
function ActivityIndicator.paint(node, d, x, y, w, _, fg, attr)
  if node.props.active == false then return end
  d.text(x, y, SPINNER[d.tick(node) % #SPINNER + 1], d.look.accent or fg, nil, attr)
  local label = shown(node.props.label)
  if label ~= "" then d.text(x + 2, y, text_width.truncate(label, max(0, w - 2)), fg, nil, attr) end
end

local Spacer = {}
widgets.Spacer = Spacer
function Spacer.measure() return 0, 0, 0 end

return widgets
