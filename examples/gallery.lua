-- A tour of every element, page by page. What is chosen, typed and set is kept: close it, open it again, and it is as it was.

local hearth = require "hearth"
local Column, Row, View, Text, Button, TextInput = hearth.Column, hearth.Row, hearth.View, hearth.Text, hearth.Button, hearth.TextInput
local Checkbox, Switch, Picker, Slider = hearth.Checkbox, hearth.Switch, hearth.Picker, hearth.Slider
local ProgressBar, ActivityIndicator, Image, Modal = hearth.ProgressBar, hearth.ActivityIndicator, hearth.Image, hearth.Modal
local ScrollView, FlatList, SectionList, Spacer, Pressable = hearth.ScrollView, hearth.FlatList, hearth.SectionList, hearth.Spacer,
  hearth.Pressable

local TITLE <const> = { bold = true, color = "blue" }
local HINT <const> = { dim = true }
local CARD <const> = { border = "rounded", border_color = "#565b70", padding_x = 1 }

-- A framed part of a page with its name on top.
local function card(title, ...)
  return Column { style = CARD, Text(title, { style = TITLE }), ... }
end

local Welcome = hearth.component("Welcome", function(props)
  local visits = props.visits
  return Column {
    spacing = 1,
    Text("Everything here is one Lua file: examples/gallery.lua.", { style = { bold = true } }),
    Text("The same file runs in a terminal, in a browser, in a pipe and in a headless test. "
      .. "Tab moves the focus, Enter presses, the mouse works too; in a terminal the arrows move the focus as well, "
      .. "Ctrl-Q leaves, F12 shows what the program printed."),
    card("Text",
      Text("bold", { style = { bold = true } }), Text("italic and underlined", { style = { italic = true, underline = true } }),
      Text("green on the terminal's own background", { style = { color = "green" } }),
      Text("columns hold: 日本語 · naïve · e\u{301} · ✓ done", { id = "columns" })),
    Text(visits == 1 and "This is your first visit." or ("Visit %d. The counter is in the store."):format(visits), { id = "visits",
      style = HINT }),
  }
end)

local Controls = hearth.component("Controls", function()
  local form, set_form = hearth.use_persisted_state("controls", { agreed = false, wifi = true, size = "medium", volume = 40 }, {
    merge = "shallow" })
  local function put(field)
    return function(value)
      set_form(function(current)
        current[field] = value
        return current
      end)
    end
  end
  local presses, set_presses = hearth.use_state(0)
  return Column {
    spacing = 1,
    Row {
      spacing = 2,
      Button("Press me", { on_click = function() set_presses(function(n) return n + 1 end) end }),
      Button("Primary", { variant = "primary", on_click = function() set_presses(function(n) return n + 10 end) end }),
      Button("Not now", { disabled = true }),
      Text(("%d presses"):format(presses), { id = "presses" }),
    },
    Checkbox { label = "I read the manual", value = form.agreed, on_change = put "agreed" },
    Switch { label = "Wireless", value = form.wifi, on_change = put "wifi" },
    Picker { label = "Size", options = { "small", "medium", "large", { value = "xl", label = "very large" } }, value = form.size,
      on_change = put "size" },
    Slider { label = "Volume", min = 0, max = 100, step = 5, value = form.volume, on_change = put "volume" },
    ProgressBar { label = "Volume, as progress", value = form.volume, max = 100 },
    Pressable {
      on_click = function() set_form { agreed = false, wifi = true, size = "medium", volume = 40 } end, style = { border = "single",
        padding_x = 1 },
      align_self = "start",
      Text "A Pressable: this whole box sets everything back",
    },
  }
end)

local Typing = hearth.component("Typing", function()
  local draft, set_draft = hearth.use_persisted_state("draft", { name = "", note = "" }, { merge = "shallow" })
  local secret, set_secret = hearth.use_state ""
  local said, say = hearth.use_state(nil)
  local function put(field)
    return function(value)
      set_draft(function(current)
        current[field] = value
        return current
      end)
    end
  end
  return Column {
    spacing = 1,
    TextInput {
      label = "Name", placeholder = "Who are you?", value = draft.name, on_change = put "name",
      on_submit = function(text) say("Hello, " .. (text ~= "" and text or "whoever you are") .. "!") end,
    },
    TextInput { label = "Secret", secure = true, value = secret, on_change = set_secret },
    TextInput { label = "A note of several lines", multiline = true, value = draft.note, on_change = put "note" },
    Text(("%d characters in the note, %d in the secret"):format(utf8.len(draft.note) or #draft.note, utf8.len(secret) or #secret), {
      style = HINT }),
    said and Text(said, { id = "said", style = { color = "green", bold = true } }),
  }
end)

local function numbers()
  local rows = {}
  for i = 1, 100000 do rows[i] = { id = i, text = ("Row %06d"):format(i) } end
  return rows
end

local NumberRow = hearth.memo(hearth.component("NumberRow", function(props)
  return Text(props.text, { on_click = props.choose, style = props.chosen and { color = "green", bold = true } or nil })
end))

local SECTIONS = {
  { title = "Fruit", data = { "apple", "cherry", "pear", "plum" } },
  { title = "Trees", data = { "ash", "beech", "lime", "oak", "willow" } },
  { title = "Birds", data = { "blackbird", "finch", "owl", "swift", "tit", "wren" } },
}

local Lists = hearth.component("Lists", function()
  local rows = hearth.use_memo(numbers, {})
  local chosen, choose = hearth.use_persisted_state("row", 0)
  return Column {
    style = { grow = 1 },
    Row {
      spacing = 2, style = { grow = 1 },
      Column {
        style = { grow = 1 },
        Text("A FlatList of 100,000 rows", { style = TITLE }),
        FlatList(rows, {
          key_extractor = function(item) return item.id end, style = { grow = 1 },
          render_item = function(item)
            return NumberRow { text = item.text, chosen = item.id == chosen, choose = function() choose(item.id) end }
          end,
        }),
      },
      Column {
        style = { width = 20 },
        Text("A SectionList", { style = TITLE }),
        SectionList {
          sections = SECTIONS, style = { grow = 1 },
          render_item = function(item) return Text("  " .. item) end,
        },
      },
      Column {
        style = { width = 20 },
        Text("A ScrollView", { style = TITLE }),
        ScrollView {
          style = { grow = 1 },
          Text(("What is longer than its place can be scrolled, by the wheel and by its bar. "):rep(8)),
        },
      },
    },
    Text(chosen > 0 and ("Chosen: row %d"):format(chosen) or "Choose a row with Enter", { id = "chosen", style = HINT }),
  }
end)

local Feedback = hearth.component("Feedback", function()
  local open, set_open = hearth.use_state(false)
  local working, set_working = hearth.use_state(false)
  local done, set_done = hearth.use_state(0)
  local answer, set_answer = hearth.use_state(nil)

  hearth.use_async_effect(function()
    if not working then return end
    for i = 1, 20 do
      hearth.sleep(0.05)
      set_done(i / 20)
    end
    set_working(false)
  end, { working })

  return Column {
    spacing = 1,
    Row {
      spacing = 2,
      Button(working and "Working" or "Start some work", { disabled = working, on_click = function() set_done(0) set_working(true) end }),
      working and ActivityIndicator { label = "one second of work" },
    },
    ProgressBar { label = "Done", value = done },
    Row {
      spacing = 2,
      Button("Ask me something", { on_click = function() set_open(true) end }),
      Button("Alert", {
        on_click = function() set_answer(hearth.Alert.confirm("An alert", "It waits for you, and so does its task.", "Go on",
          "Stop") and "go on" or "stop") end,
      }),
      answer and Text("You said " .. answer, { id = "answer" }),
    },
    Modal {
      visible = open, title = "A question", on_close = function() set_open(false) end,
      Column {
        spacing = 1,
        Text "Is this a dialog?",
        Row {
          spacing = 2,
          Button("Yes", { on_click = function() set_answer "yes" set_open(false) end }),
          Button("No", { on_click = function() set_answer "no" set_open(false) end }),
        },
      },
    },
    Image { source = "hearth.png", alt = "a fire in a hearth", style = { width = 32 } },
    Button("Print a line", {
      on_click = function() print("Printed by the gallery: F12 shows it, and it is on the screen after the end.") end }),
  }
end)

local PAGES = {
  { "Welcome", Welcome }, { "Controls", Controls }, { "Typing", Typing }, { "Lists", Lists }, { "Feedback", Feedback },
}

local Gallery = hearth.component("Gallery", function()
  local page, set_page, info = hearth.use_persisted_state("page", 1)
  local visits, set_visits = hearth.use_persisted_state("visits", 0)
  hearth.use_effect(function() set_visits(function(n) return n + 1 end) end, {})
  local here = PAGES[page] or PAGES[1]
  local tabs = {}
  for i, entry in ipairs(PAGES) do
    tabs[i] = Button(entry[1], { key = i, style = i == page and { bold = true, underline = true } or nil,
      on_click = function() set_page(i) end })
  end
  return Column {
    style = { grow = 1, padding_x = 2, padding_y = 1 }, spacing = 1,
    Row {
      spacing = 1, tabs, Spacer(),
      Text(info.status == "loading" and "loading" or info.save == "clean" and "saved" or info.save, { style = HINT }),
    },
    View { key = here[1], style = { grow = 1 }, here[2] { visits = visits } },
  }
end)

hearth.app { name = "gallery", root = Gallery, preload = { "page", "visits" } }

return Gallery
