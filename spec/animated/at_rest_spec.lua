-- A program in which nothing moves any more is not woken: not by animations that have ended, not by connections that are kept, not by
-- alerts that wait. Counted by the kernel, over all threads of a process.

local hearth = require "hearth"
local Server = require "support.server"
local patience = require "spec.support.patience"
local uv = require "luv"

local APP <const> = [[
local hearth = require "hearth"
local Animated = hearth.Animated
return hearth.component("App", function()
  local width = hearth.use_animated_value(0)
  local stage, set_stage = hearth.use_state "moving"
  local posts = hearth.use_query(function() return hearth.fetch("%s/posts", { cookies = true }):json() end, {})
  hearth.use_async_effect(function()
    hearth.await(Animated.spring(width, { to = 40, stiffness = 1000, damping = 60 }))
    Animated.loop(Animated.timing(width, { to = 0, duration = 20 }), { iterations = 3 }):await()
    hearth.run_async(hearth.Alert.confirm, "Well?")
    set_stage "at rest"
  end, {})
  return hearth.Column {
    Animated.View { style = { width = width } },
    Animated.Text(width:interpolate { input = { 0, 1 }, output = { "#000", "#fff" } }),
    hearth.Text(posts.data and stage or "loading"),
  }
end)
]]

-- How often its threads have waited for something and gone on.
local function wake_ups(pid)
  local sum = 0
  local dir = assert(uv.fs_scandir(("/proc/%d/task"):format(pid)))
  for name in function() return uv.fs_scandir_next(dir) end do
    for line in io.lines(("/proc/%d/task/%s/status"):format(pid, name)) do
      sum = sum + (tonumber(line:match "^voluntary_ctxt_switches:%s*(%d+)") or 0)
    end
  end
  return sum
end

describe("a program at rest", function()
  it("is not woken, with animations behind it, a kept connection and an open alert", function()
    local server = Server.start()
    local path = os.tmpname()
    local file = assert(io.open(path, "w"))
    file:write(APP:format(server.base))
    file:close()
    local input, output, text = uv.new_pipe(), uv.new_pipe(), ""
    local ended = false
    local child, pid = assert(uv.spawn(uv.exepath(), {
      args = { "run", path, "--ui=line", "--store", "memory:" }, stdio = { input, output, 2 },
    }, function() ended = true end))
    finally(function()
      input:close()
      output:close()
      if not ended then child:kill "sigkill" end
      child:close()
      os.remove(path)
      server:stop()
    end)
    output:read_start(function(_, bytes) text = text .. (bytes or "") end)
    patience(function() return ended or text:find("at rest", 1, true) and text:find("Well?", 1, true) end)
    assert.is_truthy(text:find("at rest", 1, true), text)
    -- What was under way when it said so ends first: until two looks are the same.
    local before
    for _ = 1, 20 do
      before = wake_ups(pid)
      hearth.sleep(0.1)
      if wake_ups(pid) == before then break end
    end
    hearth.sleep(0.5)
    assert.equal(before, wake_ups(pid))
  end)
end)
