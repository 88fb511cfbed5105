-- What cannot be stored is refused at the call, by name and path, and nothing else happens.
local hearth = require "hearth"
local testing = require "hearth.testing"

describe("a set of what cannot be stored", function()
  local set
  before_each(function()
    local Field = hearth.component(function()
      local value, setter = hearth.use_persisted_state("k", "initial")
      set = setter
      return hearth.Text(type(value) == "string" and value or hearth.json.encode(value))
    end)
    testing.render(Field {})
    testing.settle()
  end)

  local cyclic = {}
  cyclic.self = cyclic
  local cases = {
    ["a mixed table"] = { 1, x = 2 }, ["a sparse list"] = { 1, nil, 3 }, ["a sparse list inside"] = { list = { [2] = true } },
    ["a boolean key"] = { [true] = 1 }, ["NaN inside"] = { x = 0 / 0 }, ["an infinity"] = math.huge, ["NaN"] = 0 / 0,
    ["a function inside"] = { f = print }, ["a cycle"] = cyclic, ["key zero"] = { [0] = "x" }, ["a float key"] = { [1.5] = "x" },
  }
  for name, value in pairs(cases) do
    it("is EINVAL for " .. name .. ", with the verb and the path, and changes nothing", function()
      local ok, err = pcall(set, value)
      assert.is_false(ok)
      assert.are.equal("EINVAL", err.code)
      assert.is_truthy(err.path)
      testing.settle()
      assert.is_nil(hearth.AsyncStorage.get "k")
    end)
  end

  local function refused(ticket, value)
    local ok, err = pcall(ticket.await, ticket)
    assert.is_false(ok)
    assert.are.same({ "EINVAL", "use_persisted_state", "k", "$.list[2]" }, { err.code, err.op, err.key, err.path })
    assert.matches('set of use_persisted_state%("k"%): .*%$%.list%[2%]: function', err.message)
    assert.are.equal(value, hearth.AsyncStorage.get_json "k")
  end

  it("by an updater rejects its ticket with the verb, the key and the path, and changes nothing", function()
    refused(set(function() return { list = { 1, print } } end), nil)
    set "kept"
    local ticket = set(function(v) return { list = { v, print } } end)
    set(function(v) return v .. "!" end)
    refused(ticket, "kept!")
  end)

  it("by a change of the table after the call rejects its ticket in the same way", function()
    local value = { list = { 1, 2 } }
    local ticket = set(value)
    value.list[2] = print
    refused(ticket, nil)
  end)

  it("leaves alone what an updater raised, whatever it is", function()
    local own = hearth.json and select(2, pcall(hearth.json.encode, { print }))
    local ticket = set(function() error(own, 0) end)
    local _, err = pcall(ticket.await, ticket)
    assert.are.equal(own, err)
  end)
end)
