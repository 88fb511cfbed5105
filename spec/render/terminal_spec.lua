-- The terminal UI as a person has it: the program on a terminal (tmux), keys in, the screen out.

local terminal = require "spec.support.terminal"
local files = require "spec.support.files"

local HEAD <const> = [[
local hearth = require "hearth"
local Column, Row, Text, Button, TextInput = hearth.Column, hearth.Row, hearth.Text, hearth.Button, hearth.TextInput
]]

describe("the terminal UI", function()
  local t
  local function app(body, options) t = terminal.app(HEAD .. body, options) end
  after_each(function()
    if t then t:close() end
    t = nil
  end)

  local COUNTER <const> = [[
return hearth.component(function()
  local n, set = hearth.use_state(0)
  return Column { Text("count " .. n), Button("More", { on_click = function() set(n + 1) end }), Button("Less", {
    on_click = function() set(n - 1) end }) }
end)]]

  it("presses buttons by keys and by the mouse", function()
    app(COUNTER)
    t:see "count 0"
    t:press "Enter"
    t:see "count 1"
    t:press("Tab", "Space")
    t:see "count 0"
    t:press("Up", "Enter")
    t:see "count 1"
    t:click(t:find "Less")
    t:see "count 0"
    t:press("BTab", "Enter")
    t:see "count 1"
  end)

  it("is a full screen, and leaves the terminal as it was", function()
    app(COUNTER)
    t:see "count 0"
    assert.equal("1", t:ask "#{alternate_on}")
    assert.equal("1", t:ask "#{mouse_sgr_flag}")
    assert.equal("0", t:ask "#{cursor_flag}")
    t:press "C-q"
    t:show "[status 0]"
    assert.equal("0", t:ask "#{alternate_on}")
    assert.equal("0", t:ask "#{mouse_sgr_flag}")
    assert.equal("1", t:ask "#{cursor_flag}")
    t:type "echoed" -- the modes are back too
    t:see "echoed"
  end)

  it("ends by Ctrl-C, also out of a busy script", function()
    app [[return hearth.component(function() return Button("Hang", {
      on_click = function() io.stdout:write "hanging" while true do io.stdout:flush() end end }) end)]]
    t:see "Hang"
    t:press "Enter"
    t:press "C-c"
    t:see "[status 130]"
    assert.equal("0", t:ask "#{alternate_on}")
  end)

  it("ends by SIGTERM and by a fault with the terminal as it was", function()
    app [[
      local ppid = io.popen("echo $PPID"):read "l"
      return hearth.component(function()
        return Column {
          Button("Term", { on_click = function() os.execute("kill -TERM " .. ppid) end }),
          Button("Fault", { on_click = function() os.execute("kill -SEGV " .. ppid) end }),
        }
      end)]]
    t:see "Fault"
    t:press "Enter"
    t:see "[status 143]"
    t:close()
    app [[
      local ppid = io.popen("echo $PPID"):read "l"
      return hearth.component(function()
        return Button("Fault", { on_click = function() print "last words" io.stdout:flush() os.execute("kill -SEGV " .. ppid) end })
      end)]]
    t:see "Fault"
    t:press "Enter"
    t:see "[status 139]"
    t:see "last words"
    assert.equal("0", t:ask "#{alternate_on}")
  end)

  it("prints on the normal screen at the end what was printed meanwhile, and errors with their traceback", function()
    app [[return hearth.component(function()
      return Column { Button("Say", { on_click = function() print "said in between" end }), Button("Fail", {
        on_click = function() error "it broke" end }) }
    end)]]
    t:see "Say"
    t:press "Enter"
    t:press("Tab", "Enter", "F12")
    t:see "said in between"
    t:see "it broke"
    t:see "Log:"
    t:press "F12"
    t:miss "Log:"
    t:press "C-q"
    t:see "[status 1]"
    t:see "said in between"
    t:see "it broke"
    t:see "stack traceback"
  end)

  it("tells in a corner of errors that nobody saw, until the log has shown them", function()
    app [[return hearth.component(function()
      return Column { Button("Fail", { on_click = function() error "it broke" end }), Button("Later", { on_click = function()
        hearth.run_async(function() hearth.sleep(0.01) error "later" end) end }) }
    end)]]
    t:see "Fail"
    t:press "Enter"
    t:see " 1 error: F12"
    t:press("Down", "Enter")
    t:see " 2 errors: F12"
    t:press "F12"
    t:see "Log:"
    t:press "F12"
    t:miss "Log:"
    assert.is_nil(t:picture():find("error", 1, true))
  end)

  it("says on the normal screen why a first render failed", function()
    app [[return hearth.component(function() error "no first frame" end)]]
    t:see "[status 1]"
    t:see "the first render failed"
    assert.equal("0", t:ask "#{alternate_on}")
  end)

  it("follows the size of the terminal, down to one cell and up to a thousand", function()
    app [[return hearth.component(function() return Row { Text "left", hearth.Spacer(), Text "right" } end)]]
    t:show("left" .. (" "):rep(71) .. "right")
    t:resize(40, 10)
    t:show("left" .. (" "):rep(31) .. "right")
    t:resize(1, 1)
    t:resize(1000, 1000)
    t:see("left" .. (" "):rep(991) .. "right")
    t:press "C-q"
    t:see "[status 0]"
  end)

  it("starts on one cell", function()
    app(COUNTER, { width = 1, height = 1 })
    t:see "c"
    t:resize(40, 5)
    t:see "count 0"
  end)

  it("stops and goes on as a shell expects", function()
    t = terminal.open({}, { shell = true })
    local path = os.tmpname()
    files.write(path, HEAD, COUNTER)
    t:see "$"
    t:type(t.command .. " run " .. path)
    t:press "Enter"
    t:see "[ More ]"
    t:press "C-z"
    t:until_(function(picture) return picture:find "[Ss]topped" or picture:find "Suspended" end, "Stopped")
    assert.equal("0", t:ask "#{alternate_on}")
    t:type "fg"
    t:press "Enter"
    t:see "[ More ]"
    assert.equal("1", t:ask "#{alternate_on}")
    t:press "Enter"
    t:see "count 1"
    t:press "C-q"
    t:see "fg"
    os.remove(path)
  end)

  it("falls back to the line UI on a terminal that cannot place text, and says so", function()
    app(COUNTER, { env = { "TERM=dumb" } })
    t:see "the line UI is used: TERM=dumb"
    t:see "count 0"
    t:type "click More"
    t:press "Enter"
    t:see "count 1"
    t:close()
    app(COUNTER, { env = { "TERM=no-such-terminal" } })
    t:see "the line UI is used"
    t:see "count 0"
  end)

  it("uses no colours under NO_COLOR and those that the terminal has otherwise", function()
    local COLOURED <const> = [[return hearth.component(function() return Text("x", { style = { color = "#ff0000" } }) end)]]
    app(COLOURED, { env = { "TERM=xterm-256color", "COLORTERM=truecolor" } })
    t:see "x"
    assert.truthy(t:coloured():find("38;2;255;0;0", 1, true))
    t:close()
    app(COLOURED, { env = { "TERM=xterm-256color", "COLORTERM=" } })
    t:see "x"
    assert.truthy(t:coloured():find("38;5;196", 1, true))
    t:close()
    app(COLOURED, { env = { "TERM=xterm", "COLORTERM=" } })
    t:see "x"
    assert.truthy(t:coloured():find("\27[31m", 1, true))
    t:close()
    app(COLOURED, { env = { "NO_COLOR=1" } })
    t:see "x"
    assert.is_nil(t:coloured():find("\27%[%d*;?3[18]"))
  end)

  it("is light on a light background, as the terminal tells or the environment says", function()
    local LIGHT <const>, DARK <const> = "48;2;216;220;232", "48;2;52;58;77"
    local BUTTON <const> = [[return hearth.component(function() return Column { TextInput { label = "Here" }, Button "Press" } end)]]
    local function look(background)
      t:until_(function() return t:coloured():find(background, 1, true) ~= nil end, background)
    end
    app(BUTTON, { env = { "TERM=xterm-256color", "COLORTERM=truecolor", "HEARTH_THEME=" } })
    look(DARK)
    t:send "\27]11;rgb:fafa/fafa/f5f5\27\\"
    look(LIGHT)
    t:close()
    app(BUTTON, { env = { "TERM=xterm-256color", "COLORTERM=truecolor", "HEARTH_THEME=", "COLORFGBG=0;15" } })
    look(LIGHT)
    t:close()
    app(BUTTON, { env = { "TERM=xterm-256color", "COLORTERM=truecolor", "HEARTH_THEME=light" } })
    look(LIGHT)
    t:send "\27]11;rgb:0000/0000/0000\27\\" -- nobody asked
    t:type "x"
    t:see "x"
    look(LIGHT)
  end)

  it("shows a picture as half blocks, and its caption where it cannot", function()
    local ppm = os.tmpname()
    local file <close> = assert(io.open(ppm, "wb"))
    -- Two columns of red and blue over green and white.
    file:write("P6 # a comment\n2 2\n255\n", "\xFF\0\0\0\0\xFF", "\0\xFF\0\xFF\xFF\xFF")
    file:close()
    app(([[return hearth.component(function()
      local Image, heard = hearth.Image, hearth.use_ref {}
      local shown, show = hearth.use_state ""
      local function on(what)
        return function()
          table.insert(heard.current, what)
          table.sort(heard.current)
          show(table.concat(heard.current, ", "))
        end
      end
      return Column { Image { source = %q, style = { width = 2, height = 1 }, on_load = on "loaded" },
        Image { source = %q, style = { width = 2, height = 1 } }, -- beside the app
        Image { source = "/no/where/cat.png", alt = "a cat", on_error = on "no cat" }, Image { source = "https://example.org/dog.png" },
        Image { source = "/etc/passwd", on_error = on "no picture" }, Text(shown) }
    end)]]):format(ppm, ppm:match "[^/]*$"), { env = { "TERM=xterm-256color", "COLORTERM=truecolor" } })
    t:show "▀▀\n▀▀\n[image: a cat]\n[image: dog.png]\n[image: passwd]\nloaded, no cat, no picture"
    local coloured = t:coloured()
    os.remove(ppm)
    for _, wanted in ipairs { "38;2;255;0;0", "48;2;0;255;0", "38;2;0;0;255", "48;2;255;255;255" } do
      assert.truthy(coloured:find(wanted, 1, true), wanted)
    end
  end)

  it("gives a picture its room when it is read, and shows the caption where there are no colours", function()
    local APP <const> = [[return hearth.component(function()
      local source, set = hearth.use_state(os.getenv "PICTURE")
      return Column { hearth.Image { source = source, alt = "a fire", on_click = function() set "gone.png" end }, Text "below" }
    end)]]
    local picture = "PICTURE=" .. io.popen("pwd"):read "l" .. "/examples/hearth.png"
    app(APP, { env = { "TERM=xterm-256color", picture }, height = 40 })
    t:see(("▀"):rep(80))
    t:see "below"
    t:press "Enter"
    t:show "[image: a fire]\nbelow"
    t:close()
    app(APP, { env = { "NO_COLOR=1", picture } })
    t:show "[image: a fire]\nbelow"
  end)

  it("keeps the columns of wide characters, marks and emoji", function()
    app [[return hearth.component(function()
      return Column { Row { Text "日本", Text "|" }, Row { Text "e\u{301}e\u{301}", Text "|" }, Row { Text "🙂", Text "|" }, Row {
        Text "שלום", Text "|" }, Text "a\xFFb" }
    end)]]
    t:show "日本|\ne\u{301}e\u{301}|\n🙂|\nשלום|\na\u{FFFD}b"
  end)

  describe("a text input", function()
    local FIELD <const> = [[
return hearth.component(function()
  local value, set = hearth.use_state(""); local sent, send = hearth.use_state ""
  return Column { TextInput { label = "Field", value = value, on_change = set, on_submit = send }, Text("value <" .. value .. ">"),
    Text("sent <" .. sent .. ">") }
end)]]

    it("takes letters, moves, selection, word removal, undo and redo", function()
      app(FIELD)
      t:see "value <>"
      t:type "hello wörld"
      t:see "value <hello wörld>"
      t:press("Left", "Left", "BSpace")
      t:see "value <hello wöld>"
      t:press("C-Left", "x")
      t:see "value <hello xwöld>"
      t:press("C-w")
      t:see "value <hello wöld>"
      t:press("Home", "S-Right", "S-Right", "J")
      t:see "value <Jllo wöld>"
      t:press "C-_"
      t:press "C-_"
      t:see "value <hello xwöld>"
      t:press("End", "!")
      t:see "value <hello xwöld!>"
      t:press("C-a", "DC")
      t:see "value <>"
      t:press "C-_"
      t:see "value <hello xwöld!>"
      t:press "Enter"
      t:see "sent <hello xwöld!>"
    end)

    it("takes a paste as one change, in one line", function()
      app(FIELD)
      t:see "value <>"
      t:send "\27[200~one\ntwo\27[A\27[201~"
      t:see "value <one two[A>"
      t:press "C-_"
      t:see "value <>"
    end)

    it("shows the caret, and scrolls with it", function()
      app(FIELD, { width = 20, height = 6 })
      t:see "value <>"
      assert.equal("1 0,1", t:ask "#{cursor_flag} #{cursor_x},#{cursor_y}")
      t:type "日本"
      t:see "value <日本>"
      assert.equal("4,1", t:ask "#{cursor_x},#{cursor_y}")
      t:type "abcdefghijklmnopqrstuvwxyz"
      t:see "xyz"
      assert.equal("19,1", t:ask "#{cursor_x},#{cursor_y}")
      t:press "Home"
      t:until_(function(picture) return picture:find "\n日本abc" end, "the beginning")
    end)

    it("puts the caret where the mouse clicks", function()
      app(FIELD)
      t:see "value <>"
      t:type "abcd"
      t:see "value <abcd>"
      t:click(2, 1)
      t:type "X"
      t:see "value <abXcd>"
    end)

    it("selects a word by a double click and the line by a third", function()
      app(FIELD)
      t:see "Field"
      t:type "one two three"
      t:see "value <one two three>"
      local x, y = t:find "two"
      local function click(times)
        for _ = 1, times do t:click(x, y) end
      end
      click(2)
      t:type "2"
      t:see "value <one 2 three>"
      click(3)
      t:type "all"
      t:see "value <all>"
    end)

    it("obeys an app that refuses a change", function()
      app [[return hearth.component(function()
        local value, set = hearth.use_state ""
        return Column { TextInput { value = value, on_change = function(v) if v:match "^%d*$" then set(v) end end }, Text("value <"
          .. value .. ">") }
      end)]]
      t:see "value <>"
      t:type "1a2"
      t:see "value <12>"
      t:until_(function(picture) return picture:match "^12%s" end, "12 in the field")
    end)

    it("hides what is secret, and takes several lines where it may", function()
      app [[return hearth.component(function()
        local note, set = hearth.use_state ""
        return Column { TextInput { label = "Secret", secure = true }, TextInput { label = "Note", multiline = true, value = note,
          on_change = set }, Text(("%q"):format(note)) }
      end)]]
      t:see "Note"
      t:type "pässword"
      t:see "••••••••"
      t:press "Tab"
      t:type "one"
      t:press "Enter"
      t:type "two"
      t:see "\"one\\\ntwo\""
      t:press("Up", "End", "!")
      t:see "one!\\"
    end)
  end)

  it("sets controls by keys and mouse", function()
    app [[return hearth.component(function()
      local v, set = hearth.use_state { check = false, switch = false, pick = "b", slide = 5 }
      local function put(name) return function(x) local c = {} for k, o in pairs(v) do c[k] = o end c[name] = x set(c) end end
      return Column {
        hearth.Checkbox { label = "Check", value = v.check, on_change = put "check" }, hearth.Switch { label = "Switch",
          value = v.switch, on_change = put "switch" },
        hearth.Picker { label = "Pick", options = { "a", "b", "c" }, value = v.pick, on_change = put "pick" },
        hearth.Slider { label = "Slide", min = 0, max = 10, step = 1, value = v.slide, on_change = put "slide" },
        Text(("%s %s %s %s"):format(v.check, v.switch, v.pick, v.slide)),
      }
    end)]]
    t:see "false false b 5"
    t:press "Space"
    t:see "true false b 5"
    t:press("Down", "Enter")
    t:see "true true b 5"
    t:press("Down", "Right")
    t:see "true true c 5"
    t:press("Enter")
    t:see "│ a"
    t:press("Home", "Enter")
    t:see "true true a 5"
    t:press("Down", "Right", "Right")
    t:see "true true a 7"
    t:press "Home"
    t:see "true true a 0"
    t:click(t:find "Check")
    t:see "false true a 0"
    t:click(t:find "─ 0")
    t:see "false true a 10"
    t:press "BTab"
    t:press "Enter"
    t:see "│ c"
    t:press "Escape"
    t:miss "│ c"
  end)

  it("scrolls a list of 100,000 rows by keys, wheel and bar", function()
    app [[
      local rows = {}
      for i = 1, 100000 do rows[i] = i end
      return hearth.component(function()
        local chosen, choose = hearth.use_state(0)
        return Column {
          style = { grow = 1 }, Text("chosen " .. chosen),
          hearth.FlatList(rows, { render_item = function(i) return Text("row " .. i, { on_click = function() choose(i) end }) end }),
        }
      end)]]
    t:see "row 23"
    t:wheel(5, 5, 1)
    t:until_(function(picture) return picture:match "^chosen 0\nrow 4%s" end, "row 4 at the top")
    t:press "End"
    t:until_(function(picture) return picture:match "row 100000[^\n]*$" end, "the last row at the bottom")
    t:press "Enter"
    t:see "chosen 100000"
    t:press "Home"
    t:until_(function(picture) return picture:match "^chosen 100000\nrow 1%s" end, "the first row")
    for page = 1, 12 do
      t:press "NPage"
      t:see(("row %d "):format(page * 22 + 1))
    end
    t:press "Enter"
    t:see "chosen 28"
    t:click(79, 12)
    t:until_(function(picture) return picture:find "row 5%d%d%d%d " or picture:find "row 4%d%d%d%d " end, "a row from the middle")
  end)

  it("mounts enough rows for a tall terminal", function()
    app([[
      local rows = {}
      for i = 1, 1000 do rows[i] = i end
      return hearth.component(function()
        return hearth.FlatList(rows, { style = { grow = 1 }, render_item = function(i) return Text("row " .. i .. ".") end })
      end)]], { width = 40, height = 150 })
    t:see "row 150."
    t:press "NPage"
    t:see "row 299."
    t:press "NPage"
    t:see "row 448."
    t:press "End"
    t:see "row 1000."
  end)

  it("ends when its terminal is closed", function()
    local hearth = require "hearth"
    app [[
      local pid = io.popen("echo $PPID"):read "l"
      return hearth.component(function() return Text("process " .. pid .. ".") end)]]
    local pid = t:see("process"):match "process (%d+)"
    t:close()
    local stop = hearth.now() + 3
    local running
    repeat
      hearth.sleep(0.01)
      running = io.open("/proc/" .. pid .. "/status")
      if running then running:close() end
    until not running or hearth.now() > stop
    assert.is_nil(running, "the program goes on without its terminal")
  end)

  it("shows a Modal over everything, with the focus in it, and alerts one after the other", function()
    app [[return hearth.component(function()
      local open, set = hearth.use_state(false); local said, say = hearth.use_state "nothing"
      return Column {
        Text("said " .. said), Button("Open", { on_click = function() set(true) end }),
        Button("Ask", { on_click = function() say(tostring(hearth.Alert.confirm("Sure?", "Think of it.", "Do it", "Leave it"))) end }),
        hearth.Modal { visible = open, title = "Dialog", on_close = function() set(false) end, Button("Inside", {
          on_click = function() say "inside" set(false) end }) },
      }
    end)]]
    t:see "said nothing"
    t:press "Enter"
    t:see "Dialog"
    t:press("Tab", "Tab", "Enter")
    t:see "said inside"
    t:miss "Dialog"
    t:press "Enter"
    t:see "Dialog"
    t:press "Escape"
    t:miss "Dialog"
    t:press("Tab", "Enter")
    t:see "Think of it."
    t:press("Right", "Enter")
    t:see "said true"
    t:press "Enter"
    t:see "Sure?"
    t:press "Escape"
    t:see "said false"
  end)

  it("ignores garbage and sequences cut in half", function()
    app(COUNTER)
    t:see "count 0"
    t:send "\27[1;5\27[<0;\xFF\xFE\27]11;rgb:\27\\\27[M"
    t:press "Enter"
    t:see "count 1"
  end)
end)
