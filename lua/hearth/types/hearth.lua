---@meta
-- The public table, for editors: put the folder that holds hearth/ into the library of your language server, and `require "hearth"` is this class. Nothing
-- here runs. fetch, Alert, Animated and the hooks of data are in data.lua, elements in elements.lua, local_storage.lua has the browser's storage.

---@class hearth: hearth.elements
---@field version string
---
---Tasks (docs/tasks.md)
---@field run_async fun(fn: (fun(...: any): ...: any), ...: any): hearth.Task   starts fn as a task, at the next turn
---@field await fun(x: hearth.Awaitable): ...: any            its values, or its error
---@field sleep fun(seconds: number)
---@field timeout fun(seconds: number, fn: function, ...: any): ...: any   ETIMEOUT and fn is cancelled when it takes longer
---@field all fun(list: any[]): any[]                         results in the order given; the first error cancels the rest
---@field race fun(list: any[]): ...: any                     what the first gives; the others are cancelled
---@field all_settled fun(list: any[]): { ok: boolean, value: any, error: any }[]
---@field scope fun(fn: fun(scope: hearth.Scope): ...: any): ...: any   its children are awaited at its end
---@field in_task fun(): boolean                              would an await work here?
---@field current_task fun(): hearth.Task?
---@field is_cancelled fun(err: any): boolean
---@field to_thread fun(fn: function, ...: any): ...: any     a pure function on a worker thread
---@field now fun(): number                                   a monotonic clock, in seconds
---@field runtime hearth.Runtime
---@field errors { new: (fun(code: string, message: string, fields?: table): hearth.Error), is: (fun(err: any): boolean), code: (fun(err: any): string?) }
---
---Storage (docs/storage.md)
---@field AsyncStorage hearth.AsyncStorage
---@field AppStorage fun(options: { app_name: string, store?: hearth.storage.Store }): hearth.AppStorage
---@field storage { open: fun(options: hearth.storage.Options): hearth.storage.Store }
---@field json { encode: fun(value: any): string, decode: fun(text: string): any }
---@field null lightuserdata                                  null in JSON; cjson.null
---@field array fun(t?: any[]): any[]                         encodes as an array also when it is empty
---@field Set fun(list?: any[]): hearth.Set                   a set that storage keeps as one
---@field preload fun(keys: string[]|{ store?: hearth.storage.Store, scope?: string })   awaits until they are known, with one read
---
---Components (docs/components.md)
---@field app fun(app: hearth.App): hearth.App   what an app file may call instead of returning a component
---@field component (fun(fn: fun(props: table): any): hearth.Component)|(fun(name: string, fn: fun(props: table): any): hearth.Component)
---@field memo fun(component: hearth.Component, equal?: fun(old: table, new: table): boolean): hearth.Component
---@field Fragment fun(children?: table): hearth.Element
---@field ErrorBoundary fun(props: { fallback: hearth.Child|(fun(err: any, reset: fun()): hearth.Child), on_error?: fun(err: any), [integer]: any }): hearth.Element
---@field Suspense fun(props: { fallback?: hearth.Child, [integer]: any }): hearth.Element
---@field Portal fun(children: table): hearth.Element
---@field create_context fun(default: any, name?: string): hearth.Context
---@field use_context fun(context: hearth.Context): any
---@field Store fun(initial: any): hearth.Store
---@field use_store fun(store: hearth.Store, selector?: fun(value: any): any): any
---@field batch fun(fn: function, ...: any): ...: any         sets in it render once
---@field deps fun(...: any): { n: integer }                  a list of dependencies that may hold nil
---@field use_effect fun(fn: (fun(): (fun()?)), deps?: any[])          after the commit
---@field use_layout_effect fun(fn: (fun(): (fun()?)), deps?: any[])   before the frame is shown
---@field use_async_effect fun(fn: (fun(): any), deps?: any[])         a task; it may await
local hearth = {}

---State that makes the component render again when it changes.
---@generic T
---@param initial T|fun(): T
---@return T value
---@return fun(next: T|fun(current: T): T) set
function hearth.use_state(initial) end

---State that is kept in a store. A set before the load is folded over what is loaded; see docs/persisted_state.md.
---@generic T
---@param key string|nil nil: plain state
---@param initial T|fun(): T shown while the key is absent, or not known yet
---@param options? hearth.PersistedOptions
---@return T value
---@return fun(next: T|(fun(current: T): T)|nil): hearth.Ticket set
---@return hearth.PersistedInfo info
function hearth.use_persisted_state(key, initial, options) end

---@generic S
---@param reducer fun(state: S, action: any, ...: any): S
---@param initial S|fun(): S
---@return S state
---@return fun(action: any, ...: any) dispatch
function hearth.use_reducer(reducer, initial) end

---@generic T
---@param initial T
---@return { current: T }
function hearth.use_ref(initial) end

---@generic T
---@param fn fun(): T
---@param deps? any[]
---@return T
function hearth.use_memo(fn, deps) end

---@generic F
---@param fn F
---@param deps? any[]
---@return F
function hearth.use_callback(fn, deps) end

---What a function that may await gives; the component suspends to its nearest Suspense until it is there.
---@generic T
---@param fetcher fun(): T
---@param deps? any[]
---@return T
function hearth.use_resource(fetcher, deps) end

---@class hearth.Scope
local Scope = {}
---@param fn function
---@param ... any
---@return hearth.Task
function Scope:run_async(fn, ...) end

---@class hearth.Runtime futures and threads
---@field get_loop fun(): lightuserdata                       the uv_loop_t
---@field call_threadsafe fun(fn: function|string, ...: any)  on the loop, soon; from a worker the global name of a function
---@field create_future fun(): hearth.Future
---@field resolve_future fun(future: hearth.Future, ...: any): boolean
---@field reject_future fun(future: hearth.Future, err: any): boolean
---@field call_on_main_thread fun(fn: function)
