-- One test for each trap of sandboxing, of packaging and of SQLite files that a process can show, named after it. Files cut short or with flipped bits are
-- spec/c/test_store_damage.c, writers that starve or are stopped spec/store/processes_spec.lua, a memory bound for each state spec/c/test_states.c.
local hearth = require "hearth"
local program = require "spec.support.program"

local build = os.getenv "BUILD" or "build"
local sanitized = build:match "san$" ~= nil
local SPIN = sanitized and "io.stdout:flush()" or "" -- ThreadSanitizer delivers signals only in calls

local function output(command)
  local pipe = assert(io.popen(command .. " 2>&1"))
  local text = pipe:read "a"
  pipe:close()
  return text
end

describe("trap:", function()
  it("a count hook is swallowed by pcall: SIGTERM ends a busy loop under pcall all the same, with what was accepted saved", function()
    local store = program.temporary ".sqlite3"
    local _, status = program.run({ "-e", ([[
      local h = require "hearth"
      h.run_async(h.AsyncStorage.set, "k", "v")
      h.sleep(0)
      os.execute "(sleep 0.1; kill -TERM $PPID) &"
      while true do pcall(function() while true do %s end end) end]]):format(SPIN) }, nil, { HEARTH_STORE = store })
    assert.are.equal(143, status)
    local s <close> = hearth.storage.open { url = store }
    assert.are.equal("v", s:get "k")
    program.clean(store)
  end)

  it("C modules of Lua find lua_* in the process: the program gives it to them", function()
    local chunk = "print(package.searchpath('lfs', package.cpath) ~= nil, #require 'lfs'.currentdir() > 0)"
    local out, status = program.run { "-e", chunk }
    assert.are.same({ 0, "true\ttrue\n" }, { status, out })
  end)

  it("hearth.so must not link liblua", function()
    assert.is_nil(output("ldd " .. build .. "/hearth.so"):find("liblua5.4.so", 1, true))
  end)

  it("a feature module that imports symbols of ours fails in a plain lua5.4: it imports none", function()
    for _, name in ipairs { "net", "web", "term" } do
      local undefined = output(("nm -D --undefined-only %s/hearth-%s.so"):format(build, name))
      assert.matches("lua_", undefined)
      assert.is_nil(undefined:find "hearth_", name)
    end
  end)

  it("feature modules are found beside our own file, also in a plain lua5.4", function()
    if sanitized then return assert.is_true(sanitized) end -- the stock interpreter has no sanitizer in it
    local out = output(("LUA_CPATH='%s/?.so;;' lua5.4 -e \"print(pcall(require 'hearth'.fetch, 'http://127.0.0.1:1/'))\""):format(build))
    assert.matches("^false%s+ENET: ", out)
  end)

  it("nothing else in the process may open and close a store's file: other libraries do, and no commit vanishes", function()
    local path = program.temporary ".sqlite3"
    local store = hearth.storage.open { url = path }
    store:set("before", "1")
    for _, suffix in ipairs { "", "-wal", "-shm" } do -- the POSIX locks of the process are gone with the first close
      local f = io.open(path .. suffix, "rb")
      if f then f:close() end
    end
    -- Another process, which takes itself for the last one when it closes.
    local other = [[local h = require "hearth" local s = h.storage.open { url = os.getenv "FILE" } s:set("other", "1") s:close()]]
    assert.are.equal(0, (select(2, program.run({ "-e", other }, nil, { FILE = path }))))
    store:set("after", "1")
    local out = program.run({ "-e", [[local h = require "hearth" local s = h.storage.open { url = os.getenv "FILE" }
      print(s:get "before", s:get "other", s:get "after")]] }, nil, { FILE = path })
    assert.are.equal("1\t1\t1\n", out)
    store:close()
    program.clean(path)
  end)

  it("an update that writes identical bytes is skipped by SQLite: it is a commit of ours all the same", function()
    local path = program.temporary ".sqlite3"
    local store = hearth.storage.open { url = path }
    store:set("k", "same")
    local first = store:info "k".revision
    store:set("k", "same")
    assert.is_true(store:info "k".revision > first)
    store:close()
    program.clean(path)
  end)

  it("values of many megabytes are slow as a column: they are written and read whole", function()
    local path = program.temporary ".sqlite3"
    local store = hearth.storage.open { url = path }
    local big = ("0123456789abcdef"):rep(1 << 20) -- 16 MiB
    store:set("big", big)
    store:close()
    store = hearth.storage.open { url = path }
    assert.is_true(store:get "big" == big)
    store:close()
    program.clean(path)
  end)
end)
