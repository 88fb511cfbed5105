-- hearth serve APP.lua: the app as a web page, one mounted app for each browser tab.

local run = require "hearth.host.run"

local serve = {}

serve.usage = [==[
usage: hearth serve APP.lua [--host 127.0.0.1] [--port 8080] [--store URL] [--cert FILE --key FILE] [--watch] [-- ARGS]

Serves an app as a web page: rendered here first, then live. Every tab has its own mounted app; persisted state belongs to the browser,
or to everybody with scope="app".

  --host ADDRESS  where to listen; 0.0.0.0 for all addresses of this machine
  --port N        0 for any that is free
  --store URL     where state is kept: a path, file:PATH, memory:, json:PATH (default: $HEARTH_STORE, else a file of the app's own)
  --cert, --key   files in PEM, for https
  --watch         loads the app again when its file is saved; the pages begin anew
  -- ARGS         arguments for the app, in the global table arg]==]

local function complain(text)
  io.stdout:flush()
  io.stderr:write("hearth: ", text, "\n")
  return 1
end

local VALUES = { host = true, port = true, store = true, cert = true, key = true, ui = true }

-- The options, or nil and what is wrong with them.
local function parse(args)
  local options = { host = "127.0.0.1", port = "8080", args = {} }
  local i = 1
  while args[i] do
    local text = args[i]
    local name, given = text:match "^%-%-([%w-]+)=(.*)$"
    name = name or text:match "^%-%-([%w-]+)$"
    if text == "--" then
      table.move(args, i + 1, #args, 1, options.args)
      break
    elseif name and VALUES[name] then
      if not given then
        i = i + 1
        given = args[i]
      end
      if not given or given == "" then return nil, ("--%s needs a value"):format(name) end
      options[name] = given
    elseif text == "--watch" then
      options.watch = true
    elseif text == "--help" or text == "-h" then
      options.help = true
      return options
    elseif text:sub(1, 1) == "-" then
      return nil, ("unknown option %s"):format(text)
    elseif options.app then
      return nil, ("unexpected argument %s; arguments for the app come after --"):format(text)
    else
      options.app = text
    end
    i = i + 1
  end
  if not options.app then return nil, "which app? hearth serve APP.lua" end
  local port = tonumber(options.port)
  if not port or math.type(port) ~= "integer" or port < 0 or port > 65535 then
    return nil, ("--port is a number from 0 to 65535, not %s"):format(options.port)
  end
  options.port = port
  if (options.cert == nil) ~= (options.key == nil) then return nil, "--cert and --key come together" end
  return options
end

---@param args string[] args[0] is "serve"
---@return integer status
function serve.main(args)
  local options, err = parse(args)
  if not options then return complain(err .. "\n(hearth help serve says more)") end
  if options.help then
    print(serve.usage)
    return 0
  end
  local element
  element, err = run.prepare(options)
  if element == nil then return complain(err) end
  local path = options.app
  local site = require "hearth.web.site"
  local app = require("hearth.app").current()
  local ok, open = pcall(site.open, element, {
    host = options.host ~= "0.0.0.0" and options.host or nil, port = options.port, cert = options.cert, key = options.key,
    title = app and (app.title or app.name) or path:match "([^/]*)$":gsub("%.lua$", ""),
  })
  if not ok then return complain(tostring(open)) end
  if options.watch then
    local root = require("hearth.ui.root").mount(element, require("hearth.render.headless").new(), { inert = true })
    root:release()
    local model = { root = root }
    -- The tree that is watched stands for all of them.
    function root:rerender(other)
      getmetatable(self).rerender(self, other)
      open:replace(other)
    end
    function model:remount(other)
      self.root:unmount()
      self.root = require("hearth.ui.root").mount(other, require("hearth.render.headless").new(), { inert = true })
      self.root:release()
      self.root.rerender = root.rerender
      open:replace(other)
    end
    require("hearth.host.watch").start(path, model, run.load)
  end
  print(("hearth: %s://%s:%d/"):format(options.cert and "https" or "http", options.host, open:port()))
  io.stdout:flush()
  open:loop()
  return 0
end

return serve
