/* Waiting: what a verb that awaits calls. A task yields and goes on at the top of the loop; the main chunk runs the loop; where neither can be, nothing is
** started. See task.h. */
#include <lauxlib.h>

#include "error.h"
#include "luv.h"
#include "ref.h"
#include "state.h"
#include "task_internal.h"

void hearth__push_cancelled(lua_State *L, const char *verb) {
  hearth__error_push(L, "ECANCELED", &(hearth__error_fields){.op = verb}, "%s: the task was cancelled", verb);
}

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
  if (L == s->L) return !s->h->in_loop && !hearth__luv_runs(s->luv);
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
      hearth__push_cancelled(L, verb);
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
  hearth__task_set_accepting(t, false);
  const char *verb = t->op ? t->op->class_->verb : t->verb ? t->verb : "await";
  t->verb = NULL;
  hearth__task_let_go(t);
  hearth__push_cancelled(L, verb);
  lua_error(L);
}

/* Gives the thread back to the top of the loop; `goes_on` is called when the task is resumed from there. */
static int step_back(lua_State *L, hearth__task *t, lua_KFunction goes_on) {
  t->waiting = true;
  t->top = lua_gettop(L);
  return lua_yieldk(L, 0, (lua_KContext)t, goes_on);
}

/* A script has a task's coroutine and resumes it by hand: it goes on waiting. */
static bool is_stray(lua_State *L, const hearth__task *t) {
  if (t->end.state->current == t) return false;
  lua_settop(L, t->top);
  return true;
}

static int op_goes_on(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  hearth__task *t = (hearth__task *)ctx;
  if (is_stray(L, t)) return step_back(L, t, op_goes_on);
  deliver_cancel(L, t);
  int n = t->op->class_->push(L, t->op);
  hearth__task_let_go(t);
  return n;
}

/* The results have waited on the stack. */
static int answer_goes_on(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  hearth__task *t = (hearth__task *)ctx;
  if (is_stray(L, t)) return step_back(L, t, answer_goes_on);
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
      return hearth__raise(
          L, "ETIMEOUT", &(hearth__error_fields){.op = op->class_->verb},
          "%s: waits for ever: nothing is left in the loop that could answer it; settle it from a task, a timer or a thread",
          op->class_->verb);
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
  hearth__task_let_go(t);
  t->op = op;
  if (op->done) {
    int n = op->class_->push(L, op);
    hearth__task_let_go(t);
    return hearth__answer(L, s, n);
  }
  op->task = t;
  return step_back(L, t, op_goes_on);
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
  hearth__task_let_go(t); /* an error in the middle of an earlier answer may have left it */
  t->answers = n;
  hearth__task_enqueue(t);
  return step_back(L, t, answer_goes_on);
}

int hearth__give_way(lua_State *L, hearth__state *s, int n) {
  s->answers = HEARTH__ANSWERS_PER_TURN;
  return hearth__answer(L, s, n);
}

void hearth__callback(lua_State *L, int idx, hearth__op *op) {
  lua_pushvalue(L, idx);
  op->callback = hearth__ref(L);
  if (op->done) hearth__ready(op);
}

/* ---- the process ends while a task runs */

bool hearth__step_aside(lua_State *L, hearth__state *s) {
  return s->current && s->current->co == L && lua_isyieldable(L);
}

static int aside_goes_on(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  hearth__task *t = (hearth__task *)ctx;
  if (is_stray(L, t)) return step_back(L, t, aside_goes_on);
  deliver_cancel(L, t);
  return 0;
}

int hearth__yield_aside(lua_State *L, hearth__state *s) {
  hearth__task *t = s->current;
  hearth__task_let_go(t);
  t->verb = "os.exit";
  return step_back(L, t, aside_goes_on);
}
