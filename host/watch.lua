-- hearth run --watch: looks at the app's file, and at the modules beside it, and loads the app again when one was saved. A file that
-- does not load is reported, and the app that is running goes on.

local watch = {}

-- An editor writes in several steps: what is read is loaded when it is the same after this long, in seconds.
local CALM <const> = 0.05

local asked = {} -- modules that were required since the beginning, also those that could not be loaded
local first -- the app's text before it was loaded

local function content(file)
  local f = io.open(file, "rb")
  if not f then return nil end
  local text = f:read "a"
  f:close()
  return text
end

--- Before the app is loaded for the first time.
---@param path string the app's file
function watch.install(path)
  first = content(path)
  local hearth = require "hearth"
  local reload = require "hearth.ui.reload"
  reload.install(hearth)
  table.insert(package.searchers, 1, function(name) asked[name] = true end)
  reload.attempt(function() end)
end

local function say(text) io.stderr:write("hearth: ", text, "\n") end

-- The app's own modules: Lua files of its folder. name -> file
local function own_modules(folder)
  local files = {}
  for name in pairs(asked) do
    if not name:match "^hearth%f[%z.]" then files[name] = package.searchpath(name, folder .. "/?.lua;" .. folder .. "/?/init.lua") end
  end
  return files
end

--- Watches until it is stopped.
---@param path string the app's file
---@param session { root: hearth.Root, remount: fun(self: table, element: any), show_log: fun(self: table, open: boolean)? }
---@param load fun(path: string): any, string?
---@return { stop: fun(self: table) }
function watch.start(path, session, load)
  local fs_event = require "hearth.core.fs_event"
  local reload = require "hearth.ui.reload"
  local task = require "hearth.core.task"
  local timer = require "hearth.core.timer"
  reload.begin()

  local folder = path:match "^(.*)/[^/]*$" or "."
  local watchers = {}
  local seen = { [path] = first } -- file -> its text when it was loaded, or when that was tried
  local timer_running, loading
  local look -- reads the files soon

  -- All texts as they are now, by file; nil while the app's file is away, as it is for a moment in the middle of saving.
  local function texts()
    local all = { [path] = content(path) }
    if not all[path] then return nil end
    for _, file in pairs(own_modules(folder)) do all[file] = content(file) end
    return all
  end

  local function differ(a, b)
    for file, text in pairs(a) do
      if b[file] ~= text then return true end
    end
    return false
  end

  -- On a full screen nobody sees standard error: its log is opened while there is something to complain of.
  local complaining = false
  local function complain(yes)
    if session.show_log and yes ~= complaining then session:show_log(yes) end
    complaining = yes
  end

  -- Watches every folder that holds a file of the app.
  local function follow()
    local folders = { [folder] = true }
    for _, file in pairs(own_modules(folder)) do folders[file:match "^(.*)/[^/]*$" or "."] = true end
    for name in pairs(folders) do
      if not watchers[name] then
        local ok, watcher = pcall(fs_event.watch, name, look)
        if ok then watchers[name] = watcher else say(tostring(watcher)) end
      end
    end
    -- What was saved while it was being loaded is not seen yet.
    for file, text in pairs(texts() or {}) do seen[file] = seen[file] or text end
  end

  local last = {} -- what was read the last time
  local function again()
    local now = texts()
    if not now or not differ(now, seen) then return end
    if differ(now, last) then
      last = now
      return look()
    end
    for file, text in pairs(now) do seen[file] = text end
    local modules = {}
    for name in pairs(own_modules(folder)) do
      modules[name] = package.loaded[name]
      package.loaded[name] = nil
    end
    local element, err = reload.attempt(function() return load(path) end)
    if element ~= nil then
      local ok
      ok, err = reload.take(session.root, element, function() session:remount(element) end)
      if ok then
        follow()
        say("loaded " .. path .. " again")
        complain(false)
        return
      end
      err = tostring(err)
    else
      reload.drop()
    end
    for name, module in pairs(modules) do package.loaded[name] = module end
    follow()
    say(err .. "\nhearth: the app goes on as it was")
    complain(true)
  end

  -- Not put off by events that go on and on: other programs may write into the folder too.
  function look()
    if timer_running then return end
    timer_running = timer.after(CALM, function()
      timer_running = nil
      if loading and not loading:done() then return look() end
      loading = task.spawn(again)
      loading:name "loading the app again"
    end, "ur")
  end

  follow()
  look() -- it may have been saved while it was loaded

  return {
    stop = function()
      for _, watcher in pairs(watchers) do watcher:stop() end
      if timer_running then timer_running:stop() end
    end,
  }
end

return watch
