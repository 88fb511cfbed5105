/* References from C into Lua, and the few registry slots that Hearth uses. Nobody else keeps anything in the
** registry; what stands there by itself (package.preload, Lua's main thread) is read where it is needed. */
#ifndef HEARTH__REF_H
#define HEARTH__REF_H

#include <lua.h>

#include "runtime.h"

/* Pops the top value and anchors it. Raises when memory is short. */
int hearth__ref(lua_State *L);
/* Pops the top value, which is anchored by this reference from now on, in place of what was. */
void hearth__ref_change(lua_State *L, int ref);
/* LUA_NOREF is allowed. */
void hearth__unref(lua_State *L, int ref);
/* Pushes what is anchored; returns its type. */
int hearth__ref_push(lua_State *L, int ref);

/* Pops the top value into the slot that is named by an address of ours; and pushes what is there. */
void hearth__slot_set(lua_State *L, const void *slot);
int hearth__slot_push(lua_State *L, const void *slot);
/* The light userdata that is there, or NULL. */
void *hearth__slot_pointer(lua_State *L, const void *slot);
/* Pushes the weak table that is there, made at first use; mode: "k" or "v". Raises when memory is short. */
void hearth__slot_push_weak(lua_State *L, const void *slot, const char *mode);

#endif
