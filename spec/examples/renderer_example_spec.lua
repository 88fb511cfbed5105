local program = require "spec.support.program"

describe("examples/renderer_example.lua", function()
  it("prints the tree of each commit", function()
    local out, status = program.run { "examples/renderer_example.lua" }
    assert.equal(0, status)
    assert.matches("^<Root>\n  <Column>\n    <Text>The time:</Text>\n  </Column>\n</Root>\n", out)
    assert.matches("<Text>1 s</Text>", out)
  end)
end)
