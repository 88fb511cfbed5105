-- TextInput in cells: the field and its caret, keys, mouse and paste. What is typed is shown at once; when the handlers that were told of
-- it have ended, the field shows `value` again if there is one, so that an app which refuses a change is obeyed.

local edit = require "hearth.render.terminal.edit"
local text_width = require "hearth.ui.text_width"
local theme = require "hearth.render.terminal.theme"

local max, min = math.max, math.min
local width_of = text_width.width
local INVERSE, BOLD, DIM, UNDERLINE = theme.INVERSE, theme.BOLD, theme.DIM, theme.UNDERLINE

local TextInput = {}

local clipboard = ""

local function text_of(value) return value == nil and "" or tostring(value) end

local function editing(node)
  local state = node.edit
  if not state then
    local props = node.props
    state = edit.new(text_of(props.value ~= nil and props.value or props.default_value))
    state.told = 0
    node.edit = state
  end
  return state
end

--- The props of a mounted input changed.
function TextInput.updated(node)
  local state, props = node.edit, node.props
  if state and props.value ~= nil and state.told == 0 then state:replace(text_of(props.value)) end
end

function TextInput.focusable(node) return not node.props.disabled end

-- What is seen of a text: secure fields show a bullet a character.
local function visible(node, text)
  if not node.props.secure then return text end
  local parts = {}
  for _ in text_width.each(text) do parts[#parts + 1] = "•" end
  return table.concat(parts)
end

local function count_lines(text)
  local _, n = text:gsub("\n", "")
  return n + 1
end

function TextInput.measure(node, limit)
  local props = node.props
  local label = text_of(props.label)
  local w = max(width_of(label), 24)
  if limit then w = min(w, max(1, limit)) end
  local lines = props.multiline and max(3, min(12, count_lines(editing(node).text))) or 1
  return w, lines + (label ~= "" and 1 or 0), min(w, 8)
end

-- The part of one line that is seen from `from` columns on.
local function draw_line(d, x, y, w, line, from, selection, fg, bg, attr)
  local column = 0
  for start, stop, width in text_width.each(line) do
    if width > 0 then
      local at = column - from
      if at >= 0 and at + width <= w then
        local chosen = selection and start > selection[1] and stop <= selection[2]
        d.text(x + at, y, line:sub(start, stop), fg, bg, chosen and attr ~ INVERSE or attr)
      end
      column = column + width
      if column - from >= w then break end
    end
  end
end

function TextInput.paint(node, d, x, y, w, h, fg, attr)
  local props, look, state = node.props, d.look, editing(node)
  local focused = d.focus == node
  local label = text_of(props.label):gsub("%c", " ")
  local label_height = 0
  if label ~= "" and h > 1 then
    local label_fg = focused and (look.accent or fg) or look.muted or fg
    d.text(x, y, text_width.truncate(label, w), label_fg, nil, focused and attr | BOLD or attr)
    label_height = 1
  end
  local top, height = y + label_height, max(1, h - label_height)
  local bg, field_attr = look.field, look.field and attr or attr | UNDERLINE
  if props.disabled then fg, field_attr = look.muted or fg, look.muted and field_attr or field_attr | DIM end
  d.fill(x, top, w, height, " ", fg, bg, field_attr)
  if not look.field and not props.multiline then d.text(x, top, ("_"):rep(w), fg, nil, attr | (look.muted and 0 or 0)) end
  node.field_x, node.field_y, node.field_width = x, top, w
  if state.text == "" and props.placeholder and not focused then
    d.text(x, top, text_width.truncate(props.placeholder, w), look.muted or fg, bg, field_attr | (look.muted and 0 or DIM))
    return
  end
  if not props.multiline then
    local shown_text = visible(node, state.text)
    local caret_column = width_of(visible(node, state.text:sub(1, state.caret)))
    local from = node.from or 0
    if caret_column < from then from = caret_column end
    if caret_column - from >= w then from = caret_column - w + 1 end
    from = max(0, min(from, max(0, width_of(shown_text) - w + 1)))
    node.from = from
    local selection
    local a, b = state:selection()
    if a and focused then selection = { #visible(node, state.text:sub(1, a)), #visible(node, state.text:sub(1, b)) } end
    draw_line(d, x, top, w, shown_text, from, selection, fg, bg, field_attr)
    if focused then d.caret(x + caret_column - from, top) end
    return
  end
  -- Several lines: each scrolls with the caret.
  local lines, start, caret_line = {}, 0, 1
  for line in (state.text .. "\n"):gmatch "(.-)\n" do
    lines[#lines + 1] = { line, start }
    if state.caret >= start and state.caret <= start + #line then caret_line = #lines end
    start = start + #line + 1
  end
  local first = node.first_line or 1
  if caret_line < first then first = caret_line elseif caret_line >= first + height then first = caret_line - height + 1 end
  first = max(1, min(first, max(1, #lines - height + 1)))
  node.first_line = first
  local caret_column = width_of(lines[caret_line][1]:sub(1, state.caret - lines[caret_line][2]))
  local from = caret_column >= w and caret_column - w + 1 or 0
  node.from = from
  local a, b = state:selection()
  for i = first, min(#lines, first + height - 1) do
    local line, at = lines[i][1], lines[i][2]
    draw_line(d, x, top + i - first, w, visible(node, line), from, a and focused and { a - at, b - at } or nil, fg, bg, field_attr)
  end
  if focused then d.caret(x + caret_column - from, top + caret_line - first) end
end

-- ---- changes

-- The app hears of the new text; until its handlers have ended, the field keeps what was typed.
local function tell(node, ui)
  local state, props = node.edit, node.props
  node.typed = state.text
  ui.changed(node)
  if not props.on_change then return end
  state.told = state.told + 1
  ui.fire_then(function()
    state.told = state.told - 1
    local now = node.props
    if state.told == 0 and now.value ~= nil and text_of(now.value) ~= state.text then
      state:replace(text_of(now.value))
      ui.changed(node)
    end
  end, props.on_change, state.text)
end

local function insert(node, ui, text, typing)
  local props, state = node.props, editing(node)
  if props.read_only then return end
  if not props.multiline then text = text:gsub("\n+$", ""):gsub("\n", " ") end
  text = text:gsub("\t", props.multiline and "  " or " ")
  local most = props.max_length
  if most then
    local room = most - (utf8.len(state.text) or #state.text) + (utf8.len(state:selected()) or 0)
    if room <= 0 then return end
    local stop = utf8.offset(text, room + 1)
    if stop then text = text:sub(1, stop - 1) end
  end
  if text == "" then return end
  state:insert(text, typing)
  tell(node, ui)
end

local MOVES = { left = "left", right = "right", home = "line_start", ["end"] = "line_end" }
local WORD_MOVES = { left = "word_left", right = "word_right", home = "start", ["end"] = "finish", b = "word_left", f = "word_right" }

local function copy(ui, state)
  local text = state:selected()
  if text == "" then return false end
  clipboard = text
  ui.copy(text)
  return true
end

function TextInput.key(node, event, ui)
  local props, state, key = node.props, editing(node), event.key
  local may_change = not props.read_only
  local function remove(move)
    if may_change and state:delete(move) then tell(node, ui) end
    return true
  end
  local function moved(move)
    state:move(move, event.shift)
    ui.seen(node)
    return true
  end
  if event.text and not event.ctrl and not event.alt then
    insert(node, ui, event.text, true)
    return true
  end
  if MOVES[key] and not event.ctrl and not event.alt then return moved(MOVES[key]) end
  if WORD_MOVES[key] and (event.ctrl and #key > 1 or event.alt) then return moved(WORD_MOVES[key]) end
  if key == "backspace" then return remove((event.ctrl or event.alt) and "word_left" or "left") end
  if key == "delete" then return remove((event.ctrl or event.alt) and "word_right" or "right") end
  if key == "up" or key == "down" then
    if not props.multiline then return false end
    if not state:vertical(key == "up" and -1 or 1, event.shift) then return event.shift end
    ui.seen(node)
    return true
  end
  if key == "enter" then
    if props.multiline and not event.ctrl and not event.alt then
      insert(node, ui, "\n")
    elseif props.on_submit then
      ui.fire(props.on_submit, state.text)
    else
      return false
    end
    return true
  end
  if event.ctrl then
    if key == "w" then return remove "word_left" end
    if key == "u" then return remove "line_start" end
    if key == "k" then return remove "line_end" end
    if key == "e" then return moved "line_end" end
    if key == "a" then
      state:select_all()
      ui.seen(node)
      return true
    end
    if key == "_" or key == "y" then
      local done
      if key == "_" then done = may_change and state:undo() else done = may_change and state:redo() end
      if done then tell(node, ui) end
      return true
    end
    if key == "x" then
      if not props.secure and copy(ui, state) then remove "left" end
      return true
    end
    if key == "v" then
      insert(node, ui, clipboard)
      return true
    end
  end
  if event.alt then
    if key == "u" then
      if may_change and state:undo() then tell(node, ui) end
      return true
    end
    if key == "c" then
      if not props.secure then copy(ui, state) end
      return true
    end
    if key == "d" then return remove "word_right" end
  end
  return false
end

function TextInput.paste(node, text, ui) insert(node, ui, text) end

function TextInput.mouse(node, event, ui, x, y)
  local state = editing(node)
  if event.action == "release" or not node.field_x then return true end
  local column = max(0, x - node.field_x + (node.from or 0))
  local at
  if node.props.multiline then
    local line, start = (node.first_line or 1) + max(0, y - node.field_y), 0
    for _ = 2, line do
      local stop = state.text:find("\n", start + 1, true)
      if not stop then break end
      start = stop
    end
    at = state:at_column(start, column)
  elseif node.props.secure then
    at = 0
    for _, stop in text_width.each(state.text) do
      if column <= 0 then break end
      column, at = column - 1, stop
    end
  else
    at = state:at_column(0, column)
  end
  local clicks = event.clicks -- of a press
  if clicks then node.extends = clicks == 1 end
  if clicks == 2 and not node.props.secure then
    state:select_word(at)
  elseif clicks and clicks > 1 then
    state:select_line(at)
  elseif node.extends then
    state:place(at, event.action == "drag" or event.shift)
  end
  ui.seen(node)
  return true
end

return TextInput
