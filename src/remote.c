/* A future as other threads hold it, see transfer.h: a counted handle. What they settle it with is mail for its owner, who builds the values. */
#include <stdlib.h>

#include <lauxlib.h>

#include "error.h"
#include "module.h"
#include "outcome.h"
#include "ref.h"
#include "state.h"
#include "transfer.h"

#define REMOTE_CLASS "hearth.remote_future"

struct hearth__remote {
  hearth__op op; /* lets go of the future, at the top of the loop */
  hearth__message message;
  atomic_int refs;
  hearth__inbox *inbox;
  hearth__state *state;
  int ref;
};

typedef struct answer {
  hearth__op op;
  hearth__message message;
  hearth__remote *remote;
  hearth__parcel values;
  bool ok;
} answer;

/* ---- its end */

static int end_push(lua_State *L, hearth__op *op) {
  hearth__unref(L, hearth__container(op, hearth__remote, op)->ref);
  return 0;
}

static void end_release(hearth__op *op) {
  hearth__remote *r = hearth__container(op, hearth__remote, op);
  hearth__inbox_unref(r->inbox);
  free(r);
}

static const hearth__op_class end_class = {"future", end_push, end_release};

static void end_run(hearth_t *h, hearth__message *m) {
  (void)h;
  hearth__ready(&hearth__container(m, hearth__remote, message)->op);
}

static void end_drop(hearth__message *m) {
  end_release(&hearth__container(m, hearth__remote, message)->op);
}

hearth__remote *hearth__remote_new(lua_State *L, hearth__state *s, int idx) {
  lua_pushvalue(L, idx);
  int ref = hearth__ref(L);
  hearth__remote *r = calloc(1, sizeof *r);
  if (!r) {
    hearth__unref(L, ref);
    hearth__no_memory(L);
    return NULL;
  }
  hearth__op_init(&r->op, &end_class, s);
  r->message = (hearth__message){.run = end_run, .drop = end_drop};
  atomic_init(&r->refs, 1);
  r->inbox = hearth__inbox_retain(s->h->inbox);
  r->state = s;
  r->ref = ref;
  return r;
}

hearth__remote *hearth__remote_retain(hearth__remote *r) {
  atomic_fetch_add(&r->refs, 1);
  return r;
}

void hearth__remote_unref(hearth__remote *r) {
  if (atomic_fetch_sub(&r->refs, 1) == 1 && hearth__post(r->inbox, &r->message) != 0) end_release(&r->op);
}

/* ---- an answer */

static int answer_push(lua_State *L, hearth__op *op) {
  answer *a = hearth__container(op, answer, op);
  hearth__ref_push(L, a->remote->ref);
  int future = lua_gettop(L);
  hearth__outcome *o = lua_touserdata(L, future);
  if (o->status != HEARTH__PENDING) return 0;
  int n = hearth__parcel_push(L, &a->values);
  hearth__outcome_settle(L, future, o, a->ok ? HEARTH__OK : hearth__status_of_error(L, -1), n);
  return 0;
}

static void answer_release(hearth__op *op) {
  answer *a = hearth__container(op, answer, op);
  hearth__parcel_free(&a->values);
  hearth__remote_unref(a->remote);
  free(a);
}

static const hearth__op_class answer_class = {"future", answer_push, answer_release};

static void answer_run(hearth_t *h, hearth__message *m) {
  (void)h;
  hearth__ready(&hearth__container(m, answer, message)->op);
}

static void answer_drop(hearth__message *m) {
  answer_release(&hearth__container(m, answer, message)->op);
}

bool hearth__remote_settle(hearth__remote *r, hearth__parcel *p, bool ok) {
  answer *a = calloc(1, sizeof *a);
  if (!a) {
    hearth__parcel_free(p);
    return false;
  }
  hearth__op_init(&a->op, &answer_class, r->state);
  a->message = (hearth__message){.run = answer_run, .drop = answer_drop};
  a->remote = hearth__remote_retain(r);
  a->values = *p;
  a->ok = ok;
  *p = (hearth__parcel){0};
  if (hearth__post(r->inbox, &a->message) == 0) return true;
  answer_release(&a->op);
  return false;
}

/* ---- in another state */

hearth__remote *hearth__remote_at(lua_State *L, int idx) {
  hearth__remote **box = luaL_testudata(L, idx, REMOTE_CLASS);
  return box ? *box : NULL;
}

int hearth__remote_settle_at(lua_State *L, const char *verb, bool ok) {
  hearth__error_fields fields = {.op = verb};
  hearth__remote *r = hearth__remote_at(L, 1);
  if (!r)
    return hearth__raise(L, "EINVAL", &fields, "%s: expects a future that was passed to the thread, got a %s", verb, luaL_typename(L, 1));
  hearth__parcel p = {0};
  if (!ok) lua_settop(L, 2);
  hearth__parcel_pack(L, 2, &p, verb, "value");
  if (!hearth__remote_settle(r, &p, ok)) return hearth__raise(L, "ECLOSED", &fields, "%s: the runtime of this future has ended", verb);
  return 0;
}

int hearth__not_on_a_worker(lua_State *L, const char *verb) {
  hearth__raise(L, "ENOTASK", &(hearth__error_fields){.op = verb},
                "%s: not on a worker thread, which has no loop; return the result, settle a future that was passed in "
                "(hearth.runtime.resolve_future), or let the runtime do it (hearth.runtime.call_threadsafe)",
                verb);
}

static int l_resolve(lua_State *L) {
  return hearth__remote_settle_at(L, "resolve_future", true);
}

static int l_reject(lua_State *L) {
  return hearth__remote_settle_at(L, "reject_future", false);
}

static int l_await(lua_State *L) {
  return hearth__not_on_a_worker(L, "await");
}

static int l_done(lua_State *L) {
  return hearth__not_on_a_worker(L, "done");
}

static int l_on_done(lua_State *L) {
  return hearth__not_on_a_worker(L, "on_done");
}

static int l_to_string(lua_State *L) {
  lua_pushfstring(L, "future: %p", (void *)hearth__remote_at(L, 1));
  return 1;
}

static int l_gc(lua_State *L) {
  hearth__remote **box = luaL_checkudata(L, 1, REMOTE_CLASS);
  if (*box) hearth__remote_unref(*box);
  *box = NULL;
  return 0;
}

static const luaL_Reg methods[] = {{"resolve", l_resolve}, {"reject", l_reject},        {"await", l_await}, {"done", l_done},
                                   {"on_done", l_on_done}, {"__tostring", l_to_string}, {"__gc", l_gc},     {NULL, NULL}};

void hearth__remote_push(lua_State *L, hearth__remote *r) {
  if (hearth__find_state(L) == r->state) {
    hearth__ref_push(L, r->ref);
    return;
  }
  hearth__remote **box = lua_newuserdatauv(L, sizeof(hearth__remote *), 0);
  *box = NULL;
  if (luaL_getmetatable(L, REMOTE_CLASS) != LUA_TTABLE) {
    lua_pop(L, 1);
    luaL_newmetatable(L, REMOTE_CLASS);
    luaL_setfuncs(L, methods, 0);
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, "__index");
  }
  lua_setmetatable(L, -2);
  *box = hearth__remote_retain(r);
}
