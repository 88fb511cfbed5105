local program = require "spec.support.program"

describe("HEARTH_STRICT=1", function()
  local function run(script)
    local path = program.file(script)
    local pipe = assert(io.popen(("HEARTH_STRICT=1 %s %s 2>&1"):format(program.binary(), path)))
    local out = pipe:read "a"
    pipe:close()
    program.clean(path)
    return out
  end

  it("renders twice, runs effects once, and counts one render", function()
    assert.equal("render\nrender\neffect\n1\n", run [[
      local hearth, testing = require "hearth", require "hearth.testing"
      local C = hearth.component("C", function()
        hearth.use_effect(function() print "effect" end, {})
        print "render"
        return hearth.Text "x"
      end)
      local screen = testing.render(C {})
      print(screen:renders(C))
      screen:unmount()
    ]])
  end)

  it("freezes tables that become state", function()
    local out = run [[
      local hearth, testing = require "hearth", require "hearth.testing"
      local list = { 1, 2, { x = 1 } }
      local C = hearth.component("C", function()
        local v = hearth.use_state(list)
        return hearth.Text(#v .. " " .. v[3].x)
      end)
      local screen = testing.render(C {})
      print(screen:text())
      print(pcall(table.insert, list, 4))
      print(pcall(function() list[3].x = 2 end))
      for i, v in ipairs(list) do io.write(i, " ") end
      screen:unmount()
    ]]
    assert.matches("^3 1\nfalse\tEHOOK: .-make a new table.-\nfalse\tEHOOK.-\n1 2 3 $", out)
  end)

  it("renders twice under a Suspense too, also what waits, and says when the hooks differ", function()
    assert.equal("quick\nquick\nslow\nready\nslow\nready\neffect\nq,value\n", run [[
      local hearth, testing = require "hearth", require "hearth.testing"
      local gate = hearth.runtime.create_future()
      local Quick = hearth.component("Quick", function()
        print "quick"
        return hearth.Text "q"
      end)
      local Slow = hearth.component("Slow", function()
        hearth.use_effect(function() print "effect" end, {})
        print "slow"
        local v = hearth.await(gate)
        print "ready"
        return hearth.Text(v)
      end)
      local screen = testing.render(hearth.Suspense { fallback = "wait", Quick {}, Slow {} })
      hearth.runtime.resolve_future(gate, "value")
      testing.settle()
      print((screen:text():gsub("\n", ",")))
      screen:unmount()
    ]])
    assert.matches("EHOOK: Fickle: rendered more hooks than in the render before", run [[
      local hearth, testing = require "hearth", require "hearth.testing"
      local n = 0
      local Fickle = hearth.component("Fickle", function()
        n = n + 1
        for _ = 1, n do hearth.use_ref() end
      end)
      testing.render(hearth.Suspense { fallback = "wait", Fickle {} })
    ]])
  end)
end)
