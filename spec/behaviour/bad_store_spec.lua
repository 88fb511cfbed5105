-- A store that cannot be used: the program says so on standard error, with the path, ends with a status other than 0, and changes nothing.
local files = require "spec.support.files"

local program = (os.getenv "BUILD" or "build") .. "/hearth"

local function run(command, input)
  local out = os.tmpname()
  local pipe = assert(io.popen(("%s >%s 2>&1; echo $? >>%s"):format(command, out, out), "w"))
  pipe:write(input or "")
  pipe:close()
  local text = files.read(out)
  os.remove(out)
  return text, tonumber(text:match "(%d+)%s*$")
end

local function file(text)
  local path = os.tmpname()
  files.write(path, text)
  return path
end

local APP = [[
local hearth = require "hearth"
return hearth.component(function()
  local n, set = hearth.use_persisted_state("n", 0)
  return hearth.Button("n = " .. n, { on_click = function() set(function(x) return x + 1 end) end })
end)
]]

describe("an app whose store cannot be used", function()
  local app, foreign
  before_each(function() app, foreign = file(APP), file "these are somebody else's words\n" end)
  after_each(function()
    os.remove(app)
    os.remove(foreign)
  end)

  it("says so once, with the path, and ends with a status other than 0", function()
    local text, status = run(("%s run %s --ui=line --store %s </dev/null"):format(program, app, foreign))
    assert.is_truthy(text:find(foreign, 1, true))
    assert.is_truthy(text:find("state cannot be kept", 1, true))
    assert.are_not.equal(0, status)
  end)

  it("names each key that could not be saved, once, and leaves the file as it is", function()
    local text, status = run(("%s run %s --ui=line --store %s"):format(program, app, foreign), "click n = 0\n")
    local _, named = text:gsub("not saved", "")
    assert.are.equal(1, named)
    assert.is_truthy(text:find('"n"', 1, true))
    assert.are_not.equal(0, status)
    local f = assert(io.open(foreign, "rb"))
    assert.are.equal("these are somebody else's words\n", f:read "a")
    f:close()
  end)
end)
