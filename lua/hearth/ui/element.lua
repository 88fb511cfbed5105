-- Elements: immutable descriptions of UI, `{type=, props=, key=}`. The array part of props is the children. A type is the name of a
-- host element ("Text"), or a type table that is called to make elements: a component (it has `render`) or one of the special kinds
-- (fragment, provider, boundary, suspense, portal) that the reconciler knows by `kind`.

local errors = require "hearth.errors"
local ui = require "hearth.core.ui"

local element = {}

local EMPTY = {} -- the props of those that were given none; never written

local type, getmetatable, rawequal, next, is_table = type, getmetatable, rawequal, next, ui.is_table

local function make(self, props)
  if props == nil then return { type = self, props = EMPTY } end
  if not is_table(props) then
    errors.raise("EINVAL", ("%s takes one table of props, got a %s; write %s{ … "
      .. "}"):format(self.name, type(props), self.name), { op = self.name })
  end
  return { type = self, props = props, key = props.key }
end

-- A Provider is called with its props like any other; what differs between kinds is in the reconciler.
local Type = { __call = make, __name = "hearth.Component" }
Type.__tostring = function(self) return (self.kind or "component") .. " " .. self.name end
Type.__index = nil

--- Makes a type of a special kind.
---@param kind string
---@param name string
---@param fields? table
---@return table
function element.special(kind, name, fields)
  local t = fields or {}
  t.kind, t.name, t.silent = kind, name, true
  return setmetatable(t, Type)
end

local function defined_at(fn)
  local info = debug.getinfo(fn, "S")
  if info.what == "C" then return "component" end
  return (info.short_src:match "[^/\\]+$" or info.short_src) .. ":" .. info.linedefined
end

--- A component: a function from props to elements.
---@param name string|function its name, or the function when it shall be named after the place where it was defined
---@param fn? fun(props: table): any
---@return hearth.Component
function element.component(name, fn)
  if fn == nil and type(name) ~= "string" then fn, name = name, nil end
  local callable = type(fn) == "function" or (type(fn) == "table" and (getmetatable(fn) or EMPTY).__call)
  if not callable or getmetatable(fn) == Type then
    errors.raise("EINVAL", ("hearth.component takes a function from props to an element, got %s; write "
      .. "hearth.component(function(props) … end)")
      :format(getmetatable(fn) == Type and "a component" or "a " .. type(fn)), { op = "component" })
  end
  if name ~= nil and type(name) ~= "string" then
    errors.raise("EINVAL", ("hearth.component: the name must be a string, got a %s"):format(type(name)), { op = "component" })
  end
  return setmetatable({ name = name or (type(fn) == "function" and defined_at(fn) or "component"), render = fn }, Type)
end

local function shallow_equal(a, b)
  for k, v in next, a do
    if not rawequal(v, b[k]) then return false end
  end
  for k in next, b do
    if a[k] == nil then return false end
  end
  return true
end

--- The same component, rendered again only when its props differ (or its own state, contexts and stores changed).
---@param component hearth.Component
---@param equal? fun(old: table, new: table): boolean by default every prop is compared with rawequal
---@return hearth.Component
function element.memo(component, equal)
  if getmetatable(component) ~= Type or not component.render then
    errors.raise("EINVAL", ("hearth.memo takes a component, got a %s; wrap the function in hearth.component "
      .. "first"):format(type(component)), { op = "memo" })
  end
  if equal ~= nil and type(equal) ~= "function" then
    errors.raise("EINVAL", ("hearth.memo: equal must be a function(old_props, new_props), got a %s"):format(type(equal)), { op = "memo" })
  end
  return setmetatable({ name = component.name, render = component.render,
    equal = equal or shallow_equal, of = component.of or component }, Type)
end

--- Is it a type that elements are made of by calling it?
function element.is_type(v) return getmetatable(v) == Type end

--- Is it an element?
function element.is(v)
  if type(v) ~= "table" or getmetatable(v) ~= nil and getmetatable(v) ~= ui.sketches then return false end
  local t = v.type
  return (type(t) == "string" or getmetatable(t) == Type) and type(v.props) == "table"
end

--- How many children a props table or a list has: as `#`, but nil holes do not end it.
---@param list table
---@return integer
function element.count(list)
  local n = #list
  local k = next(list, n > 0 and n or nil)
  while math.type(k) == "integer" and k > n do
    n = k
    k = next(list, n)
  end
  local given = list.n
  if given ~= nil and math.type(given) == "integer" and given > n then n = given end
  return n
end

-- Text("row", { key = i }) in a render that is not its component's first is nearly always what the screen shows already. The constructor then
-- gives a sketch: its arguments in one array, which the reconciler compares as it is (src/bind/ui.h). Whoever looks at a field of it makes
-- it the whole element, checked as ever. `completers` are by type: fn(text, given) -> props.
element.completers = {}

-- Which render is going on (hearth.ui.hooks sees to it): at 1 is "first" or "again" (or what src/bind/ui_sketch.c makes of it), between renders
-- "waiting" if some of them wait, else false; at 2 the fiber that renders or rendered last.
element.rendering = { false, false }

ui.sketches.__index = function(sketch, field)
  local kind, text = sketch[1], sketch[3]
  local given = {}
  for i = 4, rawlen(sketch), 2 do given[sketch[i]] = sketch[i + 1] end
  local props = element.completers[kind](text, given)
  for i = rawlen(sketch), 1, -1 do sketch[i] = nil end
  setmetatable(sketch, nil)
  sketch.type, sketch.props, sketch.key = kind, props, props.key
  return sketch[field]
end

ui.sketches.__newindex = function(sketch, field, value)
  local _ = sketch.type
  sketch[field] = value
end

element.Fragment = element.special("fragment", "Fragment")
-- What a nested list of children becomes, so that its growing and shrinking leaves the state of its neighbours alone.
element.List = element.special("fragment", "list")
element.EMPTY = EMPTY

return element
