-- hearth.core.stdio: lines from standard input, through the program, because the spec has its own standard input.
local files = require "spec.support.files"
local program = require "spec.support.program"

local READ = [[
local stdio, hearth = require "hearth.core.stdio", require "hearth"
local ticks = 0
hearth.run_async(function() for _ = 1, 3 do hearth.sleep(0.01) ticks = ticks + 1 end end)
local n = 0
while true do
  local line = stdio.read_line()
  if not line then break end
  n = n + 1
  print(n, #line, line:sub(1, 20))
end
print("end", stdio.read_line())
]]

describe("lines from standard input", function()
  local script
  before_each(function() script = program.file(READ) end)
  after_each(function() os.remove(script) end)

  local function through(shell)
    local pipe = assert(io.popen((shell:gsub("HEARTH", ("timeout 60 %s %s"):format(program.binary(), script)))))
    local out = pipe:read "a"
    local _, _, status = pipe:close()
    return out, status
  end

  it("come from a file, with or without a last newline, empty ones included", function()
    assert.equal("1\t1\ta\n2\t0\t\n3\t1\tb\nend\tnil\n", (program.run({ script }, { "a", "", "b" })))
    assert.equal("1\t1\ta\n2\t1\tb\nend\tnil\n", (through "printf 'a\\nb' > /dev/null; printf 'a\\nb' | HEARTH"))
  end)

  it("come from a pipe, in pieces", function()
    assert.equal("1\t2\tab\n2\t1\tc\nend\tnil\n", (through "{ printf a; sleep 0.05; printf 'b\\nc'; } | HEARTH"))
  end)

  it("may be long", function()
    assert.equal("1\t300000\t" .. ("0"):rep(20) .. "\n2\t1\tx\nend\tnil\n", (through "{ printf '%0300000d\\n' 0; echo x; } | HEARTH"))
  end)

  it("end at once without any input", function()
    local out, status = through "HEARTH < /dev/null"
    assert.equal("end\tnil\n", out)
    assert.equal(0, status)
    out, status = through "HEARTH <&-"
    assert.equal("end\tnil\n", out)
    assert.equal(0, status)
  end)

  it("do not hold up the loop", function()
    os.remove(script)
    script = program.file [[
      local stdio, hearth = require "hearth.core.stdio", require "hearth"
      io.stdout:setvbuf "no"
      hearth.run_async(function() for i = 1, 3 do hearth.sleep(0.01) print("tick", i) end end)
      print(stdio.read_line())]]
    -- The line is written when the ticks have been seen.
    local seen = files.temporary()
    files.write(seen, "")
    assert.equal("tick\t1\ntick\t2\ntick\t3\nlate\n",
      (through(("{ until grep -q 3 %s; do sleep 0.01; done; echo late; } | HEARTH | tee %s"):format(seen, seen))))
    files.remove(seen)
  end)

  it("are for one task at a time, which may be cancelled without losing any", function()
    os.remove(script)
    script = program.file [[
      local stdio, hearth = require "hearth.core.stdio", require "hearth"
      local first = hearth.run_async(stdio.read_line)
      hearth.sleep(0.01)
      print(pcall(stdio.read_line))
      first:cancel()
      print(pcall(first.await, first))
      io.stdout:flush()
      print(stdio.read_line())]]
    local seen = files.temporary()
    files.write(seen, "")
    local out = through(("{ until grep -q ECANCELED %s; do sleep 0.01; done; echo line; } | HEARTH | tee %s"):format(seen, seen))
    files.remove(seen)
    assert.matches("EINVAL: stdio.read_line: another task is already waiting for a line", out, 1, true)
    assert.matches("ECANCELED", out, 1, true)
    assert.matches("\nline\n$", out)
  end)

  it("are an error when standard input cannot be read", function()
    local out, status = through "HEARTH < / 2>&1"
    assert.matches("standard input cannot be read: Is a directory", out, 1, true)
    assert.equal(1, status)
  end)
end)
