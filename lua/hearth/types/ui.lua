---@meta
-- Types of components, hooks and hearth.testing, for editors. Never loaded.

---@class hearth.Component a function from props to elements; call it with a table of props to make an element
---@field name string
---@overload fun(props?: table): hearth.Element

---@class hearth.Context
---@field Provider hearth.Component Provider{ value=, …children }

---@alias hearth.Child hearth.Element|string|number|boolean|nil|hearth.Child[]

---@class hearth.Renderer see docs/renderers.md
---@field create fun(type: string, props: table): any
---@field update fun(node: any, props: table, old_props: table)
---@field set? fun(node: any, name: string, value: any, key?: any)
---@field insert? fun(parent: any, node: any, before: any|nil)
---@field remove? fun(parent: any, node: any)
---@field children? fun(parent: any, nodes: any[])
---@field commit? fun(container: any)

---@class hearth.Node
---@field type string
---@field props table
---@field children hearth.Node[]
---@field parent hearth.Node|false

---@alias hearth.Wanted string|{ pattern: string }

---@class hearth.Screen
---@field text fun(self): string
---@field tree fun(self): string
---@field commits fun(self): integer
---@field renders fun(self, component: hearth.Component): integer
---@field rerender fun(self, element: hearth.Child)
---@field unmount fun(self)
---@field get_by_text fun(self, wanted: hearth.Wanted): hearth.Node
---@field query_by_text fun(self, wanted: hearth.Wanted): hearth.Node|nil
---@field find_by_text fun(self, wanted: hearth.Wanted, seconds?: number): hearth.Node
---@field get_all_by_text fun(self, wanted: hearth.Wanted): hearth.Node[]
---@field get_by_label fun(self, wanted: hearth.Wanted): hearth.Node
---@field query_by_label fun(self, wanted: hearth.Wanted): hearth.Node|nil
---@field find_by_label fun(self, wanted: hearth.Wanted, seconds?: number): hearth.Node
---@field get_all_by_label fun(self, wanted: hearth.Wanted): hearth.Node[]
---@field get_by_type fun(self, wanted: hearth.Wanted|function): hearth.Node
---@field query_by_type fun(self, wanted: hearth.Wanted|function): hearth.Node|nil
---@field find_by_type fun(self, wanted: hearth.Wanted|function, seconds?: number): hearth.Node
---@field get_all_by_type fun(self, wanted: hearth.Wanted|function): hearth.Node[]
---@field get_by_id fun(self, wanted: hearth.Wanted): hearth.Node
---@field query_by_id fun(self, wanted: hearth.Wanted): hearth.Node|nil
---@field find_by_id fun(self, wanted: hearth.Wanted, seconds?: number): hearth.Node
---@field get_all_by_id fun(self, wanted: hearth.Wanted): hearth.Node[]
---@field click fun(self, wanted: hearth.Node|hearth.Wanted): hearth.Task
---@field type fun(self, wanted: hearth.Node|hearth.Wanted, text: any): hearth.Task
---@field submit fun(self, wanted: hearth.Node|hearth.Wanted): hearth.Task
---@field fire fun(self, node: hearth.Node, handler: string, ...: any): hearth.Task
