-- JSON and the values that a store can hold. What goes in comes out: integers of 64 bits, the integer or float subtype, every double,
-- empty arrays and empty objects, strings of any bytes. The codec is C (`src/json*.c`); this file names and documents it.

local core = require "hearth.core.json"

local json = {}

--- The text of a value, with the keys of objects in byte order, so that equal values have equal text.
---
--- A table with the keys 1 to n is an array, one with strings as keys an object, `{}` an object unless `array` marked it. Raises EINVAL
--- with `path` (`$.users[3].on_click`) for a function, userdata, thread, cycle, NaN, infinity, for mixed or sparse keys, for a
--- Set, and for more than 1,000 levels. Metatables are ignored: what counts is what the tables hold themselves.
---@param value any
---@return string text
function json.encode(value)
  return core.encode(value)
end

--- The value of a JSON text. Raises ECORRUPT, with the 1-based byte `position` of the first error.
---
--- A number with a fraction or an exponent is a float, another one an integer if it fits 64 bits. `null` is `hearth.null`. An
--- array remembers that it is one, also when it is or becomes empty. Of equal keys the last one wins.
---@param text string
---@return any value
function json.decode(text)
  return core.decode(text)
end

--- JSON's null: a value that can be stored in a list and under a key. The same as `cjson.null`.
---@type lightuserdata
json.null = core.null

--- Marks a table as an array, so that it is written as `[]` also when it is empty, and returns it. Without an argument: a new one.
---@generic T: table
---@param t? T
---@return T t
function json.array(t)
  return core.array(t)
end

--- Is this table marked as an array, by `array` or because it was decoded from one?
---@param t any
---@return boolean
function json.is_array(t)
  return core.is_array(t)
end

---@class hearth.Set
---@field add fun(self: hearth.Set, element: string|number|boolean|lightuserdata): hearth.Set adds it and returns the set
---@field discard fun(self: hearth.Set, element: any): boolean removes it; whether it was there
---@field contains fun(self: hearth.Set, element: any): boolean
---@operator len: integer

--- A set of strings, numbers, booleans and `hearth.null`; `1` and `1.0` are two elements. `#set` counts, `for element in pairs(set)`
--- walks, `==` compares by content. Sets can be stored at any depth of a value; JSON text has none.
---@param list? any[]|hearth.Set
---@return hearth.Set
function json.Set(list)
  return core.set(list)
end

--- Is this a `Set`?
---@param value any
---@return boolean
function json.is_set(value)
  return core.is_set(value)
end

return json
