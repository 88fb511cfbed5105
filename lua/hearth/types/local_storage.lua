---@meta
-- What an editor knows about localStorage; docs/web.md explains it.

---@class hearth
local hearth = {}

--- The localStorage of the browser that shows this component, which renders again when it changes.
---@return hearth.LocalStorage
function hearth.use_local_storage() end

--- A mirror of one browser's localStorage over any connection with `send(session_id, message)`.
---@param options? { data?: table<string, any>, session_id?: string, connection?: any, quota?: integer }
---@return hearth.LocalStorage
function hearth.LocalStorage(options) end
