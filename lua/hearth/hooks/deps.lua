-- deps(a, b, c): a list of deps in which some may be nil.

---@param ... any
---@return { n: integer, [integer]: any }
return function(...) return table.pack(...) end
