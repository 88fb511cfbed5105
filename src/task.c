/* Tasks: a coroutine each, resumed from the top of the loop and nowhere else. See task.h. */
#include "task.h"

#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "error.h"
#include "luv.h"
#include "module.h"
#include "outcome.h"
#include "ref.h"
#include "state.h"

const char hearth__task_kind = 't';

#define TASK_CLASS "hearth.task"

struct hearth__task {
  hearth__outcome end;
  hearth__op self; /* starts it, lets it go on after it gave way, and carries a cancel */
  hearth__op *op;  /* what it waits for, or what an error in the middle of an answer left behind */
  lua_State *co;
  int co_ref, self_ref;
  hearth__task **link, *next; /* in the list of live or of failed tasks */
  const char *verb;           /* what it waited for when it was cancelled */
  unsigned cancels;           /* asked for and not yet delivered */
  int answers;                /* how many results wait on its stack while it gives way */
  lua_Integer owner;          /* on whose behalf it runs: that of whoever started it */
  bool started, waiting, queued, failed, cancelled;
  bool accepting; /* in a verb that has accepted a write and not queued it yet */
};

static void let_go(hearth__task *t) {
  hearth__op *op = t->op;
  t->op = NULL;
  if (op) op->class_->release(op);
}

static void set_accepting(hearth__task *t, bool on) {
  if (t->accepting == on) return;
  t->accepting = on;
  t->end.state->accepting += on ? 1u : -1u;
}

/* ---- lists */

static void list_add(hearth__task **list, hearth__task *t) {
  t->next = *list;
  if (t->next) t->next->link = &t->next;
  t->link = list;
  *list = t;
}

static void list_remove(hearth__task *t) {
  *t->link = t->next;
  if (t->next) t->next->link = t->link;
  t->next = NULL;
}

static void enqueue(hearth__task *t) {
  if (t->queued) return;
  t->queued = true;
  t->self.task = t;
  hearth__ready(&t->self);
}

/* ---- the coroutine's body: user code under a pcall, so that <close> variables may wait and the coroutine can be used again */

/* The message handler: keeps the traceback of an error that leaves the task. */
static int keep_traceback(lua_State *L) {
  hearth__state *s = hearth__find_state(L);
  hearth__task *t = s ? s->current : NULL;
  const char *code = hearth__error_code(L, 1);
  if (!t || (code && strcmp(code, "ECANCELED") == 0)) return 1;
  luaL_traceback(L, L, NULL, 1);
  if (code) {
    lua_pushliteral(L, "traceback");
    if (lua_rawget(L, 1) == LUA_TNIL) {
      lua_pushliteral(L, "traceback");
      lua_pushvalue(L, 2);
      lua_rawset(L, 1);
    }
    lua_pop(L, 1);
  }
  hearth__ref_push(L, t->self_ref);
  lua_insert(L, 2);
  lua_setiuservalue(L, 2, HEARTH__UV_TRACEBACK);
  lua_settop(L, 1);
  return 1;
}

/* Stack: 1 the task, 2 the handler, then results or the error. */
static int body_end(lua_State *L, int status, lua_KContext ctx) {
  hearth__task *t = (hearth__task *)ctx;
  t->failed = status != LUA_OK && status != LUA_YIELD;
  return t->failed ? 1 : lua_gettop(L) - 2;
}

static int body(lua_State *L) {
  hearth__task *t = lua_touserdata(L, 1);
  lua_pushcfunction(L, keep_traceback);
  lua_insert(L, 2);
  return body_end(L, lua_pcallk(L, lua_gettop(L) - 3, LUA_MULTRET, 2, (lua_KContext)t, body_end), (lua_KContext)t);
}

/* ---- life */

static int self_push(lua_State *L, hearth__op *op) {
  (void)L;
  (void)op;
  return 0;
}

static void self_release(hearth__op *op) {
  (void)op;
}

static const hearth__op_class self_class = {"task", self_push, self_release};

static int l_cancel(lua_State *L);
static int l_cancelled(lua_State *L);
static int l_name(lua_State *L);
static int l_to_string(lua_State *L);

static const luaL_Reg methods[] = {{"await", hearth__l_await},
                                   {"done", hearth__l_done},
                                   {"on_done", hearth__l_on_done},
                                   {"result", hearth__l_result},
                                   {"cancel", l_cancel},
                                   {"cancelled", l_cancelled},
                                   {"name", l_name},
                                   {"__tostring", l_to_string},
                                   {NULL, NULL}};

static void take_coroutine(lua_State *L, hearth__state *s, hearth__task *t) {
  if (s->pooled > 0) {
    const hearth__coroutine *kept = &s->pool[--s->pooled];
    t->co = kept->co;
    t->co_ref = kept->ref;
  } else {
    lua_State *co = lua_newthread(L);
    t->co_ref = hearth__ref(L);
    t->co = co;
  }
}

static void give_coroutine(lua_State *L, hearth__state *s, hearth__task *t) {
  lua_State *co = t->co;
  t->co = NULL;
  if (!s->pool) s->pool = malloc(HEARTH__POOL * sizeof *s->pool);
  if (s->pool && s->pooled < HEARTH__POOL) {
    lua_settop(co, 0);
    s->pool[s->pooled++] = (hearth__coroutine){.co = co, .ref = t->co_ref};
  } else {
    hearth__unref(L, t->co_ref);
  }
  t->co_ref = LUA_NOREF;
}

void hearth__trim_pool(hearth__state *s) {
  for (int i = 0; i < 32 && s->pooled > HEARTH__POOL_AT_REST; i++) hearth__unref(s->L, s->pool[--s->pooled].ref);
}

/* The function below the top n values becomes a task that nothing has started; pops them and pushes it. */
static hearth__task *new_task(lua_State *L, hearth__state *s, int n) {
  luaL_checkstack(L, 4, NULL);
  hearth__task *t = lua_newuserdatauv(L, sizeof *t, 4); /* fn args task */
  memset(t, 0, sizeof *t);
  t->end = (hearth__outcome){.kind = &hearth__task_kind, .state = s};
  t->co_ref = t->self_ref = LUA_NOREF;
  t->owner = s->owner;
  hearth__op_init(&t->self, &self_class, s);
  if (luaL_getmetatable(L, TASK_CLASS) != LUA_TTABLE) {
    lua_pop(L, 1);
    hearth__new_class(L, s, TASK_CLASS, methods);
  }
  lua_setmetatable(L, -2);
  lua_pushvalue(L, -n - 2);
  lua_setiuservalue(L, -2, HEARTH__UV_NAME);
  lua_insert(L, -n - 2); /* task fn args */
  take_coroutine(L, s, t);
  if (!lua_checkstack(t->co, n + 8)) {
    give_coroutine(L, s, t);
    hearth__no_memory(L);
  }
  lua_pushcfunction(t->co, body);
  lua_pushlightuserdata(t->co, t);
  lua_xmove(L, t->co, n + 1); /* task */
  lua_pushvalue(L, -1);
  t->self_ref = hearth__ref(L);
  list_add(&s->live, t);
  return t;
}

hearth__task *hearth__spawn(lua_State *L, hearth__state *s, int n) {
  hearth__task *t = new_task(L, s, n);
  enqueue(t);
  return t;
}

/* The task has ended: results or the error are the top n values of its coroutine. */
static void finish(lua_State *L, hearth__task *t, hearth__status status, int n) {
  hearth__state *s = t->end.state;
  lua_Integer owner = s->owner;
  let_go(t);
  set_accepting(t, false);
  list_remove(t);
  hearth__ref_push(L, t->self_ref);
  int self = lua_gettop(L);
  luaL_checkstack(L, n + 4, "too many results");
  if (n) lua_xmove(t->co, L, n);
  if (status == HEARTH__FAILED) {
    const char *code = hearth__error_code(L, -1);
    if (code && strcmp(code, "ECANCELED") == 0 && t->cancelled) status = HEARTH__CANCELLED;
  }
  s->owner = t->owner; /* its on_done functions run on the same behalf */
  hearth__outcome_settle(L, self, &t->end, status, n);
  s->owner = owner;
  give_coroutine(L, s, t);
  if (status == HEARTH__FAILED && !t->end.seen) {
    list_add(&s->failed, t); /* stays anchored until it has been reported */
  } else {
    hearth__unref(L, t->self_ref);
    t->self_ref = LUA_NOREF;
  }
  lua_settop(L, self - 1);
}

static void push_cancelled(lua_State *L, const char *verb) {
  hearth__error_push(L, "ECANCELED", &(hearth__error_fields){.op = verb}, "%s: the task was cancelled", verb);
}

/* It ended without its own doing: the coroutine died, or yielded to nobody. The reason is on top of L. */
static void kill_task(lua_State *L, hearth__task *t) {
  luaL_traceback(L, t->co, NULL, 0);
  hearth__ref_push(L, t->self_ref);
  lua_insert(L, -2);
  lua_setiuservalue(L, -2, HEARTH__UV_TRACEBACK);
  lua_pop(L, 1);
  lua_resetthread(t->co);
  lua_settop(t->co, 0);
  lua_xmove(L, t->co, 1);
  finish(L, t, HEARTH__FAILED, 1);
}

static void resume(lua_State *L, hearth__task *t, int nargs) {
  hearth__state *s = t->end.state;
  hearth__task *outer = s->current;
  lua_Integer owner = s->owner;
  int n = 0;
  s->current = t;
  s->owner = t->owner;
  t->waiting = false;
  int status = lua_resume(t->co, L, nargs, &n);
  t->owner = s->owner;
  s->owner = owner;
  s->current = outer;
  if (status == LUA_YIELD && t->waiting) return;
  if (status == LUA_OK) {
    finish(L, t, t->failed ? HEARTH__FAILED : HEARTH__OK, n);
  } else if (status == LUA_YIELD) {
    hearth__error_push(
        L, "EINVAL", &(hearth__error_fields){.op = "coroutine.yield"},
        "coroutine.yield: a task yielded and nobody will resume it; use hearth.await, or yield inside a coroutine of your own");
    kill_task(L, t);
  } else {
    lua_xmove(t->co, L, 1);
    kill_task(L, t);
  }
}

void hearth__resume_op(lua_State *L, hearth__op *op) {
  hearth__task *t = op->task;
  if (op == &t->self) {
    t->queued = false;
    if (t->end.status != HEARTH__PENDING) return;
    if (!t->started && t->cancels) {
      t->started = t->cancelled = true;
      lua_settop(t->co, 0);
      push_cancelled(L, "run_async");
      lua_xmove(L, t->co, 1);
      finish(L, t, HEARTH__CANCELLED, 1);
      return;
    }
    if (!t->started) {
      t->started = true;
      resume(L, t, lua_gettop(t->co) - 1);
      return;
    }
    if (!t->waiting || t->op) return; /* it goes on after it gave way, or to hear of its cancelling */
  }
  resume(L, t, 0);
}

/* ---- waiting */

void hearth__op_init(hearth__op *op, const hearth__op_class *class_, hearth__state *s) {
  *op = (hearth__op){.class_ = class_, .state = s, .callback = LUA_NOREF};
}

void hearth__op_done(hearth__op *op) {
  op->done = true;
  if (op->task || op->callback != LUA_NOREF)
    hearth__ready(op);
  else if (op == op->state->main_op)
    hearth__spin(op->state->h); /* the loop may be about to poll: the main chunk has its answer */
}

bool hearth__can_await(lua_State *L, hearth__state *s) {
  if (s->guarded == L) return false;
  if (L == s->L) return !s->h->in_loop && !hearth__luv_runs(L);
  return s->current && s->current->co == L && lua_isyieldable(L);
}

bool hearth__cancel_asked(lua_State *L, hearth__state *s) {
  return L != s->L && s->current && s->current->cancels > 0;
}

void hearth__check_await(lua_State *L, hearth__state *s, const char *verb) {
  hearth__error_fields fields = {.op = verb};
  if (hearth__can_await(L, s)) {
    hearth__task *t = L == s->L ? NULL : s->current;
    if (t && t->cancels) {
      t->cancels--;
      t->cancelled = true;
      push_cancelled(L, verb);
      lua_error(L);
    }
    return;
  }
  if (s->guarded == L) {
    hearth__ref_push(L, s->guard_name);
    const char *name = luaL_tolstring(L, -1, NULL);
    hearth__raise(
        L, "ENOTASK", &fields,
        "%s: a render cannot wait (in %s); load with use_query or use_persisted_state, wait in use_async_effect, or render below a "
        "Suspense",
        verb, name);
  }
  if (L == s->L)
    hearth__raise(L, "ENOTASK", &fields, "%s: a callback of the loop cannot wait; start a task in it: hearth.run_async(function() … end)",
                  verb);
  if (s->current && s->current->co == L)
    hearth__raise(
        L, "ENOTASK", &fields,
        "%s: cannot wait here: a C function (table.sort, string.gsub, require, …) stands between this call and its task; wait before it, "
        "or start a task: hearth.run_async(function() … end)",
        verb);
  hearth__raise(L, "ENOTASK", &fields,
                "%s: a coroutine of the script's own cannot wait: its yields go to whoever resumes it; use hearth.run_async in place of "
                "coroutine.create",
                verb);
}

/* After a yield: a cancel that was asked for meanwhile is delivered instead of the answer. */
static void deliver_cancel(lua_State *L, hearth__task *t) {
  if (!t->cancels) return;
  t->cancels--;
  t->cancelled = true;
  set_accepting(t, false);
  const char *verb = t->op ? t->op->class_->verb : t->verb ? t->verb : "await";
  t->verb = NULL;
  let_go(t);
  push_cancelled(L, verb);
  lua_error(L);
}

static int op_goes_on(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  hearth__task *t = (hearth__task *)ctx;
  deliver_cancel(L, t);
  int n = t->op->class_->push(L, t->op);
  let_go(t);
  return n;
}

/* The results have waited on the stack. */
static int answer_goes_on(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  hearth__task *t = (hearth__task *)ctx;
  deliver_cancel(L, t);
  return t->answers;
}

void hearth__main_let_go(hearth__state *s) {
  hearth__op *op = s->main_op;
  s->main_op = NULL;
  if (op) op->class_->release(op);
}

/* The main chunk is asked to stop waiting: by a signal, or by a test's timeout. */
static void check_interrupt(lua_State *L, hearth__state *s) {
  if (s->h->interrupt) s->h->interrupt(L);
  if (s->interrupt == LUA_NOREF) return;
  hearth__main_let_go(s);
  hearth__ref_push(L, s->interrupt);
  hearth__unref(L, s->interrupt);
  s->interrupt = LUA_NOREF;
  lua_error(L);
}

static int main_await(lua_State *L, hearth__state *s, hearth__op *op) {
  hearth_t *h = s->h;
  hearth__main_let_go(s);
  s->main_op = op;
  for (;;) {
    check_interrupt(L, s);
    if (op->done) break;
    if (!hearth__alive(h)) {
      hearth__turn(h, false);
      if (op->done || hearth__alive(h)) continue;
      return hearth__raise(L, "ETIMEOUT", &(hearth__error_fields){.op = op->class_->verb},
                           "%s: waits for ever: nothing is left in the loop that could answer it", op->class_->verb);
    }
    hearth__turn(h, true);
  }
  int n = op->class_->push(L, op);
  hearth__main_let_go(s);
  return hearth__answer(L, s, n);
}

int hearth__await(lua_State *L, hearth__op *op) {
  hearth__state *s = op->state;
  if (L == s->L) return main_await(L, s, op);
  hearth__task *t = s->current;
  let_go(t);
  t->op = op;
  if (op->done) {
    int n = op->class_->push(L, op);
    let_go(t);
    return hearth__answer(L, s, n);
  }
  op->task = t;
  t->waiting = true;
  return lua_yieldk(L, 0, (lua_KContext)t, op_goes_on);
}

int hearth__answer(lua_State *L, hearth__state *s, int n) {
  if (++s->answers < HEARTH__ANSWERS_PER_TURN) return n;
  s->answers = 0;
  if (L == s->L) {
    check_interrupt(L, s);
    hearth__turn(s->h, false);
    return n;
  }
  hearth__task *t = s->current;
  t->waiting = true;
  t->answers = n;
  enqueue(t);
  return lua_yieldk(L, 0, (lua_KContext)t, answer_goes_on);
}

void hearth__callback(lua_State *L, int idx, hearth__op *op) {
  lua_pushvalue(L, idx);
  op->callback = hearth__ref(L);
  if (op->done) hearth__ready(op);
}

/* ---- cancelling */

bool hearth__task_cancel(hearth__task *t) {
  if (t->end.status != HEARTH__PENDING) return false;
  t->cancels++;
  if (!t->started || !t->waiting) return true; /* not begun, or running: delivered where it waits next */
  if (t->op) {
    if (t->op->done) return true; /* ready to go on: delivered instead of its answer */
    t->verb = t->op->class_->verb;
    let_go(t);
  }
  enqueue(t);
  return true;
}

bool hearth__tasks_live(const hearth_t *h, const hearth__state *only) {
  for (const hearth__state *s = h->states; s; s = s->next)
    if (s->live && (!only || s == only)) return true;
  return false;
}

void hearth__cancel_all(hearth__state *s) {
  for (hearth__task *t = s->live; t; t = t->next) hearth__task_cancel(t);
}

/* ---- the process ends while a task runs */

bool hearth__step_aside(lua_State *L, hearth__state *s) {
  return s->current && s->current->co == L && lua_isyieldable(L);
}

static int aside_goes_on(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  deliver_cancel(L, (hearth__task *)ctx);
  return 0;
}

int hearth__yield_aside(lua_State *L, hearth__state *s) {
  hearth__task *t = s->current;
  let_go(t);
  t->verb = "os.exit";
  t->waiting = true;
  return lua_yieldk(L, 0, (lua_KContext)t, aside_goes_on);
}

void hearth__close_waiting(hearth__state *s) {
  for (hearth__task *t = s->live; t; t = t->next)
    if (t->started && t->waiting && t->co) {
      let_go(t);
      lua_resetthread(t->co);
    }
}

void hearth__tasks_drop(hearth__state *s) {
  for (hearth__task *t = s->live; t; t = t->next) let_go(t);
  s->live = s->failed = NULL;
  hearth__main_let_go(s);
}

static hearth__task *check_task(lua_State *L, const char *verb) {
  hearth__outcome *o = hearth__to_outcome(L, 1);
  if (!o || o->kind != &hearth__task_kind)
    hearth__raise(L, "EINVAL", &(hearth__error_fields){.op = verb}, "%s: expects a task, got a %s", verb, luaL_typename(L, 1));
  return (hearth__task *)(void *)o;
}

/* task:cancel() -> true, or false when it has ended. */
static int l_cancel(lua_State *L) {
  lua_pushboolean(L, hearth__task_cancel(check_task(L, "cancel")));
  return 1;
}

/* task:cancelled(): did it end by being cancelled? */
static int l_cancelled(lua_State *L) {
  lua_pushboolean(L, check_task(L, "cancelled")->end.status == HEARTH__CANCELLED);
  return 1;
}

/* Pushes the name that was given, or where the task's function is defined. */
static void push_name(lua_State *L, int idx) {
  lua_Debug ar;
  if (lua_getiuservalue(L, idx, HEARTH__UV_NAME) != LUA_TFUNCTION) return;
  lua_getinfo(L, ">S", &ar);
  if (ar.linedefined > 0)
    lua_pushfstring(L, "%s:%d", ar.short_src, ar.linedefined);
  else
    lua_pushliteral(L, "task");
}

/* task:name([s]) -> the name. */
static int l_name(lua_State *L) {
  check_task(L, "name");
  if (!lua_isnoneornil(L, 2)) {
    luaL_checktype(L, 2, LUA_TSTRING);
    lua_pushvalue(L, 2);
    lua_setiuservalue(L, 1, HEARTH__UV_NAME);
  }
  push_name(L, 1);
  return 1;
}

static int l_to_string(lua_State *L) {
  lua_pushfstring(L, "task: %p", lua_topointer(L, 1));
  return 1;
}

/* ---- the end of the program, for verbs that write */

static const char writers_slot = 'w'; /* registry: the functions that are such verbs, a weak set */

bool hearth__task_accepting(const hearth__task *t) {
  return t->accepting;
}

void hearth__accept(hearth__state *s, bool on) {
  if (s->current) set_accepting(s->current, on);
}

void hearth__accepted_is_queued(hearth__state *s) {
  hearth__accept(s, false);
}

void hearth__accept_verbs(lua_State *L, hearth__state *s) {
  if (hearth__slot_push(L, &writers_slot) == LUA_TTABLE)
    for (hearth__task *t = s->live; t; t = t->next) {
      if (t->started || t->cancels) continue;
      hearth__ref_push(L, t->self_ref);
      lua_getiuservalue(L, -1, HEARTH__UV_NAME);
      if (!lua_isnil(L, -1) && lua_rawget(L, -3) != LUA_TNIL) set_accepting(t, true);
      lua_pop(L, 2);
    }
  lua_pop(L, 1);
}

void hearth__report_unsaved(lua_State *L, hearth__state *s) {
  for (hearth__task *t = s->live; t; t = t->next) {
    if (!t->accepting) continue;
    hearth__ref_push(L, t->self_ref);
    push_name(L, lua_gettop(L));
    lua_pushfstring(L, "not saved: what a task was about to write (%s)", lua_tostring(L, -1));
    hearth__report(s->h, lua_tostring(L, -1));
    lua_pop(L, 3);
  }
}

/* accept([on]): the verb that runs has accepted a write, which is queued also if the program ends meanwhile; false: it has nothing more to queue. */
int hearth__l_accept(lua_State *L) {
  hearth__accept(hearth__state_of(L), lua_isnone(L, 1) || lua_toboolean(L, 1));
  return 0;
}

/* writer(fn) -> fn, a verb of which a write is accepted as soon as a task is to begin with it */
int hearth__l_writer(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  if (hearth__slot_push(L, &writers_slot) != LUA_TTABLE) {
    lua_newtable(L);
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "k");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    lua_pushvalue(L, -1);
    hearth__slot_set(L, &writers_slot);
    lua_replace(L, 2);
  }
  lua_pushvalue(L, 1);
  lua_pushboolean(L, 1);
  lua_rawset(L, 2);
  lua_settop(L, 1);
  return 1;
}

/* ---- reports */

void hearth__report_failed(lua_State *L, hearth__state *s) {
  hearth__task *next;
  for (hearth__task *t = s->failed; t; t = next) {
    next = t->next;
    if (t->end.heard && !t->end.seen) { /* its on_done functions run in the next turn and may look at it */
      t->end.heard = false;
      continue;
    }
    list_remove(t);
    hearth__ref_push(L, t->self_ref);
    hearth__unref(L, t->self_ref);
    t->self_ref = LUA_NOREF;
    if (!t->end.seen) {
      t->end.seen = true;
      push_name(L, lua_gettop(L));
      hearth__outcome_push(L, -2, &t->end);
      luaL_tolstring(L, -1, NULL);
      lua_getiuservalue(L, -4, HEARTH__UV_TRACEBACK);
      lua_pushfstring(L, "error in a task: %s\n%s", lua_tostring(L, -2), lua_isstring(L, -1) ? lua_tostring(L, -1) : "");
      hearth__report(s->h, lua_tostring(L, -1));
      lua_pop(L, 5);
    }
    lua_pop(L, 1);
  }
}

int hearth__report_stuck(lua_State *L, hearth__state *s) {
  int count = 0;
  for (hearth__task *t = s->live; t; t = t->next, count++) {
    hearth__ref_push(L, t->self_ref);
    push_name(L, lua_gettop(L));
    luaL_traceback(L, t->co, NULL, 0);
    lua_pushfstring(L, "a task waits for ever (%s, in %s): nothing is left that could resume it\n%s", lua_tostring(L, -2),
                    t->op ? t->op->class_->verb : "await", lua_tostring(L, -1));
    hearth__report(s->h, lua_tostring(L, -1));
    lua_pop(L, 4);
  }
  return count;
}

lua_State *hearth__running(hearth__state *s) {
  const hearth__task *t = s->current;
  return t && t->co ? t->co : s->L;
}

/* ---- raw verbs of hearth.core.task that need to look inside */

/* spawn(fn, ...) -> task */
int hearth__l_spawn(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  hearth__spawn(L, hearth__state_of(L), lua_gettop(L) - 1);
  return 1;
}

/* start(fn, ...) -> task, which has run until it first waits. */
int hearth__l_start(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  hearth__task *t = new_task(L, hearth__state_of(L), lua_gettop(L) - 1);
  t->started = true;
  resume(L, t, lua_gettop(t->co) - 1);
  return 1;
}

/* current() -> task | nil: the task whose coroutine calls. */
int hearth__l_current(lua_State *L) {
  hearth__task *t = hearth__state_of(L)->current;
  if (!t || t->co != L) return 0;
  hearth__ref_push(L, t->self_ref);
  return 1;
}

/* owner([id]) -> the owner of the code that runs: an integer, 0 for none. Tasks that it starts inherit it. */
int hearth__l_owner(lua_State *L) {
  hearth__state *s = hearth__state_of(L);
  lua_Integer before = s->owner;
  s->owner = luaL_optinteger(L, 1, before);
  lua_pushinteger(L, before);
  return 1;
}

/* live() -> list of the tasks that have not ended */
int hearth__l_live(lua_State *L) {
  lua_Integer n = 0;
  lua_newtable(L);
  for (hearth__task *t = hearth__state_of(L)->live; t; t = t->next) {
    hearth__ref_push(L, t->self_ref);
    lua_rawseti(L, -2, ++n);
  }
  return 1;
}

/* traceback(task) -> text: where it waits, or where its error left it. */
int hearth__l_traceback(lua_State *L) {
  hearth__task *t = check_task(L, "traceback");
  if (t->co)
    luaL_traceback(L, t->co, NULL, 0);
  else
    lua_getiuservalue(L, 1, HEARTH__UV_TRACEBACK);
  return 1;
}
