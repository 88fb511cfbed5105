-- Runs apps through the program under test, as a person at a pipe would.

local files = require "spec.support.files"

local quoted = files.quoted

local program = {}

--- The binary that runs this spec.
---@return string path
function program.binary()
  local pipe <close> = assert(io.popen("readlink /proc/$PPID/exe"))
  return pipe:read "l"
end

--- A file name in the temporary folder that does not exist; removed with what SQLite puts beside it by `program.clean`.
program.temporary = files.temporary

function program.clean(path)
  for _, suffix in ipairs { "", "-wal", "-shm", "-gate" } do os.remove(path .. suffix) end
end

--- hearth ARGS, with the lines of `input` on standard input. Returns standard output, the status and standard error.
---@param args string[]
---@param input? string[]
---@param environment? table<string, string>
---@return string out, integer status, string err
function program.run(args, input, environment)
  local words = { quoted(program.binary()) }
  for _, word in ipairs(args) do words[#words + 1] = quoted(word) end
  for name, value in pairs(environment or {}) do table.insert(words, 1, name .. "=" .. quoted(value)) end
  local in_name, err_name = os.tmpname(), os.tmpname()
  files.write(in_name, table.concat(input or {}, "\n") .. (input and input[1] and "\n" or ""))
  local pipe = assert(io.popen(("timeout -k 5 20 env -u HEARTH_STORE %s < %s 2> %s"):format(table.concat(words, " "), in_name, err_name)))
  local out = pipe:read "a"
  local _, _, status = pipe:close()
  local err = files.read(err_name)
  os.remove(in_name)
  os.remove(err_name)
  return out, status, err
end

--- Starts hearth ARGS and does not wait: its standard output and error, whose first line is the process id.
---@param args string[]
---@param input? string[]
---@param before? string what the shell does first, `ulimit …;`
---@return file* out
function program.start(args, input, before)
  local words = { quoted(program.binary()) }
  for _, word in ipairs(args) do words[#words + 1] = quoted(word) end
  local lines = {}
  for i, line in ipairs(input or {}) do lines[i] = quoted(line) end
  local feed = lines[1] and ("printf '%%s\\n' %s | "):format(table.concat(lines, " ")) or ""
  return assert(io.popen((
    "%sexec env -u HEARTH_STORE timeout 30 sh -c 'echo $$; %s exec \"$0\" \"$@\" 2>&1' %s"):format(feed, before or "",
    table.concat(words, " "))))
end

--- The frames that a line UI printed, each a list of lines without their indent.
---@param out string
---@return string[][]
function program.frames(out)
  local frames = {}
  for line in out:gmatch "[^\n]*" do
    if line == "--" then frames[#frames + 1] = {}
    elseif frames[1] and line:match "^%s" then table.insert(frames[#frames], (line:match "^%s*(.*)$")) end
  end
  return frames
end

--- A file with this text, for apps that a spec writes.
---@param text string
---@return string path
function program.file(text)
  local path = files.temporary ".lua"
  files.write(path, text)
  return path
end

return program
