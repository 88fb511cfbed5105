/* `require "hearth"` in a program that has a Lua state: a runtime on its main thread and, where luv is loaded, on luv's loop. It ends, and flushes, when
** the state is closed. */
#include <lauxlib.h>

#include "error.h"
#include "luv.h"
#include "ref.h"
#include "state.h"

static const char runtime_slot = 'r';

static int end(lua_State *L) {
  hearth_t **h = lua_touserdata(L, 1);
  if (*h) hearth_free(*h);
  *h = NULL;
  return 0;
}

int luaopen_hearth(lua_State *L) {
  if (!hearth__find_state(L)) {
    hearth_error error;
    hearth_options options = {.size = sizeof options, .loop = hearth__luv_loop(L)};
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
    lua_State *main = lua_tothread(L, -1);
    hearth_t **h = lua_newuserdatauv(L, sizeof *h, 0);
    *h = NULL;
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, end);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    lua_pushvalue(L, -1);
    hearth__slot_set(L, &runtime_slot);
    *h = hearth__new_in(main, &options, &error);
    if (!*h) return hearth__raise(L, error.code, &(hearth__error_fields){.op = "require"}, "%s", error.message);
    lua_pop(L, 2);
  }
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_getfield(L, -1, "hearth");
  lua_pushliteral(L, "hearth");
  lua_call(L, 1, 1);
  return 1;
}
