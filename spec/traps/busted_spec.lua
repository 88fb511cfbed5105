-- One test for each trap of busted, named after it: each runs `hearth test` on a file of its own.
local hearth = require "hearth"
local files = require "spec.support.files"
local program = require "spec.support.program"

local function run(text, ...)
  local path = program.temporary "_spec.lua"
  files.write(path, 'local hearth = require "hearth"\n', text)
  local words = { "test", ... }
  words[#words + 1] = path
  local out, status, err = program.run(words)
  os.remove(path)
  return out, status, err
end

describe("trap:", function()
  it("every block may yield: describe, setup, before_each, it, finally, spies, has_error", function()
    local out, status = run [[
      describe("waits", function()
        hearth.sleep(0)
        local n = 0
        setup(function() hearth.sleep(0) n = n + 1 end)
        teardown(function() hearth.sleep(0) assert(n == 4) end)
        before_each(function() hearth.sleep(0) n = n + 1 end)
        after_each(function() hearth.sleep(0) end)
        it("in it", function()
          finally(function() hearth.sleep(0) n = n + 1 end)
          local s = spy.new(function() hearth.sleep(0) return 1 end)
          assert.equal(1, s())
          assert.spy(s).was.called(1)
          assert.has_error(function() hearth.sleep(0) error "x" end)
          assert(hearth.await(hearth.run_async(function() return true end)))
        end)
        it("again", function() assert(n == 4, n) end)
      end)]]
    assert.are.equal(0, status, out)
    assert.matches("2 passed, 0 failed, 0 skipped", out, 1, true)
  end)

  it("busted on PATH runs whatever lua is: hearth test looks for neither", function()
    local folder = os.tmpname()
    os.remove(folder)
    assert(os.execute("mkdir " .. folder))
    finally(function() os.execute("rm -r " .. folder) end)
    for _, name in ipairs { "busted", "lua", "luajit", "lua5.4" } do
      files.write(folder .. "/" .. name, "#!/bin/sh\necho the wrong one >&2\nexit 9\n")
      os.execute(("chmod +x %s/%s"):format(folder, name))
    end
    local path = program.temporary "_spec.lua"
    local f = assert(io.open(path, "w"))
    f:write 'it("runs here", function() assert.equal("Lua 5.4", _VERSION) end)'
    f:close()
    local out, status, err = program.run({ "test", path }, nil, { PATH = folder .. ":" .. os.getenv "PATH" })
    os.remove(path)
    assert.are.same({ 0, "" }, { status, err })
    assert.matches("1 passed, 0 failed, 0 skipped", out, 1, true)
  end)

  it("busted ends by os.exit(1, true): a failure keeps its report, and what was accepted is flushed", function()
    local store = program.temporary ".sqlite3"
    local out, status = run(([[
      it("fails", function()
        local s = hearth.storage.open { url = %q }
        hearth.run_async(s.set, s, "k", "v")
        error "the reason"
      end)]]):format(store))
    assert.are.equal(1, status)
    assert.matches("the reason", out, 1, true)
    local s <close> = hearth.storage.open { url = store }
    assert.are.equal("v", s:get "k")
    program.clean(store)
  end)

  it("auto-insulate reloads modules: there is one hearth however often it is required", function()
    assert.are.equal(hearth, require "hearth")
    package.loaded.hearth, package.loaded["hearth.storage.default"] = nil, nil
    assert.are.equal(hearth, require "hearth")
    assert.are.equal(hearth.AsyncStorage, require "hearth".AsyncStorage)
  end)

  it("a test whose loop goes idle hangs silently: it fails, and says where it waits", function()
    local out, status = run([[
      local function nobody_answers() hearth.await(hearth.runtime.create_future()) end
      it("idle", function() nobody_answers() end)
      it("a task is stuck", function() hearth.run_async(nobody_answers):name "the stuck one" hearth.sleep(0) end)
      it("next", function() end)]], "--timeout", "0.2")
    assert.are.equal(1, status)
    assert.matches("_spec.lua:2: ETIMEOUT: await: waits for ever", out, 1, true)
    assert.matches("the stuck one", out, 1, true)
    assert.matches("1 passed, 2 failed, 0 skipped", out, 1, true)
  end)

  it("it is called from a chunk that begins with @, with arg set", function()
    local out, status = run [[
      it("has them", function()
        assert(type(arg) == "table")
        assert(debug.getinfo(1, "S").source:sub(1, 1) == "@")
      end)]]
    assert.are.equal(0, status, out)
  end)

  it("its default search path is ./src/?.lua, and ours is C: .busted sets lpath", function()
    local config = dofile ".busted"
    assert.is_nil(config.default.lpath:find("src", 1, true))
  end)

  it("its closing line is its own: one more says passed, failed and skipped", function()
    local out, status = run 'it("a", function() end) pending("b", function() end)'
    assert.are.equal(0, status, out)
    assert.matches("1 passed, 0 failed, 1 skipped\n$", out)
  end)
end)
