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

local LOOK <const>, CHILDREN <const>, MOVE <const> = 1, 2, 4 -- in what a node differs from what the page has
local NODE <const>, PATCH <const>, BEFORE <const> = 1, 2, 3 -- of a node that alone differs

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

-- In the HTML of a Text its text has a place of its own. So Texts that were alike, ids included, and get the same text are alike again: in a
-- broadcast only the first one is looked at.
local text_before, text_now, text_html, text_patch

local function patch_of_text(node, text)
  local before = node.sent
  if text ~= text_now or before ~= text_before then
    text_before = nil -- until it is made
    text_html, text_patch = one.patch_of(node)
    text_before, text_now = before, text
  end
  return text_html, text_patch
end

-- ---- patches of one node, or nil

local function tell_look(node)
  local before, after = html.parts(node)
  local now = before .. after
  if now == node.sent then return nil end
  node.sent = now
  return '["u",' .. node.id .. "," .. quoted(now) .. "]"
end

local function tell_children(node)
  local list = {}
  for i, child in ipairs(node.children) do list[i] = child.sent and child.id or quoted(html.full(child)) end
  return '["c",' .. node.id .. ",[" .. table.concat(list, ",") .. "]]"
end

local function tell_move(node)
  local move = node.move
  if not move or move.holds then return nil end
  local plan = moves.plan(node, move.links, html.parts)
  node.move = plan or false
  if not plan then return nil end
  node.sent = plan.html
  return ('["m",%d,%s,%d,%s]'):format(node.id, quoted(plan.css), plan.ms, quoted(plan.timing))
end

---@class hearth.WebRenderer: hearth.Renderer
---@field top table the root node
---@field local_storage? hearth.LocalStorage of the browser that shows this
---@field who? { client: string, session: string, default: string }
---@field commit fun() whoever shows this on a page puts a function here that takes the patches

moves.begin()

---@return hearth.WebRenderer
function web.new()
  local renderer = {}
  local ids = -1
  local nodes -- by id, once a page has said something
  local differing = {} -- nodes that are not what the page has, in order; each says in what, so that it is there once
  -- Where one bound prop is all that changed, as in a broadcast, its patch is made while the node is at hand, and the list stays empty.
  local alone = { false, false, false } -- NODE: false where nothing differs, true where the list has it; PATCH; BEFORE: what the page has

  function renderer.create(type, props)
    ids = ids + 1
    local node = { -- eight fields: with nine a table is twice as large
      id = ids, type = type, props = props, children = NONE, parent = false, sent = false, differs = 0, move = false,
    }
    renderer.top = renderer.top or node
    return node
  end

  local function note(node, what)
    local first = alone[NODE]
    alone[NODE] = true
    if alone[PATCH] then -- it is one of several now
      alone[PATCH] = false
      if first.sent then
        first.sent = alone[BEFORE]
        note(first, LOOK)
      end
    end
    local differs = node.differs
    if differs == 0 then differing[#differing + 1] = node end
    node.differs = differs | what
  end

  local function look_again(node)
    if node.sent then note(node, LOOK) end
  end

  function renderer.update(node, props)
    local before = node.props
    node.props = props
    if same_look(before, props) then return end
    node.move = false
    look_again(node)
  end

  --- One prop changed in place. What the page shows by itself, because it was told where it goes, it is not told again.
  function renderer.set(node, prop, value)
    local move = node.move
    if move and move.holds then
      if moves.is_look(prop) and move.holds() then return end
      node.move = false
    end
    local before = node.sent
    if not before then return end
    if alone[NODE] or move or prop == "style" then return note(node, LOOK) end
    local now, patch
    if prop == "text" and node.type == "Text" then
      now, patch = patch_of_text(node, value)
    else
      now, patch = one.patch_of(node)
    end
    if now == before then return end
    node.sent, alone[NODE], alone[PATCH], alone[BEFORE] = now, node, patch, before
  end

  --- A motion began that changes the node's style through these links.
  function renderer.move(node, motion, links)
    local move = node.move
    if not move or move.holds then
      move = { links = {}, seen = {} }
      node.move = move
      note(node, MOVE)
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
      task.at_turn_end(function() renderer.commit() end)
    end
    task.at_turn_end(function() renderer.commit() end)
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
    if node.sent then note(node, CHILDREN) end
  end

  function renderer.commit() end

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

  local function forget(what)
    local left = 0
    for i = 1, #differing do
      local node = differing[i]
      node.differs, differing[i] = node.differs & ~what, nil
      if node.differs ~= 0 then
        left = left + 1
        differing[left] = node
      end
    end
    alone[NODE], alone[PATCH] = left > 0, false
  end

  --- The page has just this, whatever it had before; but of what moves it has still to be told.
  ---@return string html of the whole tree
  function renderer.html()
    forget(LOOK | CHILDREN)
    return html.full(renderer.top)
  end

  -- The patch of a node that alone changed.
  local function take_one(node)
    differing[1], node.differs, alone[NODE] = nil, 0, false
    if not node.sent then return nil end
    local html_now, patch = one.patch_of(node)
    if html_now == node.sent then return nil end
    node.sent = html_now
    return patch
  end

  -- The patches of all nodes that differ in this, added to `list`: what tell(node) gives, nil where the page sees no difference.
  local function add(list, what, tell)
    for _, node in ipairs(differing) do
      if node.sent and node.differs & what ~= 0 then list[#list + 1] = tell(node) end
    end
  end

  --- The patches since the last call as JSON text, or nil when a page sees no difference.
  ---@return string|nil
  function renderer.take()
    if not alone[NODE] then return nil end
    local patch = alone[PATCH]
    if patch then
      alone[NODE], alone[PATCH] = false, false
      return patch
    end
    local first = differing[1]
    if first.differs == LOOK and not differing[2] then return take_one(first) end
    local list = {}
    add(list, LOOK, tell_look)
    add(list, CHILDREN, tell_children)
    add(list, MOVE, tell_move)
    forget(LOOK | CHILDREN | MOVE)
    return list[1] and "[" .. table.concat(list, ",") .. "]"
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
