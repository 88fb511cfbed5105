-- hearth serve APP.lua: the app as a web page, one mounted app for each browser tab.

local run = require "hearth.host.run"

local serve = {}

serve.usage = [==[
usage: hearth serve APP.lua [--host 127.0.0.1] [--port 8080] [--store URL] [--watch] [--cert FILE --key FILE]
                    [--metrics [HOST:]PORT] [--max-sessions N] [-- ARGS]

Serves an app as a web page: rendered here first, then live. Every tab has its own mounted app; persisted state belongs to the browser,
or to everybody with scope="app".

  --host ADDRESS  where to listen, an IP address; 0.0.0.0 for all addresses of this machine
  --port N        0 for any that is free
  --store URL     where state is kept: a path, file:PATH, memory:, json:PATH (default: $HEARTH_STORE, else a file of the app's own)
  --cert, --key   files in PEM, for https
  --watch         loads the app again when its file is saved; what the pages show keeps its state
  --metrics PORT  counts and times in Prometheus text at http://127.0.0.1:PORT/metrics; HOST:PORT for another address
  --max-sessions N    how many tabs at once (2000)
  -- ARGS         arguments for the app, in the global table arg]==]

local function complain(text)
  io.stdout:flush()
  io.stderr:write("hearth: ", text, "\n")
  return 1
end

local VALUES = { host = true, port = true, store = true, cert = true, key = true, ui = true, metrics = true, ["max-sessions"] = true }

local function in_url(host) return host:find(":", 1, true) and "[" .. host .. "]" or host end

local function whole(text, low, high)
  local n = text:match "^%d+$" and math.tointeger(tonumber(text))
  return n and n >= low and n <= high and n or nil
end

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
  local port = whole(options.port, 0, 65535)
  if not port then return nil, ("--port is a number from 0 to 65535, not %s"):format(options.port) end
  options.port = port
  if options.ui and options.ui ~= "web" then return nil, "serve is the web UI; hearth run has the others" end
  if options.host == "localhost" then options.host = "127.0.0.1" end
  if (options.cert == nil) ~= (options.key == nil) then return nil, "--cert and --key come together" end
  for _, name in ipairs { "cert", "key" } do
    if options[name] then
      local file, why = io.open(options[name])
      if not file then return nil, ("--%s: cannot open %s"):format(name, why) end
      file:close()
    end
  end
  if options.metrics then
    local host, text = options.metrics:match "^(.-):?([^:]*)$"
    host = host:match "^%[(.*)%]$" or host
    options.metrics_host, options.metrics_port = host ~= "" and host or "127.0.0.1", whole(text, 0, 65535)
    if not options.metrics_port then
      return nil, ("--metrics is a port or HOST:PORT, not %s"):format(options.metrics)
    end
  end
  if options["max-sessions"] then
    options.max_sessions = whole(options["max-sessions"], 1, 1000000)
    if not options.max_sessions then
      return nil, ("--max-sessions is a number from 1 to 1000000, not %s"):format(options["max-sessions"])
    end
  end
  return options
end

-- The app mounted where nobody sees it: an app that cannot be shown says so before there is a page.
local function look(element)
  local mounted = require("hearth.ui.root").mount(element, require("hearth.render.headless").new(), { inert = true })
  mounted:release()
  return mounted
end

-- What `--watch` renders again: that look, and all pages. The look goes first: if it fails, nothing changes.
local function watched(own, site)
  local errors = require "hearth.errors"
  local all = {}
  function all.rerender(_, other)
    local ok, err = pcall(own.rerender, own, other)
    if not ok and errors.code(err) == "EHOOK" then
      local fresh = look(other)
      own:unmount()
      own, ok = fresh, true
    end
    if not ok then error(err, 0) end
    site:rerender(other)
  end
  return setmetatable(all, { __index = function(_, key)
    return key == "fiber" and { "Root", {}, false, false, { own.fiber, table.unpack(site:fibers()) } } or nil
  end })
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
  local folder = path:match "^(.*)/[^/]*$" or "."
  local site = require "hearth.web.site"
  local app = require("hearth.app").current()
  local shown, own = pcall(look, element)
  if not shown then return complain(("%s: the first render failed: %s"):format(path, own)) end
  local ok, open = pcall(site.open, element, {
    host = options.host ~= "0.0.0.0" and options.host or nil, port = options.port, cert = options.cert, key = options.key,
    folder = folder, metrics_host = options.metrics_host, metrics_port = options.metrics_port, max_sessions = options.max_sessions,
    title = app and (app.title or app.name) or path:match "([^/]*)$":gsub("%.lua$", ""),
  })
  if not ok then return complain(tostring(open)) end
  if options.watch then
    local root = watched(own, open)
    local model = { root = root, remount = function(_, other) root:rerender(other) end }
    require("hearth.host.watch").start(path, model, run.load)
  else
    own:unmount()
  end
  print(("hearth: %s://%s:%d/"):format(options.cert and "https" or "http", in_url(options.host), open:port()))
  if options.metrics then print(("hearth: metrics at http://%s:%d/metrics"):format(in_url(options.metrics_host), open:metrics_port())) end
  io.stdout:flush()
  open:loop()
  return 0
end

return serve
