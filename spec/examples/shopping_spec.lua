local program = require "spec.support.program"
local hearth = require "hearth"
local testing = require "hearth.testing"

describe("examples/shopping.lua", function()
  local Shopping = dofile "examples/shopping.lua"

  it("adds, buys and clears", function()
    local screen = testing.render(Shopping {})
    testing.settle()
    screen:type("item", "milk")
    screen:submit "item"
    testing.settle()
    screen:type("item", "bread")
    testing.settle()
    screen:click "Add"
    testing.settle()
    assert.truthy(screen:get_by_text "2 to buy")
    screen:click "[ ] milk"
    testing.settle()
    assert.truthy(screen:get_by_text "[x] milk")
    screen:click "Clear bought"
    testing.settle()
    assert.are.same({{name = "bread", bought = false}}, hearth.AsyncStorage.get_json "items")
  end)

  it("keeps the items of two terminals that edit at once", function()
    local store = program.temporary ".sqlite3"
    local function terminal(prefix)
      local lines = {}
      for i = 1, 20 do
        lines[#lines + 1] = ("type item %s%d"):format(prefix, i)
        lines[#lines + 1] = "submit item"
      end
      lines[#lines + 1] = "quit"
      return lines
    end
    local one, two = program.start({"run", "--ui=line", "--store", store, "examples/shopping.lua"}, terminal "a"),
      program.start({"run", "--ui=line", "--store", store, "examples/shopping.lua"}, terminal "b")
    one:read "a"
    two:read "a"
    one:close()
    two:close()
    local mine <close> = hearth.storage.open {url = store}
    assert.are.equal(40, #mine:get_json "items")
    program.clean(store)
  end)
end)
