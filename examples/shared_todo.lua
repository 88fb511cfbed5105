-- A to-do list that everybody shares. The list has scope "app": one for all browsers that `hearth serve` shows it to, and live between them. What is
-- being typed has the scope that is the default: a browser's own on the web, the one user's in a terminal. Each change is an updater and goes by the
-- item's number, so two that are made at the same moment both count.

local hearth = require "hearth"
local Column, Row, Text, Button, TextInput, Checkbox, Spacer = hearth.Column, hearth.Row, hearth.Text, hearth.Button, hearth.TextInput,
  hearth.Checkbox, hearth.Spacer

local function added(text)
  return function(list)
    list.last = list.last + 1
    list.items[#list.items + 1] = { id = list.last, text = text, done = false }
    return list
  end
end

local function toggled(id)
  return function(list)
    for _, item in ipairs(list.items) do
      if item.id == id then item.done = not item.done end
    end
    return list
  end
end

-- The list without the items that fit.
local function without(fits)
  return function(list)
    local rest = hearth.array {}
    for _, item in ipairs(list.items) do
      if not fits(item) then rest[#rest + 1] = item end
    end
    return { last = list.last, items = rest }
  end
end

local Item = hearth.memo(hearth.component("Item", function(props)
  local id, set = props.id, props.set
  return Row {
    spacing = 1,
    Checkbox { label = props.text, value = props.done, on_change = function() set(toggled(id)) end },
    Spacer(),
    Button("Remove", { label = "Remove " .. props.text, on_click = function() set(without(function(item) return item.id == id end)) end }),
  }
end))

local Todo = hearth.component("Todo", function()
  local list, set, info = hearth.use_persisted_state("list", { last = 0, items = hearth.array {} }, { scope = "app" })
  local draft, set_draft = hearth.use_persisted_state("draft", "")

  local function add(text)
    if text:match "^%s*$" then return end
    set(added(text))
    set_draft ""
  end

  local rows, open = {}, 0
  for i, item in ipairs(list.items) do
    if not item.done then open = open + 1 end
    rows[i] = Item { key = item.id, id = item.id, text = item.text, done = item.done, set = set }
  end
  return Column {
    spacing = 1, style = { padding = 1 },
    Text("To do, together", { style = { bold = true, font_size = 22 } }),
    Row {
      spacing = 1,
      TextInput { label = "New", value = draft, on_change = set_draft, on_submit = add, placeholder = "What is to do?", grow = 1 },
      Button("Add", {
        variant = "primary", align_self = "end", disabled = draft:match "^%s*$" ~= nil, on_click = function() add(draft) end,
      }),
    },
    Column { label = "The list", rows },
    Row {
      spacing = 2,
      Text(#rows == 0 and "Nothing to do" or ("%d of %d open"):format(open, #rows), { id = "count", style = { dim = true } }),
      open < #rows and Button("Remove what is done", { on_click = function() set(without(function(item) return item.done end)) end }),
      info.save == "failed" and Text("not saved yet", { style = { color = "red" } }),
    },
  }
end)

hearth.app { name = "shared_todo", root = Todo }

return Todo
