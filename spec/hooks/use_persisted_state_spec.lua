-- use_persisted_state: each row of the case table of the contract (API 5.4), each option, each field and verb of `info`.

local cells = require "hearth.storage.cells"
local hearth = require "hearth"
local strict = require "hearth.ui.strict"
local testing = require "hearth.testing"

local AsyncStorage, Button, Column, Text = hearth.AsyncStorage, hearth.Button, hearth.Column, hearth.Text

local function show(v)
  if v == hearth.null then return "null" end
  local ok, text = pcall(hearth.json.encode, v)
  return type(v) == "table" and ok and text or tostring(v)
end

-- A component on a key that keeps what its last render got in `at`.
local function probe(key, initial, options, name)
  local at = {renders = 0}
  local again = true
  at.component = hearth.component(name or "Probe", function(props)
    again = strict.on and not again   -- strict mode renders twice: counted once
    if not again then at.renders = at.renders + 1 end
    at.value, at.set, at.info = hearth.use_persisted_state(props.key_name or key, initial, options)
    if at.read then at[at.read] = at.info[at.read] end
    at.frames = at.frames or {}
    if not again then table.insert(at.frames, show(at.value)) end
    return Text(show(at.value))
  end)
  return at
end

local function mount(at)
  at.screen = testing.render(at.component {})
  return at
end

local function ready(key, initial, options)
  local at = mount(probe(key, initial, options))
  testing.settle()
  return at
end

local function failure(fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok)
  return err
end

describe("use_persisted_state", function()
  it("shows initial and loads, then the stored value", function()
    AsyncStorage.set_json("k", "stored")
    testing.restart()
    local at = mount(probe("k", "initial"))
    assert.are.equal("initial", at.value)
    assert.are.equal("loading", at.info.status)
    testing.settle()
    assert.are.equal("stored", at.value)
    assert.are.equal("ready", at.info.status)
    assert.is_true(at.info.exists)
    assert.are.same({"initial", "stored"}, at.frames)
  end)

  it("reads all keys mounted in a turn at once, and renders once when they land", function()
    for i = 1, 20 do AsyncStorage.set_json("k" .. i, i) end
    testing.restart()
    testing.faults {fail = {op = "read", nth = 2, times = 99}}   -- a second read would fail
    local App = hearth.component("App", function()
      local sum = 0
      for i = 1, 20 do sum = sum + hearth.use_persisted_state("k" .. i, 0) end
      return Text("sum " .. sum)
    end)
    local screen = testing.render(App {})
    testing.settle()
    assert.are.equal("sum 210", screen:text())
    assert.are.equal(2, screen:renders(App))
  end)

  it("shows a known key at once, without a read and without a flash of initial", function()
    AsyncStorage.set_json("k", "stored")
    testing.restart()
    ready("k", "initial")
    testing.faults {fail = {op = "read", nth = 1, times = 99}}
    local again = mount(probe("k", "initial"))
    assert.are.same({"stored"}, again.frames)
  end)

  it("keeps a set that was made before the load landed; the stored value is info.previous()", function()
    AsyncStorage.set_json("k", "stored")
    testing.restart()
    local at = mount(probe("k", "initial"))
    local ticket = at.set "mine"
    testing.settle()
    assert.are.same({"initial", "mine"}, at.frames)
    assert.are.equal("stored", at.info.previous())
    assert.is_true(ticket:done())
    assert.are.equal("mine", AsyncStorage.get_json "k")
  end)

  it("folds an updater over the stored value when it lands: 41 becomes 42", function()
    AsyncStorage.set_json("n", 41)
    testing.restart()
    local at = mount(probe("n", 0))
    at.set(function(n) return n + 1 end)
    hearth.sleep(0)
    testing.settle()
    assert.are.equal(42, at.value)
    assert.are.equal(42, AsyncStorage.get_json "n")
  end)

  it("writes nothing until set when nothing is stored", function()
    local at = ready("k", "initial")
    assert.are.equal("initial", at.value)
    assert.are.equal("ready", at.info.status)
    assert.is_false(at.info.exists)
    assert.are.same({}, AsyncStorage.all_keys())
    at.set "x"
    testing.settle()
    assert.is_true(at.info.exists)
    assert.are.same({"k"}, AsyncStorage.all_keys())
  end)

  it("is one truth for two components on one key, in one batch of renders, with updaters in call order", function()
    local a, b = probe("k", "", nil, "A"), probe("k", "", nil, "B")
    local screen = testing.render(Column {a.component {}, b.component {}})
    testing.settle()
    local commits = screen:commits()
    a.set(function(s) return s .. "a" end)
    b.set(function(s) return s .. "b" end)
    a.set(function(s) return s .. "c" end)
    testing.settle()
    assert.are.equal("abc", a.value)
    assert.are.equal("abc", b.value)
    assert.are.equal(commits + 1, screen:commits())
  end)

  it("shows each its own initial while the key is absent", function()
    local a, b = probe("k", "one", nil, "A"), probe("k", "two", nil, "B")
    testing.render(Column {a.component {}, b.component {}})
    testing.settle()
    assert.are.same({"one", "two"}, {a.value, b.value})
    b.set(function(s) return s .. "!" end)
    testing.settle()
    assert.are.same({"two!", "two!"}, {a.value, b.value})
    a.info.remove()
    testing.settle()
    assert.are.same({"one", "two"}, {a.value, b.value})
  end)

  it("holds writes while the load fails, and goes on when it works", function()
    AsyncStorage.set_json("n", 41)
    testing.restart()
    local clock = testing.fake_clock()
    testing.faults {fail = {op = "read", nth = 1, times = 2, code = "EIO"}}
    local heard = {}
    local at = mount(probe("n", 0, {on_error = function(err) table.insert(heard, err.code) end}))
    testing.settle()
    assert.are.equal(0, at.value)
    assert.are.equal("error", at.info.status)
    assert.are.equal("EIO", at.info.error.code)
    local ticket = at.set(function(n) return n + 1 end)
    testing.settle()
    assert.are.equal("held", at.info.save)
    assert.are.equal(1, at.value)
    clock:advance(0.05)
    assert.are.equal("error", at.info.status)
    clock:advance(0.1)
    assert.are.equal(42, at.value)
    assert.are.equal("ready", at.info.status)
    assert.is_true(ticket:done())
    assert.are.equal(42, AsyncStorage.get_json "n")
    assert.are.same({"EIO", "EIO"}, heard)
  end)

  it("writes over what cannot be read if on_load_error says so", function()
    AsyncStorage.set_json("n", 41)
    testing.restart()
    testing.fake_clock()
    testing.faults {fail = {op = "read", nth = 1, times = 1}}
    local at = ready("n", 0, {on_load_error = function(err) return err.code == "EIO" and "overwrite" or "retain" end})
    at.set(7)
    testing.settle()
    testing.faults {}
    assert.are.equal(7, AsyncStorage.get_json "n")
  end)

  it("shows initial for a damaged record, with ECORRUPT; later sets work", function()
    AsyncStorage.set_json("k", "good")
    testing.store():put_raw("k", "garbage")
    testing.restart()
    local at = ready("k", "initial")
    assert.are.equal("initial", at.value)
    assert.are.equal("error", at.info.status)
    assert.are.equal("ECORRUPT", at.info.error.code)
    at.set("new"):await()
    assert.is_nil(at.info.error)
    assert.are.equal("new", AsyncStorage.get_json "k")
    assert.are.equal("garbage", testing.store():quarantine()[1].bytes)
  end)

  it("treats text that is no JSON, and what validate refuses, as unreadable, and keeps the bytes", function()
    AsyncStorage.set("text", "hello there")
    AsyncStorage.set_json("age", -1)
    local text = ready("text", "initial")
    local age = ready("age", 18, {validate = function(v) return v >= 0, "an age is not below 0" end})
    assert.are.equal("ECORRUPT", text.info.error.code)
    assert.are.equal("hello there", AsyncStorage.get "text")
    assert.are.equal(18, age.value)
    assert.matches("not below 0", tostring(age.info.error))
    text.set "x"
    age.set(20)
    testing.settle()
    local kept = {}
    for _, item in ipairs(testing.store():quarantine()) do kept[item.key] = item.bytes end
    assert.are.same({text = "hello there", age = "-1"}, kept)
  end)

  it("keeps the value on screen when a write fails, and writes again", function()
    local clock = testing.fake_clock()
    local heard
    local at = ready("k", "a", {on_error = function(err) heard = err end})
    at.read = "save"
    testing.faults {fail = {op = "write", code = "ENOSPC"}}
    local ticket = at.set "b"
    testing.settle()
    assert.are.equal("b", at.value)
    assert.are.equal("failed", at.save)
    assert.are.equal("ENOSPC", at.info.error.code)
    assert.are.equal("ENOSPC", heard.code)
    assert.is_false(ticket:done())
    clock:advance(0.05)
    assert.are.equal("clean", at.save)
    assert.is_nil(at.info.error)
    assert.is_true(ticket:done())
    assert.are.equal("b", AsyncStorage.get_json "k")
  end)

  it("writes again at once with info.retry()", function()
    testing.fake_clock()
    local at = ready("k", "a")
    testing.faults {fail = {op = "write"}}
    at.set "b"
    testing.settle()
    assert.are.equal("failed", at.info.save)
    at.info.retry():await()
    assert.are.equal("b", AsyncStorage.get_json "k")
  end)

  it("drops what failed with on_write_error = rollback", function()
    AsyncStorage.set_json("k", "stored")
    local at = ready("k", "a", {on_write_error = "rollback", on_error = function() end})
    testing.faults {fail = {op = "write", code = "ENOSPC"}}
    local err = failure(at.set("b").await, at.set "b")
    testing.settle()
    assert.are.equal("ENOSPC", err.code)
    assert.are.equal("stored", at.value)
  end)

  it("goes on after an unmount: reads land, writes land, nothing renders", function()
    local loading = mount(probe("a", 0))
    loading.screen:unmount()
    local pending = ready("b", 0)
    pending.set(1)
    pending.screen:unmount()
    local renders = pending.renders
    testing.settle()
    assert.are.equal(1, AsyncStorage.get_json "b")
    pending.set(2)
    pending.set(function(n) return n + 1 end)
    testing.settle()
    assert.are.equal(3, AsyncStorage.get_json "b")
    assert.are.equal(renders, pending.renders)
    assert.are.equal(1, loading.renders)
  end)

  it("shows the new key's value in the render that changes the key; old setters stay with the old key", function()
    AsyncStorage.set_json("one", 1)
    AsyncStorage.set_json("two", 2)
    ready("two", 0)
    local at = probe("one", 0)
    at.screen = testing.render(at.component {key_name = "one"})
    testing.settle()
    local old_set = at.set
    at.screen:rerender(at.component {key_name = "two"})
    assert.are.equal(2, at.value)
    assert.are_not.equal(old_set, at.set)
    assert.are.same({"0", "1", "2"}, at.frames)
    old_set(10)
    testing.settle()
    assert.are.equal(2, at.value)
    assert.are.same({10, 2}, {AsyncStorage.get_json "one", AsyncStorage.get_json "two"})
  end)

  it("hears no more of the old key, and hears of the new one also where the first render with it failed", function()
    local at = probe("one", 0)
    at.read = "revision"
    local fails = false
    local inner = at.component
    local Guarded = hearth.component("Guarded", function(props)
      local out = inner.render(props)
      if fails then error "on purpose" end
      return out
    end)
    at.screen = testing.render(Guarded {key_name = "one"})
    testing.settle()
    local info = at.info
    fails = true
    assert.is_false(pcall(at.screen.rerender, at.screen, Guarded {key_name = "two"}))
    fails = false
    at.screen:rerender(Guarded {key_name = "two"})
    testing.settle()
    assert.are.equal(info, at.info)
    local before = at.renders
    AsyncStorage.set_json("one", 5)
    testing.settle()
    assert.are.equal(before, at.renders)
    AsyncStorage.set_json("two", 6)
    testing.settle()
    assert.are.equal(6, at.value)
    assert.are.equal(before + 1, at.renders)
    info.remove():await()
    assert.are.equal(5, (AsyncStorage.get_json "one"))
    assert.is_nil((AsyncStorage.get_json "two"))
  end)

  it("fails as a render does, at its own component alone, when merge raises over a value from outside", function()
    local at = probe("bad", {a = 1}, {merge = function(v) if v.no then error "no merge" end return v end})
    local other = probe("good", 0)
    local function fallback(err) return Text("failed: " .. tostring(err):match "no merge") end
    local screen = testing.render(Column {hearth.ErrorBoundary {fallback = fallback, at.component {}}, other.component {}})
    testing.settle()
    AsyncStorage.set_many {bad = '{"no":true}', good = "7"}
    testing.settle()
    assert.are.equal(7, other.value)
    assert.are.equal("failed: no merge\n7", screen:text())
  end)

  it("lets go of a key that it no longer uses: another key, a render that failed, an unmount", function()
    local function is_watched(key) return cells.of(cells.default(), "default", key).next_voice ~= nil end
    local at = probe("one", 0)
    local fails = false
    local C = hearth.component("C", function(props)
      local out = at.component.render(props)
      if fails then error "on purpose" end
      return out
    end)
    local screen = testing.render(C {key_name = "one"})
    assert.is_true(is_watched "one")
    fails = true
    pcall(screen.rerender, screen, C {key_name = "two"})
    fails = false
    screen:rerender(C {key_name = "three"})
    assert.are.same({false, false, true}, {is_watched "one", is_watched "two", is_watched "three"})
    screen:unmount()
    assert.is_false(is_watched "three")
  end)

  it("follows options that change between renders: another scope, another on_error", function()
    AsyncStorage.set_json("k", "of the app")
    local heard = {}
    local value, set
    local C = hearth.component("C", function(props)
      value, set = hearth.use_persisted_state("k", "initial", {
        scope = props.scope, on_error = function() table.insert(heard, props.name) end,
      })
      return Text(value)
    end)
    local screen = testing.render(C {name = "one"})
    testing.settle()
    screen:rerender(C {name = "two"})
    set(function() error "on purpose" end)
    testing.settle()
    assert.are.same({"two"}, heard)
    screen:rerender(C {name = "three", scope = "session"})
    testing.settle()
    assert.are.equal("initial", value)
    set "of the session"
    screen:rerender(C {name = "four", scope = "app"})
    assert.are.equal("of the app", value)
  end)

  it("shows what was set while its render waited", function()
    local gate = hearth.runtime.create_future()
    local C = hearth.component("C", function()
      local n = hearth.use_persisted_state("n", 0)
      hearth.await(gate)
      return Text("n is " .. n)
    end)
    local screen = testing.render(hearth.Suspense {fallback = Text "wait", C {}})
    testing.settle()
    AsyncStorage.set_json("n", 7)
    gate:resolve(true)
    testing.settle()
    assert.are.equal("n is 7", screen:text())
  end)

  it("shows the newest set of a turn also when it was rendered in the middle of it", function()
    AsyncStorage.set_json("k", 0)
    local at = ready("k", 0)
    at.set(1)
    at.set(2)
    at.screen:rerender(at.component {again = true})
    assert.are.equal("2", at.screen:text())
    at.set(3)
    hearth.sleep(0)
    assert.are.equal("3", at.screen:text())
  end)

  it("shows its own initial, whatever was done to the table that it showed, or that an updater got", function()
    local at = ready("k", {1})
    if not strict.on then table.insert(at.value, 2) end   -- where values are frozen it is refused
    at.set {5}
    at.info.remove()
    testing.settle()
    assert.are.same({1}, at.value)
    local bad = at.set(function(v)
      table.insert(v, 3)
      error "on purpose"
    end)
    failure(bad.await, bad)
    assert.are.same({1}, at.value)
  end)

  it("is plain memory without a key", function()
    local at = ready(nil, "a")
    local set = at.set
    at.set "b"
    testing.settle()
    assert.are.equal("b", at.value)
    at.set(function(s) return s .. "c" end):await()
    testing.settle()
    assert.are.equal("bc", at.value)
    assert.are.equal("b", at.info.previous())
    assert.are.equal(set, at.set)
    assert.are.equal("ready", at.info.status)
    assert.are.equal("clean", at.info.save)
    assert.are.same({}, AsyncStorage.all_keys())
  end)

  it("without a key refuses an updater that awaits, and tells of one that raises, as with a key", function()
    local heard = {}
    local at = ready(nil, 1, {on_error = function(err) table.insert(heard, err) end})
    local bad = at.set(function() error("boom", 0) end)
    local waits = at.set(function(n) hearth.sleep(0.001) return n end)
    assert.are.equal("boom", failure(bad.await, bad))
    assert.are.equal("ENOTASK", failure(waits.await, waits).code)
    testing.settle()
    assert.are.same({1, 2}, {at.value, #heard})
  end)

  it("goes from plain memory to a key and back in one render, and a setter stays with what it was for", function()
    AsyncStorage.set_json("k", "stored")
    testing.restart()
    hearth.preload {"k"}
    local at = {frames = {}}
    local C = hearth.component("C", function(props)
      local value
      value, at.set = hearth.use_persisted_state(props.name, "initial")
      if at.frames[#at.frames] ~= value then table.insert(at.frames, value) end
      return Text(value)
    end)
    local screen = testing.render(C {})
    local set = at.set
    set "memory"
    testing.settle()
    screen:rerender(C {name = "k"})
    set "too late"
    testing.settle()
    screen:rerender(C {})
    assert.are.same({"initial", "memory", "stored", "initial"}, at.frames)
    assert.are.equal("stored", AsyncStorage.get_json "k")
  end)

  it("calls initial at most once, and only if it is needed", function()
    local calls = 0
    local function initial()
      calls = calls + 1
      return "made"
    end
    AsyncStorage.set_json("known", 1)
    ready("known", 0)
    mount(probe("known", initial))
    assert.are.equal(0, calls)
    local at = ready("k", initial)
    assert.are.equal("made", at.value)
    at.set(function(s) return s .. "!" end)
    at.info.remove()
    testing.settle()
    assert.are.equal("made", at.value)
    assert.are.equal(1, calls)
  end)

  describe("version and migrate", function()
    it("turn an old record into a new one, once, and keep the old", function()
      AsyncStorage.set_json("s", "dark")
      AsyncStorage.set_json("size", 12)
      local at = ready("s", {theme = "light"}, {version = 2, migrate = {
        function(v) return {theme = v} end,
        function(v)
          v.size = AsyncStorage.get_json "size"
          return v
        end,
      }})
      assert.are.same({theme = "dark", size = 12}, at.value)
      assert.are.same({theme = "dark", size = 12}, AsyncStorage.get_json "s")
      assert.are.equal('"dark"', testing.store():quarantine()[1].bytes)
      testing.restart()
      local again = ready("s", nil, {version = 2})
      assert.are.equal("dark", again.value.theme)
    end)

    it("that fail are EMIGRATE: sets are shown and held, the record is untouched", function()
      AsyncStorage.set_json("s", "dark")
      local at = ready("s", "x", {version = 1, migrate = function() error("cannot", 0) end, on_error = function() end})
      assert.are.equal("EMIGRATE", at.info.error.code)
      assert.matches("cannot", at.info.error.message)
      local ticket = at.set "mine"
      testing.settle()
      assert.are.equal("mine", at.value)
      assert.are.equal("held", at.info.save)
      assert.is_false(ticket:done())
      assert.are.equal("dark", AsyncStorage.get_json "s")
    end)

    it("of a store newer than the code are ENEWER: nothing is written", function()
      ready("s", 0, {version = 3}).set(3)
      testing.settle()
      testing.restart()
      local at = ready("s", 0, {version = 2})
      assert.are.equal("ENEWER", at.info.error.code)
      at.set(5)
      testing.settle()
      assert.are.equal(5, at.value)
      assert.are.equal(3, AsyncStorage.get_json "s")
    end)
  end)

  it("forgets a value after its ttl, on screen too; set renews; a clock set back does not bring it back", function()
    local clock = testing.fake_clock()
    local at = ready("k", "initial", {ttl = 10})
    at.set "x"
    testing.settle()
    clock:advance(9)
    at.set "x"
    testing.settle()
    clock:advance(9)
    assert.are.equal("x", at.value)
    assert.is_number(at.info.expires_at)
    clock:advance(2)
    assert.are.equal("initial", at.value)
    assert.is_false(at.info.exists)
    clock:advance(-30)
    assert.are.equal("initial", at.value)
    at.set "y"
    testing.settle()
    assert.are.equal("y", at.value)
  end)

  it("removes with set(nil) and remove(); hearth.null is a value; clear reaches every hook", function()
    local at = ready("k", "initial")
    at.set(hearth.null):await()
    assert.are.equal(hearth.null, at.value)
    assert.are.equal(hearth.null, AsyncStorage.get_json "k")
    at.set(nil):await()
    assert.are.equal("initial", at.value)
    assert.is_false(AsyncStorage.contains_key "k")
    at.set "x"
    AsyncStorage.set_json("other", 1)
    local other = ready("other", 0)
    AsyncStorage.clear()
    testing.settle()
    assert.are.same({"initial", 0}, {at.value, other.value})
    assert.are.same({}, AsyncStorage.all_keys())
  end)

  it("neither renders nor writes an equal value; 1 and 1.0 differ; a table changed in place and set again is a change", function()
    local at = ready("k", 0)
    at.set {list = {1, 2}}
    testing.settle()
    local renders, revision = at.renders, at.info.revision
    at.set {list = {1, 2}}
    testing.settle()
    assert.are.equal(renders, at.renders)
    assert.are.equal(revision, at.info.revision)
    local t = at.value
    if strict.on then   -- where values are frozen
      assert.are.equal("EHOOK", failure(table.insert, t.list, 3).code)
      t = AsyncStorage.get_json "k"
    end
    table.insert(t.list, 3)
    at.set(t)
    testing.settle()
    assert.are.equal(renders + 1, at.renders)
    assert.are.same({1, 2, 3}, AsyncStorage.get_json("k").list)
    at.set(1)
    testing.settle()
    at.set(1.0)
    testing.settle()
    assert.are.equal("float", math.type(at.value))
    assert.are.equal("1.0", AsyncStorage.get "k")
  end)

  it("shows what the sets of a turn come to: nothing when that is what is on screen, in that turn when it is not", function()
    AsyncStorage.set_json("k", 0)
    local at = ready("k", 0)
    local revision, renders = at.info.revision, at.renders
    at.set(1)
    at.set(0)
    testing.settle()
    assert.are.same({renders, revision}, {at.renders, at.info.revision})
    at.set(1)
    at.set(0)
    at.set(5)
    hearth.sleep(0)
    assert.are.equal("5", at.screen:text())
    testing.settle()
    assert.are.same({renders + 1, "5"}, {at.renders, AsyncStorage.get "k"})
  end)

  it("makes one render and one commit of a thousand sets", function()
    local at = ready("k", 0)
    local renders, events = at.renders, 0
    local stop = AsyncStorage.watch("k", function() events = events + 1 end)
    for i = 1, 1000 do at.set(i) end
    testing.settle()
    assert.are.equal(renders + 1, at.renders)
    assert.are.equal(1000, AsyncStorage.get_json "k")
    assert.are.equal(1, events)
    stop()
  end)

  it("waits for write_delay, at most max_delay, and not with flush()", function()
    local clock = testing.fake_clock()
    local at = ready("k", "", {write_delay = 1, max_delay = 2})
    for i = 1, 4 do
      at.set("draft " .. i)
      clock:advance(0.6)
    end
    assert.are.equal("draft 4", AsyncStorage.get_json "k")
    at.set "draft 5"
    testing.settle()
    assert.are.equal("draft 4", AsyncStorage.get_json "k")
    assert.are.equal("dirty", at.info.save)
    clock:advance(1)
    assert.are.equal("draft 5", AsyncStorage.get_json "k")
    at.set "draft 6"
    at.info.flush():await()
    assert.are.equal("draft 6", AsyncStorage.get_json "k")
  end)

  describe("hearth.batch", function()
    it("is one render and one commit, or none of it", function()
      testing.fake_clock()
      local a, b = probe("a", 0, nil, "A"), probe("b", 0, nil, "B")
      local screen = testing.render(Column {a.component {}, b.component {}})
      testing.settle()
      local commits = screen:commits()
      testing.faults {fail = {op = "write"}}
      hearth.batch(function()
        a.set(1)
        b.set(2)
      end)
      testing.settle()
      assert.are.equal(commits + 1, screen:commits())
      assert.are.same({}, AsyncStorage.all_keys())
      assert.are.same({"failed", "failed"}, {a.info.save, b.info.save})
      hearth.all {a.info.retry(), b.info.retry()}
      local ra, rb = AsyncStorage.info "a", AsyncStorage.info "b"
      assert.are.equal(ra.revision, rb.revision)
    end)

    it("is not joined by verbs of AsyncStorage: they write at once, also a key of the batch", function()
      local at = ready("a", 0)
      hearth.batch(function()
        at.set(1)
        AsyncStorage.set_json("a", 2)
        AsyncStorage.set_json("b", 3)
        assert.are.equal(2, AsyncStorage.get_json "a")
      end)
      testing.settle()
      assert.are.same({1, 1, 3}, {at.value, AsyncStorage.get_json "a", AsyncStorage.get_json "b"})
      assert.is_true(AsyncStorage.info("a").revision > AsyncStorage.info("b").revision)
    end)

    it("refuses keys of two stores", function()
      local store <close> = hearth.storage.open {url = "memory:"}
      local a, b = ready("a", 0), ready("b", 0, {store = store})
      local err = failure(hearth.batch, function()
        a.set(1)
        b.set(2)
      end)
      assert.are.equal("EINVAL", err.code)
      testing.settle()
      assert.are.same({0, 0}, {a.value, b.value})
    end)

    it("keeps nothing when its function raises", function()
      local at = ready("a", 0)
      local ticket
      at.set(1)
      failure(hearth.batch, function()
        ticket = at.set(2)
        error "no"
      end)
      at.set(function(n) return n + 10 end)
      testing.settle()
      assert.are.same({11, 11}, {at.value, AsyncStorage.get_json "a"})
      assert.are.equal("ECANCELED", failure(ticket.await, ticket).code)
    end)
  end)

  it("refuses a set during a render, and says where to put it", function()
    local C = hearth.component("Bad", function()
      local n, set = hearth.use_persisted_state("n", 0)
      set(n + 1)
      return Text "x"
    end)
    local err = failure(testing.render, C {})
    assert.are.equal("EHOOK", err.code)
    assert.matches("event handler", err.message)
  end)

  it("refuses an updater that awaits; an updater that raises is dropped alone and reported", function()
    local heard = {}
    local at = ready("n", 1, {on_error = function(err) table.insert(heard, err) end})
    at.set(function(n) return n + 1 end)
    local bad = at.set(function() error("boom", 0) end)
    local waits = at.set(function(n) hearth.sleep(1) return n end)
    at.set(function(n) return n * 10 end)
    assert.are.equal("boom", failure(bad.await, bad))
    assert.are.equal("ENOTASK", failure(waits.await, waits).code)
    testing.settle()
    assert.are.equal(20, at.value)
    assert.are.equal(20, AsyncStorage.get_json "n")
    assert.are.equal(2, #heard)
  end)

  it("refuses what cannot be stored, at the call", function()
    local at = ready("k", 0)
    local err = failure(at.set, {a = {on_click = print}})
    assert.are.equal("EINVAL", err.code)
    assert.are.equal("$.a.on_click", err.path)
    assert.are.equal("k", err.key)
    assert.are.equal("EINVAL", failure(at.set, 0 / 0).code)
    testing.settle()
    assert.are.equal(0, at.value)
  end)

  it("refuses wrong keys and options", function()
    local function code(key, options)
      return failure(testing.render, probe(key, 0, options).component {}).code
    end
    assert.are.equal("EINVAL", code(5))
    assert.are.equal("EBIG", code(("x"):rep(65537)))
    assert.are.equal("EINVAL", code("k", {ttl = -1}))
    assert.are.equal("EINVAL", code("k", {verison = 1}))
    assert.are.equal("EINVAL", code("k", {on_write_error = "ignore"}))
    assert.are.equal("EINVAL", code("k", {scope = "world"}))
    assert.are.equal("EINVAL", code("k", {migrate = {}}))
  end)

  describe("options", function()
    it("merge: names that the stored value lacks come from initial, and are written with the next set", function()
      AsyncStorage.set_json("s", {a = {x = 1}})
      local shallow = ready("s", {a = {x = 0, y = 0}, b = 2}, {merge = "shallow"})
      assert.are.same({a = {x = 1}, b = 2}, shallow.value)
      local deep = ready("s", {a = {x = 0, y = 0}, b = 2}, {merge = "deep"})
      assert.are.same({a = {x = 1, y = 0}, b = 2}, deep.value)
      local same = deep.value
      deep.screen:rerender(deep.component {again = true})
      assert.are.equal(same, deep.value)
      local fn = ready("s", 5, {merge = function(stored, initial) return {stored.a.x, initial} end})
      assert.are.same({1, 5}, fn.value)
      assert.are.same({a = {x = 1}}, AsyncStorage.get_json "s")
      deep.set(function(v) v.c = 3 return v end)
      testing.settle()
      assert.are.same({a = {x = 1, y = 0}, b = 2, c = 3}, AsyncStorage.get_json "s")
    end)

    it("belong to the hook whose setter was called, also in a turn in which another one was", function()
      local errs = {}
      local one = ready("k", 0)
      local two = ready("k", 0, {ttl = 100, on_write_error = "rollback", on_error = function(err) table.insert(errs, err.code) end})
      one.set(1)
      two.set(2)
      testing.settle()
      assert.is_number(AsyncStorage.info("k").expires_at)
      testing.faults {fail = {op = "write", code = "EIO"}}
      one.set(3)
      two.set(4)
      testing.settle()
      assert.are.same({2, 2, "EIO"}, {one.value, two.value, errs[1]})
      two.set(5)
      one.set(6)
      testing.settle()
      assert.is_nil(AsyncStorage.info("k").expires_at)
      assert.are.equal(6, AsyncStorage.get_json "k")
    end)

    it("equals: what it calls equal is neither rendered nor written", function()
      local at = ready("k", "", {equals = function(a, b) return a:lower() == b:lower() end})
      at.set "Ann"
      testing.settle()
      local renders = at.renders
      at.set "ANN"
      testing.settle()
      assert.are.equal(renders, at.renders)
      assert.are.equal("Ann", AsyncStorage.get_json "k")
      at.set(function(name) return name .. "!" end)
      at.set "ANN!"
      testing.settle()
      assert.are.same({"Ann!", "Ann!"}, {at.value, AsyncStorage.get_json "k"})
    end)

    it("store: another store than the app's", function()
      local store <close> = hearth.storage.open {url = "memory:", namespace = "mine"}
      local at = ready("k", 0, {store = store})
      at.set(5):await()
      assert.are.equal(5, store:get_json "k")
      assert.is_nil(AsyncStorage.get "k")
    end)

    it("store: closing it writes what waits; opening it again reads that", function()
      local store = hearth.storage.open {url = "memory:again"}
      local other <close> = hearth.storage.open {url = "memory:again"}
      ready("k", 0, {store = store, write_delay = 60}).set(5)
      store:close()
      assert.are.equal(5, other:get_json "k")
      local third = hearth.storage.open {url = "memory:again"}
      assert.are.equal(5, ready("k", 0, {store = third}).value)
      third:close()
    end)

    it("scope: a session has a namespace of its own, and a new one after a restart", function()
      local at = ready("k", 0, {scope = "session"})
      at.set(5):await()
      assert.is_nil(AsyncStorage.get "k")
      assert.are.equal(5, ready("k", 0, {scope = "session"}).value)
      testing.restart()
      assert.are.equal(0, ready("k", 0, {scope = "session"}).value)
    end)

    it("gate: may be unmounted while it waits", function()
      AsyncStorage.set_json("k", "stored")
      testing.restart()
      local at = probe("k", "initial", {gate = true})
      local screen = testing.render(hearth.Suspense {fallback = Text "wait", at.component {}})
      screen:unmount()
      testing.settle()
      assert.is_nil(at.value)
    end)

    it("gate: shows initial when the load has failed, and the stored value once it works", function()
      AsyncStorage.set_json("k", "stored")
      testing.restart()
      local clock = testing.fake_clock()
      testing.faults {fail = {op = "read", nth = 1, times = 1}}
      local at = probe("k", "initial", {gate = true, on_error = function() end})
      local screen = testing.render(hearth.Suspense {fallback = Text "wait", at.component {}})
      testing.settle()
      assert.are.same({"initial", "error"}, {screen:text(), at.info.status})
      clock:advance(0.05)
      testing.settle()
      assert.are.equal("stored", screen:text())
    end)

    it("gate: the nearest Suspense shows its fallback until the load has ended", function()
      AsyncStorage.set_json("k", "stored")
      testing.restart()
      local at = probe("k", "initial", {gate = true})
      local screen = testing.render(hearth.Suspense {fallback = Text "wait", at.component {}})
      assert.are.equal("wait", screen:text())
      testing.settle()
      assert.are.equal("stored", screen:text())
      for _, frame in ipairs(at.frames) do assert.are.equal("stored", frame) end
    end)
  end)

  describe("info", function()
    it("renders the component for a field that it read, and for no other", function()
      local at = ready("k", "x")
      local plain = at.renders
      at.info.reload():await()
      testing.settle()
      assert.are.equal(plain, at.renders)
      local reader = probe("j", "x")
      reader.read = "save"
      mount(reader)
      testing.settle()
      local before = reader.renders
      reader.set "y"
      testing.settle()
      assert.is_true(reader.renders > before)
      assert.are.equal("clean", reader.save)
    end)

    it("renders for what the last render has read, not for what was read before it or outside of a render", function()
      local at = ready("k", 0, {on_error = function() end})
      at.read = "error"   -- nil all the time
      at.screen:rerender(at.component {})
      local before = at.renders
      at.set(1)
      testing.settle()
      assert.are.equal(before + 1, at.renders)
      at.read = nil
      at.screen:rerender(at.component {again = true})
      assert.are.equal("clean", at.info.save)
      assert.is_nil(at.info.error)
      before = at.renders
      testing.fake_clock()
      testing.faults {fail = {op = "write"}}
      at.set(2)
      testing.settle()
      assert.are.same({before + 1, "EIO", "failed"}, {at.renders, at.info.error.code, at.info.save})
      at.info.retry():await()
      testing.settle()
      assert.are.same({before + 1, "clean"}, {at.renders, at.info.save})
      local quiet = probe("q", 0)
      quiet.read = "status"   -- the save goes from clean to dirty, saving, clean; the revision changes
      mount(quiet)
      testing.settle()
      before = quiet.renders
      quiet.set(1)
      testing.settle()
      assert.are.same({before + 1, "ready"}, {quiet.renders, quiet.status})
    end)

    it("tells what is known of the record: exists, revision, expires_at", function()
      local clock = testing.fake_clock()
      local at = ready("k", "x", {ttl = 10})
      assert.is_false(at.info.exists)
      assert.is_nil(at.info.revision)
      assert.is_nil(at.info.expires_at)
      at.set("y"):await()
      local first = AsyncStorage.info "k"
      assert.is_true(at.info.exists)
      assert.are.equal(first.revision, at.info.revision)
      assert.are.equal(first.expires_at, at.info.expires_at)
      clock:advance(5)
      at.set("y"):await()
      assert.are.equal(first.expires_at + 5, at.info.expires_at)
      clock:advance(11)
      assert.is_false(at.info.exists)
      assert.is_nil(at.info.expires_at)
    end)

    it("reads again with reload(), also what nobody has told of", function()
      AsyncStorage.set_json("k", "sound")
      local at = ready("k", "initial")
      testing.store():put_raw("k", "damaged by the disk")
      at.info.reload():await()
      assert.are.equal("ECORRUPT", at.info.error.code)
      testing.settle()
      assert.are.equal("initial", at.value)
    end)

    it("reads at once with retry() when the load has failed", function()
      AsyncStorage.set_json("k", "stored")
      testing.fake_clock()   -- nothing is tried again by itself
      testing.restart()
      testing.faults {fail = {op = "read", nth = 1, times = 1, code = "EIO"}}
      local at = ready("k", "initial")
      assert.are.same({"error", "EIO", "initial"}, {at.info.status, at.info.error.code, at.value})
      at.info.retry():await()
      testing.settle()
      assert.are.same({"ready", "stored"}, {at.info.status, at.value})
      assert.is_nil(at.info.error)
    end)

    it("tells how the save goes: clean, dirty, saving, clean", function()
      local at = ready("k", "initial")
      local states = {at.info.save}
      testing.faults {latency = 0.02}
      local ticket = at.set "next"
      table.insert(states, at.info.save)
      hearth.sleep(0)
      table.insert(states, at.info.save)
      ticket:await()
      table.insert(states, at.info.save)
      assert.are.same({"clean", "dirty", "saving", "clean"}, states)
    end)

    it("is one table, whose verbs are called with a dot", function()
      local at = ready("k", "x")
      local info = at.info
      at.set("y"):await()
      assert.are.equal(info, at.info)
      assert.is_number(info.revision)
      info.remove():await()
      assert.is_nil(info.revision)
      assert.are.equal("x", at.value)
      assert.are.equal("y", info.previous())
      assert.are.equal("EHOOK", failure(function() info.status = "fine" end).code)
    end)
  end)

  describe("with the verbs of AsyncStorage", function()
    it("shares the namespace and the text of set_json", function()
      AsyncStorage.set_json("k", {b = 1, a = {2, 3}})
      local at = ready("k", 0)
      assert.are.same({b = 1, a = {2, 3}}, at.value)
      at.set {z = 1, c = "é"}
      testing.settle()
      assert.are.equal('{"c":"é","z":1}', AsyncStorage.get "k")
    end)

    it("follows their changes, and the other way", function()
      local at = ready("k", 0)
      AsyncStorage.set_json("k", 5)
      testing.settle()
      assert.are.equal(5, at.value)
      AsyncStorage.delete "k"
      testing.settle()
      assert.are.equal(0, at.value)
    end)

    it("is seen by a verb that reads in the same turn", function()
      local set = ready("k", 0).set
      testing.settle()
      set(7)
      assert.are.equal(7, AsyncStorage.get_json "k")
      set(8)
      assert.are.equal("8", AsyncStorage.get "k")
      set(function(n) return n + 1 end)
      assert.are.equal("9", AsyncStorage.get_many {"k"}.k)
      set(nil)
      assert.is_false(AsyncStorage.contains_key "k")
      set(1)
      assert.are.same({"k"}, AsyncStorage.all_keys())
      set(2)
      AsyncStorage.batch(function(tx) tx:set_json("sum", tx:get_json "k" + 1) end)
      assert.are.equal(3, AsyncStorage.get_json "sum")
    end)

    it("is not overwritten by what was held before it", function()
      AsyncStorage.set_json("k", "stored")
      testing.restart()
      testing.faults {fail = {op = "read", nth = 1, times = 1}}
      local set = mount(probe("k", "initial")).set
      testing.settle()
      local ticket = set("held")
      AsyncStorage.set_json("k", "later")
      ticket:await()
      testing.settle()
      assert.are.equal("later", AsyncStorage.get_json "k")
    end)

    it("lands in the order of issue, by hook or by verb", function()
      local at = ready("k", 0)
      at.set(1)
      AsyncStorage.set_json("k", 2)
      assert.are.equal(2, AsyncStorage.get_json "k")
      local task = hearth.run_async(AsyncStorage.set_json, "k", 3)
      hearth.sleep(0)
      at.set(function(n) return n + 10 end)
      AsyncStorage.update_json("k", function(n) return n * 2 end)
      task:await()
      testing.settle()
      assert.are.equal(26, AsyncStorage.get_json "k")
      assert.are.equal(26, at.value)
    end)
  end)

  it("knows preloaded keys in the first frame", function()
    AsyncStorage.set_json("a", 1)
    AsyncStorage.set_json("b", 2)
    testing.restart()
    hearth.preload {"a", "b", "c"}
    local a, c = mount(probe("a", 0)), mount(probe("c", "initial"))
    assert.are.same({"1"}, a.frames)
    assert.are.equal("ready", c.info.status)
  end)

  it("keeps sets at any depth", function()
    local at = ready("k", 0)
    at.set {tags = hearth.Set {"a", "b"}}
    testing.settle()
    testing.restart()
    local again = ready("k", 0)
    assert.is_true(again.value.tags:contains "a")
  end)

  it("survives a restart", function()
    local at = ready("k", "light")
    at.set("dark"):await()
    at.set "lost"
    testing.restart()
    assert.are.equal("dark", ready("k", "light").value)
  end)

  it("is clickable", function()
    local App = hearth.component("App", function()
      local n, set = hearth.use_persisted_state("n", 0)
      return Button("n is " .. n, {on_click = function() set(function(x) return x + 1 end) end})
    end)
    local screen = testing.render(App {})
    screen:click "n is 0"
    testing.settle()
    assert.are.equal("n is 1", screen:text())
  end)
end)
