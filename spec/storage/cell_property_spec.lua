-- Whatever the order in which loads, sets, updaters, removes, failures, conflicts, commits of others, expiries and restarts come: each
-- accepted operation is applied exactly once, in the order of issue, over the newest base, on screen and on disk. Checked against a model.

local cells = require "hearth.storage.cells"
local errors = require "hearth.errors"
local hearth = require "hearth"
local json = require "hearth.core.json"
local pool_module = require "hearth.storage.pool"
local support = require "spec.support.plain_store"
local timer = require "hearth.core.timer"
require "hearth.hooks.use_persisted_state"   -- lets hearth.batch know of cells

local KEYS = {"a", "b"}

local function turn() hearth.run_async(function() end):await() end

-- A value is the text of the ids of the operations that made it. An updater with `picky` raises over a text of odd length.
local function apply_model(op, value)
  if op.kind == "set" then return op.id end
  if op.kind == "remove" then return nil end
  if op.picky and #(value or "") % 2 == 1 then return value end
  return (value or "") .. op.id
end

local function fold_model(ops, value, count)
  for i = 1, count or #ops do value = apply_model(ops[i], value) end
  return value
end

local Process = {}
Process.__index = Process

local function start(db)
  local handle = db:open()
  local self = setmetatable({handle = handle, ops = {}, cells = {}, last_base = {}, last_written = {}}, Process)
  self.pool = pool_module.new(handle)
  for _, key in ipairs(KEYS) do
    self.ops[key] = {}
    self.cells[key] = self.pool:cell("default", key)
  end
  return self
end

-- `fields`: picky, withdrawn (its hearth.batch raises), write_delay.
function Process:issue(key, kind, id, fields)
  local op = {kind = kind, id = id}
  for name, value in pairs(fields or {}) do op[name] = value end
  local cell, picky = self.cells[key], op.picky
  local voice = {on_error = function() end, view = function(_, value) return value end, write_delay = op.write_delay}
  if kind == "set" then
    op.ticket = cells.set(cell, id, voice)
  elseif kind == "remove" then
    op.ticket = cells.remove(cell, voice)
  else
    op.ticket = cells.update(cell, function(current)
      if picky and #(current or "") % 2 == 1 then error("picky") end
      return (current or "") .. id
    end, voice)
  end
  if op.ticket.state == "pending" then table.insert(self.ops[key], op) end
end

-- A verb of AsyncStorage on the same key: another writer, which lets the operations before it go first. `after`: what it was issued after.
function Process:verb(key, id)
  local pool, handle = self.pool, self.handle
  hearth.run_async(function()
    local after = table.move(self.ops[key], 1, #self.ops[key], 1, {})
    local write = pool:before_write("default", key)
    if pool.dead then return end
    handle:submit({{ns = "default", key = key, value = json.encode_stored(id), kind = "json", after = after}}, function(_, _, err)
      if write then write:__close(err) end
    end)
  end)
end

-- A verb has landed: what was issued before it, and is not on disk, must never be written over it.
function Process:check_verb(commit)
  local earlier, left = {}, {}
  for _, op in ipairs(commit.after) do earlier[op] = true end
  for _, op in ipairs(self.ops[commit.key]) do
    if not earlier[op] then left[#left + 1] = op end
  end
  self.ops[commit.key] = left
end

local function base_value(cell)
  if cell.base.known and not cell.base.error and not cell.base.expired then return cell.base.value end
end

-- Operations that are decided without a commit leave the model. One that failed raised over what is stored, or its batch did. Those that
-- are done, in order, come to what is on disk already: as it was before this step, as it is, or as this process has just written it.
function Process:settle_model(note)
  for _, key in ipairs(KEYS) do
    local left, done, cell = {}, {}, self.cells[key]
    for _, op in ipairs(self.ops[key]) do
      local state = op.ticket.state
      if state == "error" then
        assert(op.withdrawn or op.picky and cell.base.known, note .. ": an operation is gone")
      else
        left[#left + 1] = op
        if state == "ok" then
          assert(#left == #done + 1, note .. ": an operation was done before an earlier one")
          done[#left] = op
        end
      end
    end
    local now, before, written = base_value(cell), self.last_base[key], self.last_written[key]
    assert(fold_model(done, now) == now or fold_model(done, before) == before or fold_model(done, written) == written,
      note .. ": an operation was done that is not on disk")
    self.ops[key] = table.move(left, #done + 1, #left, 1, {})
    self.last_base[key] = now
  end
end

-- A commit of this process: some prefix of what it has accepted, folded over what was there. The shortest one that fits: operations
-- after it that change nothing leave with their tickets.
function Process:check_commit(commit, note)
  local ops, row = self.ops[commit.key], commit.before
  local readable, before = pcall(json.decode_stored, row and not row.damaged and row.value or "")
  if not readable then before = nil end
  local now = commit.value and json.decode_stored(commit.value)
  self.last_written[commit.key] = now
  for count = 1, #ops do
    if fold_model(ops, before, count) == now then
      self.ops[commit.key] = table.move(ops, count + 1, #ops, 1, {})
      return
    end
  end
  error(("%s: %s wrote %s over %s, with %d operations accepted"):format(note, commit.key, tostring(now), tostring(before), #ops))
end

-- What is shown is the fold of the accepted operations over the base that the process knows.
function Process:check_shown(note)
  for _, key in ipairs(KEYS) do
    local cell = self.cells[key]
    local base = cell.base
    local value = nil
    if not base.expired then value = base.value end
    for i = 1, cell.n do
      local op = cell.log[i]
      if op.kind == "set" then value = op.copy
      elseif op.kind == "remove" then value = nil
      else
        local ok, result = pcall(op.fn, value)
        if ok then value = result end
      end
    end
    assert.are.equal(value, (cell:read()), note)
  end
end

local weights = {
  set = 13, same = 3, update = 17, picky = 4, delayed = 4, remove = 5, batch = 1, broken_batch = 2, verb = 1,
  perform = 15, fail = 5, deliver = 19, turn = 5, time = 2, everything = 3,
  other = 2, no_json = 1, damage = 1, reload = 1, flush = 1, kill = 1,
}
local names, total = {}, 0
for name, weight in pairs(weights) do
  names[#names + 1] = name
  total = total + weight
end
table.sort(names)   -- a seed is the same run everywhere

local function pick(rnd)
  local left = rnd(total)
  for _, name in ipairs(names) do
    left = left - weights[name]
    if left <= 0 then return name end
  end
end

-- What can happen: to a process, to a key.
local actions = {
  set = function(p, key, id) p:issue(key, "set", id) end,
  same = function(p, key, id) p:issue(key, "set", p.cells[key]:read() or id) end,
  update = function(p, key, id) p:issue(key, "update", id) end,
  picky = function(p, key, id) p:issue(key, "update", id .. "p", {picky = true}) end,
  delayed = function(p, key, id) p:issue(key, "update", id, {write_delay = 0.05}) end,
  remove = function(p, key, id) p:issue(key, "remove", id) end,
  batch = function(p, _, id, rnd)
    hearth.batch(function()
      p:issue("a", "update", id)
      p:issue("b", rnd(2) == 1 and "set" or "update", id)
    end)
  end,
  broken_batch = function(p, key, id, rnd)
    pcall(hearth.batch, function()
      p:issue(key, rnd(2) == 1 and "set" or "update", id, {withdrawn = true})
      p:issue("b", "update", id, {withdrawn = true})
      error "on purpose"
    end)
  end,
  verb = function(p, key, id) p:verb(key, id) end,
  perform = function(p) p.handle:perform() end,
  fail = function(p) p.handle:perform(errors.new("EIO", "injected")) end,
  deliver = function(p, _, _, rnd) p.handle:deliver(rnd(2) == 1) end,
  turn = turn,
  time = function(_, _, _, rnd)
    timer.step(timer.now() + rnd() * 0.2)
    turn()
  end,
  everything = function(p)
    turn()
    p.handle:perform()
    while p.handle:deliver() do end
  end,
  other = function(_, key, id, rnd, db)   -- another program, with or without an expiry
    db:put("default", key, json.encode_stored(id), {expires_at = rnd(2) == 1 and timer.wall() + rnd() or nil})
  end,
  no_json = function(_, key, _, _, db) db:put("default", key, "{not json") end,
  damage = function(_, key, _, _, db) db:put("default", key, "?", {damaged = true}) end,
  reload = function(p, key) p.pool:reload(p.cells[key]) end,
  flush = function(p, key) p.pool:flush_cell(p.cells[key]) end,
}

local function run(seed, steps, processes)
  math.randomseed(seed)
  local rnd, serial = math.random, 0
  local db = support.new()
  local all, checked = {}, 0
  for i = 1, processes do all[i] = start(db) end
  local function note(i, what) return ("seed %d step %d %s"):format(seed, i, what) end
  local function verify(i, what)
    for _, p in ipairs(all) do p:check_shown(note(i, what)) end
    while checked < #db.commits do
      checked = checked + 1
      local commit = db.commits[checked]
      for _, p in ipairs(all) do
        if p.handle == commit.origin and commit.tag then p:check_commit(commit, note(i, what)) end
        if p.handle == commit.origin and commit.after then p:check_verb(commit) end
      end
    end
    for _, p in ipairs(all) do p:settle_model(note(i, what)) end
  end
  for i = 1, steps do
    local k = rnd(processes)
    serial = serial + 1
    local name = pick(rnd)
    if name == "kill" then   -- kill -9: what was accepted and not committed is gone, nothing else
      verify(i, "before the kill")
      all[k].pool:forget(pool_module.lost())
      all[k].handle:crash()
      all[k] = start(db)
    else
      actions[name](all[k], KEYS[rnd(#KEYS)], ("%x,"):format(serial), rnd, db)
    end
    verify(i, "after " .. name)
  end
  -- The world calms down: everything lands, everybody agrees.
  for _ = 1, 60 do
    local later = timer.now() + 2
    while timer.step(later) do turn() end
    turn()
    for _, p in ipairs(all) do
      while p.handle:perform() do end
      while p.handle:deliver() do end
    end
    verify(steps, "at the end")
  end
  -- What the disk has damaged is seen when it is read; everything else has been heard of.
  for _, p in ipairs(all) do
    for _, key in ipairs(KEYS) do
      local row = db:row("default", key)
      if row and row.damaged then p.pool:reload(p.cells[key]) end
    end
    turn()
    p.handle:drain(turn)
  end
  for _, key in ipairs(KEYS) do
    local row = db:row("default", key)
    local ok, stored = pcall(json.decode_stored, row and not row.damaged and row.value or "null")
    for n, p in ipairs(all) do
      assert.are.equal(0, p.cells[key].n, note(steps, "is saved"))
      assert.are.equal(0, #p.ops[key], note(steps, "was applied"))
      if row and not row.damaged and ok then
        assert.are.equal(stored, (p.cells[key]:read()), note(steps, "process " .. n .. " agrees on " .. key))
      else
        assert.is_nil((p.cells[key]:read()))
      end
    end
  end
  for _, p in ipairs(all) do p.pool:forget(pool_module.lost()) end
end

describe("a cell, under any interleaving,", function()
  before_each(function() timer.fake(true) end)
  after_each(function() timer.fake(false) end)

  -- A few seeds for each test: it has a time limit, and the machine may be busy.
  for first = 1, 120, 20 do
    it(("applies each accepted operation once, in order, over the newest base (one process, from seed %d)"):format(first), function()
      for seed = first, first + 19 do run(seed, 120, 1) end
    end)
  end

  for first = 1001, 1060, 6 do
    it(("applies each accepted operation once, in order, over the newest base (three processes, from seed %d)"):format(first), function()
      for seed = first, first + 5 do run(seed, 200, 3) end
    end)
  end
end)
