-- Two panes: 10,000 rows on the left, the chosen one on the right. The list mounts only the rows around what is looked at, and a row
-- renders again only when it is chosen or no longer chosen.

local hearth = require "hearth"
local Column, Row, Text, Button, FlatList, TextInput = hearth.Column, hearth.Row, hearth.Text, hearth.Button, hearth.FlatList,
  hearth.TextInput

local ROWS <const> = 10000

local function make_rows()
  local rows = {}
  for i = 1, ROWS do rows[i] = { id = i, title = ("Message %05d"):format(i), body = ("This is the text of message %d."):format(i) } end
  return rows
end

local Line = hearth.memo(hearth.component("Line", function(props)
  return Text(props.title, {
    on_click = function() props.choose(props.id) end,
    style = props.chosen and { inverse = true } or nil,
  })
end))

local TwoPanes = hearth.component("TwoPanes", function()
  local rows = hearth.use_memo(make_rows, {})
  local chosen, choose = hearth.use_state(nil)
  local wanted, set_wanted = hearth.use_state ""

  local found = hearth.use_memo(function()
    if wanted == "" then return rows end
    local out = {}
    for _, row in ipairs(rows) do
      if row.title:find(wanted, 1, true) then out[#out + 1] = row end
    end
    return out
  end, { rows, wanted })

  local row = chosen and rows[chosen]
  return Column {
    style = { padding = 1, grow = 1 }, spacing = 1,
    TextInput { label = "Find", value = wanted, on_change = set_wanted },
    Row {
      spacing = 2, style = { grow = 1 },
      FlatList(found, {
        id = "messages", style = { width = "40%" }, empty = Text "Nothing found",
        key_extractor = function(item) return item.id end,
        render_item = function(item)
          return Line { id = item.id, title = item.title, chosen = item.id == chosen, choose = choose }
        end,
      }),
      Column {
        id = "detail", style = { grow = 1 },
        row and { Text(row.body), Button("Close", { on_click = function() choose(nil) end }) } or Text "Choose a message",
      },
    },
  }
end)

hearth.app { name = "two_panes", root = TwoPanes }

return TwoPanes
