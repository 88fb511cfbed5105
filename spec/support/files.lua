-- Files and folders of specs: each has a name of its own below the temporary folder, and who makes one removes it.

local files = {}

---A word as the shell takes it.
---@param word string
---@return string
function files.quoted(word)
  return "'" .. word:gsub("'", "'\\''") .. "'"
end

---A name that no file has.
---@param suffix? string
---@return string path
function files.temporary(suffix)
  local path = os.tmpname()
  os.remove(path)
  return path .. (suffix or "")
end

---A new empty folder.
---@return string path
function files.folder()
  local path = files.temporary()
  assert(os.execute("mkdir " .. path))
  return path
end

---Removes a file or a folder, with all that is in it.
---@param path string
function files.remove(path)
  os.execute("rm -rf " .. files.quoted(path))
end

---@param path string
---@return string bytes
function files.read(path)
  local f <close> = assert(io.open(path, "rb"))
  return f:read "a"
end

---@param path string
---@param ... string the bytes, in parts
function files.write(path, ...)
  local f <close> = assert(io.open(path, "wb"))
  assert(f:write(...))
end

return files
