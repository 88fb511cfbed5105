-- What a tree of nodes looks like as lines, and which node a label means. Works on any nodes with type, props and children.

local look = {}

local concat = table.concat

--- Is a node, by itself, on screen?
---@param node table
---@return boolean
function look.is_shown(node)
  local props = node.props
  if props.hidden then return false end
  if node.type == "Modal" and props.visible == false then return false end
  local style = props.style
  return not (type(style) == "table" and style.display == "none")
end
local is_shown = look.is_shown

local function text_of(value) return value == nil and "" or tostring(value) end

--- All text in a node, in document order, joined by blanks.
---@param node table
---@return string
function look.text(node)
  local parts = {}
  local function walk(n)
    if not is_shown(n) then return end
    local text = n.type == "Text" and n.props.text or n.type ~= "TextInput" and n.props.label or nil
    if text ~= nil and text ~= "" then parts[#parts + 1] = tostring(text) end
    for _, child in ipairs(n.children or {}) do walk(child) end
  end
  walk(node)
  return concat(parts, " ")
end

-- What stands for a Picker's value.
local function option_label(props)
  for _, option in ipairs(props.options or {}) do
    local value, label = option, option
    if type(option) == "table" then value, label = option.value, option.label or option.value end
    if value == props.value then return text_of(label) end
  end
  return props.value ~= nil and tostring(props.value) or props.placeholder or ""
end

local function labelled(props, rest)
  return props.label and props.label ~= "" and props.label .. ": " .. rest or rest
end

-- The line of each kind of control.
local draw = {}
function draw.Text(props) return text_of(props.text) end
function draw.Button(props) return (props.disabled and "(%s)" or "[%s]"):format(text_of(props.label)) end
function draw.TextInput(props, node)
  local value = text_of(look.value(node))
  if value == "" then
    value = props.placeholder and "(" .. props.placeholder .. ")" or ""
  elseif props.secure then
    value = ("•"):rep(utf8.len(value) or #value)
  end
  return labelled(props, "_" .. value .. "_")
end
function draw.Checkbox(props) return ("[%s] %s"):format(props.value and "x" or " ", text_of(props.label)) end
function draw.Switch(props) return labelled(props, props.value and "on" or "off") end
function draw.Picker(props) return labelled(props, "<" .. option_label(props) .. ">") end
function draw.Slider(props)
  return labelled(props, ("%s (%s to %s)"):format(text_of(props.value), text_of(props.min or 0), text_of(props.max or 1)))
end
function draw.ProgressBar(props)
  if not props.value then return labelled(props, "...") end
  return labelled(props, ("%d %%"):format(math.floor(props.value / (props.max or 1) * 100 + 0.5)))
end
function draw.ActivityIndicator(props)
  if props.active == false then return nil end
  return text_of(props.label) .. "..."
end
function draw.Image(props) return "[image" .. (props.alt and ": " .. props.alt or "") .. "]" end
function draw.Modal(props) return props.title and "== " .. props.title .. " ==" or nil end

--- The value of a control; what was typed into an input that has no `value` of its own is in `node.typed`.
---@param node table
---@return any
function look.value(node)
  local props = node.props
  if props.value ~= nil then return props.value end
  if node.typed ~= nil then return node.typed end
  return props.default_value
end

-- Those lists say which part of them is mounted.
local function window_line(props)
  if props.total and props.first and (props.first > 1 or props.last < props.total) then
    return ("(%d to %d of %d)"):format(props.first, props.last, props.total)
  end
end

--- The visible text of a tree: a line per text or control, indented by how deep it lies.
---@param nodes table[]
---@return string[]
function look.lines(nodes)
  local lines = {}
  local function add(depth, text)
    local indent = ("  "):rep(math.max(depth, 1))
    for part in (text .. "\n"):gmatch "(.-)\n" do lines[#lines + 1] = indent .. part end
  end
  local function walk(node, depth)
    if not is_shown(node) then return end
    local drawn = draw[node.type]
    local text
    if drawn then text = drawn(node.props, node) else text = window_line(node.props) end
    if text and not (node.type == "Text" and text == "") then add(depth, text) end
    local children = node.children
    if children then
      for i = 1, #children do walk(children[i], depth + 1) end
    end
  end
  for i = 1, #nodes do walk(nodes[i], 0) end
  return lines
end

--- The whole tree with types and props, for `tree`.
---@param nodes table[]
---@return string[]
function look.tree(nodes)
  local lines = {}
  local function shown(value)
    if type(value) == "string" then return ("%q"):format(value):gsub("\\\n", "\\n") end
    if type(value) == "table" or type(value) == "function" then return type(value) end
    return tostring(value)
  end
  local function walk(node, depth)
    local names = {}
    for name in pairs(node.props) do
      if type(name) == "string" then names[#names + 1] = name end
    end
    table.sort(names)
    for i, name in ipairs(names) do names[i] = name .. "=" .. shown(node.props[name]) end
    lines[#lines + 1] = ("  "):rep(depth) .. node.type .. (names[1] and " " .. concat(names, " ") or "")
    for _, child in ipairs(node.children or {}) do walk(child, depth + 1) end
  end
  for _, node in ipairs(nodes) do walk(node, 1) end
  return lines
end

-- Shown nodes in the order in which a label is looked for: what lies on top (open Modals, the last one first) before the rest.
local function each_shown(nodes)
  local modals, rest = {}, {}
  local function walk(node, into)
    if not is_shown(node) then return end
    if node.type == "Modal" then
      into = {}
      table.insert(modals, 1, into)
    end
    into[#into + 1] = node
    for _, child in ipairs(node.children or {}) do walk(child, into) end
  end
  for _, node in ipairs(nodes) do walk(node, rest) end
  local all = {}
  for _, list in ipairs(modals) do table.move(list, 1, #list, #all + 1, all) end
  return table.move(rest, 1, #rest, #all + 1, all)
end

local INPUTS = { TextInput = true, Picker = true, Slider = true }
local TOGGLES = { Checkbox = true, Switch = true }

local function can_click(node) return node.props.on_click and true or TOGGLES[node.type] or false end

--- The node that a click on `label` means: of those that show it, the first that can be clicked, else the nearest clickable around one.
---@param nodes table[]
---@param label string
---@return table? node, boolean? seen whether anything shows the label
function look.clickable(nodes, label)
  local seen, around = false, nil
  local shown = each_shown(nodes)
  for _, node in ipairs(shown) do
    local props = node.props
    local own = node.type == "Text" and props.text or props.label
    if own ~= nil and tostring(own) == label then
      if can_click(node) then return node, true end
      seen = true
      local parent = node.parent
      while parent and parent.props and not around do
        if can_click(parent) then around = parent end
        parent = parent.parent
      end
    end
  end
  if around then return around, true end
  for _, node in ipairs(shown) do
    local named = node.props.id == label or look.text(node) == label or node.type == "Image" and node.props.alt == label
    if named and can_click(node) then return node, true end
  end
  return nil, seen
end

--- Labels of everything that can be clicked, for the message that nothing was found.
---@param nodes table[]
---@return string[]
function look.clickable_labels(nodes)
  local labels = {}
  for _, node in ipairs(each_shown(nodes)) do
    if can_click(node) then labels[#labels + 1] = look.text(node) end
  end
  return labels
end

local function input_labels(node)
  local props = node.props
  return { props.label, props.placeholder, props.id, props.name, n = 4 }
end

--- The input that the beginning of `words` names, and what follows: the longest label wins; a label beats a placeholder, that an id.
---@param nodes table[]
---@param words string
---@return table? node, string? rest
function look.input(nodes, words)
  local found, found_size, found_rank
  for _, node in ipairs(each_shown(nodes)) do
    if INPUTS[node.type] then
      local labels = input_labels(node)
      for rank = 1, 4 do
        local label = labels[rank]
        label = label and tostring(label)
        if label and label ~= "" and words:sub(1, #label) == label and (#words == #label or words:sub(#label + 1, #label + 1) == " ")
          and (not found or #label > found_size or #label == found_size and rank < found_rank) then
          found, found_size, found_rank = node, #label, rank
        end
      end
    end
  end
  if not found then return nil end
  return found, words:sub(found_size + 2)
end

--- Labels of the inputs on screen.
---@param nodes table[]
---@return string[]
function look.input_names(nodes)
  local names = {}
  for _, node in ipairs(each_shown(nodes)) do
    if INPUTS[node.type] then
      local labels = input_labels(node)
      for rank = 1, 4 do
        if labels[rank] then
          names[#names + 1] = tostring(labels[rank])
          break
        end
      end
    end
  end
  return names
end

--- The list (of those that mount a window) with that label or id; the first one for "".
---@param nodes table[]
---@param label string
---@return table?
function look.list(nodes, label)
  for _, node in ipairs(each_shown(nodes)) do
    local props = node.props
    if props.total and props.on_scroll and (label == "" or props.label == label or props.id == label) then return node end
  end
end

return look
