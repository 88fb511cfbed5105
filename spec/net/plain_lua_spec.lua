-- fetch in a lua5.4 that knows nothing of us: the network's module is found beside hearth.so and gets what it needs from it.

local Server = require "support.server"
local files = require "spec.support.files"

local build = os.getenv "BUILD" or "build"
if build:match "san$" then return end -- the stock interpreter has no sanitizer in it

describe("fetch in a plain lua5.4", function()
  local server, file

  before_each(function()
    server = Server.start()
    file = os.tmpname()
  end)

  after_each(function()
    server:stop()
    os.remove(file)
  end)

  -- Runs a script there; gives its status and all it printed.
  local function run(script)
    files.write(file, ([[local hearth, base = require "hearth", "%s" ]]):format(server.base), script)
    local pipe = assert(io.popen(("LUA_CPATH='%s/?.so' timeout 20 lua5.4 %s 2>&1"):format(build, file)))
    local out = pipe:read "a"
    local _, _, status = pipe:close()
    return status or 0, out
  end

  it("asks, sends, streams, and says what went wrong", function()
    local status, out = run [[
      print(hearth.fetch(base .. "/posts/1"):json().id)
      print(hearth.fetch(base .. "/echo", { body = { a = 1 } }):json().method)
      local n = 0
      for part in hearth.fetch(base .. "/chunked/100", { stream = true }):chunks() do n = n + #part end
      print(n > 0)
      local ok, err = pcall(hearth.fetch, base .. "/drop")
      print(ok, err.code, err.reason)
    ]]
    assert.same({ 0, "1\nPOST\ntrue\nfalse\tENET\tempty\n" }, { status, out })
  end)

  it("many at once, some of them cancelled; the rest end with the script", function()
    local status, out = run [[
      local tasks = {}
      for i = 1, 50 do tasks[i] = hearth.run_async(hearth.fetch, base .. (i % 2 == 0 and "/hang" or "/posts")) end
      hearth.sleep(0.05)
      local good = 0
      for i = 1, 50 do
        if i % 2 == 0 then tasks[i]:cancel() else good = good + (tasks[i]:await().ok and 1 or 0) end
      end
      print(good)
      hearth.run_async(hearth.fetch, base .. "/hang")
      hearth.sleep(0.02)
      os.exit(4, true)
    ]]
    assert.same({ 4, "25\n" }, { status, out })
  end)
end)
