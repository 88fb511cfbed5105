-- The log pane (F12): what the program printed while the screen was the app's. It is kept in a file in memory and printed on the normal
-- screen at the end.

local text_width = require "hearth.ui.text_width"
local theme = require "hearth.render.terminal.theme"

local max, min = math.max, math.min

local log = {}

local MOST <const> = 5000

---@class hearth.terminal.Log
local Log = {}
Log.__index = Log

function log.new(session) return setmetatable({ session = session, open = false, read = 0, lines = {}, partial = "", above = 0,
  told = 0, seen = 0 }, Log) end

--- How many lines of the screen it takes.
function Log:height()
  if not self.open then return 0 end
  return min(self.session.height - 1, max(3, self.session.height // 3))
end

function Log:toggle()
  self.open = not self.open
  self.above = 0
  self.session.laid_out, self.session.wanted = false, true
end

-- Without the sequences that would be obeyed by a terminal.
local function harmless(line)
  return (line:gsub("\27%[[\x30-\x3F]*[\x20-\x2F]*[\x40-\x7E]", ""):gsub("\t", "    "):gsub("[%c\127]", ""))
end

--- Was an error reported that the screen does not tell of?
---@return boolean
function Log:has_news() return self.session.cells.reports() > self.told end

--- In the corner of the screen, until the log is opened: errors were reported.
function Log:paint_badge()
  local session = self.session
  self.told = session.cells.reports()
  if self.open then self.seen = self.told end
  local n = self.told - self.seen
  if n == 0 then return end
  local st = session.stage
  local label = (" %d error%s: F12 "):format(n, n == 1 and "" or "s")
  st.cells.clip(0, 0, session.width, session.height)
  st.cells.ascii(max(0, session.width - #label), session.height - 1, label, st.look.bad or 0, 0, theme.INVERSE | theme.BOLD)
end

local function fetch(self)
  local bytes = self.session.cells.kept(self.read)
  if bytes == "" then return end
  self.read = self.read + #bytes
  local text = self.partial .. bytes
  local at = 1
  while true do
    local stop = text:find("\n", at, true)
    if not stop then break end
    self.lines[#self.lines + 1] = harmless(text:sub(at, stop - 1))
    at = stop + 1
  end
  self.partial = text:sub(at)
  if #self.lines > 2 * MOST then self.lines = table.move(self.lines, #self.lines - MOST + 1, #self.lines, 1, {}) end
end

function Log:paint()
  if not self.open then return end
  fetch(self)
  local session = self.session
  local st = session.stage
  local h = self:height()
  local y = session.height - h
  local cells, text, look = st.cells, st.d.text, st.look
  cells.clip(0, 0, session.width, session.height)
  cells.fill(0, y, session.width, h, " ", 0, 0, 0)
  cells.fill(0, y, session.width, 1, "─", look.accent or 0, nil, 0)
  text(2, y, text_width.truncate(" Log: what the program printed. F12 closes ", session.width - 2), look.accent, nil, theme.BOLD)
  local rows = h - 1
  local lines = self.lines
  local last = self.partial ~= "" and #lines + 1 or #lines
  self.above = max(0, min(self.above, last - rows))
  local first = max(1, last - rows + 1 - self.above)
  for row = 1, min(rows, last) do
    local line = lines[first + row - 1] or harmless(self.partial)
    text(0, y + row, text_width.truncate(line, session.width), 0)
  end
end

function Log:key(event)
  local step = event.key == "page_up" and 5 or event.key == "page_down" and -5
  if not step then return false end
  self.above = max(0, self.above + step)
  self.session.wanted = true
  return true
end

function Log:covers(y) return self.open and y >= self.session.height - self:height() end

function Log:mouse(event)
  if event.action == "wheel" then
    self.above = max(0, self.above - event.by * 3)
    self.session.wanted = true
  end
end

return log
