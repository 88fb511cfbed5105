-- Cookies of a fetch: those that are given with it, or a jar that the HTTP client keeps in memory. Each person for whom the program works
-- has a jar of its own (hearth.owner).

local owner = require "hearth.owner"

local cookies = {}

local age = 0 -- jars of another one are not seen again

---The name of the running code's jar.
---@return string
function cookies.jar() return age .. " " .. owner.person() end

---All jars are empty: a test begins, or the program was closed and opened.
function cookies.forget() age = age + 1 end

---The value of a Cookie header, in order of the names; nil where there is none.
---@param given table<string, string|number>
---@param refuse fun(message: string, ...)
---@return string|nil
function cookies.header(given, refuse)
  local names, list = {}, {}
  for name in pairs(given) do names[#names + 1] = name end
  table.sort(names, function(a, b) return tostring(a) < tostring(b) end)
  for i, name in ipairs(names) do
    local value = given[name]
    if math.type(value) then value = tostring(value) end
    if type(name) ~= "string" or name == "" or name:find "[%c%s=;,]" or type(value) ~= "string" or value:find "[%c;]" then
      refuse("the cookie '%s' has a name or a value that cannot be sent", tostring(name))
    end
    list[i] = name .. "=" .. value
  end
  return list[1] and table.concat(list, "; ")
end

return cookies
