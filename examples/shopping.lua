-- A shopping list that two terminals edit at once. Each change is an updater, so that nobody's item is lost: when both write at the same moment, the
-- later one is folded over the earlier one. Start it twice on one store:  hearth run examples/shopping.lua --store /tmp/list.sqlite3

local hearth = require "hearth"
local Column, Row, Text, Button, TextInput = hearth.Column, hearth.Row, hearth.Text, hearth.Button, hearth.TextInput

local function added(name)
  return function(items)
    items[#items + 1] = { name = name, bought = false }
    return items
  end
end

-- By name, not by place: by the time this is folded, another terminal may have changed the order.
local function toggled(name)
  return function(items)
    for _, item in ipairs(items) do
      if item.name == name then item.bought = not item.bought end
    end
    return items
  end
end

local function without_bought(items)
  local rest = hearth.array {}
  for _, item in ipairs(items) do
    if not item.bought then rest[#rest + 1] = item end
  end
  return rest
end

local Shopping = hearth.component("Shopping", function()
  local items, set, info = hearth.use_persisted_state("items", hearth.array {})
  local text, set_text = hearth.use_state("")

  local function add(name)
    if name == "" then return end
    set(added(name))
    set_text("")
  end

  local rows = {}
  for i, item in ipairs(items) do
    rows[i] = Button((item.bought and "[x] " or "[ ] ") .. item.name, {
      key = item.name .. i, on_click = function() set(toggled(item.name)) end,
    })
  end
  return Column {
    Text(("%d to buy%s"):format(#without_bought(items), info.save == "clean" and "" or ", " .. info.save), { id = "count" }),
    Column(rows),
    Row {
      spacing = 2,
      TextInput { label = "item", value = text, on_change = set_text, on_submit = add, placeholder = "What is missing?" },
      Button("Add", { on_click = function() add(text) end }),
      Button("Clear bought", { on_click = function() set(without_bought) end }),
    },
  }
end)

hearth.app { name = "shopping", root = Shopping, preload = { "items" } }

return Shopping
