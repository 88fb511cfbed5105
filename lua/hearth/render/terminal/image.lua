-- Image in cells: a picture in a format that can be read here (PPM) as half blocks, two pixels a cell; of any other its caption.

local text_width = require "hearth.ui.text_width"

local floor, max, min = math.floor, math.max, math.min
local RGB <const> = 2 << 24
local LARGEST <const> = 16 * 1024 * 1024

local Image = {}

-- A binary PPM (P6, 8 bits): width, height and the bytes of its pixels.
local function read_ppm(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local bytes = file:read(LARGEST)
  file:close()
  if not bytes or bytes:sub(1, 2) ~= "P6" then return nil end
  local at, numbers = 3, {}
  while #numbers < 3 do
    local _, stop = bytes:find("^%s+", at)
    if not stop then return nil end
    at = stop + 1
    local comment = bytes:match("^#[^\n]*", at)
    if comment then
      at = at + #comment
    else
      local digits = bytes:match("^%d+", at)
      if not digits then return nil end
      numbers[#numbers + 1] = tonumber(digits)
      at = at + #digits
    end
  end
  local w, h, most = numbers[1], numbers[2], numbers[3]
  if w < 1 or h < 1 or most ~= 255 or #bytes - at < w * h * 3 then return nil end
  return { width = w, height = h, bytes = bytes, start = at + 1 }
end

local function picture(node)
  local source = node.props.source
  if node.picture_source ~= source then
    node.picture_source = source
    node.picture = type(source) == "string" and source:match "%.ppm$" and read_ppm(source:gsub("^file:", "")) or false
  end
  return node.picture
end

local function caption(node)
  local props = node.props
  return "[image" .. (props.alt and ": " .. props.alt or props.source and ": " .. props.source:match "[^/]*$" or "") .. "]"
end

function Image.focusable(node) return node.props.on_click ~= nil and not node.props.disabled end
function Image.click(node, ui) ui.fire(node.props.on_click) end

function Image.measure(node, limit)
  local p = picture(node)
  if not p then
    local w = text_width.width(caption(node))
    return limit and min(w, max(1, limit)) or w, 1, min(w, 8)
  end
  local w = min(p.width, limit or 40, 80)
  return w, max(1, floor(w * p.height / p.width / 2 + 0.5)), min(w, 8)
end

function Image.paint(node, d, x, y, w, h, fg, attr)
  local p = picture(node)
  if not p or not d.look.field then
    d.text(x, y, text_width.truncate(caption(node), w), d.look.muted or fg, nil, d.focus == node and attr ~ 32 or attr)
    return
  end
  local bytes, start = p.bytes, p.start
  local function pixel(px, py)
    local at = start + (min(p.height - 1, floor(py)) * p.width + min(p.width - 1, floor(px))) * 3
    local r, g, b = bytes:byte(at, at + 2)
    return RGB | r << 16 | g << 8 | b
  end
  for row = 0, h - 1 do
    for column = 0, w - 1 do
      local px = (column + 0.5) * p.width / w
      d.text(x + column, y + row, "▀", pixel(px, (row * 2 + 0.5) * p.height / (h * 2)), pixel(px,
        (row * 2 + 1.5) * p.height / (h * 2)), attr)
    end
  end
end

return Image
