-- Image in cells: a picture (PNG, JPEG, PPM) as half blocks, two pixels a cell; its caption until it is read, where it cannot be, and where
-- colours are few. It is read on a thread; the node then asks for another layout.

local events = require "hearth.ui.events"
local feature = require "hearth.core.feature"
local task = require "hearth.core.task"
local text_width = require "hearth.ui.text_width"

local floor, max, min = math.floor, math.max, math.min
local RGB <const> = 2 << 24
-- As large as a picture is by itself, in cells, and as large as it is ever painted.
local WIDEST <const>, MOST <const> = 80, 2048

local Image = {}

-- Where the file of a source is: a path is below the folder of the app, as on the web; nil for what is no file.
local function path_of(source, folder)
  local path = source:match "^file:/*(/.*)" or source:match "^file:(.*)" or source
  if path == "" or path:find "^%a[%w+.-]+:" then return nil end
  return path:sub(1, 1) == "/" and path or folder .. "/" .. path
end

-- Begins to read what the node shows from now on; `d` is the stage's.
local function read(node, source, d)
  node.picture_source, node.picture = source, nil
  local path = type(source) == "string" and path_of(source, d.folder)
  task.spawn(function()
    local ok, picture = pcall(function() return path and feature.load("image").read(path, (d.look.field or 0) & 0xFFFFFF) end)
    if node.picture_source ~= source or not node.parent then return end
    local heard = node.props[ok and picture and "on_load" or "on_error"]
    node.picture = ok and d.look.field and picture or nil
    if heard then events.fire(heard) end
    d.changed(node)
  end)
end

local function caption(node)
  local props = node.props
  return "[image" .. (props.alt and ": " .. props.alt or props.source and ": " .. props.source:match "[^/]*$" or "") .. "]"
end

function Image.focusable(node) return node.props.on_click ~= nil and not node.props.disabled end
function Image.click(node, ui) ui.fire(node.props.on_click) end

function Image.measure(node, limit)
  local p = node.picture
  if not p then
    local w = text_width.width(caption(node))
    return limit and min(w, max(1, limit)) or w, 1, min(w, 8)
  end
  local width, height = p:size()
  local w = min(width, limit or WIDEST, WIDEST)
  return w, max(1, floor(w * height / width / 2 + 0.5)), min(w, 8)
end

-- The pixels for w × h cells, kept while the size stays.
local function pixels(node, w, h)
  if node.pixels_of ~= node.picture or node.pixels_w ~= w or node.pixels_h ~= h then
    node.pixels_of, node.pixels_w, node.pixels_h = node.picture, w, h
    node.pixels = node.picture:scaled(w, h * 2)
  end
  return node.pixels
end

function Image.paint(node, d, x, y, w, h, fg, attr)
  local source = node.props.source
  if source ~= nil and node.picture_source ~= source then read(node, source, d) end
  if not node.picture or w < 1 or h < 1 or w > MOST or h > MOST then
    d.text(x, y, text_width.truncate(caption(node), w), d.look.muted or fg, nil, d.focus == node and attr ~ 32 or attr)
    return
  end
  local bytes = pixels(node, w, h)
  local function colour(at)
    local r, g, b = bytes:byte(at, at + 2)
    return RGB | r << 16 | g << 8 | b
  end
  for row = 0, h - 1 do
    for column = 0, w - 1 do
      local at = (row * 2 * w + column) * 3 + 1
      d.text(x + column, y + row, "▀", colour(at), colour(at + w * 3), attr)
    end
  end
end

return Image
