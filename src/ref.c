/* See ref.h. */
#include "ref.h"

#include <lauxlib.h>

int hearth__ref(lua_State *L) {
  return luaL_ref(L, LUA_REGISTRYINDEX);
}

void hearth__unref(lua_State *L, int ref) {
  luaL_unref(L, LUA_REGISTRYINDEX, ref);
}

int hearth__ref_push(lua_State *L, int ref) {
  return lua_rawgeti(L, LUA_REGISTRYINDEX, ref);
}

void hearth__slot_set(lua_State *L, const void *slot) {
  lua_rawsetp(L, LUA_REGISTRYINDEX, slot);
}

int hearth__slot_push(lua_State *L, const void *slot) {
  return lua_rawgetp(L, LUA_REGISTRYINDEX, slot);
}
