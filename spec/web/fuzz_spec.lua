-- The fuzzer of `make fuzz` in short: messages that were changed at random, the same ones each time.

local random_from = require "spec.support.random"
local new_site = dofile "spec/fuzz/web.lua"

local SEEDS <const> = {
  '[1,"e",3,"c"]', '[1,"e",4,"v","some text"]', '[1,"e",4,"s","x"]', '[1,"e",5,"v","more"]', '[1,"e",6,"v",true]', '[1,"e",8,"v",3]',
  '[1,"e",9,"v",0.25]', '[1,"e",9,"s",1e308]', '[1,"e",10,"x"]', '[1,"e",11,"k",{"key":"a","shift":true}]', '[1,"e",12,"y",[1,2,3,4]]',
  '[1,"e",13,"p"]', '[1,"e",14,"c"]\n[2,"r",1,2,"ada"]', '[1,"e",15,"c"]\n[2,"l",{"ack":1}]', '[1,"e",16,"w",90]', '[0,"a",1]',
  '[1,"l",{"localstorage":{"k":["[1]",true],"b":["x",false]},"removed":["a"],"cleared":true}]',
  '[1,"e",15,"c"]\n[2,"l",{"ack":1,"refused":{"k":"EQUOTA"},"removed":["k"]}]', '[0,"h",{"tab":"bb","g":0,"items":{},"own":[]}]',
  '[1,"e",6,"v",true]\n[2,"e",10,"x"]\n[3,"e",3,"c"]\n[3,"e",3,"c"]',
}
local BITS <const> = {
  "-1", "0", "1e999", "null", "[]", "{}", '"', "\\u0000", "99999999999999999999", "true", "\xff", ",", "[", "]", "{", "1.5",
}

describe("messages of a page that were made up", function()
  it("harm nobody else", function()
    local feed = new_site()
    local random = random_from(20240607)
    for _ = 1, 600 do
      local text = SEEDS[random(#SEEDS)]
      for _ = 1, random(4) - 1 do
        local at, what = random(#text + 1), random(5)
        if what == 1 then text = text:sub(1, at - 1) .. text:sub(at + random(4))
        elseif what == 2 then text = text:sub(1, at - 1) .. BITS[random(#BITS)] .. text:sub(at)
        elseif what == 3 then text = text:sub(1, at - 1) .. string.char(random(256) - 1) .. text:sub(at + 1)
        elseif what == 4 then text = text .. "\n" .. SEEDS[random(#SEEDS)]
        else text = text:gsub("%d+", function() return tostring(random(20)) end, 1) end
      end
      feed(text)
    end
  end)
end)
