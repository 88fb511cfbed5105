-- hearth run APP.lua: loads an app file, mounts its component on a renderer, and stays until it is closed.

local run = {}

run.usage = [==[
usage: hearth run APP.lua [--ui=terminal|line|web|headless] [--store URL] [--watch] [-- ARGS]

Runs an app: a Lua file that returns a component, or calls hearth.app{ name=…, root=Component }.

  --ui=line       prints the visible text of each change and reads commands from standard input, one a line:
                  click LABEL · type LABEL TEXT · submit LABEL · scroll [LABEL] ROW · wait MS · tree · quit
  --ui=headless   mounts without output and ends when nothing is left to do
  --ui=terminal   a full-screen program: Tab and arrows, mouse, Ctrl-Q leaves, F12 shows what was printed; a terminal that
                  cannot do it (TERM=dumb) gets the line UI
  --ui=web        is hearth serve
  --store URL     where state is kept: a path, file:PATH, memory:, json:PATH (default: $HEARTH_STORE, else a file of the app's own)
  --watch         loads the app again when its file is saved; what it shows keeps its state
  -- ARGS         arguments for the app, in the global table arg

Without --ui: terminal where standard output is a terminal, else line.]==]

local UIS = { terminal = true, line = true, web = true, headless = true }

local function complain(text)
  io.stdout:flush()
  io.stderr:write("hearth: ", text, "\n")
  return 1
end

-- The options, or nil and what is wrong with them.
local function parse(args)
  local options = { args = {} }
  local i = 1
  local function value(name, given)
    if given then return given end
    i = i + 1
    if args[i] == nil then return nil, name .. " needs a value" end
    return args[i]
  end
  while args[i] do
    local text = args[i]
    local name, given = text:match "^(%-%-[%w-]+)=(.*)$"
    name = name or text
    local err
    if text == "--" then
      table.move(args, i + 1, #args, 1, options.args)
      break
    elseif name == "--ui" then
      options.ui, err = value("--ui", given)
      if options.ui and not UIS[options.ui] then
        err = ('--ui=%s is not known; there is terminal, line, web and headless'):format(options.ui)
      end
    elseif name == "--store" then
      options.store, err = value("--store", given)
      if options.store == "" then err = "--store needs a URL or a path" end
    elseif text == "--watch" then
      options.watch = true
    elseif text == "--help" or text == "-h" then
      options.help = true
    elseif text:sub(1, 1) == "-" and text ~= "-" then
      err = ("unknown option %s"):format(text)
    elseif options.app then
      err = ("unexpected argument %s; arguments for the app come after --"):format(text)
    else
      options.app = text
    end
    if err then return nil, err end
    i = i + 1
  end
  if not options.app and not options.help then return nil, "which app? hearth run APP.lua" end
  return options
end

-- An error with the script's part of the traceback; what is below belongs to this program.
local function described(err)
  local trace = type(err) == "table" and rawget(err, "traceback") or debug.traceback(nil, 2)
  local own = {}
  for frame in trace:gmatch "[^\n]+" do
    if frame:find("in function 'xpcall'", 1, true) or frame:find("host/run.lua", 1, true) then break end
    own[#own + 1] = frame
  end
  return tostring(err) .. (own[2] and "\n" .. table.concat(own, "\n") or "")
end

--- Loads an app file. Returns its element, or nil and what is wrong, with file and line.
---@param path string
---@return any element, string? err
function run.load(path)
  local app = require "hearth.app"
  local element = require "hearth.ui.element"
  app.reset()
  local file, why = io.open(path, "rb")
  if not file then return nil, ("cannot open %s"):format(why) end
  local readable, reason = file:read(0)
  file:close()
  if not readable and reason then return nil, ("cannot read %s: %s"):format(path, reason) end
  local chunk, syntax = loadfile(path)
  if not chunk then return nil, syntax end
  local ok, result = xpcall(chunk, described, table.unpack(_G.arg))
  if not ok then return nil, result end
  local declared = app.current()
  local shown = declared and declared.root
  local where = declared and "hearth.app{ root= } is" or "it returned"
  if shown == nil then shown = result end
  if element.is_type(shown) then return shown {} end
  if element.is(shown) then return shown end
  if type(shown) == "function" then return element.component(shown) {} end
  return nil,
    ("%s: %s %s, not a component; end the file with: return hearth.component(function() … end), or call hearth.app{ root=Component }")
    :format(path, where, shown == nil and "nothing" or "a " .. type(shown))
end

-- A store that cannot be used is said once, however often it is tried again: what the app shows is not kept meanwhile.
local function report_closed_store()
  local default = require "hearth.storage.default"
  function default.on_failure(err)
    default.on_failure = nil
    require("hearth.core.task").report(err, "state cannot be kept")
  end
end

local mount = {}

-- Mounts without output; the program ends when nothing is left to do.
function mount.headless(element)
  local root = require("hearth.ui.root").mount(element, require("hearth.render.headless").new())
  root:release()
  local session = { root = root, loop = function() end, failed = false }
  function session:remount(other)
    self.root:unmount()
    self.root = require("hearth.ui.root").mount(other, require("hearth.render.headless").new())
  end
  return session
end

function mount.terminal(element, folder)
  return require("hearth.render.terminal").mount(element, folder)
end

function mount.line(element)
  return require("hearth.render.line").mount(element)
end

--- Loads the app that the options name, with its arguments, its modules and its store. Returns its element, or nil and what is wrong.
---@param options { app: string, args: string[], store?: string, watch?: boolean }
---@return any element, string? err
function run.prepare(options)
  local path, arg = options.app, options.args
  arg[0], arg[-1] = path, "hearth"
  _G.arg = arg
  local folder = path:match "^(.*)/[^/]*$"
  package.path = (folder or ".") .. "/?.lua;" .. (folder or ".") .. "/?/init.lua;" .. package.path
  require("hearth.storage.url").configure { script = path, store = options.store }
  require("hearth.core.stdio").ignore_pipe()
  report_closed_store()
  if options.watch then require("hearth.host.watch").install(path) end
  local element, err = run.load(path)
  local app = element ~= nil and require("hearth.app").current()
  if app and app.preload then
    -- What cannot be read is no error here: its hook hears of it.
    local ok, why = pcall(require("hearth").preload, app.preload)
    if not ok then return nil, ("%s: %s"):format(path, tostring(why)) end
  end
  return element, err
end

---@param args string[] args[0] is "run"
---@return integer status
function run.main(args)
  local options, err = parse(args)
  if not options then return complain(err .. "\n(hearth help run says more)") end
  if options.help then
    print(run.usage)
    return 0
  end
  local stdio = require "hearth.core.stdio"
  local ui = options.ui or (stdio.is_terminal(1) and "terminal" or "line")
  if ui == "web" then
    local found, serve = pcall(require, "hearth.host.serve")
    if not found then return complain "--ui=web: the web UI is not part of this build; use --ui=line" end
    return serve.main(args)
  end
  if ui == "terminal" then
    local usable, why = require("hearth.render.terminal").usable()
    if not usable then
      complain(("no full-screen UI here, the line UI is used: %s"):format(why))
      ui = "line"
    end
  end

  local path = options.app
  local element
  element, err = run.prepare(options)
  if element == nil then return complain(err) end
  local ok, session = xpcall(mount[ui], described, element, path:match "^(.*)/[^/]*$")
  if not ok then return complain(("%s: the first render failed: %s"):format(path, session)) end

  -- Nobody reads any more: whatever the program waits for, it ends when what it accepted is saved.
  local watcher = require("hearth.core.task").spawn(function()
    if stdio.output_closed() then os.exit(session.failed and 1 or 0) end
  end)
  watcher:name "the watch over standard output"
  local watching = options.watch and require("hearth.host.watch").start(path, session, run.load)
  session:loop()
  if watching then watching:stop() end
  watcher:cancel()
  if session.gone then os.exit(session.failed and 1 or 0) end
  return session.failed and 1 or 0
end

return run
