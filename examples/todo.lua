-- A to-do list: a reducer in memory, and the list as it is after each action on disk. Rows are keyed by the id of their item, so a row
-- keeps its own state (here: whether it is being edited) wherever it moves.

local hearth = require "hearth"
local Column, Row, Text, Button, TextInput, Checkbox = hearth.Column, hearth.Row, hearth.Text, hearth.Button, hearth.TextInput,
  hearth.Checkbox

local EMPTY = { next_id = 1, items = {} }

-- The list after an action; what did not change is shared with the list before.
local function reduce(state, action)
  local items, next_id = {}, state.next_id
  for _, item in ipairs(state.items) do
    local keep = item
    if item.id == action.id then
      if action.kind == "toggle" then keep = { id = item.id, text = item.text, done = not item.done }
      elseif action.kind == "edit" then keep = { id = item.id, text = action.text, done = item.done }
      elseif action.kind == "remove" then keep = nil end
    elseif action.kind == "clear" and item.done then
      keep = nil
    end
    items[#items + 1] = keep
  end
  if action.kind == "add" then
    items[#items + 1] = { id = next_id, text = action.text, done = false }
    next_id = next_id + 1
  end
  return { next_id = next_id, items = items }
end

local FILTERS = {
  all = function() return true end,
  open = function(item) return not item.done end,
  done = function(item) return item.done end,
}

local Item = hearth.memo(hearth.component("Item", function(props)
  local item, dispatch = props.item, props.dispatch
  local editing, set_editing = hearth.use_state(false)
  if editing then
    return TextInput {
      label = "Edit", default_value = item.text, autofocus = true,
      on_submit = function(text)
        dispatch { kind = text == "" and "remove" or "edit", id = item.id, text = text }
        set_editing(false)
      end,
    }
  end
  return Row {
    spacing = 1,
    Checkbox { label = item.text, value = item.done, on_change = function() dispatch { kind = "toggle", id = item.id } end },
    Button("Edit " .. item.text, { on_click = function() set_editing(true) end }),
    Button("Delete " .. item.text, { on_click = function() dispatch { kind = "remove", id = item.id } end }),
  }
end))

local Todo = hearth.component("Todo", function()
  local state, set_state = hearth.use_persisted_state("todo", EMPTY)
  local draft, set_draft = hearth.use_state ""
  local filter, set_filter = hearth.use_state "all"
  local dispatch = hearth.use_callback(function(action)
    set_state(function(current) return reduce(current, action) end)
  end, { set_state })

  local rows, open = {}, 0
  for _, item in ipairs(state.items) do
    if not item.done then open = open + 1 end
    if FILTERS[filter](item) then rows[#rows + 1] = Item { key = item.id, item = item, dispatch = dispatch } end
  end

  local function filter_button(name)
    return Button(name, { on_click = function() set_filter(name) end, style = { bold = filter == name } })
  end
  return Column {
    spacing = 1, style = { padding = 1 },
    TextInput {
      label = "What is to do", value = draft, on_change = set_draft,
      on_submit = function(text)
        if text:match "^%s*$" then return end
        dispatch { kind = "add", text = text }
        set_draft ""
      end,
    },
    rows,
    Text(("%d open"):format(open), { id = "open" }),
    Row {
      spacing = 1, filter_button "all", filter_button "open", filter_button "done",
      #state.items > open and Button("Clear done", { on_click = function() dispatch { kind = "clear" } end }),
    },
  }
end)

hearth.app { name = "todo", root = Todo }

return Todo
