-- The script of a page: plain JavaScript, the files of client/ one after the other in one function.

local squeeze = require "hearth.render.web.squeeze"

local parts = {}
for i, name in ipairs { "dom", "typing", "lists", "storage", "wire", "input" } do
  parts[i] = require("hearth.render.web.client." .. name)
end

return '"use strict";(function(){' .. squeeze.script(table.concat(parts)) .. "})();\n"
