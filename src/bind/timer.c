/* hearth.core.timer: the clock, timers that call a function, and sleep (docs/internals.md). */
#include <math.h>
#include <stdlib.h>

#include <lauxlib.h>

#include "error.h"
#include "module.h"
#include "ref.h"
#include "state.h"

#define TIMER_CLASS "hearth.timer"

/* now() -> seconds, monotonic */
static int l_now(lua_State *L) {
  lua_pushnumber(L, hearth__now(hearth__state_of(L)->h));
  return 1;
}

/* wall() -> seconds since 1970 */
static int l_wall(lua_State *L) {
  lua_pushnumber(L, (lua_Number)hearth__wall_ms(hearth__state_of(L)->h) / 1000);
  return 1;
}

static double check_seconds(lua_State *L, int idx, const char *verb) {
  int is_number;
  double seconds = lua_tonumberx(L, idx, &is_number);
  if (!is_number || lua_type(L, idx) != LUA_TNUMBER || !isfinite(seconds) || seconds < 0)
    hearth__raise(L, "EINVAL", &(hearth__error_fields){.op = verb}, "%s: expects a finite number of seconds, 0 or more", verb);
  return seconds;
}

/* ---- sleep */

typedef struct nap {
  hearth__op op;
  hearth__timer timer;
} nap;

static void nap_over(hearth_t *h, hearth__timer *t) {
  (void)h;
  hearth__op_done(&hearth__container(t, nap, timer)->op);
}

static int nap_push(lua_State *L, hearth__op *op) {
  (void)L;
  (void)op;
  return 0;
}

static void nap_release(hearth__op *op) {
  hearth__timer_stop(op->state->h, &((nap *)op)->timer);
  free(op);
}

static const hearth__op_class nap_class = {"sleep", nap_push, nap_release};

/* sleep(seconds [, "r"]): awaits; "r" on the real clock. */
static int l_sleep(lua_State *L) {
  hearth__state *s = hearth__state_of(L);
  hearth__check_await(L, s, nap_class.verb);
  double seconds = check_seconds(L, 1, nap_class.verb);
  nap *n = calloc(1, sizeof *n);
  if (!n) return hearth__no_memory(L);
  hearth__op_init(&n->op, &nap_class, s);
  n->timer.fire = nap_over;
  if (hearth__timer_start(s->h, &n->timer, seconds, lua_isstring(L, 2) ? HEARTH__TIMER_REAL : 0) != 0) {
    free(n);
    return hearth__no_memory(L);
  }
  return hearth__await(L, &n->op);
}

/* ---- after */

typedef struct later {
  hearth__op op; /* nobody waits for it: its push calls the function at the top of the loop */
  hearth__timer timer;
  int self; /* anchors the userdata, whose user value 1 is the function, while it runs or is ready */
  bool ready, stopped;
} later;

static int later_push(lua_State *L, hearth__op *op) {
  later *t = (later *)op;
  if (t->stopped) return 0;
  hearth__ref_push(L, t->self);
  lua_getiuservalue(L, -1, 1);
  lua_call(L, 0, 0);
  return 0;
}

static void later_release(hearth__op *op) {
  later *t = (later *)op;
  int self = t->self;
  t->self = LUA_NOREF;
  t->ready = false;
  hearth__unref(op->state->L, self);
}

static const hearth__op_class later_class = {"timer", later_push, later_release};

static void later_fire(hearth_t *h, hearth__timer *timer) {
  (void)h;
  later *t = hearth__container(timer, later, timer);
  t->ready = true;
  hearth__ready(&t->op);
}

/* timer:stop(): its function will not run any more. As __gc when the state ends before the runtime. */
static int l_stop(lua_State *L) {
  later *t = luaL_checkudata(L, 1, TIMER_CLASS);
  t->stopped = true;
  hearth__timer_stop(t->op.state->h, &t->timer);
  if (!t->ready && t->self != LUA_NOREF) later_release(&t->op);
  return 0;
}

static const luaL_Reg methods[] = {{"stop", l_stop}, {"__gc", l_stop}, {NULL, NULL}};

/* after(seconds, fn [, flags]) -> timer */
static int l_after(lua_State *L) {
  hearth__state *s = hearth__state_of(L);
  double seconds = check_seconds(L, 1, "timer.after");
  luaL_checktype(L, 2, LUA_TFUNCTION);
  unsigned flags = 0;
  for (const char *f = luaL_optstring(L, 3, ""); *f; f++)
    flags |= *f == 'u' ? HEARTH__TIMER_UNREF : *f == 'r' ? HEARTH__TIMER_REAL : *f == 's' ? HEARTH__TIMER_SETTLE : 0u;
  later *t = lua_newuserdatauv(L, sizeof *t, 1);
  *t = (later){.self = LUA_NOREF, .timer = {.fire = later_fire}};
  hearth__op_init(&t->op, &later_class, s);
  if (luaL_getmetatable(L, TIMER_CLASS) != LUA_TTABLE) {
    lua_pop(L, 1);
    hearth__new_class(L, s, TIMER_CLASS, methods);
  }
  lua_setmetatable(L, -2);
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -2, 1);
  lua_pushvalue(L, -1);
  t->self = hearth__ref(L);
  if (hearth__timer_start(s->h, &t->timer, seconds, flags) != 0) {
    later_release(&t->op);
    return hearth__no_memory(L);
  }
  return 1;
}

/* ---- the fake clock */

/* fake(on): from now on the clock only moves when it is told; or it is real again. */
static int l_fake(lua_State *L) {
  hearth__clock_fake(hearth__state_of(L)->h, lua_toboolean(L, 1));
  return 0;
}

/* is_fake() */
static int l_is_fake(lua_State *L) {
  lua_pushboolean(L, hearth__state_of(L)->h->clock.fake);
  return 1;
}

/* step(to) -> boolean: moves the fake clock to the first timer that is due by `to` and fires it (true), or to `to` (false). */
static int l_step(lua_State *L) {
  hearth_t *h = hearth__state_of(L)->h;
  double to = luaL_checknumber(L, 1);
  if (!h->clock.fake) return luaL_error(L, "timer.step: the clock is real; call timer.fake(true) first");
  lua_pushboolean(L, hearth__clock_step(h, to));
  return 1;
}

static const luaL_Reg verbs[] = {{"now", l_now},   {"wall", l_wall},       {"sleep", l_sleep}, {"after", l_after},
                                 {"fake", l_fake}, {"is_fake", l_is_fake}, {"step", l_step},   {NULL, NULL}};

int hearth__open_timer(lua_State *L) {
  hearth__state *s = lua_touserdata(L, 1);
  hearth__new_lib(L, s, verbs);
  return 1;
}
