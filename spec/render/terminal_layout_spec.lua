local random_from = require "spec.support.random"
local layout = require "hearth.ui.layout"

-- Boxes of a random tree with parents; leaves are `w` wide and `h` high.
local function tree(random, depth, parent)
  local box = { parent = parent or false, style = { direction = random(2) == 1 and "row" or "column", grow = random(3) - 1 } }
  if random(4) == 1 then box.style.padding_left = random(3) end
  if depth == 0 or random(4) == 1 then
    box.w, box.h = random(12), random(3)
    box.measure = function(self, limit) return limit and math.min(self.w, limit) or self.w, self.h, math.min(self.w, 2) end
    return box
  end
  box.children = {}
  for i = 1, random(4) do box.children[i] = tree(random, depth - 1, box) end
  return box
end

local function leaves(box, into)
  if not box.children then into[#into + 1] = box end
  for _, child in ipairs(box.children or {}) do leaves(child, into) end
  return into
end

local function places(box, into)
  into[#into + 1] = ("%d,%d %dx%d"):format(box.x, box.y, box.width, box.height)
  for _, child in ipairs(box.children or {}) do places(child, into) end
  return into
end

describe("a layout that keeps what did not change", function()
  it("puts everything where a layout from nothing would", function()
    local random = random_from(11)
    for _ = 1, 40 do
      local root = tree(random, 4)
      layout.compute(root, 60, 20, true)
      for _ = 1, 15 do
        local all = leaves(root, {})
        local leaf = all[random(#all)]
        leaf.w, leaf.h = random(12), random(3)
        layout.touch(leaf)
        local width, height = 50 + random(20), 15 + random(10)
        layout.compute(root, width, height, true)
        local kept = places(root, {})
        layout.compute(root, width, height)
        assert.same(places(root, {}), kept)
        layout.compute(root, width, height, true)
      end
    end
  end)
end)
