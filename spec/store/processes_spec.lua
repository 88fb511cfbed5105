-- Several processes on one SQLite store: each sees the others' commits, conditions hold between them, watchers hear of each change once.
local store = require "hearth.core.store"
local timer = require "hearth.core.timer"
local files = require "spec.support.files"
local host = require("spec.support.program").binary

describe("several processes on one store", function()
  local folder, url, db

  before_each(function()
    folder = files.folder()
    url = "file:" .. folder .. "/store.sqlite3"
    db = store.open(url, {})
  end)

  after_each(function()
    db:close()
    files.remove(folder)
  end)

  local function prelude()
    return ('local store = require "hearth.core.store"\nlocal db = store.open(%q, {})\n'):format(url)
  end

  -- Another process runs `chunk` with the store as `db`; blocking, or in the background.
  local function elsewhere(chunk, background)
    local script = folder .. "/script" .. math.random(1 << 30) .. ".lua"
    files.write(script, prelude() .. chunk .. "\ndb:close()\n")
    local command = ("%s %s"):format(host(), script)
    if background then return assert(io.popen(command .. " 2>&1")) end
    assert(os.execute(command))
  end

  local function wait_until(what)
    for _ = 1, 500 do
      if what() then return true end
      timer.sleep(0.01, "r")
    end
    return what()
  end

  it("reads what another process wrote, also a key that it had in its cache", function()
    db:write("ns", "k", "1", "text")
    assert.equal("1", (db:get("ns", "k")))
    elsewhere [[assert(db:get("ns", "k") == "1") db:write("ns", "k", "2", "text") db:write("ns", "new", "3", "text")]]
    assert.equal("2", (db:get("ns", "k")))
    assert.equal("3", (db:get("ns", "new")))
    elsewhere [[db:apply{ {ns="ns", clear=true} }]]
    assert.is_nil((db:get("ns", "k")))
    assert.same({}, db:scan("ns"))
  end)

  it("holds a condition between processes", function()
    local revision = db:write("ns", "k", "1", "text")
    elsewhere [[db:write("ns", "k", "2", "text")]]
    local ok, err = pcall(db.write, db, "ns", "k", "3", "text", nil, revision)
    assert.is_false(ok)
    assert.equal("ECONFLICT", err.code)
    assert.equal("2", (db:get("ns", "k")))
  end)

  it("sums exactly what several count up", function()
    local chunk = [[
      for _ = 1, 100 do
        while true do
          local value, revision = db:get("ns", "n")
          if pcall(db.write, db, "ns", "n", tostring((tonumber(value) or 0) + 1), "text", nil, revision) then break end
        end
      end
    ]]
    local a, b, c = elsewhere(chunk, true), elsewhere(chunk, true), elsewhere(chunk, true)
    for _, p in ipairs { a, b, c } do assert.equal("", p:read("a")) p:close() end
    assert.equal("300", (db:get("ns", "n")))
  end)

  it("tells of each change of another process once, with the newest value and without the old, and never of its own", function()
    local seen = {}
    local stop = db:subscribe(function(events)
      for _, e in ipairs(events) do
        if e.source == "remote" then seen[#seen + 1] = ("%s=%s %s"):format(e.key, e.value, tostring(e.old)) end
      end
    end)
    db:write("ns", "own", "1", "text")
    elsewhere [[
      db:write("ns", "a", "1", "text")
      db:write("ns", "b", "1", "text")
      db:write("ns", "b", nil)
      db:write("ns", "own", "2", "text")
    ]]
    assert.is_true(wait_until(function() return #seen >= 3 and seen[#seen]:find("own") end))
    timer.sleep(0.05, "r")
    stop()
    local last = {}
    for _, e in ipairs(seen) do last[#last + 1] = e end
    local text = table.concat(last, ",")
    assert.is_truthy(text:find("a=1 nil", 1, true))
    assert.is_truthy(text:find("b=nil nil", 1, true))
    assert.is_truthy(text:find("own=2 nil", 1, true))
    local _, times = text:gsub("a=1", "")
    assert.equal(1, times)
  end)

  it("tells of a clear as one event for each key that is known here", function()
    db:write("ns", "a", "1", "text")
    db:write("ns", "b", "1", "text")
    local seen = {}
    local stop = db:subscribe(function(events)
      for _, e in ipairs(events) do if e.source == "remote" then seen[#seen + 1] = e.key .. tostring(e.value) end end
    end)
    elsewhere [[db:apply{ {ns="ns", clear=true} }]]
    assert.is_true(wait_until(function() return #seen == 2 end))
    stop()
    table.sort(seen)
    assert.same({ "anil", "bnil" }, seen)
  end)

  -- A process that writes without end, once it has begun.
  local function writer()
    local script = folder .. "/loop.lua"
    files.write(script, prelude() ..
      [[for i = 1, 1e9 do db:write("ns", "other", tostring(i), "text") if i == 2 then io.write("up\n") io.stdout:flush() end end]])
    local p = assert(io.popen(("echo $$; exec %s %s"):format(host(), script)))
    local pid = p:read("l")
    p:read("l")
    return p, pid
  end

  it("goes on when a process that was writing is killed", function()
    local p, pid = writer()
    os.execute("kill -KILL " .. pid)
    p:close()
    db:write("ns", "k", "1", "text")
    assert.equal("1", (db:get("ns", "k")))
    assert.is_truthy((db:get("ns", "other")))
  end)

  it("is not held up by a process that is stopped while it writes, and leaves it stopped", function()
    local p, pid = writer()
    finally(function() -- a stopped child would be waited for, for ever
      os.execute("kill -KILL " .. pid)
      p:close()
    end)
    local function state()
      local f = assert(io.open("/proc/" .. pid .. "/stat"))
      local letter = f:read("a"):match("%) (%a)")
      f:close()
      return letter
    end
    for i = 1, 5 do
      os.execute("kill -STOP " .. pid)
      db:write("ns", "k", tostring(i), "text")
      while state() ~= "T" do timer.sleep(0.001, "r") end
      os.execute("kill -CONT " .. pid)
      timer.sleep(0.005, "r")
    end
    assert.equal("5", (db:get("ns", "k")))
  end)

  it("is not held up by a process that is stopped or killed while it waits for its turn", function()
    local a, first = writer()
    local b, second = writer()
    finally(function()
      for _, pid in ipairs { first, second } do os.execute("kill -KILL " .. pid .. " 2>/dev/null") end
      a:close()
      b:close()
    end)
    os.execute("kill -STOP " .. first)
    db:write("ns", "k", "1", "text")
    os.execute("kill -STOP " .. second)
    db:write("ns", "k", "2", "text") -- whoever was inside has been let out
    local began = timer.now()
    for n = 1, 60 do db:write("ns", "k", tostring(n), "text") end
    assert.is_true(timer.now() - began < 7.5, "each waited for the stopped ones, for a quarter of a second")
    os.execute("kill -KILL " .. first)
    db:write("ns", "k", "last", "text")
    assert.equal("last", (db:get("ns", "k")))
  end)

  it("keeps its log short while several write small values without a pause", function()
    local pipes = {}
    for i = 1, 3 do pipes[i] = elsewhere(("for n = 1, 1500 do db:write('w%d', 'k', tostring(n), 'text') end"):format(i), true) end
    for _, p in ipairs(pipes) do
      assert.equal("", p:read "a")
      assert.is_true(p:close())
    end
    for i = 1, 3 do assert.equal("1500", (db:get("w" .. i, "k"))) end
    assert.is_true(db:stats().wal_bytes < 16 << 20, ("%d MiB"):format(db:stats().wal_bytes >> 20))
  end)

  it("keeps its log bounded while readers read, also when they are stopped in the middle of it", function()
    local ops = {}
    for i = 1, 30000 do ops[i] = { ns = "big", key = "key " .. i, value = "v" } end
    db:apply(ops)
    local script = folder .. "/reader.lua"
    files.write(script, prelude() .. [[io.write("up\n") io.stdout:flush() while true do db:scan("big", "") end]])
    local pipes, pids = {}, {}
    for i = 1, 3 do
      pipes[i] = assert(io.popen(("echo $$; exec %s %s"):format(host(), script)))
      pids[i] = pipes[i]:read("l")
      pipes[i]:read("l")
    end
    finally(function()
      for _, pid in ipairs(pids) do os.execute("kill -KILL " .. pid) end
      for _, p in ipairs(pipes) do p:close() end
    end)
    for _, pid in ipairs(pids) do os.execute("kill -STOP " .. pid) end
    for i = 1, 130 do db:write("w", "k", string.char(97 + i % 26):rep(1 << 20), "text") end
    assert.is_true(db:stats().wal_bytes < 96 << 20, ("%d MiB"):format(db:stats().wal_bytes >> 20))
    for _, pid in ipairs(pids) do -- and they are as they were
      local stat = assert(io.open("/proc/" .. pid .. "/stat"))
      assert.equal("T", stat:read("a"):match("%) (%a)"))
      stat:close()
    end
  end)
end)
