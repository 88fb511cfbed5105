-- What `require "hearth"` gives to a function on a worker thread (hearth.to_thread): ways back to the runtime, and what needs none.

local core = require "hearth.core.worker"

local worker = { runtime = {} }

---Runs a global function of the runtime as a task there, soon.
---@type fun(name: string, ...: any)
worker.runtime.call_threadsafe = core.call_threadsafe

---Settles a future that was passed to the thread; nothing happens when it is done.
---@type fun(future: any, ...: any)
worker.runtime.resolve_future = core.resolve_future

---@type fun(future: any, err: any)
worker.runtime.reject_future = core.reject_future

---An await works nowhere on a worker thread.
---@return boolean
function worker.in_task() return false end

---Was the task that waits for this thread cancelled?
---@type fun(): boolean
worker.cancelled = core.cancelled

return setmetatable(worker, {
  __index = function(self, name)
    if name == "json" then
      self.json = require "hearth.json"
      return self.json
    end
    if name == "null" or name == "array" or name == "Set" then return self.json[name] end
  end,
})
