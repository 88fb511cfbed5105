-- The roots whose renderer was told something since it last committed.

local touched = {}

local roots, n_roots = {}, 0

--- The renderer of a root is about to be told something.
---@param root hearth.Root
function touched.touch(root)
  if not root.touched then
    root.touched = true
    n_roots = n_roots + 1
    roots[n_roots] = root
  end
end

--- Tells the renderers that their batch is complete.
function touched.commit()
  while n_roots > 0 do -- one that raises is out of the list: the others are told in the next flush
    local root = roots[n_roots]
    roots[n_roots] = nil
    n_roots = n_roots - 1
    root.touched = false
    root.commits = root.commits + 1
    if root.collects_from then root:collect_again() end
    local commit = root.renderer.commit
    if commit then commit(root.node) end
  end
end

return touched
