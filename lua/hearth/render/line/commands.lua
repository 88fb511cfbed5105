-- The commands of the line UI: `click LABEL`, `type LABEL TEXT`, `submit LABEL`, `scroll [LABEL] ROW`, `wait MS`, `tree`, `quit`. Each
-- returns nil when it was done, or what to tell the user; handlers run as tasks, through `fire`.

local look = require "hearth.render.line.look"
local timer = require "hearth.core.timer"

local commands = {}

local function quoted_list(labels)
  if #labels == 0 then return "" end
  local shown = {}
  for i = 1, math.min(#labels, 20) do shown[i] = '"' .. labels[i] .. '"' end
  return "; there is " .. table.concat(shown, ", ") .. (#labels > 20 and ", …" or "")
end

---@class hearth.line.Screen
---@field nodes table[] the top nodes
---@field fire fun(fn: function, ...): any
---@field print fun(lines: string[])

---@param screen hearth.line.Screen
---@param label string
---@return string?
function commands.click(screen, label)
  if label == "" then return "click: say what: click LABEL" end
  local node, seen = look.clickable(screen.nodes, label)
  if not node then
    if seen then return ('click: "%s" cannot be clicked%s'):format(label, quoted_list(look.clickable_labels(screen.nodes))) end
    return ('click: nothing is labelled "%s"%s'):format(label, quoted_list(look.clickable_labels(screen.nodes)))
  end
  local props = node.props
  if props.disabled then return ('click: "%s" is disabled'):format(label) end
  if (node.type == "Checkbox" or node.type == "Switch") and props.on_change then screen.fire(props.on_change, not props.value) end
  if props.on_click then screen.fire(props.on_click) end
end

-- What a control makes of a typed text: a value, or nil and why not.
local read = {}
function read.TextInput(props, text)
  if props.read_only then return nil, "is read-only" end
  if props.max_length and (utf8.len(text) or #text) > props.max_length then
    text = text:sub(1, (utf8.offset(text, props.max_length + 1) or #text + 1) - 1)
  end
  return text
end
function read.Picker(props, text)
  local labels = {}
  for _, option in ipairs(props.options or {}) do
    local value, label = option, option
    if type(option) == "table" then value, label = option.value, option.label or option.value end
    if tostring(label) == text or tostring(value) == text then return value end
    labels[#labels + 1] = tostring(label)
  end
  return nil, ('has no option "%s"%s'):format(text, quoted_list(labels))
end
function read.Slider(props, text)
  local number = tonumber(text)
  local low, high = props.min or 0, props.max or 1
  if not number or number < low or number > high then return nil, ("takes a number from %s to %s"):format(low, high) end
  return number
end

---@param screen hearth.line.Screen
---@param words string
---@return string?
commands["type"] = function(screen, words)
  local node, text = look.input(screen.nodes, words)
  if not node then return ('type: no input is labelled like "%s"%s'):format(words, quoted_list(look.input_names(screen.nodes))) end
  local props = node.props
  local label = words:sub(1, #words - #text):gsub(" $", "")
  if props.disabled then return ('type: "%s" is disabled'):format(label) end
  local value, why = read[node.type](props, text)
  if value == nil then return ('type: "%s" %s'):format(label, why) end
  node.typed = value
  if props.on_change then
    screen.fire(props.on_change, value)
  else
    screen.changed()
  end
end

---@param screen hearth.line.Screen
---@param label string
---@return string?
function commands.submit(screen, label)
  local node, rest = look.input(screen.nodes, label)
  if not node or rest ~= "" then
    return ('submit: no input is labelled "%s"%s'):format(label, quoted_list(look.input_names(screen.nodes)))
  end
  local props = node.props
  if props.disabled then return ('submit: "%s" is disabled'):format(label) end
  if not props.on_submit then return ('submit: "%s" has no on_submit'):format(label) end
  local value = look.value(node)
  if value == nil and node.type == "TextInput" then value = "" end
  screen.fire(props.on_submit, value)
end

---@param ms string
---@return string?
function commands.wait(_, ms)
  local number = tonumber(ms)
  if not number or not (number >= 0 and number < math.huge) then return ('wait: "%s" is not a number of milliseconds'):format(ms) end
  timer.sleep(number / 1000)
end

---@param screen hearth.line.Screen
---@param words string
---@return string?
function commands.scroll(screen, words)
  local label, row = words:match "^(.-)%s*(%d+)$"
  if not row then return "scroll: say which row: scroll ROW, or scroll LABEL ROW" end
  local list = look.list(screen.nodes, label)
  if not list then return label == "" and "scroll: there is no long list" or ('scroll: no list is labelled "%s"'):format(label) end
  screen.fire(list.props.on_scroll, tonumber(row))
end

---@param screen hearth.line.Screen
---@return string?
function commands.tree(screen)
  screen.print(look.tree(screen.nodes))
end

--- Runs one line. Returns what went wrong, or nil; the second result is true when the program shall end.
---@param screen hearth.line.Screen
---@param line string
---@return string? err, boolean? quit
function commands.run(screen, line)
  line = line:gsub("\r$", "")
  local name, rest = line:match "^%s*(%S+)%s?(.*)$"
  if not name or name:sub(1, 1) == "#" then return nil end
  if name == "quit" then return nil, true end
  if name == "run" or not commands[name] then
    return
      ('"%s" is not a command; there is click LABEL, type LABEL TEXT, submit LABEL, scroll [LABEL] ROW, wait MS, tree, quit'):format(name)
  end
  if name ~= "type" then rest = rest:match "^%s*(.-)%s*$" end
  return commands[name](screen, rest)
end

return commands
