/* Lua modules compiled into the binary, and the C bindings, as `require` finds them. */
#ifndef HEARTH__MODULE_H
#define HEARTH__MODULE_H

#include <stddef.h>

#include <lua.h>

#include "runtime.h"

typedef struct hearth__module {
  const char *name;           /* "hearth.ui.fiber" */
  const char *path;           /* "hearth/ui/fiber.lua", below HEARTH_LUA */
  const unsigned char *bytes; /* precompiled */
  size_t size;
} hearth__module;

extern const hearth__module hearth__modules[];

/* Makes `require` find every binding as hearth.core.NAME and every embedded module. Runs protected by the caller. */
void hearth__modules_install(lua_State *L, hearth__state *s);

/* The same for a state on a worker thread, which has no runtime: `hearth` is hearth.worker there, and of the bindings it sees the JSON codec. */
void hearth__modules_worker(lua_State *L);

/* Adds a table of embedded modules (ended by a NULL name), such as the host's own. */
void hearth__modules_add(lua_State *L, hearth__state *s, const hearth__module *modules);

/* Pushes a table of raw verbs, each with the state as upvalue 1. */
#define hearth__new_lib(L, s, functions) \
  (luaL_newlibtable((L), (functions)), lua_pushlightuserdata((L), (s)), luaL_setfuncs((L), (functions), 1))

/* A metatable registered under `name` whose methods have the state as upvalue 1, __index included. Leaves it on the stack. */
#define hearth__new_class(L, s, name, methods)                                                                                \
  (luaL_newmetatable((L), (name)), lua_pushlightuserdata((L), (s)), luaL_setfuncs((L), (methods), 1), lua_pushvalue((L), -1), \
   lua_setfield((L), -2, "__index"))

#define BINDING(name) int hearth__open_##name(lua_State *L);
#include "bind/list.h"
#undef BINDING

#endif
