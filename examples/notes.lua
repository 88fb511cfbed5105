-- Notes of several users. What is being typed is state too: each user's draft persists under `draft.{user}`, so that neither a crash
-- nor a change of user in the middle of a sentence loses it.

local hearth = require "hearth"
local Column, Row, Text, Button, TextInput, Picker = hearth.Column, hearth.Row, hearth.Text, hearth.Button, hearth.TextInput,
  hearth.Picker

local USERS = { "ada", "grace" }

local function appended(note)
  return function(list)
    local longer = table.move(list, 1, #list, 1, hearth.array {})
    longer[#longer + 1] = note
    return longer
  end
end

local function without(index)
  return function(list)
    local shorter = table.move(list, 1, #list, 1, hearth.array {})
    table.remove(shorter, index)
    return shorter
  end
end

local Notes = hearth.component("Notes", function(props)
  local user = props.user
  local draft, set_draft = hearth.use_persisted_state("draft." .. user, "")
  local notes, set_notes = hearth.use_persisted_state("notes." .. user, hearth.array {})

  local function save()
    if draft:match "^%s*$" then return end
    -- Both or neither: a crash between the two would show the note twice or not at all.
    hearth.batch(function()
      set_notes(appended(draft))
      set_draft ""
    end)
  end

  local lines = {}
  for i, note in ipairs(notes) do
    lines[i] = Row {
      key = i, spacing = 1,
      Text(note),
      Button("Delete " .. i, { on_click = function() set_notes(without(i)) end }),
    }
  end
  return Column {
    spacing = 1,
    Text(("%d notes of %s"):format(#notes, user), { id = "total" }),
    lines,
    TextInput { label = "Note", value = draft, on_change = set_draft, on_submit = save, placeholder = "write here" },
    Button("Save", { on_click = save, disabled = draft:match "^%s*$" ~= nil }),
  }
end)

local App = hearth.component("App", function()
  local user, set_user = hearth.use_persisted_state("user", USERS[1])
  return Column {
    spacing = 1, style = { padding = 1 },
    Picker { label = "User", options = USERS, value = user, on_change = set_user },
    Notes { user = user },
  }
end)

hearth.app { name = "notes", root = App }

return App
