-- What `require "busted.core"` gives in this program: busted's own constructor, whose first product (the run itself, not what a spec of busted
-- makes) carries the per-test checks of hearth.testing.busted.

local path = package.searchpath("busted.core", package.path)
if not path then error("module 'busted.core' not found (Debian: apt-get install lua-busted)", 0) end
local make = assert(loadfile(path))("busted.core", path)

local first = true
return function()
  local core = make()
  if first then
    first = false
    require("hearth.testing.busted").install(core)
  end
  return core
end
