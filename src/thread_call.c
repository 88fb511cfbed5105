/* call_threadsafe on a worker thread: a global function of the owner, by its name, with arguments that are copied. It is looked up and started there. */
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "error.h"
#include "inbox.h"
#include "outcome.h"
#include "state.h"
#include "thread_internal.h"

/* On its way to the owner. */
typedef struct call {
  hearth__op op;
  hearth__message message;
  hearth__parcel values;
  char name[];
} call;

static int call_push(lua_State *L, hearth__op *op) {
  call *c = hearth__container(op, call, op);
  lua_pushglobaltable(L);
  for (const char *part = c->name; *part;) { /* a.b.c */
    size_t n = strcspn(part, ".");
    if (!lua_istable(L, -1)) break;
    lua_pushlstring(L, part, n);
    lua_gettable(L, -2);
    lua_remove(L, -2);
    part += n + (part[n] == '.');
  }
  if (!lua_isfunction(L, -1))
    return hearth__raise(L, "EINVAL", &(hearth__error_fields){.op = "call_threadsafe"},
                         "call_threadsafe: there is no global function '%s'; define it before the thread calls it", c->name);
  int n = hearth__parcel_push(L, &c->values);
  hearth__spawn(L, op->state, n);
  return 0;
}

static void call_release(hearth__op *op) {
  call *c = hearth__container(op, call, op);
  hearth__parcel_free(&c->values);
  free(c);
}

static const hearth__op_class call_class = {"call_threadsafe", call_push, call_release};

static void call_run(hearth_t *h, hearth__message *m) {
  (void)h;
  hearth__ready(&hearth__container(m, call, message)->op);
}

static void call_drop(hearth__message *m) {
  call_release(&hearth__container(m, call, message)->op);
}

int hearth__call_by_name(lua_State *L, const hearth__job *j) {
  hearth__error_fields fields = {.op = "call_threadsafe"};
  if (lua_type(L, 1) != LUA_TSTRING)
    return hearth__raise(L, "EINVAL", &fields, "call_threadsafe: from a worker thread it takes the name of a global function, got a %s",
                         luaL_typename(L, 1));
  size_t n;
  const char *name = lua_tolstring(L, 1, &n);
  hearth__parcel p = {0};
  hearth__parcel_pack(L, 2, &p, "call_threadsafe", "argument");
  call *c = malloc(sizeof *c + n + 1);
  if (!c) {
    hearth__parcel_free(&p);
    return hearth__no_memory(L);
  }
  memset(c, 0, sizeof *c);
  hearth__op_init(&c->op, &call_class, j->op.state);
  c->message = (hearth__message){.run = call_run, .drop = call_drop};
  c->values = p;
  memcpy(c->name, name, n + 1);
  if (hearth__post_foreign(j->inbox, &c->message) == 0) return 0;
  call_release(&c->op);
  return hearth__raise(L, "ECLOSED", &fields, "call_threadsafe: the runtime has ended");
}
