-- The list of a Picker's options, open over everything else.

local text_width = require "hearth.ui.text_width"
local theme = require "hearth.render.terminal.theme"
local events = require "hearth.ui.events"

local max, min = math.max, math.min

local menu = {}

--- Opens the options of a Picker.
function menu.open(self, node)
  local widgets = require "hearth.render.terminal.widgets"
  local values, labels, index = widgets.options(node.props)
  if #values == 0 then return end
  self.menu = { node = node, values = values, labels = labels, index = index or 1, first = 1 }
  self.wanted = true
end

local function close(self)
  self.menu = nil
  self.wanted = true
end

local function choose(self)
  local m = self.menu
  local fn, value = m.node.props.on_change, m.values[m.index]
  close(self)
  if fn and value ~= m.node.props.value then events.fire(fn, value) end
end

function menu.paint(self)
  local m = self.menu
  local node, st = m.node, self.stage
  if not node.parent or not node.menu_x then
    self.menu = nil
    return
  end
  local w = max(8, node.menu_width + 2)
  for _, label in ipairs(m.labels) do w = max(w, text_width.width(label) + 4) end
  w = min(w, self.width)
  local below, above = self.height - node.sy - 1, node.sy
  local rows = #m.labels
  local h, y
  if rows + 2 <= below or below >= above then
    h = min(rows + 2, max(3, below))
    y = node.sy + 1
  else
    h = min(rows + 2, above)
    y = node.sy - h
  end
  local x = max(0, min(node.menu_x - 1, self.width - w))
  local seen = h - 2
  if m.index < m.first then m.first = m.index elseif m.index >= m.first + seen then m.first = m.index - seen + 1 end
  m.first = max(1, min(m.first, rows - seen + 1))
  m.x, m.y, m.w, m.h = x, y, w, h
  local cells, look, text = st.cells, st.look, st.d.text
  cells.clip(0, 0, self.width, self.height)
  cells.fill(x, y, w, h, " ", 0, look.field or 0, 0)
  local fg = look.accent or 0
  text(x, y, "╭" .. ("─"):rep(w - 2) .. "╮", fg)
  text(x, y + h - 1, "╰" .. ("─"):rep(w - 2) .. "╯", fg)
  for row = 1, seen do
    local i = m.first + row - 1
    text(x, y + row, "│", fg)
    text(x + w - 1, y + row, "│", fg)
    local label = text_width.truncate((m.labels[i] or ""):gsub("%c", " "), w - 4)
    local body = " " .. label .. (" "):rep(w - 3 - text_width.width(label))
    if i == m.index then
      if look.accent then text(x + 1, y + row, body, look.on_accent, look.accent) else text(x + 1, y + row, body, 0, nil, theme.INVERSE) end
    else
      text(x + 1, y + row, body, 0)
    end
  end
end

function menu.key(self, event)
  local m, key = self.menu, event.key
  self.wanted = true
  if key == "up" then m.index = max(1, m.index - 1)
  elseif key == "down" then m.index = min(#m.values, m.index + 1)
  elseif key == "page_up" then m.index = max(1, m.index - 8)
  elseif key == "page_down" then m.index = min(#m.values, m.index + 8)
  elseif key == "home" then m.index = 1
  elseif key == "end" then m.index = #m.values
  elseif key == "enter" or key == "space" then choose(self)
  elseif key == "escape" or key == "tab" then close(self)
  elseif event.text then
    local wanted = event.text:lower()
    for step = 1, #m.labels do
      local i = (m.index + step - 1) % #m.labels + 1
      if m.labels[i]:sub(1, #wanted):lower() == wanted then
        m.index = i
        break
      end
    end
  end
end

function menu.mouse(self, event)
  local m = self.menu
  if not m.x then return end
  self.wanted = true
  if event.action == "wheel" then
    m.index = max(1, min(#m.values, m.index + event.by))
    return
  end
  if event.button ~= "left" then return end
  local inside = event.x > m.x and event.x < m.x + m.w - 1 and event.y > m.y and event.y < m.y + m.h - 1
  if inside then
    m.index = max(1, min(#m.values, m.first + event.y - m.y - 1))
    m.moved = true
    if event.action == "release" and m.ready then choose(self) end
    if event.action == "press" then m.ready = true end
  elseif event.action == "press" then
    close(self)
  elseif event.action == "release" then
    m.ready = true
  end
end

local DIGITS <const> = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

--- RFC 4648, for the clipboard of the terminal.
---@param text string
---@return string
function menu.base64(text)
  return (text:gsub("..?.?", function(part)
    local a, b, c = part:byte(1, 3)
    local n = a << 16 | (b or 0) << 8 | (c or 0)
    local out = ""
    for i = 3, 0, -1 do
      local digit = n >> (i * 6) & 63
      out = out .. (3 - i <= #part and DIGITS:sub(digit + 1, digit + 1) or "=")
    end
    return out
  end))
end

return menu
