-- Cookies of fetch: none unless asked for, a jar for each person, never another one's.

local hearth = require "hearth"
local metrics = require "hearth.web.metrics"
local owner = require "hearth.owner"
local Server = require "support.server"
local session = require "hearth.web.session"
local testing = require "hearth.testing"

describe("cookies of fetch", function()
  local server
  setup(function() server = Server.start() end)
  teardown(function() server:stop() end)

  local function echo(options) return hearth.fetch(server:url "/echo", options):json().headers.Cookie end
  local function be_given(cookie) hearth.fetch(server:url("/cookie?" .. cookie), { cookies = true }) end

  it("are neither kept nor sent unless asked for", function()
    hearth.fetch(server:url "/cookie?a=1")
    assert.is_nil(echo())
    assert.is_nil(echo { cookies = true })
    be_given "b=2"
    assert.is_nil(echo())
    assert.is_nil(echo { cookies = false })
    assert.equal("b=2", echo { cookies = true })
  end)

  it("may be given, for once", function()
    assert.equal("x=1; y=2", echo { cookies = { y = 2, x = "1" } })
    assert.is_nil(echo { cookies = {} })
    assert.is_nil(echo { cookies = true })
  end)

  it("go with what came before at a restart, as with each test", function()
    be_given "c=3"
    assert.equal("c=3", echo { cookies = true })
    testing.restart()
    assert.is_nil(echo { cookies = true })
  end)

  -- What fn returns, run as a task of this owner.
  local function as(id, fn, ...)
    return hearth.await(owner.run(id, hearth.run_async, fn, ...))
  end

  it("of one person are nobody else's", function()
    local ann, ann_too, bob, nobody_known = owner.new "ann", owner.new "ann", owner.new "bob", owner.new()
    as(ann, be_given, "who=ann")
    be_given "who=program"
    assert.equal("who=ann", as(ann_too, echo, { cookies = true }))
    assert.is_nil(as(bob, echo, { cookies = true }))
    assert.is_nil(as(nobody_known, echo, { cookies = true }))
    as(nobody_known, be_given, "who=somebody")
    assert.equal("who=somebody", as(nobody_known, echo, { cookies = true }))
    assert.equal("who=program", echo { cookies = true })
    owner.close(ann_too)
    assert.is_nil(as(ann_too, echo, { cookies = true })) -- nobody's any more, not everybody's
    assert.equal("who=ann", as(ann, echo, { cookies = true }))
  end)

  it("are kept for those who used them last, when there are very many", function()
    local first, often = owner.new(), owner.new()
    as(first, be_given, "who=first")
    as(often, be_given, "who=often")
    for round = 1, 10 do
      local tasks = {}
      for i = 1, 100 do tasks[i] = owner.run(owner.new(), hearth.run_async, be_given, "n=" .. i) end
      hearth.all(tasks)
      assert.equal("who=often", as(often, echo, { cookies = true }), "round " .. round)
    end
    assert.is_nil(as(first, echo, { cookies = true }))
  end)

  it("are those of the browser whose page asks, in effects, handlers, queries and mutations", function()
    local seen = {}
    local App = hearth.component("App", function()
      local name, set_name = hearth.use_state ""
      hearth.use_query(function()
        seen[#seen + 1] = "query " .. tostring(echo { cookies = true })
        return true
      end, { name }, { key = "who" })
      local _, save = hearth.use_mutation(function() seen[#seen + 1] = "mutation " .. tostring(echo { cookies = true }) end)
      return hearth.Column {
        hearth.TextInput { label = "name", value = name, on_change = function(text)
          be_given("who=" .. text)
          set_name(text)
        end },
        hearth.Button("save", { on_click = function() save() end }),
      }
    end)
    local function open(client)
      return { session = session.open {
        server = { send = function() return true end, say = function() return true end, kick = function() end },
        id = client .. #seen, client = client, tab = "t" .. #seen, connection = 1, element = App {}, counters = metrics.counters(),
      } }
    end
    -- The page's node of this type does something.
    local function act(page, type_, kind, value)
      local function find(node)
        if node.type == type_ then return node end
        for _, child in ipairs(node.children) do
          local found = find(child)
          if found then return found end
        end
      end
      page.session:hear { page.session.heard + 1, "e", find(page.session.renderer.top).id, kind, value }
      testing.settle()
    end
    local ann, bob = open "ann", open "bob"
    testing.settle()
    seen = {}
    act(ann, "TextInput", "v", "ann")
    act(bob, "Button", "c")
    act(ann, "Button", "c")
    assert.same({ "query who=ann", "mutation nil", "mutation who=ann" }, seen)
    local again = open "ann"
    testing.settle()
    seen = {}
    act(again, "Button", "c")
    assert.same({ "mutation who=ann" }, seen)
    for _, page in ipairs { ann, bob, again } do page.session:close() end
  end)
end)
