-- Warnings: said once for each place, on standard error; tests may listen.

local diagnostics = {}

local said = {}

---@type fun(text: string)|nil where warnings go in place of standard error
diagnostics.listener = nil

---@param place string warned about once
---@param text string
function diagnostics.warn(place, text)
  if said[place] then return end
  said[place] = true
  if diagnostics.listener then
    diagnostics.listener(text)
  else
    io.stderr:write("hearth: warning: ", text, "\n")
  end
end

--- Forgets what was said: for tests.
function diagnostics.reset() said = {} end

return diagnostics
