-- HEARTH_STRICT=1: values of state are frozen, and are still values: they are stored, compared and sent like any other.

local program = require "spec.support.program"

local function run(text)
  local script = program.file(text)
  local out, status, err = program.run({"-e", "require('hearth.storage.default').use('memory:strict')", script}, nil, {HEARTH_STRICT = "1"})
  os.remove(script)
  return out, status, err
end

describe("strict mode", function()
  it("freezes what use_persisted_state shows, and renders twice; what is set again is stored whole", function()
    local out, status, err = run [[
      local hearth, testing = require "hearth", require "hearth.testing"
      local value, set
      local renders = 0
      local C = hearth.component("C", function()
        value, set = hearth.use_persisted_state("k", {name = "none"}, {merge = "shallow"})
        renders = renders + 1
        return hearth.Text(value.name)
      end)
      local screen = testing.render(C {})
      testing.settle()
      print(renders)
      print(select(2, pcall(function() value.name = "changed" end)).code)
      set {list = {1, {2}}}
      testing.settle()
      print(value.name, #value.list, select(2, pcall(table.insert, value.list, 3)).code)
      set {more = value.list}
      testing.settle()
      print(hearth.AsyncStorage.get "k")
      print(hearth.json.encode(value))
      print(hearth.to_thread(function(t) return #t.more end, value))
      screen:unmount()
    ]]
    assert.are.equal("", err)
    assert.are.equal(0, status)
    assert.are.equal(table.concat({
      "2", "EHOOK", "none\t2\tEHOOK", '{"more":[1,[2]]}', '{"more":[1,[2]],"name":"none"}', "2", ""}, "\n"), out)
  end)
end)
