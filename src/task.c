/* Tasks: a coroutine each, resumed from the top of the loop and nowhere else. See task.h; waiting is await.c, what Lua sees of a task task_lua.c. */
#include "task.h"

#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "error.h"
#include "module.h"
#include "outcome.h"
#include "ref.h"
#include "state.h"
#include "task_internal.h"
#include "traceback.h"

const char hearth__task_kind = 't';

void hearth__task_let_go(hearth__task *t) {
  hearth__op *op = t->op;
  t->op = NULL;
  if (op) op->class_->release(op);
}

void hearth__task_set_accepting(hearth__task *t, bool on) {
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

void hearth__task_unlist(hearth__task *t) {
  *t->link = t->next;
  if (t->next) t->next->link = t->link;
  t->next = NULL;
}

void hearth__task_enqueue(hearth__task *t) {
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
  if (!t || (t->cancelled && hearth__status_of_error(L, 1) == HEARTH__CANCELLED)) return 1;
  hearth__traceback(L, 1, NULL, 1);
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

static void take_coroutine(lua_State *L, hearth__state *s, hearth__task *t) {
  if (s->pooled > 0) {
    const hearth__coroutine *kept = &s->pool[--s->pooled];
    t->co = kept->co;
    t->co_ref = kept->ref;
    t->self_ref = kept->task_ref;
  } else {
    lua_State *co = lua_newthread(L);
    t->co_ref = hearth__ref(L);
    t->co = co;
  }
}

/* With what anchors the task, unless that is to stay anchored. */
static void give_coroutine(lua_State *L, hearth__state *s, hearth__task *t, bool anchored) {
  hearth__coroutine back = {.co = t->co, .ref = t->co_ref, .task_ref = anchored ? LUA_NOREF : t->self_ref};
  t->co = NULL;
  t->co_ref = LUA_NOREF;
  if (!anchored) t->self_ref = LUA_NOREF;
  if (!s->pool) s->pool = malloc(HEARTH__POOL * sizeof *s->pool);
  if (s->pool && s->pooled < HEARTH__POOL) {
    lua_settop(back.co, 0);
    if (back.task_ref != LUA_NOREF) {
      lua_pushboolean(L, false);
      hearth__ref_change(L, back.task_ref);
    }
    s->pool[s->pooled++] = back;
  } else {
    hearth__unref(L, back.ref);
    hearth__unref(L, back.task_ref);
  }
}

void hearth__trim_pool(hearth__state *s) {
  for (int i = 0; i < 32 && s->pooled > HEARTH__POOL_AT_REST; i++) {
    const hearth__coroutine *kept = &s->pool[--s->pooled];
    hearth__unref(s->L, kept->ref);
    hearth__unref(s->L, kept->task_ref);
  }
}

/* Pushes the metatable of tasks. */
static void push_class(lua_State *L, hearth__state *s) {
  if (s->task_class != LUA_NOREF) {
    hearth__ref_push(L, s->task_class);
    return;
  }
  hearth__new_class(L, s, HEARTH__TASK_CLASS, hearth__task_methods);
  lua_pushvalue(L, -1);
  s->task_class = hearth__ref(L);
}

/* The function below the top n values becomes a task that nothing has started; pops them and pushes it. */
hearth__task *hearth__task_new(lua_State *L, hearth__state *s, int n) {
  luaL_checkstack(L, 4, NULL);
  hearth__task *t = lua_newuserdatauv(L, sizeof *t, HEARTH__UV_OF_TASKS); /* fn args task */
  memset(t, 0, sizeof *t);
  t->end = (hearth__outcome){.kind = &hearth__task_kind, .state = s};
  t->co_ref = t->self_ref = LUA_NOREF;
  t->owner = s->owner;
  hearth__op_init(&t->self, &hearth__task_op, s);
  push_class(L, s);
  lua_setmetatable(L, -2);
  lua_pushvalue(L, -n - 2);
  lua_setiuservalue(L, -2, HEARTH__UV_NAME);
  lua_insert(L, -n - 2); /* task fn args */
  take_coroutine(L, s, t);
  if (!lua_checkstack(t->co, n + 8)) {
    give_coroutine(L, s, t, false);
    hearth__no_memory(L);
  }
  lua_pushcfunction(t->co, body);
  lua_pushlightuserdata(t->co, t);
  lua_xmove(L, t->co, n + 1); /* task */
  lua_pushvalue(L, -1);
  if (t->self_ref != LUA_NOREF)
    hearth__ref_change(L, t->self_ref);
  else
    t->self_ref = hearth__ref(L);
  list_add(&s->live, t);
  return t;
}

hearth__task *hearth__spawn(lua_State *L, hearth__state *s, int n) {
  hearth__task *t = hearth__task_new(L, s, n);
  hearth__task_enqueue(t);
  return t;
}

/* The task has ended: results or the error are the top n values of its coroutine. */
static void finish(lua_State *L, hearth__task *t, hearth__status status, int n) {
  hearth__state *s = t->end.state;
  lua_Integer owner = s->owner;
  hearth__task_let_go(t);
  hearth__task_set_accepting(t, false);
  hearth__task_unlist(t);
  hearth__ref_push(L, t->self_ref);
  int self = lua_gettop(L);
  luaL_checkstack(L, n + 4, "too many results");
  if (n) lua_xmove(t->co, L, n);
  if (status == HEARTH__FAILED && t->cancelled) status = hearth__status_of_error(L, -1);
  s->owner = t->owner; /* its on_done functions run on the same behalf */
  hearth__outcome_settle(L, self, &t->end, status, n);
  s->owner = owner;
  bool unseen = status == HEARTH__FAILED && !t->end.seen;
  give_coroutine(L, s, t, unseen);
  if (unseen) list_add(&s->failed, t); /* stays anchored until it has been reported */
  lua_settop(L, self - 1);
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

void hearth__task_resume(lua_State *L, hearth__task *t, int nargs) {
  hearth__state *s = t->end.state;
  hearth__task *outer = s->current;
  lua_Integer owner = s->owner;
  int n = 0;
  if (lua_status(t->co) == LUA_OK && lua_gettop(t->co) == 0) {
    hearth__error_push(L, "EINVAL", &(hearth__error_fields){.op = "coroutine.close"},
                       "coroutine.close: the coroutine of a task was closed by hand; use task:cancel()");
    kill_task(L, t);
    return;
  }
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
  if (op == &t->self && t->op != op) { /* not as an answer: it starts, gave way, or hears of its cancelling */
    t->queued = false;
    if (t->end.status != HEARTH__PENDING) return;
    if (!t->started && t->cancels) {
      t->started = t->cancelled = true;
      lua_settop(t->co, 0);
      hearth__push_cancelled(L, "run_async");
      lua_xmove(L, t->co, 1);
      finish(L, t, HEARTH__CANCELLED, 1);
      return;
    }
    if (!t->started) {
      t->started = true;
      hearth__task_resume(L, t, lua_gettop(t->co) - 1);
      return;
    }
    if (!t->waiting || t->op) return;
  }
  hearth__task_resume(L, t, 0);
}

/* ---- cancelling */

bool hearth__task_cancel(hearth__task *t) {
  if (t->end.status != HEARTH__PENDING) return false;
  t->cancels++;
  if (!t->started || !t->waiting) return true; /* not begun, or running: delivered where it waits next */
  if (t->op) {
    if (t->op->done) return true; /* ready to go on: delivered instead of its answer */
    t->verb = t->op->class_->verb;
    hearth__task_let_go(t);
  }
  hearth__task_enqueue(t);
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

/* ---- ended with its state */

void hearth__close_waiting(hearth__state *s) {
  for (hearth__task *t = s->live; t; t = t->next)
    if (t->started && t->waiting && t->co) {
      hearth__task_let_go(t);
      lua_resetthread(t->co);
    }
}

void hearth__tasks_drop(hearth__state *s) {
  for (hearth__task *t = s->live; t; t = t->next) hearth__task_let_go(t);
  s->live = s->failed = NULL;
  hearth__main_let_go(s);
}

lua_State *hearth__running(hearth__state *s) {
  const hearth__task *t = s->current;
  return t && t->co ? t->co : s->L;
}
