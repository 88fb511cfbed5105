/* Operations that wait for the store: each is on its way from hearth__wait_go until it has landed. In tests a plan sits in front of them, which delays
** them or has them fail. */
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "bind/store.h"
#include "error.h"

void *hearth__wait_new(lua_State *L, hearth__handle *hd, size_t size, const hearth__op_class *class_, void (*start)(hearth__wait *w),
                       void (*drop)(hearth__wait *w)) {
  hearth__wait *w = size <= UINT32_MAX ? hearth__blocks_resize(&hd->stores->waits, NULL, 0, size) : NULL;
  (void)L;
  if (!w) return NULL;
  *w = (hearth__wait){.handle = hd, .start = start, .drop = drop, .size = (uint32_t)size};
  hearth__op_init(&w->op, class_, hd->stores->state);
  memset(w + 1, 0, size - sizeof *w);
  hearth__handle_ref(hd);
  return w;
}

void hearth__wait_free(hearth__wait *w) {
  hearth__handle *hd = w->handle;
  hearth__blocks_resize(&hd->stores->waits, w, w->size, 0);
  hearth__handle_unref(hd);
}

void hearth__wait_landed(hearth__wait *w) {
  hearth__handle *hd = w->handle;
  w->landed = true;
  if (w->began) hearth__latency_note(hd->stores->latency, w->write, uv_hrtime() - w->began);
  hd->in_flight--;
  hearth__stores_rest(hd->stores);
  hearth__handle_ref(hd);
  if (w->released || !hd->stores->h)
    w->drop(w);
  else
    hearth__op_done(&w->op);
  hearth__handle_settle(hd);
  hearth__handle_unref(hd);
}

void hearth__wait_release(hearth__op *op) {
  hearth__wait *w = (hearth__wait *)op;
  w->released = true;
  if (w->landed) w->drop(w);
}

/* The timer of one that a test delays. */
struct hearth__delay {
  hearth__timer timer;
  hearth__wait *wait;
};

void hearth__wait_undelay(hearth__wait *w) {
  hearth__stores *ss = w->handle->stores;
  if (w->delay) hearth__timer_stop(ss->h, &w->delay->timer);
  free(w->delay);
  w->delay = NULL;
  hearth__wait **at = &ss->delayed;
  while (*at && *at != w) at = &(*at)->next;
  if (!*at) return;
  *at = w->next;
  if (!*at) {
    ss->delayed_tail = &ss->delayed;
    while (*ss->delayed_tail) ss->delayed_tail = &(*ss->delayed_tail)->next;
  }
}

void hearth__wait_begin(hearth__wait *w) {
  if (w->code)
    hearth__wait_landed(w);
  else
    w->start(w);
}

static void delay_over(hearth_t *h, hearth__timer *t) {
  hearth__wait *w = ((hearth__delay *)t)->wait;
  (void)h;
  hearth__wait_undelay(w);
  hearth__wait_begin(w);
}

/* Does the plan make this operation fail? Counts it. */
const char *hearth__plan_hit(hearth__stores *ss, const char *kind) {
  hearth__plan *p = &ss->plan;
  if (!kind || strcmp(p->op, kind) != 0 || p->times <= 0 || --p->nth > 0) return NULL;
  p->nth = 1;
  p->times--;
  static const char *const codes[] = {"EIO",  "EACCES",   "EROFS",  "ENOSPC",  "ECORRUPT", "ENEWER",    "ECONFLICT", "EQUOTA",
                                      "EBIG", "ETIMEOUT", "EINVAL", "ECLOSED", "ENOKEY",   "ECANCELED", "EMIGRATE",  "ENET"};
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
    if (strcmp(codes[i], p->code) == 0) return codes[i];
  return codes[0];
}

void hearth__wait_fail(hearth__wait *w, const char *code, const char *why) {
  w->code = code;
  w->why = why;
}

const hearth__fault *hearth__wait_fault(const hearth__wait *w, const hearth__fault *job, hearth__fault *room) {
  if (!w->code) return job && job->code ? job : NULL;
  hearth__fail(room, w->code, "%s", w->why);
  return room;
}

static bool delay(hearth__wait *w, double seconds) {
  hearth__stores *ss = w->handle->stores;
  if (!(w->delay = calloc(1, sizeof *w->delay))) return false;
  w->delay->wait = w;
  w->delay->timer.fire = delay_over;
  if (hearth__timer_start(ss->h, &w->delay->timer, seconds, HEARTH__TIMER_REAL) != 0) {
    free(w->delay);
    w->delay = NULL;
    return false;
  }
  *ss->delayed_tail = w;
  w->next = NULL;
  ss->delayed_tail = &w->next;
  return true;
}

void hearth__wait_go(hearth__wait *w, const char *kind) {
  hearth__handle *hd = w->handle;
  hearth__stores *ss = hd->stores;
  hd->in_flight++;
  hearth__busy_begin(ss->h);
  if (kind && *kind == 'w') hearth__accepted_is_queued(ss->state);
  if (ss->latency && kind) {
    w->began = uv_hrtime();
    w->write = kind[0] == 'w';
  }
  if (ss->plan.active || ss->delayed) {
    hearth__wait_fail(w, hearth__plan_hit(ss, kind), HEARTH__PLANNED);
    double now = (double)uv_hrtime() / 1e9, due = now + ss->plan.latency;
    if (due < ss->plan.last_due && ss->delayed) due = ss->plan.last_due;
    ss->plan.last_due = due;
    if (due > now && delay(w, due - now)) return;
  }
  hearth__wait_begin(w);
}

/* ---- what tests ask for */

/* crash(): forgets caches and what is queued, as kill -9 does */
int hearth__l_store_crash(lua_State *L) {
  hearth__handle *hd = hearth__handle_check(L, 1, "store:crash");
  hearth__stores *ss = hd->stores;
  hearth__wait *mine = NULL, **tail = &mine;
  for (hearth__wait *w = ss->delayed, *next; w; w = next) {
    next = w->next;
    if (w->handle != hd) continue;
    hearth__wait_undelay(w);
    w->next = NULL;
    *tail = w;
    tail = &w->next;
  }
  hearth__store_crash(hd->store);
  for (hearth__wait *w = mine, *next; w; w = next) {
    next = w->next;
    hearth__wait_fail(w, "ECANCELED", "the store was restarted before this was done");
    hearth__wait_landed(w);
  }
  return 0;
}

/* set_faults(plan | nil): {latency=, fail={op=, nth=, times=, code=}} */
int hearth__l_store_set_faults(lua_State *L) {
  hearth__plan *p = &hearth__stores_of(L)->plan;
  hearth__plan plan = {.last_due = p->last_due};
  if (lua_istable(L, 1)) {
    lua_getfield(L, 1, "latency");
    plan.latency = lua_tonumber(L, -1);
    if (!(plan.latency >= 0) || !isfinite(plan.latency))
      return hearth__raise(L, "EINVAL", &(hearth__error_fields){.op = "set_faults"},
                           "set_faults: latency is a number of seconds, 0 or more");
    lua_getfield(L, 1, "fail");
    if (lua_istable(L, -1)) {
      lua_getfield(L, -1, "op");
      const char *op = lua_tostring(L, -1);
      lua_getfield(L, -2, "code");
      const char *code = lua_isnil(L, -1) ? "EIO" : lua_tostring(L, -1);
      lua_getfield(L, -3, "nth");
      plan.nth = lua_isnil(L, -1) ? 1 : (int)lua_tointeger(L, -1);
      lua_getfield(L, -4, "times");
      plan.times = lua_isnil(L, -1) ? 1 : lua_tonumber(L, -1) > 1e9 ? 1000000000 : (int)lua_tonumber(L, -1);
      if (!op || (strcmp(op, "read") != 0 && strcmp(op, "write") != 0 && strcmp(op, "open") != 0))
        return hearth__raise(L, "EINVAL", &(hearth__error_fields){.op = "set_faults"},
                             "set_faults: fail.op is \"read\", \"write\" or \"open\"");
      snprintf(plan.op, sizeof plan.op, "%s", op);
      snprintf(plan.code, sizeof plan.code, "%s", code ? code : "EIO");
    }
    plan.active = plan.latency > 0 || plan.op[0];
  }
  *p = plan;
  return 0;
}
