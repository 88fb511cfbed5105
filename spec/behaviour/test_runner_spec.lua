-- What `hearth test` promises of stores and of waiting, and that busted started by itself in this host keeps it too.

local hearth = require "hearth"
local files = require "spec.support.files"
local program = require "spec.support.program"
local testing = require "hearth.testing"

local function spec(text)
  local path = program.temporary "_spec.lua"
  files.write(path, 'local hearth = require "hearth"\nlocal A, testing = hearth.AsyncStorage, require "hearth.testing"\n', text)
  finally(function() os.remove(path) end)
  return path
end

local OWN_STORE = [[
  setup(function() A.set("setup", "1") end)
  before_each(function() A.set("before", "1") end)
  it("first", function() assert.same({"before"}, A.all_keys()) testing.fake_clock() testing.faults {fail = {op = "read", times = 9}} end)
  it("second", function() assert.same({"before"}, A.all_keys()) hearth.sleep(0.001) end)
]]

describe("hearth test", function()
  it("has one store for a test and its before_each, and none of the user's own for setup", function()
    local data = program.temporary ".data"
    local path = spec(OWN_STORE)
    for _, words in ipairs { { "test", path }, { "/usr/bin/busted", path } } do
      local found = words[1] == "test" or io.open(words[1])
      if found then
        if io.type(found) then found:close() end
        local out, status, err = program.run(words, nil, { XDG_DATA_HOME = data })
        assert.are.equal(0, status, out .. err)
        assert.matches("2 successes", out)
      end
    end
    assert.is_nil((io.open(data)))
  end)

  it("says where a test waits that waits too long", function()
    local out, status = program.run { "test", "--timeout", "0.05", spec [[
      local function lazy() hearth.sleep(60) end
      it("slow", function()
        lazy()
      end)]] }
    assert.are.equal(1, status)
    assert.matches("longer than 0.05 s", out, 1, true)
    assert.matches("in upvalue 'lazy'", out, 1, true)
    assert.is_nil(out:find("busted/core", 1, true))
  end)

  it("ends when the last test has, whatever one that failed has left behind", function()
    local out, status, err = program.run { "test", spec [[
      it("serves", function()
        local server = require("luv").new_tcp()
        server:bind("127.0.0.1", 0)
        server:listen(8, print)
        error "no"
      end)]] }
    assert.matches("0 passed, 1 failed, 0 skipped\n$", out)
    assert.are.same({ 1, "" }, { status, err })
  end)
end)

describe("testing.store()", function()
  it("has the verbs of a store", function()
    hearth.AsyncStorage.set("k", "1")
    local store = testing.store()
    assert.are.equal("1", store:get "k")
    store:set_json("j", { 1 })
    assert.are.same({ "j", "k" }, hearth.AsyncStorage.all_keys())
    store:put_raw("k", "junk")
    local ok, err = pcall(store.get, store, "k")
    assert.are.same({ false, "ECORRUPT", "k" }, { ok, err.code, err.key })
  end)
end)
