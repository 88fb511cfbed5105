-- JSONTestSuite: every y_ file is accepted, every n_ file refused; what is left open (i_) must not crash. HEARTH_JSON_TEST_SUITE
-- says where the suite is.
local json = require "hearth".json
local check = require "hearth.core.json"

local folder = os.getenv "HEARTH_JSON_TEST_SUITE" or "../shared/data/json-test-suite"

local function files()
  local list = {}
  local pipe = assert(io.popen("find '" .. folder:gsub("'", "'\\''") .. "' -name '[yni]_*.json' 2>/dev/null", "r"))
  for path in pipe:lines() do list[#list + 1] = path end
  pipe:close()
  table.sort(list)
  return list
end

describe("JSONTestSuite", function()
  local list = files()
  if #list == 0 then
    io.stderr:write("JSONTestSuite is not in ", folder, ": set HEARTH_JSON_TEST_SUITE\n")
    pending("is not in " .. folder .. ": set HEARTH_JSON_TEST_SUITE")
    return
  end

  for _, path in ipairs(list) do
    local name = path:match "[^/]+$"
    it(name, function()
      local file = assert(io.open(path, "rb"))
      local text = file:read "a"
      file:close()
      local ok, value = pcall(json.decode, text)
      local stored_ok = pcall(check.decode_stored, text)
      assert.equal(ok, stored_ok)
      if name:find "^y_" then assert(ok, tostring(value)) end
      if name:find "^n_" then assert.is_false(ok) end
      if ok then
        assert.is_true(check.equal(value, json.decode(json.encode(value))))
      else
        assert.equal("ECORRUPT", value.code)
        assert.truthy(value.position >= 1 and value.position <= #text + 1)
      end
    end)
  end

  it("is complete", function()
    local count = {y = 0, n = 0}
    for _, path in ipairs(list) do
      local kind = path:match "([yni])_[^/]*$"
      count[kind] = (count[kind] or 0) + 1
    end
    assert.truthy(count.y >= 95 and count.n >= 187)
  end)
end)
