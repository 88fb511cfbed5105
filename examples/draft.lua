-- A letter that survives a kill in the middle of typing. Every keystroke is a set; the disk is bothered after a pause of a fifth of a second, and at
-- least once a second while the typing goes on. "Send" is one batch: the letter is in the outbox and the draft is gone, or neither.

local hearth = require "hearth"
local Column, Row, Text, Button, TextInput = hearth.Column, hearth.Row, hearth.Text, hearth.Button, hearth.TextInput

local SAVED = { clean = "saved", dirty = "typing", saving = "saving", held = "not saved yet", failed = "not saved: trying again" }

local Draft = hearth.component("Draft", function()
  local draft, set_draft, info = hearth.use_persisted_state("draft", "", { write_delay = 0.2, max_delay = 1 })
  local outbox, set_outbox = hearth.use_persisted_state("outbox", hearth.array {})

  local function send()
    if draft == "" then return end
    hearth.batch(function()
      set_outbox(function(letters)
        letters[#letters + 1] = draft
        return letters
      end)
      set_draft(nil)
    end)
  end

  return Column {
    TextInput { label = "letter", value = draft, on_change = set_draft, placeholder = "Dear …" },
    Row {
      spacing = 2,
      Button("Send", { on_click = send, disabled = draft == "" }),
      Text(("%s, %d sent"):format(SAVED[info.save], #outbox), { id = "state" }),
    },
  }
end)

hearth.app { name = "draft", root = Draft, preload = { "draft", "outbox" } }

return Draft
