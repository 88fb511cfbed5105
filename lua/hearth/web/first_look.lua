-- What an app shows a browser before its page is connected: mounted without effects, shown when storage has answered, taken down again.

local owner = require "hearth.owner"
local root = require "hearth.ui.root"
local task = require "hearth.core.task"
local timer = require "hearth.core.timer"
local web = require "hearth.render.web"

local TYPE <const>, CHILD <const>, HOOKS <const> = 1, 5, 10 -- of a fiber

-- The cells below a fiber that are being read.
local function loading(fiber, found)
  local t, child = fiber[TYPE], fiber[CHILD]
  if type(t) == "table" and t.render then
    for i = HOOKS + 1, #fiber do
      local slot = fiber[i]
      local cell = type(slot) == "table" and slot[1] == "use_persisted_state" and slot.cell
      if cell and (cell.loading or cell.migrating) then found[#found + 1] = cell end
    end
    if child then loading(child, found) end
  else
    for i = 1, child and #child or 0 do
      if child[i] then loading(child[i], found) end
    end
  end
  return found
end

-- The renders of this turn have been made.
local function turn_over()
  local over = task.future()
  task.at_turn_end(function() over:resolve() end)
  task.await(over)
end

-- Waits until what this root reads is there: not for what goes on elsewhere, of which a server has much.
local function wait_for_storage(mounted, patience)
  local deadline = timer.now() + patience
  while true do
    local cells = loading(mounted.fiber, {})
    if not cells[1] and not mounted.suspends then return end
    local left = deadline - timer.now()
    if left <= 0 then return end
    if cells[1] then
      for _, cell in ipairs(cells) do
        if not pcall(task.await, cell.pool:wait_loaded(cell), math.max(deadline - timer.now(), 0)) then return end
      end
      turn_over()
    else -- a Suspense may wait for anything
      local settled = task.spawn(task.settle)
      settled:name "waiting for storage"
      if not pcall(task.await, settled, left) then settled:cancel() end
      return
    end
  end
end

--- The HTML of an app for this browser. Awaits for at most `patience` seconds; raises what the first render raised.
---@param element any
---@param who { client: string, session: string, default: string }
---@param patience number
---@return string html
return function(element, who, patience)
  local renderer = web.new()
  renderer.who = who
  local id = owner.new("client:" .. who.client)
  local mounted
  local guard <close> = setmetatable({}, { __close = function() -- luacheck: ignore 211
    if mounted then mounted:unmount() end
    owner.close(id)
  end })
  mounted = owner.run(id, root.mount, element, renderer, { inert = true })
  wait_for_storage(mounted, patience)
  return renderer.html()
end
