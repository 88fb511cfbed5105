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
end)
