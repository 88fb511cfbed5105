-- The line UI: prints the visible text of each commit, and does what the lines of standard input say. Made for pipes, scripts and
-- screen readers; everything that an app can do in a terminal can be done here.

local alerts = require "hearth.alerts"
local commands = require "hearth.render.line.commands"
local events = require "hearth.ui.events"
local headless = require "hearth.render.headless"
local line_alerts = require "hearth.render.line.alerts"
local look = require "hearth.render.line.look"
local root = require "hearth.ui.root"
local stdio = require "hearth.core.stdio"
local task = require "hearth.core.task"

local line = {}

-- How long a command may take to show its effect before the next one is read, in seconds.
local PATIENCE <const> = 2

---@class hearth.line.Session
---@field root hearth.Root
---@field failed boolean a command did not work
---@field gone boolean nobody reads standard output any more

--- Mounts an element and prints its first frame; raises what its render raised.
---@param element any
---@return hearth.line.Session
function line.mount(element)
  local session = { failed = false, gone = false }
  local before = false
  local closing = false

  local function write(text)
    if session.gone then return end
    io.stdout:flush()
    if not stdio.write(text) then session.gone = true end
  end

  local function print_lines(lines)
    if lines[1] then write(table.concat(lines, "\n") .. "\n") end
  end

  -- A commit that changes nothing visible prints nothing.
  local function show(top)
    if closing then return end
    local text = table.concat(line_alerts.append(look.lines(top.children)), "\n")
    if text == before or text == "" and not before then return end
    before = text
    write("--\n" .. text .. (text ~= "" and "\n" or ""))
  end

  session.root = root.mount(element, headless.new(show))
  local detach = alerts.attach(function() show(session.root.node) end)

  -- Errors are part of the transcript, and are on standard error for who looks there.
  local function complain(text)
    session.failed = true
    write("error: " .. text .. "\n")
    if not stdio.same(1, 2) then io.stderr:write("hearth: ", text, "\n") end
  end

  -- Until what a command started has come to rest; a handler that sleeps or fetches does not hold up the next command for long.
  local function rest()
    local settled = task.spawn(task.settle)
    if not pcall(task.await, settled, PATIENCE) then settled:cancel() end
  end

  --- Reads commands until `quit`, the end of the input, or the end of standard output; then unmounts.
  function session:loop()
    local screen = {
      fire = events.fire, print = print_lines,
      changed = function() show(self.root.node) end,
    }
    local prompt = stdio.is_terminal(0) and stdio.is_terminal(1)
    local quit = false
    rest()
    while not quit and not self.gone do
      if prompt then write "> " end
      local text = stdio.read_line()
      if not text or self.gone then break end
      screen.nodes = self.root.node.children
      local err
      if not line_alerts.run(text, screen.changed) then err, quit = commands.run(screen, text) end
      if err then complain(err) end
      if not quit then rest() end
    end
    self:close()
  end

  --- Shows another element in place of the one that is shown, keeping nothing of it.
  function session:remount(other)
    closing = true
    self.root:unmount()
    closing = false
    self.root = root.mount(other, headless.new(show))
  end

  function session:close()
    closing = true
    detach()
    self.root:unmount()
  end

  return session
end

return line
