-- How many terminal cells a UTF-8 text takes, and how it breaks into lines. A code point takes no cell (combining marks, joiners),
-- two (East Asian wide characters, emoji) or one; a byte that is not UTF-8 counts as one, as it is shown as one replacement sign.
-- Plain ASCII, by far the most common text, never reaches the tables.

local utf8_codepoint, byte, find, sub = utf8.codepoint, string.byte, string.find, string.sub

local text_width = {}

-- First and last code point of each range, ascending.
local ZERO = {
  0x0300, 0x036F, 0x0483, 0x0489, 0x0591, 0x05BD, 0x05BF, 0x05BF, 0x05C1, 0x05C2, 0x05C4, 0x05C5, 0x05C7, 0x05C7,
  0x0610, 0x061A, 0x064B, 0x065F, 0x0670, 0x0670, 0x06D6, 0x06DC, 0x06DF, 0x06E4, 0x06E7, 0x06E8, 0x06EA, 0x06ED,
  0x0711, 0x0711, 0x0730, 0x074A, 0x07A6, 0x07B0, 0x07EB, 0x07F3, 0x0816, 0x0819, 0x081B, 0x0823, 0x0825, 0x0827,
  0x0829, 0x082D, 0x0859, 0x085B, 0x08D3, 0x0902, 0x093A, 0x093A, 0x093C, 0x093C, 0x0941, 0x0948, 0x094D, 0x094D,
  0x0951, 0x0957, 0x0962, 0x0963, 0x0981, 0x0981, 0x09BC, 0x09BC, 0x09C1, 0x09C4, 0x09CD, 0x09CD, 0x0A01, 0x0A02,
  0x0A3C, 0x0A3C, 0x0A41, 0x0A51, 0x0A70, 0x0A71, 0x0A81, 0x0A82, 0x0ABC, 0x0ABC, 0x0AC1, 0x0AC8, 0x0ACD, 0x0ACD,
  0x0B01, 0x0B01, 0x0B3C, 0x0B3C, 0x0B3F, 0x0B3F, 0x0B41, 0x0B44, 0x0B4D, 0x0B56, 0x0BC0, 0x0BC0, 0x0BCD, 0x0BCD,
  0x0C3E, 0x0C40, 0x0C46, 0x0C56, 0x0CBC, 0x0CBC, 0x0CCC, 0x0CCD, 0x0D41, 0x0D44, 0x0D4D, 0x0D4D, 0x0DCA, 0x0DCA,
  0x0DD2, 0x0DD6, 0x0E31, 0x0E31, 0x0E34, 0x0E3A, 0x0E47, 0x0E4E, 0x0EB1, 0x0EB1, 0x0EB4, 0x0EBC, 0x0EC8, 0x0ECD,
  0x0F18, 0x0F19, 0x0F35, 0x0F35, 0x0F37, 0x0F37, 0x0F39, 0x0F39, 0x0F71, 0x0F7E, 0x0F80, 0x0F84, 0x0F86, 0x0F87,
  0x0F8D, 0x0FBC, 0x102D, 0x1030, 0x1032, 0x1037, 0x1039, 0x103A, 0x103D, 0x103E, 0x1160, 0x11FF, 0x135D, 0x135F,
  0x1712, 0x1714, 0x17B4, 0x17B5, 0x17B7, 0x17BD, 0x17C6, 0x17C6, 0x17C9, 0x17D3, 0x180B, 0x180E, 0x1AB0, 0x1AFF,
  0x1B00, 0x1B03, 0x1B34, 0x1B34, 0x1B36, 0x1B3A, 0x1DC0, 0x1DFF, 0x200B, 0x200F, 0x202A, 0x202E, 0x2060, 0x2064,
  0x20D0, 0x20F0, 0x2CEF, 0x2CF1, 0x2DE0, 0x2DFF, 0x302A, 0x302D, 0x3099, 0x309A, 0xA66F, 0xA672, 0xA674, 0xA67D,
  0xA69E, 0xA69F, 0xA6F0, 0xA6F1, 0xA8E0, 0xA8F1, 0xABED, 0xABED, 0xD7B0, 0xD7FF, 0xFB1E, 0xFB1E, 0xFE00, 0xFE0F,
  0xFE20, 0xFE2F, 0xFEFF, 0xFEFF, 0x1F3FB, 0x1F3FF, 0xE0001, 0xE007F, 0xE0100, 0xE01EF,
}
local WIDE = {
  0x1100, 0x115F, 0x231A, 0x231B, 0x2329, 0x232A, 0x23E9, 0x23EC, 0x23F0, 0x23F0, 0x23F3, 0x23F3, 0x25FD, 0x25FE,
  0x2614, 0x2615, 0x2648, 0x2653, 0x267F, 0x267F, 0x2693, 0x2693, 0x26A1, 0x26A1, 0x26AA, 0x26AB, 0x26BD, 0x26BE,
  0x26C4, 0x26C5, 0x26CE, 0x26CE, 0x26D4, 0x26D4, 0x26EA, 0x26EA, 0x26F2, 0x26F3, 0x26F5, 0x26F5, 0x26FA, 0x26FA,
  0x26FD, 0x26FD, 0x2705, 0x2705, 0x270A, 0x270B, 0x2728, 0x2728, 0x274C, 0x274C, 0x274E, 0x274E, 0x2753, 0x2755,
  0x2757, 0x2757, 0x2795, 0x2797, 0x27B0, 0x27B0, 0x27BF, 0x27BF, 0x2B1B, 0x2B1C, 0x2B50, 0x2B50, 0x2B55, 0x2B55,
  0x2E80, 0x303E, 0x3041, 0x33FF, 0x3400, 0x4DBF, 0x4E00, 0xA4CF, 0xA960, 0xA97F, 0xAC00, 0xD7A3, 0xF900, 0xFAFF,
  0xFE10, 0xFE19, 0xFE30, 0xFE6F, 0xFF01, 0xFF60, 0xFFE0, 0xFFE6, 0x16FE0, 0x18AFF, 0x1B000, 0x1B2FF, 0x1F004, 0x1F004,
  0x1F0CF, 0x1F0CF, 0x1F18E, 0x1F18E, 0x1F191, 0x1F19A, 0x1F200, 0x1F320, 0x1F32D, 0x1F335, 0x1F337, 0x1F37C,
  0x1F37E, 0x1F393, 0x1F3A0, 0x1F3CA, 0x1F3CF, 0x1F3D3, 0x1F3E0, 0x1F3F0, 0x1F3F4, 0x1F3F4, 0x1F3F8, 0x1F43E,
  0x1F440, 0x1F440, 0x1F442, 0x1F4FC, 0x1F4FF, 0x1F53D, 0x1F54B, 0x1F54E, 0x1F550, 0x1F567, 0x1F57A, 0x1F57A,
  0x1F595, 0x1F596, 0x1F5A4, 0x1F5A4, 0x1F5FB, 0x1F64F, 0x1F680, 0x1F6C5, 0x1F6CC, 0x1F6CC, 0x1F6D0, 0x1F6D2,
  0x1F6D5, 0x1F6D7, 0x1F6EB, 0x1F6EC, 0x1F6F4, 0x1F6FC, 0x1F7E0, 0x1F7EB, 0x1F90C, 0x1F93A, 0x1F93C, 0x1F945,
  0x1F947, 0x1F9FF, 0x1FA70, 0x1FAFF, 0x20000, 0x2FFFD, 0x30000, 0x3FFFD,
}

local function within(ranges, code)
  local low, high = 1, #ranges // 2
  while low <= high do
    local middle = (low + high) // 2
    if code < ranges[middle * 2 - 1] then high = middle - 1
    elseif code > ranges[middle * 2] then low = middle + 1
    else return true end
  end
  return false
end

--- Cells of one code point: 0, 1 or 2. A control character takes none.
---@param code integer
---@return integer
function text_width.of_code(code)
  if code < 0x300 then return (code < 32 or code >= 127 and code < 160) and 0 or 1 end
  if within(ZERO, code) then return 0 end
  if code >= 0x1100 and within(WIDE, code) then return 2 end
  return 1
end
local of_code = text_width.of_code

-- The code point at byte i and the byte after it; nil for a byte that does not begin valid UTF-8.
local function decode(s, i)
  local b = byte(s, i)
  if b < 0x80 then return b, i + 1 end
  local n = b >= 0xF0 and 4 or b >= 0xE0 and 3 or 2
  if b < 0xC2 or b > 0xF4 or not find(s, n == 4 and "^[\x80-\xBF][\x80-\xBF][\x80-\xBF]" or n == 3 and "^[\x80-\xBF][\x80-\xBF]"
      or "^[\x80-\xBF]", i + 1) then
    return nil, i + 1
  end
  local ok, code = pcall(utf8_codepoint, s, i) -- refuses surrogates and overlong forms
  if not ok then return nil, i + 1 end
  return code, i + n
end

--- Walks the characters of a text: `for start, stop, width in text_width.each(s)`. A character is a code point with the zero-width ones
--- that follow it; bytes start..stop hold it.
---@param s string
---@return fun(): integer?, integer?, integer?
function text_width.each(s)
  local i, size = 1, #s
  return function()
    if i > size then return nil end
    local start = i
    local code
    code, i = decode(s, i)
    local width = code and of_code(code) or 1
    while i <= size do
      local b = byte(s, i)
      if b < 0x80 then break end
      local mark, after = decode(s, i)
      if not mark or of_code(mark) > 0 then break end
      i = after
    end
    return start, i - 1, width
  end
end

--- Is a text printable ASCII, a cell each byte?
---@param s string
---@return boolean
function text_width.is_plain(s) return not find(s, "[\0-\31\127-\255]") end

--- Cells that a text takes on one line.
---@param s string
---@return integer
function text_width.width(s)
  if not find(s, "[\0-\31\127-\255]") then return #s end
  local total = 0
  for _, _, width in text_width.each(s) do total = total + width end
  return total
end

--- The beginning of a text that fits into `limit` cells, ended by `ellipsis` ("…" unless told) where something was left out.
---@param s string
---@param limit integer
---@param ellipsis? string
---@return string
function text_width.truncate(s, limit, ellipsis)
  if text_width.width(s) <= limit then return s end
  ellipsis = ellipsis or "…"
  local room, used, last = limit - text_width.width(ellipsis), 0, 0
  if room < 0 then return "" end
  for _, stop, width in text_width.each(s) do
    if used + width > room then break end
    used, last = used + width, stop
  end
  return sub(s, 1, last) .. ellipsis
end

-- Breaks one paragraph (no newline) and appends its lines; returns the widest.
local function wrap_paragraph(s, limit, lines)
  local widest, line_start, line_width = 0, 1, 0
  local break_at, break_next, width_to_break, width_after = nil, nil, 0, 0
  local function push(last, width)
    while width > limit and byte(s, last) == 32 do last, width = last - 1, width - 1 end
    lines[#lines + 1] = sub(s, line_start, last)
    if width > widest then widest = width end
  end
  for start, stop, width in text_width.each(s) do
    local blank = stop == start and byte(s, start) == 32
    if blank then
      break_at, break_next, width_to_break, width_after = start - 1, stop + 1, line_width, line_width + 1
      line_width = line_width + 1 -- a blank may hang over the edge: it vanishes at a break
    else
      if line_width + width > limit and start > line_start then
        if break_at and break_at >= line_start - 1 and break_next > line_start then
          push(break_at, width_to_break)
          line_start, line_width = break_next, line_width - width_after
        else
          push(start - 1, line_width)
          line_start, line_width = start, 0
        end
        break_at = nil
      end
      line_width = line_width + width
    end
  end
  push(#s, line_width)
  return widest
end

--- Breaks a text into lines of at most `limit` cells: at newlines, else at blanks, else inside a word that is too long.
---@param s string
---@param limit? integer no limit: only newlines break
---@return string[] lines
---@return integer width of the widest line
function text_width.wrap(s, limit)
  if not find(s, "\n", 1, true) then
    local width = text_width.width(s)
    if not limit or width <= limit then return { s }, width end
  end
  local lines, widest = {}, 0
  limit = limit and (limit < 1 and 1 or limit) or math.maxinteger
  local from = 1
  repeat
    local stop = find(s, "\n", from, true)
    local width = wrap_paragraph(sub(s, from, (stop or 0) - 1), limit, lines)
    if width > widest then widest = width end
    from = stop and stop + 1
  until not from
  return lines, widest
end

--- The widest piece that cannot be broken at a blank: what CSS calls the min-content width.
---@param s string
---@return integer
function text_width.longest_word(s)
  local longest = 0
  for word in s:gmatch("[^ \n]+") do
    local width = text_width.width(word)
    if width > longest then longest = width end
  end
  return longest
end

return text_width
