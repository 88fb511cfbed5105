-- The one place where storage calls upwards without knowing whom: the cells of use_persisted_state put their function here when
-- they are loaded, so that a verb that writes first queues what the cells of those keys still hold back.

---@class hearth.storage.hooks
---@field before_write? fun(raw: userdata, namespace: string, keys: string[]|nil) keys nil: the whole namespace
---@field closing? fun(raw: userdata) a handle is about to be closed; may await

---@type hearth.storage.hooks
return {}
