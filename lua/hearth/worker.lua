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

---@return nil
function worker.current_task() end

---Was the task that waits for this thread cancelled?
---@type fun(): boolean
worker.cancelled = core.cancelled

---@type fun(err: any): boolean
worker.is_cancelled = core.is_cancelled

---A monotonic clock in seconds, the real one.
---@type fun(): number
worker.now = core.now

-- What waits or stores is ENOTASK here, by name.
local waits = { "await", "sleep", "timeout", "all", "race", "all_settled", "scope", "run_async", "to_thread", "fetch", "AppStorage" }
for _, verb in ipairs(waits) do
  worker[verb] = function() core.refuse(verb) end
end
for _, verb in ipairs { "create_future", "get_loop", "call_on_main_thread" } do
  worker.runtime[verb] = function() core.refuse(verb) end
end
for _, name in ipairs { "AsyncStorage", "storage" } do
  worker[name] = setmetatable({}, {
    __index = function(_, verb)
      return function() core.refuse(name .. "." .. verb) end
    end,
  })
end

return setmetatable(worker, {
  __index = function(self, name)
    if name == "json" then
      self.json = require "hearth.json"
      return self.json
    end
    if name == "null" or name == "array" or name == "Set" then return self.json[name] end
  end,
})
