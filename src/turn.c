/* A turn: the loop runs, then what has landed is delivered: tasks go on, callbacks run, the functions that asked for the end of the turn run,
** errors that nobody saw are reported. Delivery is protected: an error in it (memory) leaves the rest for the next turn. */
#include <sched.h>
#include <stdlib.h>

#include <lauxlib.h>

#include "error.h"
#include "inbox.h"
#include "outcome.h"
#include "ref.h"
#include "state.h"

void hearth__ready(hearth__op *op) {
  hearth__state *s = op->state;
  op->next = NULL;
  if (s->ended) { /* nobody is left to hear of it */
    if (!op->task) op->class_->release(op);
    return;
  }
  if (s->ready_tail)
    s->ready_tail->next = op;
  else
    s->ready_head = op;
  s->ready_tail = op;
  /* The loop fires timers before it waits: what they make ready must not wait with it. */
  if (!uv_is_active((uv_handle_t *)&s->h->spin)) hearth__spin(s->h);
}

static bool pending(const hearth__state *s) {
  return s->ready_head || s->turn_end_count > 0 || s->failed;
}

bool hearth__pending(const hearth_t *h) {
  if (hearth__inbox_has_mail(h->inbox)) return true;
  for (const hearth__state *s = h->states; s; s = s->next)
    if (pending(s)) return true;
  return false;
}

bool hearth__alive(hearth_t *h) {
  return hearth__pending(h) || h->holds > 0 || uv_loop_alive(h->loop);
}

bool hearth__quiet(hearth_t *h) {
  return !hearth__pending(h) && h->busy == 0 && (h->settle_timers == 0 || h->clock.fake);
}

/* ---- delivery, on the main thread of Lua under a pcall */

static int push_answer(lua_State *L) {
  hearth__op *op = lua_touserdata(L, 1);
  return op->class_->push(L, op);
}

/* fn(results…), or fn(nil, nil, err) when push raised. */
static void run_callback(lua_State *L, hearth__op *op) {
  hearth__state *s = op->state;
  int top = lua_gettop(L);
  hearth__ref_push(L, op->callback);
  hearth__unref(L, op->callback);
  op->callback = LUA_NOREF;
  lua_pushcfunction(L, push_answer);
  lua_pushlightuserdata(L, op);
  int status = lua_pcall(L, 1, LUA_MULTRET, 0);
  op->class_->release(op);
  if (status != LUA_OK) {
    lua_pushnil(L);
    lua_pushnil(L);
    lua_rotate(L, top + 2, 2);
  }
  if (lua_pcall(L, lua_gettop(L) - top - 1, 0, 0) != LUA_OK) hearth__report_value(L, s->h, -1, NULL);
  lua_settop(L, top);
}

/* An op that nobody waits for: its push is the work. */
static void run_alone(lua_State *L, hearth__op *op) {
  int top = lua_gettop(L);
  hearth_t *h = op->state->h;
  lua_pushcfunction(L, push_answer);
  lua_pushlightuserdata(L, op);
  int status = lua_pcall(L, 1, 0, 0);
  op->class_->release(op);
  if (status != LUA_OK) hearth__report_value(L, h, -1, NULL);
  lua_settop(L, top);
}

static void deliver_op(lua_State *L, hearth__op *op) {
  if (op->callback != LUA_NOREF)
    run_callback(L, op);
  else if (op->task)
    hearth__resume_op(L, op);
  else
    run_alone(L, op);
}

/* One list: what becomes ready meanwhile is for the next turn. */
static void deliver_ready(lua_State *L, hearth__state *s) {
  while (s->turn_list && !s->h->leaving) {
    hearth__op *op = s->turn_list;
    s->turn_list = op->next;
    op->next = NULL;
    deliver_op(L, op);
  }
}

/* What is delivered while the runtime flushes: callbacks, and tasks that are about to queue a write. */
static bool is_due(const hearth__op *op) {
  return !op->task || hearth__task_accepting(op->task);
}

/* The first of them, out of both lists. */
static hearth__op *take_due(hearth__state *s) {
  for (hearth__op **p = &s->turn_list; *p; p = &(*p)->next)
    if (is_due(*p)) {
      hearth__op *op = *p;
      *p = op->next;
      return op;
    }
  hearth__op *before = NULL;
  for (hearth__op *op = s->ready_head; op; before = op, op = op->next)
    if (is_due(op)) {
      *(before ? &before->next : &s->ready_head) = op->next;
      if (s->ready_tail == op) s->ready_tail = before;
      return op;
    }
  return NULL;
}

static bool has_due(const hearth__state *s) {
  for (const hearth__op *op = s->turn_list; op; op = op->next)
    if (is_due(op)) return true;
  for (const hearth__op *op = s->ready_head; op; op = op->next)
    if (is_due(op)) return true;
  return false;
}

static bool any_due(const hearth_t *h) {
  for (const hearth__state *s = h->states; s; s = s->next)
    if (has_due(s)) return true;
  return false;
}

static void run_turn_end(lua_State *L, hearth__state *s) {
  lua_Integer count = s->turn_end_count;
  if (count == 0) return;
  /* The list is taken whole: functions that are added meanwhile are for the next turn. */
  hearth__ref_push(L, s->turn_end);
  int list = lua_gettop(L);
  lua_newtable(L);
  int fresh = hearth__ref(L);
  hearth__unref(L, s->turn_end);
  s->turn_end = fresh;
  s->turn_end_count = 0;
  for (lua_Integer i = 1; i <= count; i++) {
    lua_rawgeti(L, list, i);
    if (lua_pcall(L, 0, 0, 0) != LUA_OK) {
      hearth__report_value(L, s->h, -1, NULL);
      lua_pop(L, 1);
    }
  }
  lua_settop(L, list - 1);
}

static int deliver_protected(lua_State *L) {
  hearth__state *s = lua_touserdata(L, 1);
  if (s->h->flushing) {
    for (hearth__op *op; (op = take_due(s));) {
      op->next = NULL;
      deliver_op(L, op);
    }
    return 0;
  }
  deliver_ready(L, s);
  run_turn_end(L, s);
  if (s->failed) hearth__report_failed(L, s);
  return 0;
}

static bool deliver_once(hearth__state *s) {
  lua_State *L = s->L;
  int top = lua_gettop(L);
  if (!lua_checkstack(L, 16)) return false;
  lua_pushcfunction(L, deliver_protected);
  lua_pushlightuserdata(L, s);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) hearth__report(s->h, lua_isstring(L, -1) ? lua_tostring(L, -1) : "error in the loop");
  lua_settop(L, top);
  return true;
}

static void settle(hearth__state *s) {
  while (s->settling && hearth__quiet(s->h)) {
    hearth__op *op = s->settling;
    s->settling = op->next;
    hearth__op_done(op);
  }
}

/* What this turn did not deliver is the first of the next. */
static void put_back(hearth__state *s) {
  hearth__op **end = &s->turn_list, *last = NULL;
  for (; *end; end = &last->next) last = *end;
  if (!last) return;
  *end = s->ready_head;
  if (!s->ready_head) s->ready_tail = last;
  s->ready_head = s->turn_list;
  s->turn_list = NULL;
}

static void deliver_to(hearth__state *s) {
  hearth_t *h = s->h;
  lua_Integer owner = s->owner;
  s->owner = 0;
  if (h->flushing) {
    if (has_due(s)) deliver_once(s);
  } else if (pending(s) &&
             !s->turn_list) { /* a turn inside a turn (a callback of another library that runs the loop) waits for the outer one */
    s->turn_list = s->ready_head;
    s->ready_head = s->ready_tail = NULL;
    s->answers = 0;
    for (hearth__op *first = s->turn_list; deliver_once(s) && s->turn_list && !h->leaving; first = s->turn_list)
      if (s->turn_list == first) s->turn_list = first->next; /* not even begun: without memory for the call it would never be */
    if (!h->leaving) put_back(s);                            /* there was no room on the stack */
  }
  s->owner = owner;
}

/* A state that is made meanwhile comes in front, and has its turn next time; none ends meanwhile. */
void hearth__deliver(hearth_t *h) {
  bool outer = h->in_loop;
  h->in_loop = true;
  for (hearth__state *s = h->states; s && !h->leaving; s = s->next) deliver_to(s);
  h->in_loop = outer;
  if (h->leaving && !h->flushing) hearth__leave(h);
  for (hearth__state *s = h->states; s; s = s->next)
    if (s->settling) settle(s);
}

/* ---- answers that are about to come */

enum { SPIN_FIRST_NS = 250000, SPIN_MOST_NS = 400000, SPIN_REST = 100 };

void hearth__soon_begin(hearth_t *h) {
  h->soon++;
}

void hearth__soon_end(hearth_t *h) {
  h->soon--;
}

static bool several_processors(void) {
  cpu_set_t cpus;
  return sched_getaffinity(0, sizeof cpus, &cpus) != 0 || CPU_COUNT(&cpus) > 1;
}

/* Looks at the mailbox for as long as answers have taken of late. In vain: not again for a turn, in vain again: for more and more of them. */
static void await_mail(hearth_t *h) {
  if (h->spin_ns == 0) h->spin_ns = several_processors() ? SPIN_FIRST_NS : UINT64_MAX;
  if (h->spin_ns == UINT64_MAX) return; /* whoever is to answer needs this processor */
  if (h->spin_rest > 0) {
    h->spin_rest--;
    return;
  }
  uint64_t start = uv_hrtime(), now = start;
  while (!hearth__inbox_has_mail(h->inbox) && now - start < h->spin_ns) {
    sched_yield(); /* on a busy machine the one who is to answer goes first */
    now = uv_hrtime();
  }
  if (!hearth__inbox_has_mail(h->inbox)) {
    h->spin_vain = h->spin_vain * 2 < SPIN_REST ? h->spin_vain * 2 + 1 : SPIN_REST;
    h->spin_rest = h->spin_vain;
    return;
  }
  h->spin_vain = 0;
  uint64_t next = 2 * (now - start) + SPIN_FIRST_NS / 2;
  h->spin_ns = next < SPIN_MOST_NS ? next : SPIN_MOST_NS;
  hearth__inbox_run(h);
}

/* Without waiting, and also where nothing keeps the program alive: calls from other threads, watches and unreferenced timers have their turn. */
static void run_once(hearth_t *h) {
  hearth__hold(h);
  uv_run(h->loop, UV_RUN_NOWAIT);
  hearth__unhold(h);
}

void hearth__turn(hearth_t *h, bool wait) {
  bool driving = h->driving, in_loop = h->in_loop;
  h->driving = h->in_loop = true;
  bool busy = h->flushing ? any_due(h) : hearth__pending(h);
  if (wait && !busy && h->soon > 0) { /* what the turn began is begun by this; then its answer may be waited for awake */
    run_once(h);
    if (!hearth__pending(h) && h->soon > 0) await_mail(h);
    busy = hearth__pending(h);
  }
  for (hearth__state *s = wait && !busy ? h->states : NULL; s; s = s->next) hearth__state_rest(s);
  if (wait && !busy)
    uv_run(h->loop, UV_RUN_ONCE);
  else
    run_once(h);
  uv_idle_stop(&h->spin);
  h->in_loop = in_loop;
  hearth__deliver(h);
  h->driving = driving;
  if (!driving && hearth__pending(h)) hearth__spin(h); /* whoever runs the loop next */
}

/* ---- when somebody else runs the loop */

static void on_check(uv_check_t *handle) {
  hearth_t *h = handle->data;
  if (!h->driving) {
    h->driving = true;
    hearth__deliver(h);
    h->driving = false;
  }
  if (!hearth__pending(h)) uv_idle_stop(&h->spin);
}

static void on_spin(uv_idle_t *handle) {
  (void)handle;
}

void hearth__spin(hearth_t *h) {
  if (!h->closing) uv_idle_start(&h->spin, on_spin);
}

int hearth__turn_init(hearth_t *h) {
  int err = uv_check_init(h->loop, &h->check);
  if (!err) err = uv_idle_init(h->loop, &h->spin);
  if (err) return err;
  h->check.data = h->spin.data = h;
  uv_check_start(&h->check, on_check);
  uv_unref((uv_handle_t *)&h->check);
  return 0;
}
