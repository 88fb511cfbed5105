/* See traceback.h. */
#include "traceback.h"

#include <stdbool.h>

#include <lauxlib.h>

#include "ref.h"

static int call_tostring(lua_State *L) {
  return luaL_callmeta(L, 1, "__tostring");
}

void hearth__error_text(lua_State *L, int idx) {
  idx = lua_absindex(L, idx);
  if (lua_isstring(L, idx)) {
    luaL_tolstring(L, idx, NULL);
    return;
  }
  lua_pushcfunction(L, call_tostring);
  lua_pushvalue(L, idx);
  if (lua_pcall(L, 1, 1, 0) == LUA_OK && lua_isstring(L, -1)) return;
  lua_pop(L, 1);
  lua_pushfstring(L, "(error object is a %s value)", luaL_typename(L, idx));
}

/* Registry: {the error, where it began}. Weak, so that an error which nobody holds does not stay for it. */
static const char origin_slot = 'o';

void hearth__came_from(lua_State *L, int idx) {
  idx = lua_absindex(L, idx);
  luaL_checkstack(L, 4, NULL);
  hearth__slot_push_weak(L, &origin_slot, "v");
  lua_insert(L, -2); /* … origin text */
  lua_rawseti(L, -2, 2);
  lua_pushvalue(L, idx);
  lua_rawseti(L, -2, 1);
  lua_pop(L, 1);
}

void hearth__traceback(lua_State *L, int idx, const char *text, int level) {
  idx = lua_absindex(L, idx);
  luaL_traceback(L, L, text, level);
  if (hearth__slot_push(L, &origin_slot) == LUA_TTABLE) {
    bool same = lua_rawgeti(L, -1, 1) != LUA_TNIL && lua_rawequal(L, -1, idx);
    lua_rawgeti(L, -2, 2);
    if (same && lua_isstring(L, -1))
      lua_pushfstring(L, "%s\n%s", lua_tostring(L, -4), lua_tostring(L, -1));
    else
      lua_pushvalue(L, -4);
    lua_replace(L, -5);
    lua_pop(L, 2);
  }
  lua_pop(L, 1);
}
