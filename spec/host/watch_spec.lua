-- `hearth run --watch`: the app is loaded again when its file is saved.
local hearth = require "hearth"
local files = require "spec.support.files"
local program = require "spec.support.program"

local APP = [[
local h = require "hearth"
h.run_async(function() while true do h.sleep(0.01) print "tick %s" io.stdout:flush() end end)
local Counter = h.component("Counter", function()
  %s
  local n, set = h.use_state(0)
  h.use_async_effect(function() print "start %s" h.sleep(1000) end, {})
  return h.Column { h.Text("%s " .. n), h.Button("+1", { on_click = function() set(n + 1) end }) }
end)
return h.component(function() return h.Column { Counter {} } end)
]]

local PATIENCE <const> = 15 -- seconds; what is expected comes within a fraction of one, but for a machine with other things to do

describe("hearth run --watch", function()
  local path, input, output, pid

  local function save(text) -- as vim does: a new file takes the old one's name
    files.write(path .. ".new", text)
    assert(os.rename(path .. ".new", path))
  end
  local function beside(name) return path:match "^(.*)/" .. "/" .. name end
  local function app(name, extra) return APP:format(name, extra or "", name, name) end

  local function said() return files.read(output) end
  -- Waits until it has said a text, `times` times (1) since byte `from`; gives where that ends.
  local function wait_for(text, times, from)
    local stop = hearth.now() + PATIENCE
    repeat
      local all, at, last = said(), (from or 1) - 1, nil
      for _ = 1, times or 1 do
        _, last = all:find(text, at + 1, true)
        if not last then break end
        at = last
      end
      if last then return last end
      hearth.sleep(0.01)
    until hearth.now() > stop
    error(("the app did not say %q; it said:\n%s"):format(text, said()), 2)
  end
  local function command(text)
    input:write(text, "\n")
    input:flush()
  end

  before_each(function()
    local name = files.folder() -- of its own, because the folder is what is watched
    path, output = name .. "/app.lua", name .. "/out"
    save(app "A")
    os.execute("mkfifo " .. name .. "/in; : > " .. output)
    local pipe = assert(io.popen(("timeout 60 %s run %s --ui=line --watch --store memory: < %s/in > %s 2>&1 & echo $!"):format(
      program.binary(), path, name, output)))
    pid = pipe:read "n"
    input = assert(io.open(name .. "/in", "w"))
    pipe:close()
    wait_for "A 0"
    command "click +1"
    wait_for "A 1"
  end)

  after_each(function()
    os.execute(("kill %d 2>/dev/null"):format(pid))
    input:close()
    os.execute("rm -rf " .. path:match "^(.*)/")
  end)

  it("keeps use_state, runs effects again and cancels the tasks of the old code", function()
    save(app "B")
    wait_for "B 1"
    wait_for "start B"
    local loaded = wait_for "again"
    wait_for("tick B", 10, loaded) -- in which the old code would have ticked as often
    assert.is_nil(said():find("tick A", loaded, true))
    command "click +1"
    wait_for "B 2"
  end)

  it("keeps persisted cells: the value on screen, one truth for old and new code, and what is not written yet", function()
    local function text(name)
      return ([[
        local h = require "hearth"
        return h.component("Keeper", function()
          local n, set, info = h.use_persisted_state("n", 0, {write_delay = 60, max_delay = 60})
          return h.Column { h.Text("%s " .. n .. " " .. info.status .. " " .. info.save), h.Button("more", { on_click = function()
            set(function(now) return now + 1 end)
          end }) }
        end)
      ]]):format(name)
    end
    save(text "B")
    wait_for "B 0 ready clean"
    command "click more"
    wait_for "B 1 ready dirty"
    save(text "C")
    wait_for "C 1 ready dirty"
    command "click more"
    wait_for "C 2 ready dirty"
  end)

  it("shows a syntax error and keeps the old app running", function()
    save "local x = = 1"
    wait_for "app.lua:1: unexpected symbol near '='"
    wait_for "the app goes on as it was"
    command "click +1"
    wait_for "A 2"
    save(app "B")
    wait_for "B 2"
  end)

  it("keeps what is on screen when the new code fails to render or to load", function()
    save(app("B", 'error "on purpose"'))
    wait_for "on purpose"
    wait_for "the app goes on as it was"
    command "click +1"
    wait_for "A 2"
    save 'error "at load"'
    wait_for "at load"
    command "click +1"
    wait_for "A 3"
    assert.is_nil(said():find("B ", 1, true) and said():find("B 1", 1, true))
  end)

  it("begins afresh when the hooks of a component changed", function()
    save(app("B", "h.use_state(1)"))
    wait_for "B 0"
    command "click +1"
    wait_for "B 1"
  end)

  local WORDS <const> = 'local w, h = require "words", require "hearth" return h.component("W", function() return h.Text("say " .. w) end)'

  it("loads a module beside the app again", function()
    files.write(beside "words.lua", 'return "one"')
    save(WORDS)
    wait_for "say one"
    files.write(beside "words.lua", 'return "two"')
    wait_for "say two"
    files.write(beside "words.lua", "return = 3")
    wait_for "words.lua:1: unexpected symbol near '='"
    files.write(beside "words.lua", 'return "four"')
    wait_for "say four"
  end)

  it("loads the app when a new module, which was broken or missing, is there", function()
    save(WORDS)
    wait_for "module 'words' not found"
    files.write(beside "words.lua", "return = 1")
    wait_for "words.lua:1: unexpected symbol near '='"
    command "click +1"
    wait_for "A 2"
    files.write(beside "words.lua", 'return "at last"')
    wait_for "say at last"
  end)

  it("loads what was written in place, and not a half of it", function()
    local text = app "B"
    local file = assert(io.open(path, "w"))
    for i = 1, #text, 40 do
      file:write(text:sub(i, i + 39))
      file:flush()
      hearth.sleep(0.002)
    end
    file:close()
    wait_for "B 1"
    assert.is_nil(said():find("the app goes on as it was", 1, true))
  end)

  it("goes on while the file is away, and loads it when it is back", function()
    os.remove(path)
    command "click +1"
    wait_for "A 2"
    save(app "B")
    wait_for "B 2"
    assert.is_nil(said():find("the app goes on as it was", 1, true))
  end)

  it("ends with the newest of several saves", function()
    for i = 1, 20 do save(app("B" .. i)) end
    wait_for "B20 1"
    save(app "C")
    save(app "D")
    wait_for "D 1"
    command "click +1"
    wait_for "D 2"
  end)

  it("loads what was saved while it was loading", function()
    save([[print "loading" io.stdout:flush() require("hearth").sleep(0.3) ]] .. app "B")
    wait_for "loading"
    save(app "C")
    wait_for "C 1"
  end)

  it("ends the tasks that a load has started which did not work", function()
    save [[
      local h = require "hearth"
      h.run_async(function()
        local ended <close> = setmetatable({}, {__close = function() print "task ended" io.stdout:flush() end})
        h.sleep(1000)
      end)
      h.sleep(0)
      error "at load"
    ]]
    wait_for "at load"
    wait_for "task ended"
    command "click +1"
    wait_for "A 2"
  end)

  it("keeps a persisted value that was set by the old code and not yet loaded by the new", function()
    local text = [[
      local h = require "hearth"
      return h.component("Two", function(props)
        local n, set = h.use_persisted_state("shared", 0)
        return h.Column { h.Text("%s " .. n), h.Button("more", { on_click = function() set(n + 1) end }) }
      end)
    ]]
    save(text:format "B")
    wait_for "B 0"
    command "click more"
    wait_for "B 1"
    save((text:format "C"):gsub('"Two"', '"Other"')) -- another component: it is mounted afresh
    wait_for "C 1"
    command "click more"
    wait_for "C 2"
  end)

  it("migrates what the old code has stored when the new one has a version", function()
    local text = [[
      local h = require "hearth"
      return h.component("Grows", function()
        local n, set, info = h.use_persisted_state("n", 0, %s)
        return h.Column { h.Text("%s " .. n .. " " .. info.status), h.Button("more", { on_click = function()
          set(function(now) return now + 1 end)
        end }) }
      end)
    ]]
    save(text:format("nil", "B"))
    wait_for "B 0 ready"
    command "click more"
    wait_for "B 1 ready"
    save(text:format("{version = 1, migrate = {function(v) return v * 10 end}}", "C"))
    wait_for "C 10 ready"
    command "click more"
    wait_for "C 11 ready"
  end)
end)
