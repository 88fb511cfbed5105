---@meta
-- Editor annotations of tasks and futures.

---@class hearth.Awaitable
local Awaitable = {}
---Returns its values or raises its error; after `seconds` ETIMEOUT, and it goes on.
---@param seconds? number
---@return any ...
function Awaitable:await(seconds) end
---@return boolean
function Awaitable:done() end
---Runs fn(self) as a task when it ends.
---@param fn fun(x: hearth.Awaitable)
---@return self
function Awaitable:on_done(fn) end

---@class hearth.Task: hearth.Awaitable
local Task = {}
---Raises ECANCELED where it waits; false when it has ended.
---@return boolean
function Task:cancel() end
---Did it end by being cancelled?
---@return boolean
function Task:cancelled() end
---Its name, or where its function is defined.
---@param name? string
---@return string
function Task:name(name) end

---@class hearth.Future: hearth.Awaitable
local Future = {}
---@param ... any
---@return boolean first false when it was settled before
function Future:resolve(...) end
---@param err any
---@return boolean first
function Future:reject(err) end
