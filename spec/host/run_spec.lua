-- `hearth run`, through the program.
local patience = require "spec.support.patience"
local program = require "spec.support.program"

local COUNTER = [[
local hearth = require "hearth"
return hearth.component("Counter", function()
  local n, set = hearth.use_state(0)
  return hearth.Column {
    hearth.Text("Count: " .. n),
    hearth.Button("+1", { on_click = function() set(function(v) return v + 1 end) end }),
    hearth.Button("Fail", { on_click = function() error("on purpose") end }),
    hearth.Button("Later", { on_click = function() hearth.sleep(0.05) set(100) end }),
    hearth.TextInput { label = "Say", on_submit = function(text) print("said " .. text) end },
  }
end)
]]

describe("hearth run", function()
  local files = {}
  local function app(text)
    local path = program.file(text)
    files[#files + 1] = path
    return path
  end
  local function run(text, input, ...)
    return program.run({ "run", app(text), "--ui=line", "--store", "memory:", ... }, input)
  end
  after_each(function()
    for _, path in ipairs(files) do os.remove(path) end
    files = {}
  end)

  it("prints each commit and does what the lines say", function()
    local out, status, err = run(COUNTER, { "click +1", "click +1", "type Say hello", "submit Say", "quit", "click +1" })
    assert.equal("", err)
    assert.equal(0, status)
    assert.equal(table.concat({
      "--", "  Count: 0", "  [+1]", "  [Fail]", "  [Later]", "  Say: __",
      "--", "  Count: 1", "  [+1]", "  [Fail]", "  [Later]", "  Say: __",
      "--", "  Count: 2", "  [+1]", "  [Fail]", "  [Later]", "  Say: __",
      "--", "  Count: 2", "  [+1]", "  [Fail]", "  [Later]", "  Say: _hello_", "said hello", "" }, "\n"), out)
  end)

  it("ends at the end of the input", function()
    local out, status = run(COUNTER, {})
    assert.equal(0, status)
    assert.equal(1, #program.frames(out))
  end)

  it("waits when told to, and not for a handler that sleeps", function()
    local out = run(COUNTER, { "click Later", "click +1", "wait 200" })
    local frames = program.frames(out)
    assert.equal("Count: 1", frames[2][1])
    assert.equal("Count: 100", frames[3][1])
  end)

  it("goes on after a command that matches nothing, and says so in its status", function()
    local out, status, err = run(COUNTER, { "click Nope", "dance", "click +1" })
    assert.equal(1, status)
    assert.matches('error: click: nothing is labelled "Nope"', out, 1, true)
    assert.matches('hearth: "dance" is not a command', err, 1, true)
    assert.matches("Count: 1", out, 1, true)
  end)

  it("reports an error in a handler, goes on, and ends with status 1", function()
    local out, status, err = run(COUNTER, { "click Fail", "click +1" })
    assert.equal(1, status)
    assert.matches("on purpose", err, 1, true)
    assert.matches(":7:", err, 1, true)
    assert.matches("Count: 1", out, 1, true)
  end)

  it("gives the arguments after -- to the app", function()
    local out, status = run([[
      local given = { ... }
      local hearth = require "hearth"
      local name = arg[0]:match "[^/]*$"
      return hearth.component(function() return hearth.Text(given[1] .. arg[2] .. (#name > 0 and "!" or "")) end)]], {}, "--", "a",
        "--ui=b")
    assert.equal(0, status)
    assert.matches("a--ui=b!", out, 1, true)
  end)

  it("takes an element, a function, or hearth.app", function()
    assert.matches("plain", (run 'return require("hearth").Text "plain"'), 1, true)
    assert.matches("fn", (run 'local h = require "hearth" return function() return h.Text "fn" end'), 1, true)
    assert.matches("declared",
      (run 'local h = require "hearth" h.app { name = "x", root = h.component(function() return h.Text "declared" end) }'), 1, true)
  end)

  it("finds modules beside the app", function()
    local module = app 'return { text = "from beside" }'
    local name = module:match "([^/]*)%.lua$"
    local out, status = run(('local m = require "%s" return require("hearth").Text(m.text)'):format(name), {})
    assert.equal(0, status)
    assert.matches("from beside", out, 1, true)
  end)

  it("lets the main chunk await before it returns its component", function()
    assert.matches("later", (run 'local h = require "hearth" h.sleep(0.01) return h.Text "later"'), 1, true)
  end)

  it("refuses what is no app, with file and line", function()
    local cases = {
      { "return 42", "it returned a number, not a component" },
      { "", "it returned nothing, not a component" },
      { "require('hearth').app { name = 'x' }", "not a component" },
      { "local x = = 1", ":1: unexpected symbol near '='" },
      { "local t\n\nreturn t.x", ":3: attempt to index a nil value" },
      { "error { code = 7 }", "table: " },
      { "local h = require 'hearth'\nreturn h.component('Broken', function()\nlocal t\nreturn t.x end)",
        ":4: attempt to index a nil value" },
      { "local h = require 'hearth'\nreturn h.component('Typo', function() return h.Button('x', {on_clik = print}) end)",
        'did you mean "on_click"?' },
      { "require('hearth').app { nme = 'x' }", 'unknown field "nme"; did you mean "name"?' },
    }
    for _, case in ipairs(cases) do
      local out, status, err = run(case[1], {})
      assert.equal(1, status, case[1])
      assert.matches(case[2], err, 1, true)
      assert.equal("", out)
    end
  end)

  it("refuses a missing file and wrong options", function()
    local cases = {
      { { "no/such/app.lua" }, "cannot open no/such/app.lua: No such file or directory" },
      { {}, "which app? hearth run APP.lua" },
      { { "--ui=tty", "x.lua" }, "--ui=tty is not known; there is terminal, line, web and headless" },
      { { "--nope", "x.lua" }, "unknown option --nope" },
      { { "x.lua", "y.lua" }, "unexpected argument y.lua; arguments for the app come after --" },
      { { "x.lua", "--store" }, "--store needs a value" },
    }
    for _, case in ipairs(cases) do
      local _, status, err = program.run { "run", table.unpack(case[1]) }
      assert.equal(1, status)
      assert.matches(case[2], err, 1, true)
    end
  end)

  it("mounts without output for --ui=headless, and ends when nothing is left to do", function()
    local path = app [[
      local hearth = require "hearth"
      return hearth.component(function()
        hearth.use_async_effect(function() hearth.sleep(0.02) print "done" end, {})
        return hearth.Text "unseen"
      end)]]
    local out, status = program.run { "run", path, "--ui=headless", "--store", "memory:" }
    assert.equal("done\n", out)
    assert.equal(0, status)
  end)

  it("ends when nobody reads its output any more", function()
    local path = app(COUNTER)
    local pipe = io.popen("readlink /proc/$PPID/exe")
    local binary = pipe:read "l"
    pipe:close()
    os.execute(("mkfifo %s.in"):format(path))
    pipe = io.popen(("{ timeout 20 %s run %s --ui=line --store memory: < %s.in; echo $? > %s.status; } | head -n 1"):format(binary,
      path, path, path))
    local input = io.open(path .. ".in", "w") -- stays open: only the closed output can end the program
    local first = pipe:read "l"
    table.move({ path .. ".status", path .. ".in" }, 1, 2, #files + 1, files)
    local status = patience(function()
      local file <close> = io.open(path .. ".status")
      return file and file:read "n"
    end)
    input:close()
    pipe:close()
    assert.equal("--", first)
    assert.equal(0, status)
  end)

  it("explains itself", function()
    local out, status = program.run { "run", "--help" }
    assert.equal(0, status)
    assert.matches("usage: hearth run APP.lua", out, 1, true)
    assert.equal(out, (program.run { "help", "run" }))
  end)
end)
