-- Finding nodes as a person does: by what they say, by their label, type or id. Nodes that cannot be seen are not found.

local props = require "hearth.ui.props"

local queries = {}

-- What a node says: the text of a Text, the label of a Button.
local SAYS = { Text = "text", Button = "label" }

--- The text that a node shows, or nil.
---@param node hearth.Node
---@return string|nil
function queries.says(node)
  local prop = SAYS[node.type]
  local text = prop and node.props[prop]
  if text == nil then return nil end
  return tostring(text)
end

local function hidden(node)
  local p = node.props
  if p.hidden then return true end
  if node.type == "Modal" and p.visible == false then return true end
  local style = p.style
  return p.display == "none" or type(style) == "table" and style.display == "none"
end

--- Calls fn(node, depth) for every visible node below the container, in document order.
---@param root hearth.Node
---@param fn fun(node: hearth.Node, depth: integer)
function queries.walk(root, fn)
  local function visit(node, depth)
    if hidden(node) then return end
    fn(node, depth)
    for _, child in ipairs(node.children) do visit(child, depth + 1) end
  end
  for _, child in ipairs(root.children) do visit(child, 0) end
end

-- A string matches exactly, {pattern=} by Lua pattern.
local function matches(text, wanted)
  if text == nil or text == false then return false end
  if type(wanted) == "table" then return tostring(text):find(wanted.pattern) ~= nil end
  return tostring(text) == tostring(wanted)
end

local by = {}
function by.text(node, wanted) return matches(queries.says(node), wanted) end
function by.label(node, wanted)
  local label = node.props.label
  if label == nil then label = node.props.placeholder end
  return matches(label, wanted)
end
function by.type(node, wanted) return matches(node.type, wanted) end
function by.id(node, wanted) return matches(node.props.id, wanted) end
queries.by = by

-- hearth.Text is a function: its name.
local function type_name(wanted)
  if type(wanted) ~= "function" then return wanted end
  local hearth = require "hearth"
  for name in pairs(props.schemas) do
    if hearth[name] == wanted then return name end
  end
  return wanted
end

--- All visible nodes of which `what` ("text", "label", "type", "id") is `wanted`.
---@param root hearth.Node
---@param what string
---@param wanted string|{ pattern: string }
---@return hearth.Node[]
function queries.all(root, what, wanted)
  local test, found = by[what], {}
  if what == "type" then wanted = type_name(wanted) end
  queries.walk(root, function(node)
    if test(node, wanted) then found[#found + 1] = node end
  end)
  return found
end

--- The visible texts, a line for each.
---@param root hearth.Node
---@return string
function queries.text(root)
  local lines = {}
  queries.walk(root, function(node)
    local text = queries.says(node)
    if text and text ~= "" then lines[#lines + 1] = text end
  end)
  return table.concat(lines, "\n")
end

-- Props that the tree shows, in this order.
local SHOWN = { "id", "label", "placeholder", "value", "title", "source", "visible", "disabled", "hidden" }

local function line(node, depth)
  local parts = { ("  "):rep(depth) .. node.type }
  local prop = SAYS[node.type]
  if prop then parts[2] = ("%q"):format(tostring(node.props[prop])):gsub("\\\n", "\\n") end
  for _, name in ipairs(SHOWN) do
    local v = node.props[name]
    if v ~= nil and name ~= prop then
      parts[#parts + 1] = name .. "=" .. (type(v) == "string" and ("%q"):format(v):gsub("\\\n", "\\n") or tostring(v))
    end
  end
  return table.concat(parts, " ")
end

--- The whole tree, an indented line per node, hidden ones included.
---@param root hearth.Node
---@return string
function queries.tree(root)
  local lines = {}
  local function visit(node, depth)
    lines[#lines + 1] = line(node, depth)
    for _, child in ipairs(node.children) do visit(child, depth + 1) end
  end
  for _, child in ipairs(root.children) do visit(child, 0) end
  return table.concat(lines, "\n")
end

return queries
