/* See outcome.h: settling, and the three ways to wait: for one, for one with a time-out, for several. */
#include "outcome.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "error.h"
#include "module.h"
#include "state.h"
#include "task_internal.h"
#include "traceback.h"

hearth__outcome *hearth__to_outcome(lua_State *L, int idx) {
  if (lua_type(L, idx) != LUA_TUSERDATA || lua_rawlen(L, idx) < sizeof(hearth__outcome)) return NULL;
  hearth__outcome *o = lua_touserdata(L, idx);
  return o->kind == &hearth__task_kind || o->kind == &hearth__future_kind ? o : NULL;
}

hearth__outcome *hearth__check_outcome(lua_State *L, int idx, const char *verb) {
  for (int depth = 0; depth < 16; depth++) {
    hearth__outcome *o = hearth__to_outcome(L, idx);
    if (o) return o;
    if (luaL_getmetafield(L, idx, "__await") == LUA_TNIL) break;
    lua_pushvalue(L, idx);
    lua_call(L, 1, 1);
    lua_replace(L, idx);
  }
  hearth__raise(L, "EINVAL", &(hearth__error_fields){.op = verb},
                "%s: a %s cannot be awaited; give it a task, a future, a ticket or a call (hearth.run_async(fn) makes a task)", verb,
                luaL_typename(L, idx));
}

/* Counted among the holds of its state, which lets go of them all when it ends. */
static void hold(hearth__state *s, bool on) {
  if (!on && s->holds == 0) return;
  if (on) {
    s->holds++;
    hearth__hold(s->h);
  } else {
    s->holds--;
    hearth__unhold(s->h);
  }
}

void hearth__outcome_keep(hearth__outcome *o, bool on) {
  if (o->keeps == on) return;
  o->keeps = on;
  if (o->first) hold(o->state, on);
}

void hearth__waiter_add(hearth__outcome *o, hearth__waiter *w, void (*settled)(hearth__waiter *w, hearth__outcome *o)) {
  w->on = o;
  w->settled = settled;
  w->next = NULL;
  w->prev = o->last;
  if (o->keeps && !o->first) hold(o->state, true);
  *(o->last ? &o->last->next : &o->first) = w;
  o->last = w;
}

void hearth__waiter_remove(hearth__waiter *w) {
  hearth__outcome *o = w->on;
  if (!o) return;
  *(w->prev ? &w->prev->next : &o->first) = w->next;
  *(w->next ? &w->next->prev : &o->last) = w->prev;
  if (o->keeps && !o->first) hold(o->state, false);
  w->on = NULL;
}

/* The wait is over before its answer was there: the waiter was cancelled. */
static void give_up(hearth__waiter *w) {
  hearth__outcome *o = w->on;
  hearth__waiter_remove(w);
  if (o && o->lent && !o->state->h->closing) hearth__task_cancel((hearth__task *)(void *)o);
}

void hearth__outcome_settle(lua_State *L, int idx, hearth__outcome *o, hearth__status status, int n) {
  idx = lua_absindex(L, idx);
  bool heard = lua_getiuservalue(L, idx, HEARTH__UV_DONE) == LUA_TTABLE;
  lua_insert(L, -n - 1); /* on_done values… */
  if (n > 1) {
    lua_createtable(L, n, 0);
    lua_insert(L, -n - 1);
    for (int i = n; i >= 1; i--) lua_rawseti(L, -i - 1, i);
  }
  if (n == 0) lua_pushnil(L);
  lua_setiuservalue(L, idx, HEARTH__UV_VALUE);
  o->values = n;
  o->status = status;
  while (o->first) {
    hearth__waiter *w = o->first;
    hearth__waiter_remove(w);
    o->seen = true;
    w->settled(w, o);
  }
  if (heard) {
    o->heard = true;
    lua_Integer count = luaL_len(L, -1);
    for (lua_Integer i = 1; i <= count; i++) {
      lua_rawgeti(L, -1, i);
      lua_pushvalue(L, idx);
      hearth__spawn(L, o->state, 1);
      lua_pop(L, 1);
    }
  }
  lua_pop(L, 1);
}

hearth__status hearth__status_of_error(lua_State *L, int idx) {
  const char *code = hearth__error_code(L, idx);
  return code && strcmp(code, "ECANCELED") == 0 ? HEARTH__CANCELLED : HEARTH__FAILED;
}

int hearth__outcome_push(lua_State *L, int idx, hearth__outcome *o) {
  o->seen = true;
  if (o->values == 0) return 0;
  idx = lua_absindex(L, idx);
  lua_getiuservalue(L, idx, HEARTH__UV_VALUE);
  if (o->values == 1) return 1;
  luaL_checkstack(L, o->values + 1, "too many results");
  int list = lua_gettop(L);
  for (int i = 1; i <= o->values; i++) lua_rawgeti(L, list, i);
  lua_remove(L, list);
  return o->values;
}

/* The answer of a wait: the values, or the error raised. */
static int push_or_raise(lua_State *L, int idx, hearth__outcome *o) {
  int top = lua_gettop(L), n = hearth__outcome_push(L, idx, o);
  if (o->status == HEARTH__OK) return n;
  if (o->kind == &hearth__task_kind && lua_getiuservalue(L, idx, HEARTH__UV_TRACEBACK) == LUA_TSTRING) {
    lua_pushfstring(L, "in the task that was awaited:\n%s", lua_tostring(L, -1));
    hearth__came_from(L, -3);
  }
  lua_settop(L, top + n);
  return lua_error(L);
}

/* ---- one, by a task */

static void task_settled(hearth__waiter *w, hearth__outcome *o) {
  (void)o;
  hearth__op_done(&hearth__container(w, hearth__task, waiter)->self);
}

/* What is waited for stands at index 1 of the frame that waits. */
static int task_push(lua_State *L, hearth__op *op) {
  (void)op;
  return push_or_raise(L, 1, lua_touserdata(L, 1));
}

static void task_release(hearth__op *op) {
  give_up(&hearth__container(op, hearth__task, self)->waiter);
}

const hearth__op_class hearth__task_op = {"await", task_push, task_release};

static int task_await(lua_State *L, hearth__task *t, hearth__outcome *o) {
  hearth__task_let_go(t);
  t->self.done = false;
  hearth__waiter_add(o, &t->waiter, task_settled);
  return hearth__await(L, &t->self);
}

/* ---- one, with a time-out or in the main chunk */

typedef struct wait {
  hearth__op op;
  hearth__waiter waiter;
  hearth__timer timer;
  double seconds;
  bool late;
} wait;

static void wait_settled(hearth__waiter *w, hearth__outcome *o) {
  (void)o;
  wait *self = hearth__container(w, wait, waiter);
  hearth__timer_stop(self->op.state->h, &self->timer);
  if (!self->op.done) hearth__op_done(&self->op);
}

static void wait_late(hearth_t *h, hearth__timer *t) {
  (void)h;
  wait *self = hearth__container(t, wait, timer);
  self->late = true; /* it goes on waiting until it hears of that: what ends in this very turn is its answer */
  hearth__op_done(&self->op);
}

static int wait_push(lua_State *L, hearth__op *op) {
  wait *self = (wait *)op;
  if (!self->late || !self->waiter.on) return push_or_raise(L, 1, lua_touserdata(L, 1));
  hearth__waiter_remove(&self->waiter);
  return hearth__raise(L, "ETIMEOUT", &(hearth__error_fields){.op = "await"}, "await: no answer within %g s; what was awaited goes on",
                       self->seconds);
}

static void wait_release(hearth__op *op) {
  wait *self = (wait *)op;
  give_up(&self->waiter);
  hearth__timer_stop(op->state->h, &self->timer);
  free(self);
}

static const hearth__op_class wait_class = {"await", wait_push, wait_release};

/* await(x [, seconds]) */
int hearth__l_await(lua_State *L) {
  hearth__state *s = hearth__state_of(L);
  double seconds = -1;
  if (!lua_isnoneornil(L, 2)) {
    seconds = lua_type(L, 2) == LUA_TNUMBER ? lua_tonumber(L, 2) : -1;
    if (!(seconds >= 0 && isfinite(seconds)))
      return hearth__raise(L, "EINVAL", &(hearth__error_fields){.op = "await"},
                           "await: the time-out is a finite number of seconds, 0 or more");
  }
  hearth__outcome *o = hearth__to_outcome(L, 1);
  if (!o) {
    hearth__check_await(L, s, "await"); /* before __await may start something */
    o = hearth__check_outcome(L, 1, "await");
  }
  lua_settop(L, 1);
  if (o->status != HEARTH__PENDING) {
    hearth__check_await(L, s, "await");
    return hearth__answer(L, s, push_or_raise(L, 1, o));
  }
  hearth__check_await(L, s, "await");
  if (s->current && (void *)s->current == (void *)o)
    return hearth__raise(L, "EINVAL", &(hearth__error_fields){.op = "await"},
                         "await: a task cannot wait for itself; let another one wait for it");
  if (seconds < 0 && s->current && s->current->co == L) return task_await(L, s->current, o);
  wait *w = calloc(1, sizeof *w);
  if (!w) return hearth__no_memory(L);
  hearth__op_init(&w->op, &wait_class, s);
  w->seconds = seconds;
  w->timer.fire = wait_late;
  if (seconds >= 0 && hearth__timer_start(s->h, &w->timer, seconds, 0) != 0) {
    free(w);
    return hearth__no_memory(L);
  }
  hearth__waiter_add(o, &w->waiter, wait_settled);
  return hearth__await(L, &w->op);
}

/* ---- several */

typedef struct join_item {
  hearth__waiter waiter;
  struct join *join;
  int index;
} join_item;

typedef struct join {
  hearth__op op;
  bool first, failure; /* over when one is done; when one has failed */
  int count, left, chosen;
  join_item items[];
} join;

/* What the outcome of one means for all: true when the wait is over. */
static bool join_step(join *j, int index, const hearth__outcome *o) {
  j->left--;
  if (j->chosen == 0 && (j->first || (j->failure && o->status != HEARTH__OK))) j->chosen = index;
  return j->chosen != 0 || j->left == 0;
}

static void join_leave(join *j) {
  for (int i = 0; i < j->count; i++) hearth__waiter_remove(&j->items[i].waiter);
}

static void join_settled(hearth__waiter *w, hearth__outcome *o) {
  join_item *item = hearth__container(w, join_item, waiter);
  join *j = item->join;
  if (join_step(j, item->index, o) && !j->op.done) {
    join_leave(j);
    hearth__op_done(&j->op);
  }
}

/* The frame: 1 the verb, 2 what the caller gave, 3 the same as tasks and futures. */
static int join_push(lua_State *L, hearth__op *op) {
  lua_pushinteger(L, ((join *)op)->chosen);
  lua_pushvalue(L, 3);
  return 2;
}

static void join_release(hearth__op *op) {
  join *j = (join *)op;
  for (int i = 0; i < j->count; i++) give_up(&j->items[i].waiter);
  free(op);
}

enum { JOIN_ALL, JOIN_RACE, JOIN_ALL_SETTLED };
static const char *const join_verbs[] = {"all", "race", "all_settled", "scope", NULL};
static const hearth__op_class join_classes[] = {{"all", join_push, join_release},
                                                {"race", join_push, join_release},
                                                {"all_settled", join_push, join_release},
                                                {"scope", join_push, join_release}};

/* lend(task) -> task: it exists for those who wait for it, and is cancelled when one of them is. */
int hearth__l_lend(lua_State *L) {
  hearth__outcome *o = hearth__to_outcome(L, 1);
  luaL_argcheck(L, o && o->kind == &hearth__task_kind, 1, "a task");
  o->lent = true;
  lua_settop(L, 1);
  return 1;
}

/* join(verb, list [, each]) -> index, items: "all" and "scope" until each is done or one has failed (its index, else 0), "race" until the first is
** done (its index), "all_settled", and any with `each`, until each is done. `items` are the tasks and futures behind the awaitables of the list. */
int hearth__l_join(lua_State *L) {
  hearth__state *s = hearth__state_of(L);
  int verb = luaL_checkoption(L, 1, NULL, join_verbs);
  bool each = verb == JOIN_ALL_SETTLED || lua_toboolean(L, 3);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  hearth__check_await(L, s, join_verbs[verb]);
  int count = (int)lua_rawlen(L, 2);
  lua_createtable(L, count, 0);
  for (int i = 1; i <= count; i++) {
    lua_rawgeti(L, 2, i);
    hearth__check_outcome(L, lua_gettop(L), join_verbs[verb])->seen = true;
    lua_rawseti(L, 3, i);
  }
  join *j = calloc(1, sizeof *j + (size_t)count * sizeof j->items[0]);
  if (!j) return hearth__no_memory(L);
  hearth__op_init(&j->op, &join_classes[verb], s);
  j->first = !each && verb == JOIN_RACE;
  j->failure = !each && verb != JOIN_RACE;
  j->count = j->left = count;
  for (int i = 1; i <= count; i++) {
    lua_rawgeti(L, 3, i);
    hearth__outcome *o = lua_touserdata(L, -1);
    lua_pop(L, 1);
    j->items[i - 1].join = j;
    j->items[i - 1].index = i;
    if (o->status == HEARTH__PENDING)
      hearth__waiter_add(o, &j->items[i - 1].waiter, join_settled);
    else if (join_step(j, i, o))
      break;
  }
  if (j->left == 0 || j->chosen != 0) {
    lua_pushinteger(L, j->chosen);
    lua_pushvalue(L, 3);
    join_release(&j->op);
    return hearth__answer(L, s, 2);
  }
  return hearth__await(L, &j->op);
}

/* values(items) -> list of the first value of each; `items` are tasks and futures that have ended well, as join gives them */
int hearth__l_values(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  int count = (int)lua_rawlen(L, 1);
  lua_createtable(L, count, 0);
  for (int i = 1; i <= count; i++) {
    lua_rawgeti(L, 1, i);
    hearth__outcome *o = hearth__to_outcome(L, 3);
    if (!o || o->status != HEARTH__OK) luaL_error(L, "values: item %d has not ended well", i);
    o->seen = true;
    if (o->values > 0) lua_getiuservalue(L, 3, HEARTH__UV_VALUE);
    if (o->values > 1) lua_rawgeti(L, 4, 1);
    if (o->values > 0) lua_rawseti(L, 2, i);
    lua_settop(L, 2);
  }
  return 1;
}

/* ---- asking */

/* x:done() */
int hearth__l_done(lua_State *L) {
  lua_pushboolean(L, hearth__check_outcome(L, 1, "done")->status != HEARTH__PENDING);
  return 1;
}

/* x:on_done(fn): fn(x) runs as a task when it ends; at the next turn if it has. Returns x. */
int hearth__l_on_done(lua_State *L) {
  hearth__outcome *o = hearth__check_outcome(L, 1, "on_done");
  if (lua_type(L, 2) != LUA_TFUNCTION)
    return hearth__raise(L, "EINVAL", &(hearth__error_fields){.op = "on_done"}, "on_done: expects a function, got a %s",
                         luaL_typename(L, 2));
  lua_settop(L, 2);
  if (o->status != HEARTH__PENDING) {
    lua_pushvalue(L, 1);
    hearth__spawn(L, o->state, 1);
  } else {
    if (lua_getiuservalue(L, 1, HEARTH__UV_DONE) != LUA_TTABLE) {
      lua_newtable(L);
      lua_pushvalue(L, -1);
      lua_setiuservalue(L, 1, HEARTH__UV_DONE);
    }
    lua_pushvalue(L, 2);
    lua_rawseti(L, -2, luaL_len(L, -2) + 1);
  }
  lua_settop(L, 1);
  return 1;
}

/* x:result() -> "pending" | "ok", values… | "error", err | "cancelled", err. Looking counts as having seen the error. */
int hearth__l_result(lua_State *L) {
  static const char *const names[] = {"pending", "ok", "error", "cancelled"};
  hearth__outcome *o = hearth__check_outcome(L, 1, "result");
  lua_settop(L, 1);
  lua_pushstring(L, names[o->status]);
  return o->status == HEARTH__PENDING ? 1 : 1 + hearth__outcome_push(L, 1, o);
}
