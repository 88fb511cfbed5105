-- The same property as in cell_property_spec.lua on the real engines, with what a model of a disk cannot have: whatever is set, written by
-- verbs, refused by a disk that fails for a moment, or lost by kill -9, the store holds what the accepted operations come to, in order;
-- after a kill, what some first part of those that were not awaited comes to.

local cells = require "hearth.storage.cells"
local core = require "hearth.core.store"
local hearth = require "hearth"
local support = require "spec.storage.support"
local task = require "hearth.core.task"

local voice = {on_error = function() end, view = function(_, value) return value end}

-- What the operations come to over a text (nil: absent), as far as the `count`th.
local function fold(ops, base, count)
  for i = 1, count or #ops do
    local op = ops[i]
    if op.kind == "remove" then base = nil
    elseif op.kind == "set" then base = op.id
    else base = (base or "") .. op.id end
  end
  return base
end

local function run(url, seed)
  math.randomseed(seed)
  local store = hearth.storage.open {url = url}
  local raw = hearth.storage.raw(store)
  local cell = cells.of(cells.pool(raw), "default", "k")
  local base, ops = nil, {}   -- what is certainly on disk, and what was set since then
  local function note(step, what) return ("%s, seed %d, step %d, %s"):format(url, seed, step, what) end
  local function stored() return (store:get_json "k") end

  for step = 1, 40 do
    local id, what = ("%x,"):format(step), math.random(100)
    if what <= 45 then
      local kind = what <= 12 and "set" or what <= 18 and "remove" or "update"
      ops[#ops + 1] = {kind = kind, id = id}
      if kind == "set" then cells.set(cell, id, voice)
      elseif kind == "remove" then cells.remove(cell, voice)
      else cells.update(cell, function(now) return (now or "") .. id end, voice) end
    elseif what <= 60 then
      hearth.sleep(0)   -- a turn ends
    elseif what <= 70 then
      store:set_json("k", id)
      base, ops = id, {}
    elseif what <= 78 and cell.write_tries == 0 then   -- after what is held such a verb keeps updaters: cells_spec.lua
      store:update_json("k", function(now) return (now or "") .. id end)
      base, ops = (fold(ops, base) or "") .. id, {}
    elseif what <= 84 then   -- the disk fails: what was set is held, until it is tried again, or a verb takes its place
      core.set_faults {fail = {op = "write", nth = 1, times = 1, code = "EIO"}}
      cells.set(cell, id, voice)
      ops[#ops + 1] = {kind = "set", id = id}
      cell.pool:flush_cell(cell)
      repeat hearth.sleep(0) until cell.write_timer
      core.set_faults(nil)
    elseif what <= 95 then
      cell.pool:flush_cell(cell):await()
      base, ops = fold(ops, base), {}
      assert.are.equal(base, stored(), note(step, "after a flush"))
    else   -- kill -9
      cells.forget()
      raw:crash()
      local now, fits = stored(), false
      for count = 0, #ops do fits = fits or fold(ops, base, count) == now end
      assert.is_true(fits, note(step, "after a kill there is " .. tostring(now)))
      base, ops = now, {}
      cell = cells.of(cells.pool(raw), "default", "k")
    end
    if cell.base.known then assert.are.equal(fold(ops, base), (cell:read()), note(step, "on screen")) end
  end
  cells.forget()
  store:close()
end

describe("a cell on a real store", function()
  before_each(task.hold)   -- as a mounted user interface does
  after_each(function()
    task.unhold()
    core.set_faults(nil)
    support.clean()
  end)

  for _, engine in ipairs(support.engines) do
    for first = 1, 16, 4 do
      it(("comes to what was accepted, in order (%s, from seed %d)"):format(engine.name, first), function()
        for seed = first, first + 3 do run(engine.url(), seed) end
      end)
    end
  end
end)
