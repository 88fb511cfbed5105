/* hearth.core.store: the stores of a Lua state, their share of the loop's turn and of the runtime's end, and the table of verbs. These are in
** store_open.c, store_handle.c, store_read.c, store_write.c, store_admin.c and store_events.c; their contract is in docs/internals.md. */
#include <stdlib.h>

#include <lauxlib.h>

#include "bind/store.h"
#include "error.h"
#include "module.h"
#include "ref.h"

static const char stores_slot = 's';

hearth__stores *hearth__stores_of(lua_State *L) {
  return hearth__slot_pointer(L, &stores_slot);
}

void hearth__stores_unref(hearth__stores *ss) {
  if (--ss->refs > 0) return;
  hearth__blocks_clear(&ss->waits);
  free(ss->tags);
  free(ss->latency);
  free(ss);
}

void hearth__stores_rest(hearth__stores *ss) {
  if (ss->h) hearth__busy_end(ss->h);
}

/* ---- the turn's end */

static void turn_over(uv_prepare_t *handle) {
  hearth__stores *ss = handle->data;
  uv_prepare_stop(handle);
  for (hearth__handle *hd = ss->first; hd; hd = hd->next)
    if (hd->store) hearth__store_kick(hd->store);
}

void hearth__stores_arm(void *arg) {
  hearth__stores *ss = ((hearth__handle *)arg)->stores;
  if (ss->turn) uv_prepare_start(ss->turn, turn_over);
}

static void turn_closed(uv_handle_t *handle) {
  free(handle);
}

static int turn_new(hearth__stores *ss) {
  ss->turn = calloc(1, sizeof *ss->turn);
  if (!ss->turn) return -1;
  uv_prepare_init(hearth_loop(ss->h), ss->turn);
  uv_unref((uv_handle_t *)ss->turn);
  ss->turn->data = ss;
  return 0;
}

/* ---- small verbs */

static int l_url(lua_State *L) {
  hearth__handle *hd = hearth__handle_check(L, 1, "store:url");
  lua_pushstring(L, hearth__store_url(hd->store));
  return 1;
}

/* id() -> equal for handles of one database; also after it was closed, for as long as it is asked with another open */
static int l_id(lua_State *L) {
  hearth__handle *hd = hearth__handle_check(L, 1, "store:id");
  lua_pushlightuserdata(L, (void *)(uintptr_t)hearth__store_id(hd->store));
  return 1;
}

/* ---- the end of the runtime */

static hearth__stores *of_closer(hearth__closer *c) {
  return (hearth__stores *)(void *)((char *)c - offsetof(hearth__stores, closer));
}

/* Accepted writes reach the disk: those that a test delays start now. */
static bool flush_all(hearth__closer *c) {
  hearth__stores *ss = of_closer(c);
  ss->ended = true;
  while (ss->delayed) {
    hearth__wait *w = ss->delayed;
    hearth__wait_undelay(w);
    hearth__wait_begin(w);
  }
  for (hearth__handle *hd = ss->first; hd; hd = hd->next)
    if (hd->store && hearth__store_pending(hd->store) > 0) return false;
  return ss->opening == 0;
}

static void say_late(hearth__closer *c) {
  hearth__stores *ss = of_closer(c);
  while (ss->first) hearth__handle_close(ss->first, 0);
}

static void close_all(hearth__closer *c) {
  hearth__stores *ss = of_closer(c);
  ss->ended = true;
  hearth__blob_release(ss->lent);
  ss->lent = NULL;
  while (ss->first) hearth__handle_close(ss->first, 100);
  hearth__makings_stop(ss);
  uv_close((uv_handle_t *)ss->turn, turn_closed);
  ss->turn = NULL;
  hearth__timer_stop(ss->h, &ss->sweep);
  ss->h = NULL;
  hearth__stores_unref(ss);
}

enum { WAITS_KEPT = 16 /* chunks of 256 KiB: the waits of 13,000 sets that are issued together */ };

static void rest(hearth__closer *c) {
  hearth__blocks_rest(&of_closer(c)->waits);
}

static const luaL_Reg methods[] = {{"get", hearth__l_store_get},
                                   {"getter", hearth__l_store_getter},
                                   {"setter", hearth__l_store_setter},
                                   {"get_json", hearth__l_store_get_json},
                                   {"read", hearth__l_store_read},
                                   {"read_many", hearth__l_store_read_many},
                                   {"fetch", hearth__l_store_fetch},
                                   {"load", hearth__l_store_load},
                                   {"write", hearth__l_store_write},
                                   {"put_many", hearth__l_store_put_many},
                                   {"apply", hearth__l_store_apply},
                                   {"submit", hearth__l_store_submit},
                                   {"subscribe", hearth__l_store_subscribe},
                                   {"scan", hearth__l_store_scan},
                                   {"namespaces", hearth__l_store_namespaces},
                                   {"usage", hearth__l_store_usage},
                                   {"quarantine", hearth__l_store_quarantine},
                                   {"quarantine_take", hearth__l_store_quarantine_take},
                                   {"purge", hearth__l_store_purge},
                                   {"verify", hearth__l_store_verify},
                                   {"stats", hearth__l_store_stats},
                                   {"backup", hearth__l_store_backup},
                                   {"put_raw", hearth__l_store_put_raw},
                                   {"crash", hearth__l_store_crash},
                                   {"flush", hearth__l_store_flush},
                                   {"close", hearth__l_store_close},
                                   {"url", l_url},
                                   {"id", l_id},
                                   {"__gc", hearth__l_store_gc},
                                   {NULL, NULL}};

static const luaL_Reg functions[] = {{"open", hearth__l_store_open},
                                     {"build", hearth__l_store_build},
                                     {"set_faults", hearth__l_store_set_faults},
                                     {"latency", hearth__l_store_latency},
                                     {NULL, NULL}};

int hearth__open_store(lua_State *L) {
  hearth__state *s = lua_touserdata(L, 1);
  hearth__stores *ss = calloc(1, sizeof *ss);
  if (!ss) return hearth__no_memory(L);
  ss->refs = 1;
  ss->h = hearth__runtime_of(s);
  ss->state = s;
  ss->delayed_tail = &ss->delayed;
  ss->waits.limit = SIZE_MAX;
  ss->waits.keep = WAITS_KEPT;
#ifndef HEARTH_SANITIZED /* sanitizers are shown every block */
  ss->waits.small = HEARTH__BLOCKS_SMALL;
#endif
  ss->closer = (hearth__closer){.flush = flush_all, .late = say_late, .close = close_all, .rest = rest};
  if (turn_new(ss) != 0) {
    free(ss);
    return hearth__no_memory(L);
  }
  hearth__at_close(s, &ss->closer);
  lua_pushlightuserdata(L, ss);
  hearth__slot_set(L, &stores_slot);
  hearth__new_class(L, s, HEARTH__STORE_CLASS, methods);
  lua_pop(L, 1);
  hearth__new_lib(L, s, functions);
  return 1;
}
