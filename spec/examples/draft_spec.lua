local program = require "spec.support.program"
local hearth = require "hearth"
local testing = require "hearth.testing"

describe("examples/draft.lua", function()
  local Draft = dofile "examples/draft.lua"

  it("saves after a pause, and at least once a second", function()
    local clock = testing.fake_clock()
    local screen = testing.render(Draft {})
    testing.settle()
    for i = 1, 12 do
      screen:type("letter", "Dear " .. i)
      clock:advance(0.1)
    end
    assert.is_string(hearth.AsyncStorage.get_json "draft")
    clock:advance(0.2)
    assert.are.equal("Dear 12", hearth.AsyncStorage.get_json "draft")
    assert.truthy(screen:get_by_text "saved, 0 sent")
  end)

  it("sends in one step: the letter is in the outbox and the draft is gone", function()
    local screen = testing.render(Draft {})
    screen:type("letter", "Dear Ann")
    testing.settle()
    screen:click "Send"
    testing.settle()
    assert.truthy(screen:get_by_text "saved, 1 sent")
    assert.are.same({"outbox"}, hearth.AsyncStorage.all_keys())
  end)

  it("survives a kill in the middle of typing", function()
    local store = program.temporary ".sqlite3"
    local out = program.start({"run", "--ui=line", "--store", store, "examples/draft.lua"}, {"type letter Dear Ann,", "wait 20000"})
    local pid = out:read "l"
    repeat
      local line = out:read "l"
    until not line or line:match "saved, 0 sent" and os.execute(("grep -q 'Dear Ann' %s %s-wal 2>/dev/null"):format(store, store))
    os.execute("kill -9 " .. pid)
    out:close()
    local mine <close> = hearth.storage.open {url = store}
    assert.are.equal("Dear Ann,", mine:get_json "draft")
    program.clean(store)
  end)
end)
