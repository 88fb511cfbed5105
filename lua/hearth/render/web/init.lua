-- The web renderer: a tree of nodes with ids, and what has to be told to a page that shows an older state of it. A patch is ["u", id,
-- html], the node itself without its children, or ["c", id, list], its children in order: the id of one that the page has, or the HTML of
-- one that it has not, or ["m", id, style, ms, timing], a style that moves by itself (moves.lua).

local events = require "hearth.render.web.events"
local html = require "hearth.render.web.html"
local json = require "hearth.json"
local moves = require "hearth.render.web.moves"
local task = require "hearth.core.task"

local web = {}

local NONE = setmetatable({}, { __newindex = function() error("a node's children belong to the renderer", 2) end })

local LOOK <const>, CHILDREN <const> = 1, 2 -- in what a node differs from what the page has

local function has_keys_of(a, b)
  for key in next, b do
    if a[key] == nil then return false end
  end
  return true
end

local function same_style(a, b)
  for key, v in next, a do
    if b[key] ~= v then return false end
  end
  return has_keys_of(a, b)
end

-- Do the same things stand on the page? Handlers are called by name of the node, children are told of by themselves.
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

-- A node that left its place is on the page no more, nor is what is below it: `sent` says what the page has of a node. Put somewhere
-- again, by a Suspense that shows what it hid, it is told as a whole.
local function off_page(node)
  if not node.sent then return end
  node.sent = false
  for _, child in ipairs(node.children) do off_page(child) end
end

-- Text as JSON. A change that all pages share is the same for each of them: encoded once.
local last_text, last_quoted
local function quoted(text)
  if text ~= last_text then last_text, last_quoted = text, json.encode(text) end
  return last_quoted
end

-- What a broadcast is made of: the same node changed alone in page after page. Its HTML and the patch are made for the first of them.
local one = { id = false, kind = false, under = false, props = NONE, html = "", patch = "" }

-- Do both make the same HTML? A table may have been changed in place: never, then.
local function same_plain(a, b)
  for key, v in next, a do
    local kind, w = type(v), b[key]
    if kind == "table" or v ~= w and not (kind == "function" and type(w) == kind) then return false end
  end
  return has_keys_of(a, b)
end

function one.patch_of(node)
  local id, kind, props, under = node.id, node.type, node.props, (node.parent or node).type
  if id ~= one.id or kind ~= one.kind or under ~= one.under or not same_plain(one.props, props) then
    local before, after = html.parts(node)
    local now = before .. after
    one.id, one.kind, one.under, one.html = id, kind, under, now
    one.props = {}
    for key, v in next, props do one.props[key] = v end
    one.patch = '[["u",' .. id .. "," .. quoted(now) .. "]]"
  end
  return one.html, one.patch
end

---@class hearth.WebRenderer: hearth.Renderer
---@field top table the root node
---@field local_storage? hearth.LocalStorage of the browser that shows this
---@field who? { client: string, session: string, default: string }
---@field changed? fun() after each commit

moves.begin()

---@return hearth.WebRenderer
function web.new()
  local renderer = {}
  local ids = -1
  local nodes -- by id, once a page has said something
  -- Nodes that differ from what the page has, in order; each says in what, so that it is there once.
  local updated, restructured, n_updated, n_restructured = {}, {}, 0, 0
  local moved, n_moved = {}, 0 -- nodes whose style began to move

  function renderer.create(type, props)
    ids = ids + 1
    local node = { -- eight fields: with nine a table is twice as large
      id = ids, type = type, props = props, children = NONE, parent = false, sent = false, differs = 0, move = false,
    }
    renderer.top = renderer.top or node
    return node
  end

  local function look_again(node)
    if node.sent and node.differs & LOOK == 0 then
      node.differs = node.differs | LOOK
      n_updated = n_updated + 1
      updated[n_updated] = node
    end
  end

  function renderer.update(node, props)
    local before = node.props
    node.props = props
    if same_look(before, props) then return end
    node.move = false
    look_again(node)
  end

  --- One prop changed in place. What the page shows by itself, because it was told where it goes, it is not told again.
  function renderer.set(node, prop)
    local move = node.move
    if move and move.holds then
      if moves.is_look(prop) and move.holds() then return end
      node.move = false
    end
    look_again(node)
  end

  --- A motion began that changes the node's style through these links.
  function renderer.move(node, motion, links)
    local move = node.move
    if not move or move.holds then
      move = { links = {}, seen = {} }
      node.move = move
      n_moved = n_moved + 1
      moved[n_moved] = node
    end
    for _, link in ipairs(links) do
      if not move.seen[link] then
        move.seen[link] = true
        move.links[#move.links + 1] = link
      end
    end
    -- However it ends, the page shows what the node then is.
    local gone = motion.gone
    function motion.gone(self)
      if gone then gone(self) end
      node.move = false
      look_again(node)
      task.at_turn_end(renderer.commit)
    end
    task.at_turn_end(renderer.commit)
  end

  function renderer.children(node, list)
    local before = node.children
    for _, child in ipairs(before) do
      if child.parent == node then child.parent = false end -- it may have moved already
    end
    for _, child in ipairs(list) do
      if child.parent and child.parent ~= node then off_page(child) end
      child.parent = node
    end
    for _, child in ipairs(before) do
      if not child.parent then off_page(child) end
    end
    node.children = list
    if node.sent and node.differs & CHILDREN == 0 then
      node.differs = node.differs | CHILDREN
      n_restructured = n_restructured + 1
      restructured[n_restructured] = node
    end
  end

  function renderer.commit()
    if renderer.changed then renderer.changed() end
  end

  -- The node of an id. Most pages are looked at more than they are touched: nodes are listed when one is asked for that is not known.
  local function find(id)
    if nodes and nodes[id] then return nodes[id] end
    nodes = nodes or setmetatable({}, { __mode = "v" })
    local function list(node)
      nodes[node.id] = node
      for _, child in ipairs(node.children) do list(child) end
    end
    list(renderer.top)
    return nodes[id]
  end

  -- The moves that the page is told of.
  local function tell_moves(text)
    for i = 1, n_moved do
      local node = moved[i]
      moved[i] = nil
      if node.move and not node.move.holds and node.sent then
        local plan = moves.plan(node, node.move.links, html.parts)
        node.move = plan or false
        if plan then
          node.sent = plan.html
          text = (text and text .. "," or "[")
            .. ('["m",%d,%s,%d,%s]'):format(node.id, quoted(plan.css), plan.ms, quoted(plan.timing))
        end
      end
    end
    n_moved = 0
    return text
  end

  local function forget()
    for i = 1, n_updated do updated[i].differs, updated[i] = 0, nil end
    for i = 1, n_restructured do restructured[i].differs, restructured[i] = 0, nil end
    n_updated, n_restructured = 0, 0
  end

  --- The page has just this, whatever it had before.
  ---@return string html of the whole tree
  function renderer.html()
    forget()
    return html.full(renderer.top)
  end

  -- The patch of a node that alone changed.
  local function take_one()
    local node = updated[1]
    updated[1], node.differs, n_updated = nil, 0, 0
    if not node.sent then return nil end
    local html_now, patch = one.patch_of(node)
    if html_now == node.sent then return nil end
    node.sent = html_now
    return patch
  end

  --- The patches since the last call as JSON text, or nil when a page sees no difference.
  ---@return string|nil
  function renderer.take()
    if n_restructured == 0 and n_moved == 0 then
      if n_updated == 0 then return nil end
      if n_updated == 1 then return take_one() end
    end
    local text
    for i = 1, n_updated do
      local node = updated[i]
      if node.sent then
        local before, after = html.parts(node)
        local now = before .. after
        if now ~= node.sent then
          node.sent = now
          text = (text and text .. "," or "[") .. '["u",' .. node.id .. "," .. quoted(now) .. "]"
        end
      end
    end
    for i = 1, n_restructured do
      local node = restructured[i]
      if node.sent then
        local list = {}
        for k, child in ipairs(node.children) do list[k] = child.sent and child.id or quoted(html.full(child)) end
        text = (text and text .. "," or "[") .. '["c",' .. node.id .. ",[" .. table.concat(list, ",") .. "]]"
      end
    end
    forget()
    text = tell_moves(text)
    return text and text .. "]"
  end

  --- What a page says that its user did: starts the handler. A node that is gone, hidden or disabled, or a value that it cannot have,
  --- does nothing.
  ---@param id integer
  ---@param kind string
  ---@param value any
  ---@return hearth.Task|nil
  function renderer.event(id, kind, value)
    local node = find(id)
    if not node or not node.sent or node == renderer.top then return nil end
    local running = events.fire(node, kind, value)
    -- A control shows what its component says. A page that shows something else, because the handler did not take it, hears of it.
    if kind == "v" and node.props.value ~= nil then
      local function compare()
        if node.sent and not (node.type == "TextInput" and tostring(node.props.value) == value) then
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
