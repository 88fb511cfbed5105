/* The bindings: BINDING(name) is `require "hearth.core.name"`, opened by hearth__open_name in src/bind/name.c. */
BINDING(task)
BINDING(timer)
BINDING(json)
BINDING(stdio)
BINDING(store)
BINDING(thread)
BINDING(feature)
BINDING(fs_event)
