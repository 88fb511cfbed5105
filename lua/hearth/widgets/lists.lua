-- FlatList and SectionList: long lists of which only a window of rows is mounted. The host node (of the same name) says which rows
-- those are, in `first`, `last` and `total`, and has `on_scroll(row)`, by which a renderer asks for the window around a row. A list
-- that is no longer than the window is mounted whole.

local element = require "hearth.ui.element"
local errors = require "hearth.errors"
local props_of = require "hearth.ui.props"
local style = require "hearth.ui.style"
local use_callback = require "hearth.hooks.use_callback"
local use_ref = require "hearth.hooks.use_ref"
local use_state = require "hearth.hooks.use_state"

local lists = {}

local WINDOW <const> = 100

local COMMON = {
  render_item = "handler", key_extractor = "handler", window_size = "number", header = "any", footer = "any", empty = "any",
    separator = "handler",
  horizontal = "flag", on_scroll = "handler", on_end_reached = "handler", first = "number", last = "number", total = "number",
}

local function with(own)
  for name, kind in pairs(COMMON) do own[name] = kind end
  return own
end

local flat_schema = props_of.define("FlatList", with { data = "list" })
local section_schema = props_of.define("SectionList", with { sections = "list", render_section_header = "handler" })

-- Props of the list that its host node has too.
local PASSED = { id = true, label = true, style = true, hidden = true, disabled = true, role = true, ref = true, horizontal = true,
  tooltip = true, class = true }

local function default_key(item, index)
  if type(item) == "table" then
    local key = item.key
    if key == nil then key = item.id end
    if key ~= nil then return key end
  end
  return index
end

-- An element with the key of its row; anything else that can be shown goes into a Fragment of that key.
local function keyed(shown, key)
  if type(shown) == "table" and shown.type ~= nil and shown.props then
    if shown.key ~= nil then return shown end
    return { type = shown.type, props = shown.props, key = key }
  end
  return { type = element.Fragment, props = { shown }, key = key }
end

-- Shows rows first..last of `total`; row(i) gives the element of one, with its key.
local function window(name, props, total, row)
  local grown, set_grown = use_state(0) -- a renderer that shows many rows at once gets a larger window
  local size = math.max(1, math.floor(props.window_size or WINDOW), grown)
  local start, set_start = use_state(1)
  local latest = use_ref()
  latest.current = { props = props, total = total, size = size }
  local on_scroll = use_callback(function(wanted, seen)
    local now = latest.current
    if seen and seen * 4 > now.size then
      now.size = seen * 4
      set_grown(now.size)
    end
    if type(wanted) ~= "number" then
      errors.raise("EINVAL", name .. ": on_scroll takes the number of a row, got a " .. type(wanted), { op = name })
    end
    wanted = math.max(1, math.min(math.floor(wanted), now.total))
    local first = math.max(1, math.min(wanted - now.size // 4, now.total - now.size + 1))
    set_start(first)
    if now.props.on_scroll then now.props.on_scroll(wanted) end
    if now.props.on_end_reached and first + now.size - 1 >= now.total then now.props.on_end_reached() end
  end, {})

  local first = math.max(1, math.min(start, total - size + 1))
  local last = math.min(total, first + size - 1)
  local out = { first = first, last = last, total = total, on_scroll = on_scroll }
  for key, value in next, props do
    if PASSED[key] or props_of.is_style_key(key) then out[key] = value end
  end
  if style.check(out.style, name) then out.style = style.flatten(out.style) end
  local n = 0
  local function add(shown)
    if shown ~= nil then
      n = n + 1
      out[n] = shown
    end
  end
  if props.header ~= nil and first == 1 then add(keyed(props.header, "\0header")) end
  if total == 0 and props.empty ~= nil then add(keyed(props.empty, "\0empty")) end
  for i = first, last do
    add(row(i))
    if props.separator and i < total then add(keyed(props.separator(i), "\0separator" .. i)) end
  end
  if props.footer ~= nil and last == total then add(keyed(props.footer, "\0footer")) end
  return { type = name, props = out }
end

local Flat = element.component("FlatList", function(props)
  local data, render_item, key_of = props.data or {}, props.render_item, props.key_extractor or default_key
  return window("FlatList", props, #data, function(i)
    return keyed(render_item(data[i], i), key_of(data[i], i))
  end)
end)

local Sections = element.component("SectionList", function(props)
  local sections, render_item, key_of = props.sections or {}, props.render_item, props.key_extractor or default_key
  local header = props.render_section_header or function(section)
    return { type = "Text", props = { text = tostring(section.title or ""), style = { bold = true } } }
  end
  local starts, total = {}, 0
  for i, section in ipairs(sections) do
    starts[i] = total
    total = total + 1 + #(section.data or {})
  end
  return window("SectionList", props, total, function(row)
    local low, high = 1, #starts -- the last section that starts before this row
    while low < high do
      local middle = (low + high + 1) // 2
      if starts[middle] < row then low = middle else high = middle - 1 end
    end
    local section, i = sections[low], row - starts[low] - 1
    local name = section.key or low
    if i == 0 then return keyed(header(section, low), ("\0section %s"):format(name)) end
    local item = section.data[i]
    return keyed(render_item(item, i, section), ("%s\0%s"):format(name, key_of(item, i)))
  end)
end)

-- Takes List{data=…} and List(data, {…}).
local function constructor(name, field, schema, component)
  return function(first, second)
    local given = first
    if second ~= nil then
      if type(second) ~= "table" then
        errors.raise("EINVAL", ("%s: props must be a table, got a %s; write %s(%s, { render_item=… })"):format(name, type(second),
          name, field), { op = name })
      end
      given = { [field] = first }
      for key, value in next, second do given[key] = value end
    elseif type(first) ~= "table" then
      errors.raise("EINVAL", ("%s takes one table, %s{ %s=…, render_item=… }, got a %s"):format(name, name, field, type(first)),
        { op = name })
    end
    props_of.check(name, schema, given)
    if given.render_item == nil then
      errors.raise("EINVAL", ("%s: render_item is missing; write render_item=function(item, index) return Text(item) end"):format(name),
        { op = name, key = "render_item" })
    end
    return { type = component, props = given, key = given.key }
  end
end

--- FlatList{data=, render_item=function(item, index) … end, key_extractor=function(item, index) … end}, or FlatList(data, {…}).
lists.FlatList = constructor("FlatList", "data", flat_schema, Flat)
--- SectionList{sections={ {title=, data=}, … }, render_item=function(item, index, section) … end}
lists.SectionList = constructor("SectionList", "sections", section_schema, Sections)

return lists
