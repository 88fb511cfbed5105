/* Futures as Lua sees them: made by a script or a binding, settled once. Those of C (hearth_future) are in worker.c. */
#include <lauxlib.h>

#include "error.h"
#include "module.h"
#include "outcome.h"
#include "state.h"

const char hearth__future_kind = 'f';

#define FUTURE_CLASS "hearth.future"

static int l_resolve(lua_State *L);
static int l_reject(lua_State *L);
static int l_keep(lua_State *L);
static int l_to_string(lua_State *L);
static int l_gc(lua_State *L);

static const luaL_Reg methods[] = {{"resolve", l_resolve},
                                   {"reject", l_reject},
                                   {"keep", l_keep},
                                   {"await", hearth__l_await},
                                   {"done", hearth__l_done},
                                   {"on_done", hearth__l_on_done},
                                   {"result", hearth__l_result},
                                   {"__tostring", l_to_string},
                                   {"__gc", l_gc},
                                   {NULL, NULL}};

hearth__outcome *hearth__future_create(lua_State *L, hearth__state *s) {
  hearth__outcome *o = lua_newuserdatauv(L, sizeof *o, HEARTH__UV_OF_FUTURES);
  *o = (hearth__outcome){.kind = &hearth__future_kind, .state = s};
  if (luaL_getmetatable(L, FUTURE_CLASS) != LUA_TTABLE) {
    lua_pop(L, 1);
    hearth__new_class(L, s, FUTURE_CLASS, methods);
  }
  lua_setmetatable(L, -2);
  return o;
}

static hearth__outcome *check_future(lua_State *L, const char *verb) {
  hearth__outcome *o = hearth__to_outcome(L, 1);
  if (!o || o->kind != &hearth__future_kind)
    hearth__raise(L, "EINVAL", &(hearth__error_fields){.op = verb}, "%s: expects a future, got a %s", verb, luaL_typename(L, 1));
  return o;
}

/* f:resolve(...) -> true, or false when it was settled before. */
static int l_resolve(lua_State *L) {
  hearth__outcome *o = check_future(L, "resolve_future");
  bool first = o->status == HEARTH__PENDING;
  if (first) hearth__outcome_settle(L, 1, o, HEARTH__OK, lua_gettop(L) - 1);
  lua_pushboolean(L, first);
  return 1;
}

/* f:reject(err) */
static int l_reject(lua_State *L) {
  hearth__outcome *o = check_future(L, "reject_future");
  bool first = o->status == HEARTH__PENDING;
  lua_settop(L, 2);
  if (first) hearth__outcome_settle(L, 1, o, hearth__status_of_error(L, 2), 1);
  lua_pushboolean(L, first);
  return 1;
}

/* f:keep(on): the program goes on while somebody waits for it. */
static int l_keep(lua_State *L) {
  hearth__outcome_keep(check_future(L, "keep"), lua_toboolean(L, 2));
  return 0;
}

static int l_to_string(lua_State *L) {
  lua_pushfstring(L, "future: %p", lua_topointer(L, 1));
  return 1;
}

/* Somebody may still wait: a task whose coroutine a script has closed by hand no longer holds what it waited for. */
static int l_gc(lua_State *L) {
  hearth__outcome *o = check_future(L, "future");
  while (o->first) hearth__waiter_remove(o->first);
  return 0;
}
