/* See luv.h. luv keeps what it knows of a state in a userdata in the registry, made at first use; one that is there already is taken as it is, which is
** how an application gives it a loop (luv.h, luv_set_loop). We know its shape as of luv 1.44 and look at nothing of another size. */
#include "luv.h"

#include <string.h>

#include <lauxlib.h>

struct hearth__luv {
  uv_loop_t *loop;
  lua_State *L;
  void *pcall, *thread_pcall, *thread_cpcall;
  int mode; /* of uv.run(), -1 outside */
  void *extra;
};

static const char slot[] = "luv_context";

static hearth__luv *find(lua_State *L) {
  lua_pushstring(L, slot);
  lua_rawget(L, LUA_REGISTRYINDEX);
  hearth__luv *c = lua_type(L, -1) == LUA_TUSERDATA && lua_rawlen(L, -1) == sizeof(hearth__luv) ? lua_touserdata(L, -1) : NULL;
  lua_pop(L, 1);
  return c;
}

uv_loop_t *hearth__luv_loop(lua_State *L) {
  hearth__luv *c = find(L);
  return c ? c->loop : NULL;
}

/* Finalizers run in the reverse order of their objects' making: after those of luv's handles, before that which unloads luv. */
static int finish(lua_State *L) {
  hearth__luv *c = lua_touserdata(L, 1);
  if (c->pcall) uv_run(c->loop, UV_RUN_NOWAIT); /* luv was loaded: it has put its own there */
  return 0;
}

const hearth__luv *hearth__luv_offer(lua_State *L, uv_loop_t *loop, bool ours) {
  hearth__luv *c = find(L);
  if (c) return c;
  lua_pushstring(L, slot);
  c = lua_newuserdatauv(L, sizeof *c, 0);
  memset(c, 0, sizeof *c);
  c->loop = loop;
  c->mode = -1;
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
  c->L = lua_tothread(L, -1);
  lua_pop(L, 1);
  if (ours) {
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, finish);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
  }
  lua_rawset(L, LUA_REGISTRYINDEX);
  return c;
}

bool hearth__luv_runs(const hearth__luv *luv) {
  return luv->mode != -1;
}
