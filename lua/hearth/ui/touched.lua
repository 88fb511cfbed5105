-- The roots whose renderer was told something since it last committed.

local touched = {}

local last = true -- a root; its `touched` is the one before, or true at the end of the chain

--- The renderer of a root is about to be told something.
---@param root hearth.Root
function touched.touch(root)
  if not root.touched then root.touched, last = last, root end
end

--- Tells the renderers that their batch is complete.
function touched.commit()
  while last ~= true do -- one that raises is out of the chain: the others are told in the next flush
    local root = last
    last, root.touched = root.touched, false
    root.commits = root.commits + 1
    if root.collects_from then root:collect_again() end
    local commit = root.renderer.commit
    if commit then commit(root.node) end
  end
end

return touched
