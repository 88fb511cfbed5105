-- A fiber is a mounted element. There are as many as there are elements on the screen, so a fiber is a small array, read by
-- the constants below (each file that reads fibers repeats those it needs: a `<const>` costs nothing at run time if it has a line of its own).
--
--   TYPE 1   "Text" (a host element) or a type table: a component, Fragment, a Provider, …
--   PROPS 2  what it shows now; for a host element what the renderer was given, without the children
--   KEY 3    the element's key, or false
--   PARENT 4 the fiber above, false for the root's
--   CHILD 5  a component: its one child or false; all others: the list of children (false marks a hole), or false
-- host element:
--   NODE 6   the renderer's node        LINKS 7  its bound props, or how many props it has (0: nobody has counted)
-- all others:
--   STATE 6  0 clean, 1 its state may have changed, 2 must render, -1 unmounted
--   DEPTH 7  components above it        ROOT 8   the root it belongs to
--   EXTRA 9  component: slots that want to hear of the unmount; others: what the kind keeps
--   HOOKS 10 how many hooks it called, -1 before its first render ended       11…  the slots of the hooks, in call order
--   sketches: what its last render made of them, where they were many (src/bind/ui_sketch.c)

local TYPE <const> = 1
local KEY <const> = 3
local PARENT <const> = 4

local ENDS <const> = 50 -- names at each end of a long path

local fiber = {}

--- The name of one fiber as messages show it: `Counter`, `Row[7]`.
---@param f table
---@return string
function fiber.name(f)
  local t = f[TYPE]
  local name = type(t) == "string" and t or t.name
  if f[KEY] then return name .. "[" .. tostring(f[KEY]) .. "]" end
  return name
end

--- Where a fiber is, by the components above it: `App > List > Row[7]`. Of a component that renders itself without end the two ends.
---@param f table
---@return string
function fiber.path(f)
  local above, n = {}, 0 -- from `f` up
  while f do
    local t = f[TYPE]
    if type(t) == "table" and (t.render or not t.silent) then
      n = n + 1
      above[n] = f
    end
    f = f[PARENT]
  end
  local names = {}
  for i = n, 1, -1 do
    if n <= 2 * ENDS or i > n - ENDS or i <= ENDS then
      names[#names + 1] = fiber.name(above[i])
    elseif i == ENDS + 1 then
      names[#names + 1] = "…"
    end
  end
  return n > 0 and table.concat(names, " > ") or "the root"
end

--- The nearest fiber above `f` whose type is of this kind ("boundary", "suspense").
---@param f table
---@param kind string
---@return table|nil
function fiber.above(f, kind)
  local p = f[PARENT]
  while p do
    local t = p[TYPE]
    if t.kind == kind then return p end
    p = p[PARENT]
  end
end

return fiber
