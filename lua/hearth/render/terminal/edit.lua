-- The text of an input while it is edited: caret, selection, undo. Positions are bytes (the caret stands in front of byte caret + 1) and
-- always lie between characters, a character being a code point with the marks that follow it. Pure; knows no screen.

local text_width = require "hearth.ui.text_width"

local edit = {}

local MOST_UNDO <const> = 200

---@class hearth.terminal.Edit
---@field text string
---@field caret integer
---@field anchor integer|nil the other end of the selection
local Edit = {}
Edit.__index = Edit

---@param text string
---@return hearth.terminal.Edit
function edit.new(text)
  return setmetatable({ text = text, caret = #text, anchor = nil, undone = {}, done = {}, typing = false, wanted = nil }, Edit)
end

--- Shows another text, as its owner wants it: the caret stays where it can.
function Edit:replace(text)
  if text == self.text then return end
  local at_end = self.caret >= #self.text
  self.text, self.anchor, self.typing = text, nil, false
  self.caret = at_end and #text or self:boundary(math.min(self.caret, #text))
end

--- The nearest position between characters at or before a byte.
function Edit:boundary(at)
  local last = 0
  for _, stop in text_width.each(self.text) do
    if stop > at then break end
    last = stop
  end
  return last
end

local function before(text, at)
  local last = 0
  for _, stop in text_width.each(text) do
    if stop >= at then break end
    last = stop
  end
  return last
end

local function after(text, at)
  for _, stop in text_width.each(text) do
    if stop > at then return stop end
  end
  return #text
end

local function is_word(text, at) return text:find("^[%w_\x80-\xFF]", at) ~= nil end

local function word_before(text, at)
  while at > 0 and not is_word(text, at) do at = at - 1 end
  while at > 0 and is_word(text, at) do at = at - 1 end
  return at
end

local function word_after(text, at)
  while at < #text and not is_word(text, at + 1) do at = at + 1 end
  while at < #text and is_word(text, at + 1) do at = at + 1 end
  return at
end

--- The selection's ends, or nil.
---@return integer? from, integer? to
function Edit:selection()
  local anchor = self.anchor
  if not anchor or anchor == self.caret then return nil end
  return math.min(anchor, self.caret), math.max(anchor, self.caret)
end

---@return string
function Edit:selected()
  local from, to = self:selection()
  return from and self.text:sub(from + 1, to) or ""
end

local function remember(self, typing)
  if not (typing and self.typing) then
    self.done[#self.done + 1] = { self.text, self.caret }
    if #self.done > MOST_UNDO then table.remove(self.done, 1) end
  end
  self.typing = typing
  self.undone = {}
end

local function splice(self, from, to, text)
  self.text = self.text:sub(1, from) .. text .. self.text:sub(to + 1)
  self.caret, self.anchor, self.wanted = from + #text, nil, nil
end

--- Puts a text in place of the selection.
---@param text string
---@param typing? boolean one of several keys in a row, which are undone together
function Edit:insert(text, typing)
  local from, to = self:selection()
  remember(self, typing and not from or false)
  splice(self, from or self.caret, to or self.caret, text)
end

local function line_start(text, at)
  while at > 0 and text:byte(at) ~= 10 do at = at - 1 end
  return at
end
local function line_end(text, at) return (text:find("\n", at + 1, true) or #text + 1) - 1 end

-- Where each move leads from a position.
local moves = {
  left = before, right = after, word_left = word_before, word_right = word_after,
  line_start = line_start, line_end = line_end, start = function() return 0 end, finish = function(text) return #text end,
}

--- Removes the selection, else what lies between the caret and where a move leads.
---@param move string
---@return boolean changed
function Edit:delete(move)
  local from, to = self:selection()
  if not from then
    local target = moves[move](self.text, self.caret)
    from, to = math.min(target, self.caret), math.max(target, self.caret)
  end
  if from == to then return false end
  remember(self, false)
  splice(self, from, to, "")
  return true
end

--- Moves the caret; `select` takes the other end of the selection along.
---@param move string
---@param select? boolean
function Edit:move(move, select)
  self.typing, self.wanted = false, nil
  local from, to = self:selection()
  if select then
    self.anchor = self.anchor or self.caret
  else
    self.anchor = nil
    if from and (move == "left" or move == "right") then
      self.caret = move == "left" and from or to
      return
    end
  end
  self.caret = moves[move](self.text, self.caret)
end

--- Puts the caret somewhere.
function Edit:place(at, select)
  self.typing, self.wanted = false, nil
  self.anchor = select and (self.anchor or self.caret) or nil
  self.caret = at
end

--- Up or down a line, in the same column. False at the first or last line.
---@param by integer
---@param select? boolean
---@return boolean
function Edit:vertical(by, select)
  local start = line_start(self.text, self.caret)
  local column = self.wanted or text_width.width(self.text:sub(start + 1, self.caret))
  local other
  if by < 0 then
    if start == 0 then return false end
    other = line_start(self.text, start - 1)
  else
    other = line_end(self.text, self.caret) + 1
    if other > #self.text then return false end
  end
  self:place(self:at_column(other, column), select)
  self.wanted = column
  return true
end

--- The position of a column in the line that starts at a byte.
function Edit:at_column(start, column)
  local line = self.text:sub(start + 1, line_end(self.text, start))
  local used, at = 0, 0
  for _, stop, width in text_width.each(line) do
    if used + width > column then break end
    used, at = used + width, stop
  end
  return start + at
end

--- Selects what a double click means: the word at a position, else the run of other characters there.
---@param at integer
function Edit:select_word(at)
  local text = self.text
  local from, to = at, at
  if at < #text and not is_word(text, at + 1) then
    to = after(text, at)
  else
    while from > 0 and is_word(text, from) do from = from - 1 end
    while to < #text and is_word(text, to + 1) do to = to + 1 end
  end
  self.typing, self.wanted = false, nil
  self.anchor, self.caret = from, to
end

--- Selects the line at a position.
---@param at integer
function Edit:select_line(at)
  self.typing, self.wanted = false, nil
  self.anchor, self.caret = line_start(self.text, at), line_end(self.text, at)
end

function Edit:select_all()
  self.typing = false
  self.anchor, self.caret = 0, #self.text
end

local function swap(self, from, to)
  local state = table.remove(from)
  if not state then return false end
  to[#to + 1] = { self.text, self.caret }
  self.text, self.caret, self.anchor, self.typing = state[1], state[2], nil, false
  return true
end

---@return boolean changed
function Edit:undo() return swap(self, self.done, self.undone) end
---@return boolean changed
function Edit:redo() return swap(self, self.undone, self.done) end

return edit
