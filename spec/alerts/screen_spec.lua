-- Alerts of a program that serves several people: each is asked what was begun on their behalf, and nobody else.

local hearth = require "hearth"
local testing = require "hearth.testing"
local alerts = require "hearth.alerts"
local headless = require "hearth.render.headless"
local owner = require "hearth.owner"
local root = require "hearth.ui.root"

local Alert = hearth.Alert

describe("An alert belongs to the screen of the task that asks", function()
  local function person()
    local id = owner.new()
    local seen = {}
    local queue = alerts.screen(id, function(open) seen[#seen + 1] = open and open.title or "none" end)
    return { id = id, queue = queue, seen = seen }
  end

  local ada, bob
  before_each(function() ada, bob = person(), person() end)

  local function titles()
    local a, b, p = ada.queue:open(), bob.queue:open(), alerts.open()
    return { ada = a and a.title, bob = b and b.title, program = p and p.title }
  end

  it("each screen has its own open alert and its own queue", function()
    local answers = {}
    for _, who in ipairs { ada, bob } do
      owner.run(who.id, hearth.run_async, function()
        answers[who] = { Alert.confirm("first of " .. who.id), Alert.confirm "second" }
      end)
    end
    testing.settle()
    assert.same({ ada = "first of " .. ada.id, bob = "first of " .. bob.id }, titles())
    assert.is_true(bob.queue:respond(2))
    testing.settle()
    assert.same({ ada = "first of " .. ada.id, bob = "second" }, titles())
    bob.queue:respond(-1)
    ada.queue:respond(1)
    testing.settle()
    ada.queue:respond(2)
    testing.settle()
    assert.same({ false, true }, answers[ada])
    assert.same({ true, false }, answers[bob])
    assert.same({ "first of " .. ada.id, "none", "second", "none" }, ada.seen)
    assert.is_nil(alerts.open())
  end)

  it("tasks of tasks, what they wait for and their on_done functions ask the same screen", function()
    owner.run(ada.id, hearth.run_async, function()
      hearth.sleep(0.001)
      hearth.all {
        hearth.run_async(function()
          hearth.sleep(0.001)
          Alert.show "inner"
        end),
      }
      hearth.run_async(function() end):on_done(function() Alert.show "done" end)
    end):await()
    testing.settle()
    assert.same({ ada = "inner" }, titles())
    ada.queue:respond(1)
    assert.same({ ada = "done" }, titles())
    ada.queue:respond(1)
  end)

  it("effects, async effects and mutations of a mounted app ask its screen", function()
    local set, mutate
    local App = hearth.component("App", function()
      local n
      n, set = hearth.use_state(0)
      hearth.use_effect(function() if n > 0 then Alert.show("effect " .. n) end end, { n })
      hearth.use_async_effect(function() if n > 0 then Alert.show("async " .. n) end end, { n })
      local _
      _, mutate = hearth.use_mutation(function() Alert.show "mutation" end)
      return hearth.Text(tostring(n))
    end)
    local mounted = owner.run(bob.id, root.mount, App {}, headless.new())
    set(1) -- from outside: the render and its effects come at the end of the turn
    testing.settle()
    assert.same({ bob = "effect 1" }, titles())
    bob.queue:respond(1)
    assert.same({ bob = "async 1" }, titles())
    bob.queue:respond(1)
    owner.run(bob.id, mutate)
    testing.settle()
    assert.same({ bob = "mutation" }, titles())
    bob.queue:respond(1)
    mounted:unmount()
  end)

  it("watchers ask the screen of who began to watch, whoever makes the change", function()
    local store = hearth.Store(0)
    owner.run(ada.id, store.subscribe, store, function(v) Alert.show("store " .. v) end)
    owner.run(ada.id, hearth.run_async, function()
      hearth.AsyncStorage.watch("k", function(event) Alert.show("key " .. event.value) end)
    end):await()
    owner.run(bob.id, hearth.run_async, function()
      store:set(7)
      hearth.AsyncStorage.set("k", "v")
    end):await()
    testing.settle()
    assert.same({ ada = "store 7" }, titles())
    ada.queue:respond(1)
    assert.same({ ada = "key v" }, titles())
    ada.queue:respond(1)
  end)

  it("the end of an animation asks the screen that began it", function()
    local clock = testing.fake_clock()
    local value = hearth.Animated.Value(0)
    owner.run(ada.id, function()
      hearth.Animated.timing(value, { to = 1, duration = 100 }):start(function() Alert.show "arrived" end)
    end)
    clock:advance(0.2)
    assert.same({ ada = "arrived" }, titles())
    ada.queue:respond(1)
  end)

  it("a screen that goes dismisses what it was asked, and what it is asked later", function()
    local answers = {}
    local asking = owner.run(ada.id, hearth.run_async, function()
      answers[1] = Alert.confirm "open"
      answers[2] = Alert.choose("later", { options = { "x" } }) or "nothing"
      Alert.show "never seen"
    end)
    local queued = owner.run(ada.id, hearth.run_async, function() answers[3] = Alert.confirm "queued" end)
    testing.settle()
    ada.queue:close()
    asking:await()
    queued:await()
    assert.same({ false, "nothing", false }, answers)
    assert.equal(1, #testing.alerts.log)
  end)

  it("a task that is cancelled takes its alert off its own screen", function()
    local asking = owner.run(ada.id, hearth.run_async, function() Alert.confirm "mine" end)
    owner.run(bob.id, hearth.run_async, function() Alert.show "other" end)
    testing.settle()
    asking:cancel()
    testing.settle()
    assert.same({ bob = "other" }, titles())
    bob.queue:respond(1)
  end)

  it("what belongs to nobody goes to the program's queue", function()
    owner.run(ada.id, hearth.run_async, function() Alert.show "hers" end)
    hearth.run_async(function() Alert.show "the program's" end)
    testing.settle()
    assert.same({ ada = "hers", program = "the program's" }, titles())
    testing.alerts.respond(1)
    testing.alerts.respond(1)
    assert.same({}, titles())
  end)

  it("owner.run gives the owner back, also after an error", function()
    assert.has_error(function() owner.run(ada.id, error, "no") end, "no")
    assert.equal(0, owner.current())
    owner.run(ada.id, function() assert.equal(ada.id, owner.current()) end)
  end)
end)
