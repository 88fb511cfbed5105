-- Files that an app shows: pictures below the folder of the app, under /files/. Nothing else is given away, whatever is asked for: not the
-- app's sources, not a hidden file, nothing above the folder.

local files = {}

local LARGEST <const> = 32 * 1024 * 1024

local TYPES <const> = {
  png = "image/png", jpg = "image/jpeg", jpeg = "image/jpeg", gif = "image/gif", webp = "image/webp", avif = "image/avif",
  svg = "image/svg+xml", ico = "image/x-icon", bmp = "image/bmp",
}

--- The content of a file and its type, or nil.
---@param folder string
---@param path string relative, as a page asks for it
---@return string|nil content, string|nil type
function files.read(folder, path)
  if path == "" or path:find "[%c\\]" then return nil end
  for part in (path .. "/"):gmatch "([^/]*)/" do
    if part == "" or part:sub(1, 1) == "." then return nil end
  end
  local kind = TYPES[(path:match "%.(%w+)$" or ""):lower()]
  if not kind then return nil end
  local file = io.open(folder .. "/" .. path, "rb")
  if not file then return nil end
  local size = file:seek "end"
  local content = size and size <= LARGEST and file:seek "set" and file:read "a"
  file:close()
  if not content then return nil end
  return content, kind
end

return files
