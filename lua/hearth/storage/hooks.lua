-- The one place where storage calls upwards without knowing whom: the cells of use_persisted_state put their functions here when they are
-- loaded, so that verbs come after what hooks have issued for the same keys.

---@class hearth.storage.hooks
---@field is_pending? fun(raw: userdata, namespace: string, key: any): boolean would before_read have something to do?
---@field before_read? fun(raw: userdata, namespace: string, keys: string|string[]|nil) keys nil: the whole namespace; may await
---@field before_write? fun(raw: userdata, namespace: string, keys: string|string[]|nil, relative: boolean?): any may await; to be closed (`<close>`)
--- when the verb's own write is answered; `relative`: its value was made out of the stored one
---@field closing? fun(raw: userdata) a handle is about to be closed; may await

---@type hearth.storage.hooks
return {}
