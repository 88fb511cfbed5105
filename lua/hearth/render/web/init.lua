-- The web renderer: a tree of nodes with ids, and what has to be told to a page that shows an older state of it. A patch is ["u", id,
-- html], the node itself without its children, or ["c", id, list], its children in order: the id of one that the page has, or the HTML of
-- one that it has not.

local events = require "hearth.render.web.events"
local html = require "hearth.render.web.html"
local json = require "hearth.json"

local web = {}

local NONE = setmetatable({}, { __newindex = function() error("a node's children belong to the renderer", 2) end })

-- Do the same things stand on the page? Handlers are called by name of the node, children are told of by themselves.
local function same_style(a, b)
  for key, v in next, a do
    if b[key] ~= v then return false end
  end
  for key in next, b do
    if a[key] == nil then return false end
  end
  return true
end

local function same_look(a, b)
  for key, v in next, a do
    local w = b[key]
    if v ~= w and math.type(key) == nil then
      local kind = type(v)
      if kind ~= type(w) then return false end
      if kind ~= "function" and not (key == "style" and kind == "table" and same_style(v, w)) then return false end
    end
  end
  for key in next, b do
    if a[key] == nil and math.type(key) == nil then return false end
  end
  return true
end

---@class hearth.WebRenderer: hearth.Renderer
---@field top table the root node
---@field local_storage? hearth.LocalStorage of the browser that shows this
---@field who? { client: string, session: string, default: string }
---@field changed? fun() after each commit

---@return hearth.WebRenderer
function web.new()
  local renderer = {}
  local ids = -1
  local nodes = setmetatable({}, { __mode = "v" })
  local updated, restructured = {}, {} -- nodes that differ from what the page has, in order

  function renderer.create(type, props)
    ids = ids + 1
    local node = { id = ids, type = type, props = props, children = NONE, parent = false }
    nodes[ids] = node
    renderer.top = renderer.top or node
    return node
  end

  local function look_again(node)
    if node.sent and not updated[node] then
      updated[node] = true
      updated[#updated + 1] = node
    end
  end

  function renderer.update(node, props)
    local before = node.props
    node.props = props
    if not same_look(before, props) then look_again(node) end
  end

  renderer.set = look_again

  function renderer.children(node, list)
    for _, child in ipairs(node.children) do child.parent = false end
    for _, child in ipairs(list) do child.parent = node end
    node.children = list
    if node.sent and not restructured[node] then
      restructured[node] = true
      restructured[#restructured + 1] = node
    end
  end

  function renderer.commit()
    if renderer.changed then renderer.changed() end
  end

  local function attached(node)
    while node.parent do node = node.parent end
    return node == renderer.top
  end

  --- The page has just this, whatever it had before.
  ---@return string html of the whole tree
  function renderer.html()
    updated, restructured = {}, {}
    return html.full(renderer.top)
  end

  --- The patches since the last call, or nil when a page sees no difference.
  ---@return table[]|nil
  function renderer.take()
    if not updated[1] and not restructured[1] then return nil end
    local patches = {}
    for _, node in ipairs(updated) do
      if attached(node) then
        local before, after = html.parts(node)
        if before .. after ~= node.sent then
          node.sent = before .. after
          patches[#patches + 1] = { "u", node.id, node.sent }
        end
      end
    end
    for _, node in ipairs(restructured) do
      if attached(node) then
        local list = json.array {}
        for i, child in ipairs(node.children) do list[i] = child.sent and child.id or html.full(child) end
        patches[#patches + 1] = { "c", node.id, list }
      end
    end
    updated, restructured = {}, {}
    return patches[1] and patches or nil
  end

  --- What a page says that its user did: starts the handler. A node that is gone, hidden or disabled, or a value that it cannot have,
  --- does nothing.
  ---@param id integer
  ---@param kind string
  ---@param value any
  ---@return hearth.Task|nil
  function renderer.event(id, kind, value)
    local node = nodes[id]
    if not node or not attached(node) or node == renderer.top then return nil end
    local running = events.fire(node, kind, value)
    -- A control shows what its component says. A page that shows something else, because the handler did not take it, hears of it.
    if kind == "v" and node.props.value ~= nil then
      local function compare()
        if attached(node) and not (node.type == "TextInput" and tostring(node.props.value) == value) then
          node.sent = ""
          look_again(node)
          renderer.commit()
        end
      end
      if running then running:on_done(compare) else compare() end
    end
    return running
  end

  return renderer
end

return web
