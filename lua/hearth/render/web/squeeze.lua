-- A script as it is served: without comments and spaces, and with short names for what is declared in it, and for what browsers call
-- long. That keeps the sources readable and the page small without a build step. It knows as much JavaScript as our own scripts use:
-- statements end with semicolons, and a name that is shortened is never a key of `{ key }`.

local squeeze = {}

local LONG <const> = { "document", "clearTimeout", "addEventListener" } -- of the browser, used often
local SAME <const> = { const = "let", ["true"] = "!0", ["false"] = "!1", undefined = "void 0" }
local LETTERS <const> = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
local REGEX_AFTER = "[(,=:%[!&|?{};>]$"

-- Reads a regular expression, or a string, that begins at `at`: the place after it.
local function literal(source, at, quote)
  local i, class = at + 1, false
  while true do
    local c = source:sub(i, i)
    if c == "\\" then i = i + 1
    elseif c == "" then error("a literal without end: " .. source:sub(at, at + 40), 0)
    elseif quote == "/" and c == "[" then class = true
    elseif quote == "/" and c == "]" then class = false
    elseif c == quote and not class then return i + 1 end
    i = i + 1
  end
end

-- Calls visit(kind, text, spaced) for each piece: "word", "mark" (one character), "raw" (to be left as it is).
local function pieces(source, visit)
  local at, last, spaced = 1, "", false
  local depth, templates = 0, {} -- braces, and at which depth a template goes on
  local function give(kind, text)
    visit(kind, text, spaced)
    at, last, spaced = at + #text, text, false
  end
  local function template()
    local stop = source:find("[`$]", at + 1)
    while source:sub(stop, stop) == "$" and source:sub(stop + 1, stop + 1) ~= "{" do stop = source:find("[`$]", stop + 1) end
    if source:sub(stop, stop) == "$" then
      stop = stop + 1
      templates[#templates + 1] = depth
    end
    give("raw", source:sub(at, stop))
  end
  while at <= #source do
    local skip = source:match("^%s+", at) or source:match("^//[^\n]*", at) or source:match("^/%*.-%*/", at)
    local c = source:sub(at, at)
    local word = source:match("^[%w_$]+", at)
    if skip then
      at, spaced = at + #skip, true
    elseif word then
      give("word", word)
    elseif c == '"' or c == "'" or c == "/" and (last:find(REGEX_AFTER) or last == "return") then
      give("raw", source:sub(at, literal(source, at, c) - 1))
    elseif c == "`" or c == "}" and templates[#templates] == depth then
      if c == "}" then templates[#templates] = nil end
      template()
    else
      depth = depth + (c == "{" and 1 or c == "}" and -1 or 0)
      give("mark", c)
    end
  end
end

-- Names that are declared where a line begins, and parameters of functions that are; those that occur most first.
local function names_of(source)
  local declared, count, list = {}, {}, {}
  for _, name in ipairs(LONG) do declared[name] = true end
  local function declare(names)
    names = names:gsub("%b{}", "{"):gsub("%b()", "("):gsub("%b[]", "[")
    for one in ("," .. names):gmatch ",[%s.]*([%w_]+)%s*%f[=,;\0]" do declared[one] = true end
  end
  for line in source:gmatch "[^\n]+" do
    local name, parameters = line:match "^%s*function%s+([%w_]+)%(([^)]*)%)"
    if name then declare(name .. "," .. parameters) end
    declare(line:match "^%s*const%s+[%w_]+%s*=%s*%(([%w_, ]+)%)%s*=>" or "")
    declare(line:match "^%s*const%s+%[([^%]]+)%]" or line:match "^%s*const%s+(.+)" or line:match "^%s*let%s+(.+)" or "")
  end
  pieces(source, function(kind, text)
    if kind == "word" and declared[text] and #text > 2 then count[text] = (count[text] or 0) + 1 end
  end)
  for name in pairs(count) do list[#list + 1] = name end
  table.sort(list, function(a, b) return count[a] > count[b] or count[a] == count[b] and a < b end)
  local short = {}
  for i, name in ipairs(list) do
    local high, low = (i - 1) // 26, (i - 1) % 26 + 1
    short[name] = LETTERS:sub(low, low) .. (high > 0 and high or "")
  end
  return short
end

--- The script, shorter.
---@param source string
---@return string
function squeeze.script(source)
  local short = names_of(source)
  local list = {}
  pieces(source, function(kind, text, spaced) list[#list + 1] = { kind, text, spaced } end)
  local aliases = {}
  for _, name in ipairs(LONG) do
    if short[name] then aliases[#aliases + 1] = short[name] .. "=" .. name end
  end
  local out, last = { aliases[1] and "let " .. table.concat(aliases, ",") .. ";" or "" }, ""
  for i, piece in ipairs(list) do
    local kind, text, spaced = piece[1], piece[2], piece[3]
    local before, after = list[i - 1] and list[i - 1][2] or "", list[i + 1] and list[i + 1][2] or ""
    local key = (before == "{" or before == ",") and after == ":"
    local field = before == "." and list[i - 2][2] ~= "." -- ...name is no field
    if kind == "word" and not field and not key then text = short[text] or SAME[text] or text end
    local apart = last:find "[%w_$]$" and text:find "^[%w_$]" or spaced and last:find "[+-]$" and text == last
    if text == "}" and last == ";" then out[#out] = nil end
    out[#out + 1] = apart and " " .. text or text
    last = text
  end
  return table.concat(out)
end

return squeeze
