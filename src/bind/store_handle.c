/* Handles of stores: how what happens on other threads comes to a handle's loop, what Lua may do with it, and its end. It lives as long as its userdata,
** what waits with it and a message on its way need it; its store until it was closed and all that was accepted has landed. */
#include <stdio.h>
#include <stdlib.h>

#include <lauxlib.h>

#include "bind/store.h"
#include "error.h"

/* ---- life */

void hearth__handle_ref(hearth__handle *hd) {
  hd->refs++;
}

void hearth__handle_unref(hearth__handle *hd) {
  if (--hd->refs > 0) return;
  hearth__stores_unref(hd->stores);
  free(hd);
}

/* One reference belongs to the message, posted or not, for as long as there is a store. */
static void message_run(hearth_t *h, hearth__message *m) {
  hearth__handle *hd = (hearth__handle *)m;
  (void)h;
  atomic_store(&hd->posted, false);
  if (hd->store) {
    hearth__handle_ref(hd);
    hearth__store_deliver(hd->store);
  }
  hearth__handle_unref(hd);
}

static void message_drop(hearth__message *m) {
  hearth__handle_unref((hearth__handle *)m);
}

/* Any thread, under the store's lock. */
static void wake(void *arg) {
  hearth__handle *hd = arg;
  atomic_store(&hd->posted, true);
  if (hearth__post(hearth__inbox_of(hd->stores->h), &hd->message) != 0) atomic_store(&hd->posted, false);
}

static void events_came(hearth__store *s, const hearth__events *events) {
  hearth__handle_events(hearth__store_arg(s), events);
}

hearth__handle *hearth__handle_new(hearth__stores *ss) {
  hearth__handle *hd = calloc(1, sizeof *hd);
  if (!hd) return NULL;
  hd->stores = ss;
  hd->refs = 1;
  ss->refs++;
  hd->message.run = message_run;
  hd->message.drop = message_drop;
  return hd;
}

static void forget_handle(hearth__handle *hd) {
  hearth__stores *ss = hd->stores;
  if (hd->prev)
    hd->prev->next = hd->next;
  else if (ss->first == hd)
    ss->first = hd->next;
  else
    return;
  if (hd->next) hd->next->prev = hd->prev;
  hd->next = hd->prev = NULL;
}

void hearth__name_unsaved(void *arg, const hearth__name *name) {
  hearth__handle *hd = arg;
  char text[512];
  snprintf(text, sizeof text, "%s: could not be saved: namespace \"%.*s\", key \"%.*s\"", hearth__store_url(hd->store),
           (int)(name->ns_size > 100 ? 100 : name->ns_size), name->ns, (int)(name->key_size > 200 ? 200 : name->key_size), name->key);
  hearth__report(hd->stores->h, text);
}

/* Gives the store up; what is still queued after `ms` is named. */
void hearth__handle_close(hearth__handle *hd, int ms) {
  if (!hd->store) return;
  hd->closed = true;
  hearth__handle_quiet(hd);
  hearth__timer_stop(hd->stores->h, &hd->expiry);
  hearth__store *s = hd->store;
  hearth__handle_ref(hd);
  hearth__store_close(s, ms, hearth__name_unsaved, hd);
  hd->store = NULL;
  forget_handle(hd);
  if (!atomic_load(&hd->posted)) hd->refs--; /* the message's; ours is still there */
  hearth__handle_unref(hd);
}

void hearth__handle_attach(hearth__handle *hd) {
  hearth__stores *ss = hd->stores;
  hearth__handle_ref(hd); /* the message's */
  hd->next = ss->first;
  if (hd->next) hd->next->prev = hd;
  ss->first = hd;
  hearth__store_attach(hd->store, hearth_loop(ss->h), wake, hd, events_came);
  if (ss->turn) hearth__store_gather(hd->store, hearth__stores_arm);
}

/* ---- as Lua has it */

hearth__handle *hearth__handle_check(lua_State *L, int idx, const char *verb) {
  hearth__handle **box = luaL_testudata(L, idx, HEARTH__STORE_CLASS);
  if (!box) hearth__raise(L, "EINVAL", &(hearth__error_fields){.op = verb}, "%s: call it on a store, with a colon", verb);
  if (!*box || (*box)->closed)
    hearth__raise(L, "ECLOSED", &(hearth__error_fields){.op = verb}, "%s: the store has been closed; open it again", verb);
  return *box;
}

hearth__handle *hearth__handle_bound(lua_State *L, const char *verb) {
  hearth__handle *hd = *(hearth__handle **)lua_touserdata(L, lua_upvalueindex(2));
  if (!hd || hd->closed)
    hearth__raise(L, "ECLOSED", &(hearth__error_fields){.op = verb}, "%s: the store has been closed; open it again", verb);
  return hd;
}

int hearth__bind(lua_State *L, lua_CFunction fn) {
  hearth__handle_check(L, 1, "store:bind");
  luaL_checktype(L, 2, LUA_TSTRING);
  luaL_checkstring(L, 3);
  lua_pushlightuserdata(L, hearth__state_of(L));
  lua_pushvalue(L, 1);
  lua_pushvalue(L, 2);
  lua_pushvalue(L, 3);
  lua_pushcclosure(L, fn, 4);
  return 1;
}

/* ---- close */

static void close_start(hearth__wait *w) {
  hearth__handle *hd = w->handle;
  w->next = hd->closing;
  hd->closing = w;
}

static void barrier_done(hearth__batch *b) {
  hearth__handle *hd = b->user;
  hearth__batch_free(b);
  hd->in_flight--;
  hearth__stores_rest(hd->stores);
  hearth__handle_settle(hd);
  hearth__handle_unref(hd);
}

/* Once everything that was accepted has landed, the store is given up and those who wait for it go on. */
void hearth__handle_settle(hearth__handle *hd) {
  size_t waiting = 0;
  for (hearth__wait *w = hd->closing; w; w = w->next) waiting++;
  if (!hd->closed || waiting == 0 || hd->in_flight > waiting) return;
  hearth__wait *list = hd->closing;
  hd->closing = NULL;
  hearth__handle_close(hd, 2000);
  for (hearth__wait *w = list, *next; w; w = next) {
    next = w->next;
    hearth__wait_landed(w);
  }
}

static int close_push(lua_State *L, hearth__op *op) {
  (void)L;
  (void)op;
  return 0;
}

static const hearth__op_class close_class = {"store:close", close_push, hearth__wait_release};

/* close(): waits for what was accepted. */
int hearth__l_store_close(lua_State *L) {
  hearth__state *s = hearth__state_of(L);
  hearth__handle **box = luaL_checkudata(L, 1, HEARTH__STORE_CLASS);
  hearth__check_await(L, s, close_class.verb);
  hearth__handle *hd = *box;
  if (!hd || !hd->store) return 0;
  hearth__wait *w = hearth__wait_new(L, hd, sizeof *w, &close_class, close_start, hearth__wait_free);
  if (!w) return hearth__no_memory(L);
  bool first = !hd->closed;
  hearth__batch *b = first ? hearth__batch_new(hd->store, 0, 0) : NULL;
  hd->closed = true;
  if (b) { /* answered when everything before it has landed, housekeeping included */
    b->done = barrier_done;
    b->user = hd;
    hd->in_flight++;
    hearth__busy_begin(hd->stores->h);
    hearth__handle_ref(hd);
    hearth__store_submit(hd->store, b);
  }
  hearth__wait_go(w, NULL);
  hearth__handle_settle(hd);
  return hearth__await(L, &w->op);
}

int hearth__l_store_gc(lua_State *L) {
  hearth__handle **box = lua_touserdata(L, 1);
  hearth__handle *hd = *box;
  *box = NULL;
  if (!hd) return 0;
  /* Not closed: it lands what it has and goes with the runtime, or now if nothing is on its way. */
  if (hd->store && !hd->stores->ended && hd->in_flight == 0 && !hd->listeners) hearth__handle_close(hd, 2000);
  hearth__handle_unref(hd);
  return 0;
}
