-- What `hearth store` says: values and lists on standard output, what is wrong and how far it has come on standard error.

local timer = require "hearth.core.timer"

local console = {}

---Raised for a wrong command line, status 2; and for what cannot be done, status 1. Both are {message=}.
console.Usage, console.Trouble = {}, {}

---@param fmt string
function console.misuse(fmt, ...)
  error(setmetatable({ message = fmt:format(...) }, console.Usage), 0)
end

function console.fail(...)
  error(setmetatable({ message = table.concat { ... } }, console.Trouble), 0)
end

---A line on standard error, after what was printed so far.
function console.complain(...)
  io.stdout:flush()
  io.stderr:write("hearth store: ", ...)
  io.stderr:write("\n")
end

local function check(done, message)
  if not done then console.fail("the output cannot be written: ", message) end
end

function console.write(...)
  check(io.stdout:write(...))
end

function console.flush()
  check(io.stdout:flush())
end

---A key or a namespace, in quotes, on one line.
---@param bytes string
---@return string
function console.show(bytes)
  return '"' .. bytes:gsub('[%c"\\]', function(c)
    return c == '"' and '\\"' or c == "\\" and "\\\\" or ("\\%03d"):format(c:byte())
  end) .. '"'
end

---How far a long work has come, on standard error if that is a terminal.
---@param what string
---@return { at: fun(n: integer), done: fun() }
function console.progress(what)
  local watched, last = nil, timer.now()
  local p = {}
  function p.at(n)
    local now = timer.now()
    if now - last < 0.2 then return end
    last = now
    if watched == nil then watched = os.execute("test -t 2") and true or false end
    if watched then
      io.stderr:write(("\r\27[K%s: %d"):format(what, n))
      io.stderr:flush()
    end
  end
  function p.done()
    if watched then io.stderr:write("\r\27[K") end
  end
  return p
end

---fn(...), with the seconds that it has taken so far: for work whose size is not known.
function console.waiting(what, fn, ...)
  local began, p, tick = timer.now(), console.progress(what .. ": seconds"), nil
  local function again()
    p.at(math.floor(timer.now() - began))
    tick = timer.after(0.5, again, "ur")
  end
  again()
  local results = table.pack(pcall(fn, ...))
  tick:stop()
  p.done()
  if not results[1] then error(results[2], 0) end
  return table.unpack(results, 2, results.n)
end

return console
