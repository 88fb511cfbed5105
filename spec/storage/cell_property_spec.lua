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
  local self = setmetatable({handle = handle, ops = {}, cells = {}}, Process)
  self.pool = pool_module.new(handle)
  for _, key in ipairs(KEYS) do
    self.ops[key] = {}
    self.cells[key] = self.pool:cell("default", key)
  end
  return self
end

function Process:issue(key, kind, id, picky)
  local op = {kind = kind, id = id, picky = picky}
  local cell = self.cells[key]
  local voice = {on_error = function() end, view = function(_, value) return value end}
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

-- Operations that are decided without a commit leave the model: they changed nothing, or raised.
function Process:settle_model()
  for _, key in ipairs(KEYS) do
    local left = {}
    for _, op in ipairs(self.ops[key]) do
      if op.ticket.state == "pending" then left[#left + 1] = op end
    end
    self.ops[key] = left
  end
end

-- A commit of this process: some prefix of what it has accepted, folded over what was there. The shortest one that fits: operations
-- after it that change nothing leave with their tickets.
function Process:check_commit(commit, note)
  local ops, row = self.ops[commit.key], commit.before
  local readable, before = pcall(json.decode_stored, row and not row.damaged and row.value or "")
  if not readable then before = nil end
  local now = commit.value and json.decode_stored(commit.value)
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
    for _, p in ipairs(all) do p:settle_model() end
  end
  for i = 1, steps do
    local k = rnd(processes)
    local p = all[k]
    local key, what = KEYS[rnd(#KEYS)], rnd(100)
    serial = serial + 1
    local id = ("%x,"):format(serial)
    if what <= 14 then p:issue(key, "set", id)
    elseif what <= 34 then p:issue(key, "update", id)
    elseif what <= 38 then p:issue(key, "update", id .. "p", true)
    elseif what <= 43 then p:issue(key, "remove", id)
    elseif what <= 58 then p.handle:perform()
    elseif what <= 63 then p.handle:perform(errors.new("EIO", "injected"))
    elseif what <= 83 then p.handle:deliver(rnd(2) == 1)
    elseif what <= 88 then turn()
    elseif what <= 90 then timer.step(timer.now() + rnd() * 0.2) turn()
    elseif what <= 92 then   -- another program, with or without an expiry
      db:put("default", key, json.encode_stored(id), {expires_at = rnd(2) == 1 and timer.wall() + rnd() or nil})
    elseif what == 93 then db:put("default", key, "{not json")
    elseif what == 94 then db:put("default", key, "?", {damaged = true})
    elseif what == 98 then p:verb(key, id)
    elseif what == 99 then
      hearth.batch(function()
        p:issue("a", "update", id)
        p:issue("b", rnd(2) == 1 and "set" or "update", id)
      end)
    elseif what == 95 then p.pool:reload(p.cells[key])
    elseif what == 96 then p.pool:flush_cell(p.cells[key])
    elseif what == 97 then   -- kill -9: what was accepted and not committed is gone, nothing else
      verify(i, "before the restart")
      p.pool:forget(pool_module.lost())
      p.handle:crash()
      all[k] = start(db)
    else
      turn()
      p.handle:perform()
      while p.handle:deliver() do end
    end
    verify(i, "after " .. what)
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
