-- What a terminal sends, as events: { kind="key", key="left", shift=, alt=, ctrl=, text= }, { kind="mouse", action=, button=, x=, y= },
-- { kind="paste", text= } and { kind="background", brightness= }. Bytes may be cut anywhere; what is not whole waits for the rest, and `flush` says that none will come.

local input = {}

local CSI_FINAL = { A = "up", B = "down", C = "right", D = "left", H = "home", F = "end", E = "begin", P = "f1", Q = "f2", R = "f3",
  S = "f4" }
local CSI_NUMBER = {
  [1] = "home", [2] = "insert", [3] = "delete", [4] = "end", [5] = "page_up", [6] = "page_down", [7] = "home", [8] = "end",
  [11] = "f1", [12] = "f2", [13] = "f3", [14] = "f4", [15] = "f5", [17] = "f6", [18] = "f7", [19] = "f8", [20] = "f9", [21] = "f10",
  [23] = "f11", [24] = "f12",
}
local CONTROL = { [0] = "space", [8] = "backspace", [9] = "tab", [10] = "enter", [13] = "enter", [127] = "backspace",
  [28] = "\\", [29] = "]", [30] = "^", [31] = "_" }
local BUTTONS = { [0] = "left", [1] = "middle", [2] = "right", [3] = "none" }

-- More than any terminal sends in one sequence: what is longer is no sequence.
local LONGEST <const> = 256

local function key(name, modifiers, text)
  local m = (modifiers or 1) - 1
  return { kind = "key", key = name, shift = m & 1 ~= 0, alt = m & 2 ~= 0, ctrl = m & 4 ~= 0, text = text }
end

local function mouse(code, x, y, final)
  local event = { kind = "mouse", x = x - 1, y = y - 1, shift = code & 4 ~= 0, alt = code & 8 ~= 0, ctrl = code & 16 ~= 0 }
  if code & 64 ~= 0 then
    event.action = "wheel"
    event.by = code & 3 == 0 and -1 or code & 3 == 1 and 1 or 0
    event.sideways = code & 3 == 2 and -1 or code & 3 == 3 and 1 or 0
  else
    event.button = BUTTONS[code & 3]
    event.action = code & 32 ~= 0 and "drag" or final == "m" and "release" or "press"
  end
  return event
end

-- ESC [ …: the event (or nil for one that means nothing to us) and the byte after it; nil, nil when it is not whole.
local function control_sequence(s, i)
  if s:byte(i + 2) == 91 then -- ESC [ [ A: the Linux console
    local letter = s:sub(i + 3, i + 3)
    if letter == "" then return nil, nil end
    local n = letter:byte() - 64
    return n >= 1 and n <= 5 and key("f" .. n) or nil, i + 4
  end
  local _, stop, parameters, final = s:find("^([\x30-\x3F]*)[\x20-\x2F]*([\x40-\x7E])", i + 2)
  if not stop then
    if s:find("^[\x30-\x3F]*[\x20-\x2F]*$", i + 2) and #s - i < LONGEST then return nil, nil end
    return nil, i + 2 + #s:match("^[\x30-\x3F]*[\x20-\x2F]*", i + 2)
  end
  local after = stop + 1
  if parameters:sub(1, 1) == "<" then
    local code, x, y = parameters:match "^<(%d+);(%d+);(%d+)$"
    if not code or (final ~= "M" and final ~= "m") or #code > 6 or #x > 6 or #y > 6 then return nil, after end
    return mouse(tonumber(code), tonumber(x), tonumber(y), final), after
  end
  local first, second = parameters:match "^(%d*);?(%d*)"
  first, second = tonumber(first), tonumber(second)
  if second and (second < 1 or second > 16) then second = 1 end
  if final == "~" then
    if first == 200 then return "paste", after end
    local name = CSI_NUMBER[first]
    return name and key(name, second) or nil, after
  elseif final == "Z" then
    return key("tab", 2), after
  elseif final == "u" and first and first < 0x110000 then
    local name = CONTROL[first] or first == 27 and "escape"
    if name then return key(name, second), after end
    local text = utf8.char(first)
    local event = key(text, second)
    if not event.ctrl and not event.alt then event.text = text end
    return event, after
  end
  local name = CSI_FINAL[final]
  return name and key(name, second) or nil, after
end

-- The colour behind everything, as the answer to OSC 11 tells it: how bright it is, from 0 to 1.
local function background(answer)
  local r, g, b = answer:match "^\27%]11;rgba?:(%x+)/(%x+)/(%x+)"
  if not r or #r > 4 or #g > 4 or #b > 4 then return nil end
  local function part(digits) return tonumber(digits, 16) / (16 ^ #digits - 1) end
  return { kind = "background", brightness = 0.299 * part(r) + 0.587 * part(g) + 0.114 * part(b) }
end

-- Text up to a terminator: the answer to a question, ours or not.
local function string_sequence(s, i)
  local _, stop = s:find("\a", i + 2, true)
  local _, other = s:find("\27\\", i + 2, true)
  if other and (not stop or other < stop) then stop = other end
  if stop then return background(s:sub(i, stop)), stop + 1 end
  if #s - i > 4 * LONGEST then return nil, #s + 1 end
  return nil, nil
end

-- A character, plain or with Alt: the event and the byte after it; nil, nil when it is not whole.
local function character(s, i, alt)
  local b = s:byte(i)
  if b < 32 or b == 127 then
    local name = CONTROL[b]
    if name then
      local event = key(name)
      event.ctrl = b == 0 or b >= 28 and b <= 31
      event.alt = alt
      return event, i + 1
    end
    local event = key(string.char(b + 96))
    event.ctrl, event.alt = true, alt
    return event, i + 1
  end
  local n = b < 0x80 and 1 or b >= 0xF0 and b < 0xF5 and 4 or b >= 0xE0 and b < 0xF0 and 3 or b >= 0xC2 and b < 0xE0 and 2 or 0
  local text, after = nil, i + 1
  if n > 0 then
    local tail = s:match("^[\x80-\xBF]*", i + 1)
    if #tail >= n - 1 then
      text = s:sub(i, i + n - 1)
      if utf8.len(text) == 1 then after = i + n else text = nil end
    elseif i + #tail == #s then
      return nil, nil
    end
  end
  text = text or "\u{FFFD}"
  local event = key(text == " " and "space" or text)
  event.alt = alt
  if not alt then event.text = text end
  return event, after
end

---@class hearth.terminal.Input
local Input = {}
Input.__index = Input

---@return hearth.terminal.Input
function input.new() return setmetatable({ rest = "", pasting = nil }, Input) end

-- Valid text of a paste: its line ends are newlines, and what is not UTF-8 is the replacement sign.
local function clean(text)
  text = text:gsub("\r\n?", "\n"):gsub("[\0-\8\11-\31\127]", "")
  if utf8.len(text) then return text end
  local parts, at = {}, 1
  while at <= #text do
    local _, bad = utf8.len(text, at)
    if not bad then break end
    parts[#parts + 1] = text:sub(at, bad - 1) .. "\u{FFFD}"
    at = bad + 1
  end
  parts[#parts + 1] = text:sub(at)
  return table.concat(parts)
end

--- The events that are whole with these bytes.
---@param bytes string
---@return table[]
function Input:feed(bytes)
  local s, i, events = self.rest .. bytes, 1, {}
  while i <= #s do
    if self.pasting then
      local start, stop = s:find("\27[201~", i, true)
      if start then
        self.pasting[#self.pasting + 1] = s:sub(i, start - 1)
        events[#events + 1] = { kind = "paste", text = clean(table.concat(self.pasting)) }
        self.pasting, i = nil, stop + 1
      else
        local keep = s:match("\27[%[201~]*$", i) -- perhaps the beginning of the end
        keep = keep and #keep < 6 and #keep or 0
        self.pasting[#self.pasting + 1] = s:sub(i, #s - keep)
        i = #s - keep + 1
        break
      end
    else
      local b, event, after = s:byte(i), nil, nil
      if b ~= 27 then
        event, after = character(s, i, false)
      else
        local second = s:byte(i + 1)
        if second == 91 then
          event, after = control_sequence(s, i)
        elseif second == 79 then -- ESC O A
          local letter = s:sub(i + 2, i + 2)
          if letter ~= "" then event, after = CSI_FINAL[letter] and key(CSI_FINAL[letter]) or nil, i + 3 end
        elseif second == 93 or second == 80 or second == 95 or second == 94 then
          event, after = string_sequence(s, i)
        elseif second == 27 then
          event, after = key "escape", i + 1
        elseif second then
          event, after = character(s, i + 1, true)
        end
      end
      if not after then break end
      if event == "paste" then self.pasting = {} elseif event then events[#events + 1] = event end
      i = after
    end
  end
  self.rest = s:sub(i)
  return events
end

--- Does something wait for the rest of its bytes?
---@return boolean
function Input:incomplete() return self.rest ~= "" and not self.pasting end

--- No more bytes will come: a lone ESC is the key, a sequence cut in half is dropped.
---@return table[]
function Input:flush()
  local rest = self.rest
  self.rest = ""
  if rest == "\27" then return { key "escape" } end
  if #rest == 2 and rest:byte() == 27 then
    local event = key(rest:sub(2))
    event.alt = true
    return { event }
  end
  if rest ~= "" and rest:byte() ~= 27 then return { key("\u{FFFD}", 1, "\u{FFFD}") } end
  return {}
end

return input
