-- Option for option as lua5.4: the same command lines for both, and the same output, messages and status.
local files = require "spec.support.files"

local program = (os.getenv "BUILD" or "build") .. "/hearth"

local folder

-- What a command line of NAME prints on both streams, with its status; the interpreter's own name is the same for both.
local function outcome(interpreter, command, input)
  local out = folder .. "/out"
  local line = command:gsub("LUA", interpreter)
  local _, _, status = os.execute(("cd %s && printf '%%s' '%s' | ( %s ) > %s 2>&1"):format(folder, input or "", line, out))
  local text = files.read(out)
  text = text:gsub(interpreter:gsub("%p", "%%%0"), "LUA"):gsub("and COMMAND is [^\n]*\n", "") -- our usage has a line more
  return { status = status, text = text }
end

local function write(name, text)
  files.write(folder .. "/" .. name, text)
end

describe("as lua5.4:", function()
  local absolute
  setup(function()
    local pipe = assert(io.popen("realpath " .. program))
    absolute = pipe:read "l"
    pipe:close()
    folder = os.tmpname()
    os.remove(folder)
    os.execute("mkdir " .. folder)
    write("args.lua", "for i = -9, 9 do if arg[i] then print(i, arg[i]) end end print(...)")
    write("fails.lua", "local function inner() error 'broken' end\ninner()")
    write("fails_object.lua", "error(setmetatable({}, { __tostring = function() return 'as text' end }))")
    write("fails_table.lua", "error {}")
    write("fails_nil.lua", "error()")
    write("syntax.lua", "x = = 1")
    write("exit.lua", "print 'before' os.exit(tonumber(arg[1]) or arg[1] == 'true')")
    write("mod.lua", "loaded = (loaded or 0) + 1 return { value = 'of mod' }")
    write("shebang.lua", "#!/usr/bin/env lua\nprint('shebang', debug.getinfo(1, 'l').currentline)")
    write("closes.lua", "local a <close> = setmetatable({}, { __close = function() print 'closed' end })\n"
      .. "setmetatable({}, { __gc = function() print 'collected' end })")
    write("warns.lua", "warn 'first' warn '@off' warn 'hidden' warn '@on' warn('in ', 'pieces')")
    write("main.lua", "print(select(2, coroutine.running()))")
    write("returns.lua", "return 7")
    write("input.lua", "print(io.read 'n', io.read 'l', io.read 'a')")
    write("compiled", string.dump(loadfile(folder .. "/args.lua")))
  end)
  teardown(function() os.execute("rm -r " .. folder) end)

  for _, command in ipairs {
    "LUA args.lua a 'b c' ''", "LUA -- args.lua -e", "LUA -e 'x=1' args.lua -i", "LUA -i args.lua", "LUA compiled 1 2", "LUA - a b",
    "LUA -e 'print(1)' -e 'print(2)'", "LUA -e'print(1)'", "LUA -e 'error [[x]]' -e 'print(2)'", "LUA -e 'x = ='", "LUA -e", "LUA -e -e",
    "LUA -l mod -e 'print(mod.value, loaded)'", "LUA -lmod -e 'print(mod.value)'", "LUA -l m=mod -e 'print(m.value, mod)'", "LUA -l none",
    "LUA -l", "LUA -lmod -lmod -e 'print(loaded)'", "LUA -v", "LUA -v -e 'print(1)'", "LUA -vi", "LUA -x", "LUA --x", "LUA -ix",
    "LUA -W warns.lua", "LUA warns.lua", "LUA -E -e 'print(1)'", "LUA_INIT='x = 5' LUA -e 'print(x)'",
    "LUA_INIT='x = 5' LUA -E -e 'print(x)'", "LUA_INIT_5_4='x = 6' LUA_INIT='x = 5' LUA -e 'print(x)'",
    "LUA_INIT=@mod.lua LUA -e 'print(loaded)'", "LUA_INIT='error [[init]]' LUA -e 'print(1)'", "LUA_INIT=@none.lua LUA -v",
    "LUA_PATH=./x/?.lua LUA -e 'print(package.path)'", "LUA_CPATH='y;;' LUA -e 'print(package.cpath)'",
    "LUA_PATH=z LUA -E -e 'print(package.path, package.cpath)'", "LUA -e 'print(package.path, package.cpath)'", "LUA fails.lua",
    "LUA fails_object.lua", "LUA fails_table.lua", "LUA fails_nil.lua", "LUA syntax.lua", "LUA none.lua", "LUA returns.lua",
    "LUA exit.lua 3", "LUA exit.lua true", "LUA exit.lua false", "LUA shebang.lua", "LUA closes.lua", "LUA main.lua", "LUA /dev/null",
    "LUA -e 'print(arg[0], arg[-1], #arg)'", "LUA -e 'arg = nil' args.lua", "LUA -e 'print(collectgarbage [[incremental]])'",
    "LUA -e 'print(...)' a", "LUA -i -e 'print(1)'", "LUA -e 'print(debug.traceback [[here]])'", "LUA -e 'io.stderr:write [[err]]'",
    "LUA -e 'print(os.setlocale())'", "LUA -e 'coroutine.yield()'", "LUA -e 'coroutine.wrap(function() error [[inside]] end)()'",
    "LUA -e 'string.rep([[x]], -1)()'", "LUA -e 'local t = setmetatable({}, {__index = function(_, k) error(k) end}) print(t.field)'",
    "LUA -e 'print(pcall(error))' -", "LUA -e 'goto x'", "LUA -e 'print(#arg, arg[0])' -- args.lua 1",
  } do
    it(command, function()
      assert.are.same(outcome("lua5.4", command), outcome(absolute, command))
    end)
  end

  for input, command in pairs {
    ["print(1) return 5"] = "LUA", ["print(...)"] = "LUA - x y", ["12 rest\nof it"] = "LUA input.lua",
    ["1 + 1\n= 3\nx = 4\nx\nfor i = 1, 2 do\nprint(i)\nend\nerror [[line]]\nprint(nil, false)\nx = =\n"] = "LUA -i",
    ["_PROMPT = [[p: ]]\n_PROMPT2 = [[q: ]]\nif true then\nprint(1)\nend\n"] = "LUA -i",
    ["setmetatable({}, {__tostring = function() return [[shown]] end})\nerror({})\nreturn 1, 2, nil\n"] = "LUA -i",
  } do
    it(command .. " with " .. input:gsub("\n", "; "), function()
      assert.are.same(outcome("lua5.4", command, input), outcome(absolute, command, input))
    end)
  end

  it("a script with #! is a program", function()
    write("program", "#!" .. absolute .. "\nlocal h = require 'hearth' h.sleep(0.001) print('awaited', arg[0], ...)\n")
    assert.are.same({ status = 0, text = "awaited\t./program\ta\n" }, outcome(absolute, "chmod +x program && ./program a"))
  end)
end)
