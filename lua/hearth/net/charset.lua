-- Texts of answers in UTF-8, whatever their character set: what old servers and files still speak.

local charset = {}

-- Bytes 0x80 to 0x9f of windows-1252, which is also what those mean who say Latin-1 or ASCII (so do browsers); the rest is Latin-1.
local WINDOWS <const> = {
  [0x80] = 0x20ac, [0x82] = 0x201a, [0x83] = 0x0192, [0x84] = 0x201e, [0x85] = 0x2026, [0x86] = 0x2020, [0x87] = 0x2021,
  [0x88] = 0x02c6, [0x89] = 0x2030, [0x8a] = 0x0160, [0x8b] = 0x2039, [0x8c] = 0x0152, [0x8e] = 0x017d, [0x91] = 0x2018,
  [0x92] = 0x2019, [0x93] = 0x201c, [0x94] = 0x201d, [0x95] = 0x2022, [0x96] = 0x2013, [0x97] = 0x2014, [0x98] = 0x02dc,
  [0x99] = 0x2122, [0x9a] = 0x0161, [0x9b] = 0x203a, [0x9c] = 0x0153, [0x9e] = 0x017e, [0x9f] = 0x0178,
}

local function from_windows(text)
  return (text:gsub("[\128-\255]", function(c) return utf8.char(WINDOWS[c:byte()] or c:byte()) end))
end

-- UTF-16 in pairs of bytes; half a pair of surrogates becomes U+FFFD.
local function from_utf16(format)
  return function(text)
    local out, high = {}, nil
    for i = 1, #text - 1, 2 do
      local unit = format:unpack(text, i)
      if high and unit >> 10 == 0x37 then
        out[#out + 1] = utf8.char(0x10000 + ((high & 0x3ff) << 10 | unit & 0x3ff))
        high = nil
      else
        if high then out[#out + 1] = "\u{fffd}" end
        high = nil
        if unit >> 10 == 0x36 then
          high = unit
        elseif unit >> 10 == 0x37 then
          out[#out + 1] = "\u{fffd}"
        elseif not (i == 1 and unit == 0xfeff) then
          out[#out + 1] = utf8.char(unit)
        end
      end
    end
    if high or #text % 2 == 1 then out[#out + 1] = "\u{fffd}" end
    return table.concat(out)
  end
end

local little, big = from_utf16 "<I2", from_utf16 ">I2"

local known = {
  ["utf-16le"] = little, ["utf-16be"] = big, ["utf-16"] = function(text)
    return (text:sub(1, 2) == "\xfe\xff" and big or little)(text)
  end,
}
for _, name in ipairs { "iso-8859-1", "latin1", "windows-1252", "cp1252", "us-ascii", "ascii" } do known[name] = from_windows end

---A text in UTF-8. One in a character set that is not known stays as it is; so does UTF-8, but for a byte order mark.
---@param text string
---@param content_type string the header
---@return string
function charset.text(text, content_type)
  local name = content_type:lower():match "charset%s*=%s*[\"']?([%w_-]+)"
  local translate = known[name]
  if translate then return translate(text) end
  return (text:gsub("^\239\187\191", ""))
end

return charset
