/* Lua functions on worker threads of our own, so that a long one keeps nobody from the libuv pool. Each runs in a fresh state, which sees of Hearth what
** lua/hearth/worker.lua gives it. */
#ifndef HEARTH__THREAD_H
#define HEARTH__THREAD_H

#include <lua.h>

#include "runtime.h"

/* to_thread(fn, ...): awaits. */
int hearth__l_to_thread(lua_State *L);

#endif
