/* Hearing of changes: subscribe. While somebody listens, other processes' commits are noticed by watching the file that they touch, and by a
** slow look as the safety net; and records are removed when they expire, which is an event like any other. */
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "bind/store.h"
#include "error.h"
#include "module.h"
#include "ref.h"

static const double poll_seconds = 1, tag_seconds = 0.02, max_wait = 86400;

/* ---- tags: anchored a little longer than their batch, for handles of this state that hear of it a moment later */

static void sweep(hearth_t *h, hearth__timer *t) {
  hearth__stores *ss = (hearth__stores *)(void *)((char *)t - offsetof(hearth__stores, sweep));
  (void)h;
  hearth__tags_free(ss);
}

void hearth__tags_free(hearth__stores *ss) {
  lua_State *L = hearth__main_of(ss->state);
  for (size_t i = 0; i < ss->n_tags; i++) hearth__unref(L, ss->tags[i]);
  ss->n_tags = 0;
}

void hearth__tag_later(hearth__stores *ss, int ref) {
  if (!ss->h) return; /* goes with the Lua state */
  if (ss->n_tags == ss->room_tags) {
    size_t room = ss->room_tags ? ss->room_tags * 2 : 32;
    int *grown = realloc(ss->tags, room * sizeof *grown);
    if (!grown) return;
    ss->tags = grown;
    ss->room_tags = room;
  }
  ss->tags[ss->n_tags++] = ref;
  ss->sweep.fire = sweep;
  if (ss->n_tags == 1) hearth__timer_start(ss->h, &ss->sweep, tag_seconds, HEARTH__TIMER_UNREF | HEARTH__TIMER_REAL);
}

/* ---- delivery */

static bool is_ours(const hearth__stores *ss, const hearth__store *source) {
  for (const hearth__handle *hd = ss->first; hd; hd = hd->next)
    if (hd->store == source) return true;
  return false;
}

static void push_event(lua_State *L, const hearth__stores *ss, const hearth__event *ev) {
  lua_createtable(L, 0, 11);
  lua_pushlstring(L, ev->ns->bytes, ev->ns->size);
  lua_setfield(L, -2, "ns");
  lua_pushlstring(L, ev->key->bytes, ev->key->size);
  lua_setfield(L, -2, "key");
  if (ev->value) {
    lua_pushlstring(L, ev->value->bytes, ev->value->size);
    lua_setfield(L, -2, "value");
    lua_pushstring(L, ev->kind == HEARTH__JSON ? "json" : "text");
    lua_setfield(L, -2, "kind");
    lua_pushinteger(L, ev->version);
    lua_setfield(L, -2, "version");
    lua_pushnumber(L, (lua_Number)ev->updated_at / 1000);
    lua_setfield(L, -2, "updated_at");
  }
  if (ev->old) {
    lua_pushlstring(L, ev->old->bytes, ev->old->size);
    lua_setfield(L, -2, "old");
  }
  if (ev->expires_at) {
    lua_pushnumber(L, (lua_Number)ev->expires_at / 1000);
    lua_setfield(L, -2, "expires_at");
  }
  if (ev->same) {
    lua_pushboolean(L, 1);
    lua_setfield(L, -2, "same");
  }
  lua_pushinteger(L, ev->revision);
  lua_setfield(L, -2, "revision");
  lua_pushstring(L, ev->source ? "local" : "remote");
  lua_setfield(L, -2, "source");
  if (ev->tag && is_ours(ss, ev->source)) {
    hearth__ref_push(L, (int)ev->tag);
    lua_setfield(L, -2, "tag");
  }
}

/* A note to one listener; what it says is pushed at the top of the loop. */
typedef struct note {
  hearth__op op;
  hearth__handle *handle;
  hearth__events *events;
} note;

static int note_push(lua_State *L, hearth__op *op) {
  note *n = (note *)op;
  lua_createtable(L, (int)n->events->n, 0);
  for (size_t i = 0; i < n->events->n; i++) {
    push_event(L, n->handle->stores, &n->events->list[i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

static void note_release(hearth__op *op) {
  note *n = (note *)op;
  hearth__events_release(n->events);
  hearth__handle_unref(n->handle);
  free(n);
}

static const hearth__op_class note_class = {"store:subscribe", note_push, note_release};

/* The function behind a reference becomes the callback of a new note. Protected: making the reference may run out of memory. */
static int call_listener(lua_State *L) {
  hearth__handle *hd = lua_touserdata(L, 1);
  hearth__events *events = lua_touserdata(L, 2);
  hearth__ref_push(L, (int)lua_tointeger(L, 3));
  note *n = calloc(1, sizeof *n);
  if (!n) return hearth__no_memory(L);
  hearth__op_init(&n->op, &note_class, hd->stores->state);
  n->handle = hd;
  n->events = events;
  hearth__handle_ref(hd);
  hearth__events_retain(events);
  hearth__callback(L, -1, &n->op);
  hearth__op_done(&n->op);
  return 0;
}

static void arm_expiry(hearth__handle *hd);

void hearth__handle_events(hearth__handle *hd, const hearth__events *events) {
  hearth__stores *ss = hd->stores;
  if (!ss->h) return;
  lua_State *L = hearth__main_of(ss->state);
  for (hearth__listener *l = hd->listeners; l; l = l->next) {
    if (!lua_checkstack(L, 8)) continue;
    lua_pushcfunction(L, call_listener);
    lua_pushlightuserdata(L, hd);
    lua_pushlightuserdata(L, (void *)(uintptr_t)events);
    lua_pushinteger(L, l->fn);
    if (lua_pcall(L, 3, 0, 0) != LUA_OK) {
      hearth__report(ss->h, "a change could not be told: out of memory");
      lua_pop(L, 1);
    }
  }
  for (size_t i = 0; i < events->n; i++)
    if (events->list[i].expires_at && (hd->next_expiry == 0 || events->list[i].expires_at < hd->next_expiry)) {
      hd->next_expiry = events->list[i].expires_at;
      arm_expiry(hd);
    }
}

/* ---- expiry: the store is asked for what expires next, and to remove it then */

typedef struct next_job {
  hearth__job job;
  hearth__handle *handle;
  int64_t at;
} next_job;

static int next_take(void *arg, const hearth__name *name, const hearth__record *r) {
  (void)name;
  ((next_job *)arg)->at = r->expires_at;
  return 1;
}

static int next_run(hearth__job *j, hearth__engine *e) {
  return e->class_->expiring(e, j->conn, INT64_MAX, 1, next_take, j, &j->fault) < 0 ? -1 : 0;
}

static void next_done(hearth__job *j) {
  next_job *n = (next_job *)j;
  hearth__handle *hd = n->handle;
  if (!j->fault.code && hd->store && !hd->closed && hd->listeners && n->at && (hd->next_expiry == 0 || n->at < hd->next_expiry)) {
    hd->next_expiry = n->at;
    arm_expiry(hd);
  }
  hearth__handle_unref(hd);
  free(n);
}

static void ask_next(hearth__handle *hd) {
  next_job *n = calloc(1, sizeof *n);
  if (!n) return;
  n->job.run = next_run;
  n->job.done = next_done;
  n->job.after_writes = true;
  n->handle = hd;
  hearth__handle_ref(hd);
  hearth__store_run(hd->store, &n->job);
}

static void expire(hearth_t *h, hearth__timer *t) {
  hearth__handle *hd = (hearth__handle *)(void *)((char *)t - offsetof(hearth__handle, expiry));
  (void)h;
  if (!hd->store || hd->closed) return;
  int64_t now = hearth__wall_ms(hd->stores->h);
  if (now < hd->next_expiry) {
    arm_expiry(hd);
    return;
  }
  hd->next_expiry = 0;
  hearth__store_purge(hd->store, now);
  ask_next(hd);
}

static void arm_expiry(hearth__handle *hd) {
  hearth__stores *ss = hd->stores;
  double left = (double)(hd->next_expiry - hearth__wall_ms(ss->h)) / 1000;
  hd->expiry.fire = expire;
  hearth__timer_stop(ss->h, &hd->expiry);
  hearth__timer_start(ss->h, &hd->expiry, left < 0 ? 0 : left > max_wait ? max_wait : left, HEARTH__TIMER_UNREF);
}

/* ---- other processes */

static void notice_came(uv_fs_event_t *handle, const char *filename, int events, int status) {
  hearth__handle *hd = handle->data;
  (void)filename;
  (void)events;
  (void)status;
  if (hd && hd->store && !hd->closed) hearth__store_poll(hd->store);
}

static void slow_look(hearth_t *h, hearth__timer *t) {
  hearth__handle *hd = (hearth__handle *)(void *)((char *)t - offsetof(hearth__handle, poll));
  if (!hd->store || hd->closed || !hd->listeners) return;
  hearth__store_poll(hd->store);
  hearth__timer_start(h, t, poll_seconds, HEARTH__TIMER_UNREF | HEARTH__TIMER_REAL);
}

static void notice_closed(uv_handle_t *handle) {
  free(handle);
}

static void start_hearing(hearth__handle *hd) {
  hearth__stores *ss = hd->stores;
  const char *path = hearth__store_notice(hd->store);
  hearth__store_listen(hd->store, true);
  if (path && (hd->notice = calloc(1, sizeof *hd->notice)) != NULL) {
    hd->notice->data = hd;
    uv_fs_event_init(hearth_loop(ss->h), hd->notice);               /* never fails */
    if (uv_fs_event_start(hd->notice, notice_came, path, 0) != 0) { /* no watches left: the slow look remains */
      uv_close((uv_handle_t *)hd->notice, notice_closed);
      hd->notice = NULL;
    } else
      uv_unref((uv_handle_t *)hd->notice);
  }
  if (hearth__store_has_others(hd->store)) {
    hd->poll.fire = slow_look;
    hearth__timer_start(ss->h, &hd->poll, poll_seconds, HEARTH__TIMER_UNREF | HEARTH__TIMER_REAL);
  }
  ask_next(hd);
}

static void stop_hearing(hearth__handle *hd) {
  hearth__stores *ss = hd->stores;
  if (hd->store) hearth__store_listen(hd->store, false);
  if (ss->h) {
    hearth__timer_stop(ss->h, &hd->poll);
    hearth__timer_stop(ss->h, &hd->expiry);
  }
  hd->next_expiry = 0;
  if (hd->notice) {
    hd->notice->data = NULL;
    uv_close((uv_handle_t *)hd->notice, notice_closed);
    hd->notice = NULL;
  }
}

static void drop_listener(hearth__handle *hd, hearth__listener *l) {
  hearth__listener **at = &hd->listeners;
  while (*at != l) at = &(*at)->next;
  *at = l->next;
  if (hd->stores->h) hearth__unref(hearth__main_of(hd->stores->state), l->fn);
  free(l);
}

void hearth__handle_quiet(hearth__handle *hd) {
  bool any = hd->listeners != NULL;
  while (hd->listeners) drop_listener(hd, hd->listeners);
  if (any) stop_hearing(hd);
}

/* ---- subscribe */

/* Upvalues: state, the store's userdata, the listener. */
static int unsubscribe(lua_State *L) {
  hearth__handle *hd = *(hearth__handle **)lua_touserdata(L, lua_upvalueindex(2));
  hearth__listener *mine = lua_touserdata(L, lua_upvalueindex(3));
  if (!hd || !mine) return 0;
  for (hearth__listener *l = hd->listeners; l; l = l->next)
    if (l == mine) {
      drop_listener(hd, l);
      if (!hd->listeners) stop_hearing(hd);
      break;
    }
  lua_pushnil(L);
  lua_replace(L, lua_upvalueindex(3));
  return 0;
}

/* subscribe(fn) -> unsubscribe */
int hearth__l_store_subscribe(lua_State *L) {
  hearth__handle *hd = hearth__handle_check(L, 1, "store:subscribe");
  luaL_checktype(L, 2, LUA_TFUNCTION);
  hearth__listener *l = calloc(1, sizeof *l);
  if (!l) return hearth__no_memory(L);
  lua_pushvalue(L, 2);
  l->fn = hearth__ref(L);
  lua_pushlightuserdata(L, hearth__state_of(L));
  lua_pushvalue(L, 1);
  lua_pushlightuserdata(L, l);
  lua_pushcclosure(L, unsubscribe, 3);
  bool first = hd->listeners == NULL;
  hearth__listener **at = &hd->listeners; /* told in the order in which they came */
  while (*at) at = &(*at)->next;
  *at = l;
  if (first) start_hearing(hd);
  return 1;
}
