-- `hearth run --watch`: the app is loaded again when its file is saved.
local hearth = require "hearth"

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

describe("hearth run --watch", function()
  local path, input, output, pid

  local function save(text)
    local file = assert(io.open(path .. ".new", "w"))
    file:write(text)
    file:close()
    assert(os.rename(path .. ".new", path))
  end
  local function app(name, extra) return APP:format(name, extra or "", name, name) end

  local function said()
    local file = assert(io.open(output))
    local text = file:read "a"
    file:close()
    return text
  end
  local function wait_for(text)
    for _ = 1, 400 do
      if said():find(text, 1, true) then return end
      hearth.sleep(0.01)
    end
    error(("the app did not say %q; it said:\n%s"):format(text, said()), 2)
  end
  local function command(text)
    input:write(text, "\n")
    input:flush()
  end

  before_each(function()
    local name = os.tmpname() -- a folder of its own, because the folder is what is watched
    os.remove(name)
    os.execute("mkdir " .. name)
    path, output = name .. "/app.lua", name .. "/out"
    save(app "A")
    os.execute("mkfifo " .. name .. "/in; : > " .. output)
    local pipe = assert(io.popen(("readlink /proc/$PPID/exe")))
    local binary = pipe:read "l"
    pipe:close()
    pipe = assert(io.popen(("timeout 20 %s run %s --ui=line --watch --store memory: < %s/in > %s 2>&1 & echo $!"):format(binary,
      path, name, output)))
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
    wait_for "tick B"
    local _, after = said():find("loaded .- again")
    hearth.sleep(0.1)
    assert.is_nil(said():find("tick A", after, true))
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

  it("loads a module beside the app again", function()
    local folder = path:match "^(.*)/"
    local function module(text)
      local file = assert(io.open(folder .. "/words.lua", "w"))
      file:write(('return { hello = "%s" }'):format(text))
      file:close()
    end
    module "one"
    save 'local w, h = require "words", require "hearth" return h.component("W", function() return h.Text("say " .. w.hello) end)'
    wait_for "say one"
    module "two"
    wait_for "say two"
  end)
end)
