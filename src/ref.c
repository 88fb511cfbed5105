/* See ref.h. */
#include "ref.h"

#include <lauxlib.h>

int hearth__ref(lua_State *L) {
  return luaL_ref(L, LUA_REGISTRYINDEX);
}

void hearth__ref_change(lua_State *L, int ref) {
  lua_rawseti(L, LUA_REGISTRYINDEX, ref);
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

void *hearth__slot_pointer(lua_State *L, const void *slot) {
  hearth__slot_push(L, slot);
  void *p = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return p;
}

void hearth__slot_push_weak(lua_State *L, const void *slot, const char *mode) {
  if (hearth__slot_push(L, slot) == LUA_TTABLE) return;
  lua_pop(L, 1);
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushstring(L, mode);
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  lua_pushvalue(L, -1);
  hearth__slot_set(L, slot);
}
