-- hearth help [COMMAND], hearth --help.

local help = {}

local general = [==[
usage: hearth [lua options] [SCRIPT [ARGS]]     run a script as lua5.4 would; its main chunk may await
       hearth run APP.lua [options] [-- ARGS]   run an app with a user interface
       hearth serve APP.lua [options]           the same app as a web page
       hearth test [busted options] [FILES]     busted inside the runtime: every block may await
       hearth store [options] COMMAND …         look into a store, copy it, repair it
       hearth help COMMAND                      more about one of them
       hearth --version | --help]==]

local commands = {
  test = [[
usage: hearth test [--timeout SECONDS] [busted options] [FILES]

Runs busted inside the runtime: every block may await, each test has its own memory store, tasks that outlive a test fail
it, and a test that waits longer than its timeout (5 s) fails with the tracebacks of what it waits for. Options are
busted's (hearth test --help lists them).
Status 0 if every test passed and at least one was run.]],
}

---@param args string[]
---@return integer status
function help.main(args)
  local name = args[1]
  if not name or name:match "^%-" then
    print(general)
    return 0
  end
  local text = commands[name]
  if not text then
    local found, module = pcall(require, "hearth.host." .. name)
    text = found and module.usage
  end
  if not text then
    io.stderr:write("hearth help: there is no command '", name, "'\n", general, "\n")
    return 1
  end
  print(text)
  return 0
end

return help
