---@meta
-- Types of the storage verbs, for editors; never loaded. docs/storage.md tells the whole story.

---@class hearth.storage.WriteOptions
---@field ttl? number seconds, after which the key is absent
---@field if_revision? integer only over this revision; 0: only if there is none. Else ECONFLICT

---@class hearth.storage.Range
---@field prefix? string
---@field start? string the first key, included
---@field limit? integer
---@field reverse? boolean

---@class hearth.storage.Info
---@field revision integer
---@field size integer
---@field created_at number
---@field updated_at number
---@field expires_at? number
---@field damaged? boolean

---@class hearth.storage.Event
---@field key string
---@field value? string nil: removed or expired
---@field old? string where it is known
---@field revision integer
---@field source "local"|"remote"

---@class hearth.storage.Usage
---@field keys integer
---@field bytes integer
---@field quota? integer
---@field file_bytes integer

---@class hearth.storage.QuarantineItem
---@field key string
---@field bytes string
---@field time number

---@class hearth.AsyncStorage strings and JSON in the app's own store; called with a dot, every verb awaits
local AsyncStorage = {}

---@param key string
---@return string|nil
function AsyncStorage.get(key) end

---@param key string
---@param value string
---@param options? hearth.storage.WriteOptions
---@return integer revision
function AsyncStorage.set(key, value, options) end

---@param key string
---@param options? hearth.storage.WriteOptions
---@return integer revision
function AsyncStorage.delete(key, options) end

---@return string[] keys in byte order
function AsyncStorage.all_keys() end

function AsyncStorage.clear() end

---@param key string
---@return any value nil if there is none, or it is no JSON
---@return "ENOKEY"|"ECORRUPT"|nil code
function AsyncStorage.get_json(key) end

---@param key string
---@param value any
---@param options? hearth.storage.WriteOptions
---@return integer revision
function AsyncStorage.set_json(key, value, options) end

---@param keys string[]
---@return table<string, string> values
---@return table<string, hearth.Error> damaged
function AsyncStorage.get_many(keys) end

---@param map table<string, string>
---@param options? hearth.storage.WriteOptions
---@return integer|nil revision
function AsyncStorage.set_many(map, options) end

---@param keys string[]
---@param options? hearth.storage.WriteOptions
---@return integer|nil revision
function AsyncStorage.delete_many(keys, options) end

---@param key string
---@return boolean
function AsyncStorage.contains_key(key) end

---@generic T
---@param key string
---@param default T
---@return string|T
function AsyncStorage.get_or_default(key, default) end

---@param key string
---@param fn fun(current: string|nil): string|nil must not await; may run more than once
---@param options? hearth.storage.WriteOptions
---@return string|nil new
function AsyncStorage.update(key, fn, options) end

---@param key string
---@param fn fun(current: any): any must not await; may run more than once
---@param options? hearth.storage.WriteOptions
---@return any new
function AsyncStorage.update_json(key, fn, options) end

---@param key string
---@param patch table JSON Merge Patch; hearth.null removes
---@param options? hearth.storage.WriteOptions
---@return any new
function AsyncStorage.merge_json(key, patch, options) end

---@param key string
---@param n? integer 1 if absent
---@param options? hearth.storage.WriteOptions
---@return integer new
function AsyncStorage.increment(key, n, options) end

---@param range? hearth.storage.Range
---@return string[]
function AsyncStorage.keys(range) end

---@param key string
---@return hearth.storage.Info|nil
function AsyncStorage.info(key) end

---@param what string|{prefix: string}
---@param fn fun(event: hearth.storage.Event)
---@return fun() unsubscribe
function AsyncStorage.watch(what, fn) end

---@param fn fun(tx: hearth.storage.Tx): ...
---@return any ... what fn returned
function AsyncStorage.batch(fn) end

function AsyncStorage.flush() end

---@return hearth.storage.Usage
function AsyncStorage.usage() end

---@return hearth.storage.QuarantineItem[]
function AsyncStorage.quarantine() end

---@class hearth.storage.Tx the reads and writes of a batch
local Tx = {}

---@param key string
---@return string|nil
function Tx:get(key) end

---@param key string
---@return any value
---@return "ENOKEY"|"ECORRUPT"|nil code
function Tx:get_json(key) end

---@param key string
---@param value string
---@param options? hearth.storage.WriteOptions
function Tx:set(key, value, options) end

---@param key string
---@param value any
---@param options? hearth.storage.WriteOptions
function Tx:set_json(key, value, options) end

---@param key string
---@param options? hearth.storage.WriteOptions
function Tx:delete(key, options) end

---@class hearth.storage.Store the same verbs as methods
---@field get fun(self: hearth.storage.Store, key: string): string|nil
---@field set fun(self: hearth.storage.Store, key: string, value: string, options?: hearth.storage.WriteOptions): integer
---@field delete fun(self: hearth.storage.Store, key: string, options?: hearth.storage.WriteOptions): integer
---@field all_keys fun(self: hearth.storage.Store): string[]
---@field clear fun(self: hearth.storage.Store)
---@field get_json fun(self: hearth.storage.Store, key: string): any, string?
---@field set_json fun(self: hearth.storage.Store, key: string, value: any, options?: hearth.storage.WriteOptions): integer
---@field get_many fun(self: hearth.storage.Store, keys: string[]): table<string, string>, table<string, hearth.Error>
---@field set_many fun(self: hearth.storage.Store, map: table<string, string>, options?: hearth.storage.WriteOptions): integer?
---@field delete_many fun(self: hearth.storage.Store, keys: string[], options?: hearth.storage.WriteOptions): integer?
---@field contains_key fun(self: hearth.storage.Store, key: string): boolean
---@field get_or_default fun(self: hearth.storage.Store, key: string, default: any): any
---@field update fun(self: hearth.storage.Store, key: string, fn: (fun(current: string?): string?), options?: hearth.storage.WriteOptions): string?
---@field update_json fun(self: hearth.storage.Store, key: string, fn: (fun(current: any): any), options?: hearth.storage.WriteOptions): any
---@field merge_json fun(self: hearth.storage.Store, key: string, patch: table, options?: hearth.storage.WriteOptions): any
---@field increment fun(self: hearth.storage.Store, key: string, n?: integer, options?: hearth.storage.WriteOptions): integer
---@field keys fun(self: hearth.storage.Store, range?: hearth.storage.Range): string[]
---@field info fun(self: hearth.storage.Store, key: string): hearth.storage.Info?
---@field watch fun(self: hearth.storage.Store, what: string|{prefix: string}, fn: fun(event: hearth.storage.Event)): fun()
---@field batch fun(self: hearth.storage.Store, fn: fun(tx: hearth.storage.Tx): ...): ...
---@field flush fun(self: hearth.storage.Store)
---@field usage fun(self: hearth.storage.Store): hearth.storage.Usage
---@field quarantine fun(self: hearth.storage.Store): hearth.storage.QuarantineItem[]
---@field url fun(self: hearth.storage.Store): string
---@field close fun(self: hearth.storage.Store)
