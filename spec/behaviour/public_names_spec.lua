-- What `hearth` holds is what the documentation and the types for editors say, name by name.

local hearth = require "hearth"

local function content(path)
  local file <close> = assert(io.open(path))
  return file:read "a"
end

-- The files of a folder, as one text.
local function all(folder)
  local pipe <close> = assert(io.popen("cat " .. folder))
  return pipe:read "a"
end

describe("a public name", function()
  local names = {}
  for name in pairs(hearth) do names[#names + 1] = name end
  table.sort(names)

  local function missing(check)
    local list = {}
    for _, name in ipairs(names) do
      if not check(name) then list[#list + 1] = name end
    end
    return list
  end

  it("is there without being asked for first", function()
    for _, name in ipairs { "run_async", "use_persisted_state", "AsyncStorage", "Text", "fetch", "Alert", "use_local_storage", "now" } do
      assert.truthy(rawget(hearth, name), name)
    end
  end)

  it("is in the reference", function()
    local api = content "docs/api.md"
    assert.same({}, missing(function(name) return api:find("%f[%w_]" .. name .. "%f[^%w_]") end))
  end)

  it("is a field of the class that editors know", function()
    local types = all "lua/hearth/types/*.lua"
    assert.same({}, missing(function(name)
      return types:find("\n%-%-%-@field " .. name .. "%f[^%w_]") or types:find("\nfunction hearth%." .. name .. "%f[^%w_]")
        or types:find("\nhearth%." .. name .. " = ")
    end))
  end)

  it("is the only kind of field that this class has", function()
    local types = content "lua/hearth/types/hearth.lua"
    local class = types:match "%-%-%-@class hearth: hearth.elements\n(.-)\nlocal hearth"
    for name in class:gmatch "%-%-%-@field ([%w_]+)" do assert.truthy(hearth[name], name) end
    for name in types:gmatch "function hearth%.([%w_]+)" do assert.truthy(hearth[name], name) end
  end)
end)
