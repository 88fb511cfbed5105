-- Runs inside examples/embed/main.c, which offers `square`.
local hearth = require "hearth"

local squares = hearth.all {
  hearth.run_async(square, 3), -- luacheck: ignore 113
  hearth.run_async(square, 4), -- luacheck: ignore 113
}
hearth.AsyncStorage.set_json("total", squares[1] + squares[2])

total = hearth.AsyncStorage.get_json "total" -- luacheck: ignore 111
