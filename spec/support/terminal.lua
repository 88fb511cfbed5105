-- Runs an app on a terminal as a person would see it: tmux is the terminal. Nothing is slept for: what is expected is looked for until it
-- is there, or for twenty seconds.

local hearth = require "hearth"
local files = require "spec.support.files"
local program = require "spec.support.program"

local quoted, temporary = files.quoted, files.temporary

local terminal = {}

local PATIENCE <const> = 20

---@class spec.Terminal
local Terminal = {}
Terminal.__index = Terminal

local function tmux(self, ...)
  local words = { "tmux", "-S", quoted(self.socket) }
  for _, word in ipairs { ... } do words[#words + 1] = quoted(tostring(word)) end
  local pipe = assert(io.popen(table.concat(words, " ") .. " 2>&1"))
  local out = pipe:read "a"
  local ok = pipe:close()
  return out, ok
end

--- Opens `hearth ARGS` on a terminal of its own; `options` are width, height and env (a list of NAME=VALUE). When the program has ended
--- the screen shows "[status N]".
---@param args string[]
---@param options? table
---@return spec.Terminal
function terminal.open(args, options)
  options = options or {}
  local self = setmetatable({ socket = temporary ".tmux" }, Terminal)
  -- Sanitizers: the leak check hangs in a process that has lost its terminal, and a fault is for the program's own handler.
  local words = { "env", "-u", "COLORFGBG", "-u", "NO_COLOR", "HEARTH_STORE=memory:", "HEARTH_THEME=dark",
    "ASAN_OPTIONS=detect_leaks=0:handle_segv=0", "TSAN_OPTIONS=handle_segv=0" }
  for _, entry in ipairs(options.env or {}) do words[#words + 1] = quoted(entry) end
  words[#words + 1] = quoted(program.binary())
  for _, word in ipairs(args) do words[#words + 1] = quoted(word) end
  local command = "trap : INT; " .. table.concat(words, " ") .. (options.after or "") .. "; echo \"[status $?]\"; exec cat"
  if options.shell then command = "PS1='$ ' exec sh -i" end
  local out, ok = tmux(self, "-f", "/dev/null", "new-session", "-d", "-x", options.width or 80, "-y", options.height or 24, command)
  assert(ok, "tmux cannot be started: " .. out)
  self.command = table.concat(words, " ")
  return self
end

--- What is on the screen: lines without blanks at their ends, empty lines at the end left out.
---@return string
function Terminal:picture()
  local out = tmux(self, "capture-pane", "-p")
  local lines = {}
  for line in out:gmatch "([^\n]*)\n" do lines[#lines + 1] = (line:gsub("%s+$", "")) end
  while lines[#lines] == "" do lines[#lines] = nil end
  return table.concat(lines, "\n")
end

--- The same with the sequences for colours and attributes.
function Terminal:coloured() return (tmux(self, "capture-pane", "-p", "-e")) end

--- Waits until check(picture) is true; fails with the picture.
function Terminal:until_(check, what)
  local stop = hearth.now() + PATIENCE
  local picture
  repeat
    picture = self:picture()
    if check(picture) then return picture end
    hearth.sleep(0.01)
  until hearth.now() > stop
  error(("never on the screen: %s\n%s"):format(what, picture), 0)
end

--- Waits until a text is on the screen.
---@param text string
---@return string picture
function Terminal:see(text)
  return self:until_(function(picture) return picture:find(text, 1, true) ~= nil end, text)
end

--- Waits until a text is no longer there.
function Terminal:miss(text)
  return self:until_(function(picture) return picture:find(text, 1, true) == nil end, "a screen without " .. text)
end

--- Waits until the screen is exactly this.
function Terminal:show(expected)
  return self:until_(function(picture) return picture == expected end, "\n" .. expected .. "\n-- but:")
end

--- Keys as tmux names them: "Tab", "C-a", "Enter", "BSpace"; anything else is typed.
function Terminal:press(...)
  tmux(self, "send-keys", ...)
end

--- Text, letter by letter.
function Terminal:type(text) tmux(self, "send-keys", "-l", text) end

--- Bytes, as a terminal might send them.
function Terminal:send(bytes)
  local words = { "send-keys", "-H" }
  for i = 1, #bytes do words[#words + 1] = ("%02x"):format(bytes:byte(i)) end
  tmux(self, table.unpack(words))
end

--- A click at a column and line, from 0.
function Terminal:click(x, y)
  self:send(("\27[<0;%d;%dM"):format(x + 1, y + 1))
  self:send(("\27[<0;%d;%dm"):format(x + 1, y + 1))
end

function Terminal:wheel(x, y, by)
  for _ = 1, math.abs(by) do self:send(("\27[<%d;%d;%dM"):format(by < 0 and 64 or 65, x + 1, y + 1)) end
end

function Terminal:resize(width, height) tmux(self, "resize-window", "-x", width, "-y", height) end

--- A property of the terminal, such as "#{alternate_on}" or "#{cursor_flag}".
function Terminal:ask(format) return (tmux(self, "display-message", "-p", format):gsub("\n$", "")) end

--- Where a text is: column and line, from 0.
function Terminal:find(text)
  local y = 0
  for line in (self:picture() .. "\n"):gmatch "(.-)\n" do
    local at = line:find(text, 1, true)
    if at then return require("hearth.ui.text_width").width(line:sub(1, at - 1)), y end
    y = y + 1
  end
end

--- Opens an app from its source.
function terminal.app(source, options)
  local path = temporary ".lua"
  files.write(path, source)
  local self = terminal.open({ "run", path }, options)
  self.file = path
  return self
end

function Terminal:close()
  tmux(self, "kill-server")
  os.remove(self.socket)
  if self.file then os.remove(self.file) end
end

--- Compares the screen with spec/pictures/NAME.txt; HEARTH_PICTURES=write writes it.
function Terminal:matches(name)
  local path = "spec/pictures/" .. name .. ".txt"
  if os.getenv "HEARTH_PICTURES" == "write" then
    files.write(path, self:picture() .. "\n")
    return
  end
  local file <close> = assert(io.open(path), path .. " is missing; HEARTH_PICTURES=write makes it")
  local expected = file:read("a"):gsub("\n$", "")
  self:show(expected)
end

return terminal
