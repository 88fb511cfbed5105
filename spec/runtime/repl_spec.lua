-- Interactive mode on a terminal: lines may await, tasks go on while a person types, and a library edits the line and keeps the history.
local terminal = require "spec.support.terminal"

describe("hearth on a terminal", function()
  local t

  before_each(function()
    t = terminal.open({ "-i" }, { after = '; echo "[ended $?]"; sleep 60 < /dev/null' })
    t:see "\n>"
  end)
  after_each(function() t:close() end)

  local function enter(text)
    t:type(text)
    t:press "Enter"
  end

  it("prints what expressions give, also those that await", function()
    enter "h = require 'hearth'"
    enter "(h.sleep(0.01) or 'sl') .. 'ept'"
    t:see "\nslept"
    enter "h.await(h.run_async(function() h.sleep(0) return 6 * 7, 'both' end))"
    t:see "\n42      both"
  end)

  it("takes statements over several lines", function()
    enter "for i = 1, 3 do"
    t:see "\n>>"
    enter "print('line ' .. i)"
    enter "end"
    t:see "\nline 3"
  end)

  it("lets tasks go on while a line is typed", function()
    enter "h = require 'hearth'"
    enter "h.run_async(function() h.sleep(0.05) io.write('from a', ' task\\n') end)"
    t:type "1 + "
    t:see "from a task" -- before the line is ended
    t:press "Enter"
  end)

  it("recalls a line, and edits it", function()
    enter "'first' .. 1"
    t:see "\nfirst1"
    t:press "Up"
    t:press("BSpace", "2", "3", "Enter")
    t:see "\nfirst23"
    t:press("Up", "Up", "Enter")
    t:until_(function(picture) return select(2, picture:gsub("\nfirst1", "")) == 2 end, "first1 twice")
    t:type "'end'"
    t:press "C-a"
    t:type "'start ' .. "
    t:press "Enter"
    t:see "\nstart end"
  end)

  it("drops the line at C-c, and stops what runs", function()
    t:type "this is no Lua"
    t:see "this is no Lua"
    t:press "C-c"
    enter "'still ' .. 'here'"
    t:see "\nstill here"
    -- The long loops are what is stopped; between them is a call into libc, where ThreadSanitizer hands a signal on.
    enter "print('wo' .. 'rks') while true do for _ = 1, 1e7 do end os.time() end"
    t:see "\nworks"
    t:press "C-c"
    t:see "interrupted!"
    enter "print('wa' .. 'its') require 'hearth'.sleep(100)"
    t:see "\nwaits"
    t:press "C-c"
    t:until_(function(picture) return select(2, picture:gsub("interrupted!", "")) == 2 end, "interrupted! twice")
    enter "'and ' .. 'here'"
    t:see "\nand here"
  end)

  it("says errors, those of tasks too, and goes on", function()
    enter "error 'of the line'"
    t:see "of the line"
    enter "require 'hearth'.run_async(function() error 'of a task' end)"
    t:see "error in a task"
    enter "'goes ' .. 'on'"
    t:see "\ngoes on"
  end)

  it("ends at the end of the input", function()
    t:press "C-d"
    t:see "[ended 0]"
  end)
end)
