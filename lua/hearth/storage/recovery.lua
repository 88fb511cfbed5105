-- When the work of the cells is interrupted by an error (memory has run out in the middle of a turn), nothing is lost and nothing is silent: the
-- error is reported, and the lists of what is to be done are made again out of the cells, which are the truth. Then everything goes on.

local pool_module = require "hearth.storage.pool"
local task = require "hearth.core.task"
local timer = require "hearth.core.timer"

local Pool, back_off = pool_module.Pool, pool_module.back_off

--- A callback for the store that gives its answer to fn; fn is called again if an error has interrupted it, so it does each part only once.
---@param fn fun(...: any)
---@return fun(a: any, b: any, c: any)
function Pool:answer(fn)
  local late = {fn = fn, a = nil, b = nil, c = nil, next = nil}   -- made now, because then there may be no memory
  self.in_flight = self.in_flight + 1
  return function(a, b, c)
    self.in_flight = self.in_flight - 1
    if self.dead then return end
    local ok, err = pcall(fn, a, b, c)
    if ok then return end
    late.a, late.b, late.c, late.next = a, b, c, self.late
    self.late = late
    self:lose_track(err)
  end
end

--- An error has interrupted the work: it is reported, and done again soon.
---@param err any
function Pool:lose_track(err)
  self.lost_track = err
  self.failures = (self.failures or 0) + 1
  pcall(task.report, err, "while use_persisted_state was loading or saving, which is tried again")
  -- If even this fails, the next turn that touches a cell, or the end of the program, does it.
  pcall(timer.after, back_off(self.failures), function()
    if self.lost_track and not self.dead then self.turn() end
  end, "u")
end

--- Makes the lists of what is to be done again.
function Pool:find_back()
  local err = self.lost_track
  while self.late do
    local late = self.late
    late.fn(late.a, late.b, late.c)
    self.late = late.next
  end
  self.to_load, self.to_commit = {}, {}
  for _, keys in pairs(self.namespaces) do
    for _, cell in pairs(keys) do
      cell.marked = nil
      if cell.loading == true then self.to_load[#self.to_load + 1] = cell end
      if cell.sent > 0 and not cell.flight.batch then
        local _, failed = cell:unsent()
        self:tell(cell, err)
        self:after(cell, failed)
      end
      if cell.n > cell.sent then self:mark(cell) end
    end
  end
  self.lost_track, self.failures = nil, nil
end

return Pool
