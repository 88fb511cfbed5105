/* The runtime's life: made, run, ended. There is one way to end: stop intake, flush, cancel tasks, close what was registered, close the
** mailbox, close the states, close the handles, drain the loop. */
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "error.h"
#include "inbox.h"
#include "state.h"

enum { FLUSH_MS = 2000 };

/* ---- small questions */

lua_State *hearth_lua(hearth_t *h) {
  return h->state->L;
}

uv_loop_t *hearth_loop(hearth_t *h) {
  return h->loop;
}

hearth__inbox *hearth__inbox_of(hearth_t *h) {
  return h->inbox;
}

void hearth__hold(hearth_t *h) {
  if (h->holds++ == 0) uv_ref((uv_handle_t *)&h->wake);
}

void hearth__unhold(hearth_t *h) {
  if (--h->holds == 0) uv_unref((uv_handle_t *)&h->wake);
}

void hearth__busy_begin(hearth_t *h) {
  h->busy++;
  hearth__hold(h);
}

void hearth__busy_end(hearth_t *h) {
  h->busy--;
  hearth__unhold(h);
}

/* ---- made */

static void on_wake(uv_async_t *handle) {
  hearth__inbox_run(handle->data);
}

static int init_handles(hearth_t *h) {
  int err = uv_async_init(h->loop, &h->wake, on_wake);
  if (err) return err;
  h->wake.data = h;
  uv_unref((uv_handle_t *)&h->wake);
  err = hearth__clock_init(h);
  return err ? err : hearth__turn_init(h);
}

static hearth_t *make(const hearth_options *options, const hearth__state_options *lua, hearth_error *error) {
  char text[128];
  const char *why = HEARTH__NO_MEMORY;
  hearth_t *h = calloc(1, sizeof *h);
  if (!h) goto no_runtime;
  h->said_end = &h->said;
  h->on_error = options->on_error;
  h->userdata = options->userdata;
  if (options->store && !(h->store = strdup(options->store))) goto no_loop;
  h->loop = options->loop;
  if (!h->loop) {
    h->loop = &h->own_loop;
    int err = uv_loop_init(h->loop);
    if (err) {
      why = uv_strerror_r(err, text, sizeof text);
      goto no_loop;
    }
  }
  h->inbox = hearth__inbox_new(&h->wake);
  if (!h->inbox) goto no_inbox;
  int err = init_handles(h);
  if (err) { /* the few calls in there fail only when descriptors or memory have run out */
    why = uv_strerror_r(err, text, sizeof text);
    goto no_handles;
  }
  hearth__live_add(h);
  h->state = hearth__state_new(h, lua, error);
  if (h->state) return h;
  hearth_free(h);
  return NULL;
no_handles:
  hearth__inbox_unref(h->inbox);
no_inbox:
  if (h->loop == &h->own_loop) uv_loop_close(h->loop);
no_loop:
  free(h->store);
  free(h);
no_runtime:
  hearth__say_error(error, "EIO", why);
  return NULL;
}

hearth_t *hearth__new(const hearth_options *options, unsigned flags, hearth_error *error) {
  hearth_options known = {0};
  if (options) memcpy(&known, options, options->size && options->size < sizeof known ? options->size : sizeof known);
  return make(&known, &(hearth__state_options){.memory_limit = known.memory_limit, .lua_path = known.lua_path, .flags = flags}, error);
}

hearth_t *hearth__new_in(lua_State *L, const hearth_options *options, hearth_error *error) {
  return make(options, &(hearth__state_options){.L = L}, error);
}

hearth_t *hearth_new(const hearth_options *options, hearth_error *error) {
  return hearth__new(options, 0, error);
}

/* ---- run */

/* Each state, or only the one that is given. */
#define each_state(s, h, only)                         \
  for (hearth__state *s = (h)->states; s; s = s->next) \
    if (!(only) || s == (only))

/* fn(L, s), protected. */
static void call_with(hearth__state *s, lua_CFunction fn) {
  lua_State *L = s->L;
  if (!lua_checkstack(L, 8)) return;
  lua_pushcfunction(L, fn);
  lua_pushlightuserdata(L, s);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) lua_pop(L, 1);
}

/* Status of what has run: negative when an error went unseen. */
static int outcome(hearth_t *h, unsigned before) {
  return h->failures > before ? -1 : 0;
}

static int stuck_protected(lua_State *L) {
  hearth__report_stuck(L, lua_touserdata(L, 1));
  return 0;
}

int hearth_run(hearth_t *h) {
  unsigned before = h->failures;
  while (hearth__alive(h)) hearth__turn(h, true);
  each_state(s, h, NULL) if (s->live) call_with(s, stuck_protected);
  return outcome(h, before);
}

int hearth_poll(hearth_t *h) {
  unsigned before = h->failures;
  hearth__turn(h, false);
  if (outcome(h, before) < 0) return -1;
  return hearth__alive(h);
}

int hearth_backend_fd(const hearth_t *h) {
  return uv_backend_fd(h->loop);
}

int hearth_backend_timeout(const hearth_t *h) {
  if (hearth__pending(h)) return 0;
  hearth_t *held = (hearth_t *)(uintptr_t)h; /* of a loop that nothing keeps alive libuv says 0: call at once */
  hearth__hold(held);
  uv_update_time(h->loop);
  int ms = uv_backend_timeout(h->loop);
  hearth__unhold(held);
  return ms;
}

/* ---- ended */

static int accept_protected(lua_State *L) {
  hearth__accept_verbs(L, lua_touserdata(L, 1));
  return 0;
}

static int unsaved_protected(lua_State *L) {
  hearth__report_unsaved(L, lua_touserdata(L, 1));
  return 0;
}

/* True when no verb has a write to queue, and every part has nothing left to save. */
static bool flushed(hearth_t *h, const hearth__state *only) {
  bool all = true;
  each_state(s, h, only) {
    if (s->accepting > 0) all = false;
    for (hearth__closer *c = s->closers; c; c = c->next)
      if (c->flush && !c->flush(c)) all = false;
  }
  return all;
}

/* Says what is lost. */
static void say_late(hearth_t *h, const hearth__state *only) {
  each_state(s, h, only) {
    if (s->accepting > 0) call_with(s, unsaved_protected);
    for (hearth__closer *c = s->closers; c; c = c->next)
      if (c->late && c->flush && !c->flush(c)) c->late(c);
  }
}

static void on_deadline(uv_timer_t *t) {
  *(bool *)t->data = true;
}

static void on_deadline_closed(uv_handle_t *t) {
  t->data = NULL;
}

bool hearth__flush(hearth_t *h, const hearth__state *only) {
  bool late = false, done;
  uv_timer_t deadline;
  if (h->flushing) return true; /* asked for by a part that is being flushed: it goes on below */
  h->flushing = true;
  each_state(s, h, only) if (s->live) call_with(s, accept_protected);
  done = flushed(h, only);
  if (!done && uv_timer_init(h->loop, &deadline) == 0) {
    deadline.data = &late;
    uv_timer_start(&deadline, on_deadline, FLUSH_MS, 0);
    uv_idle_stop(&h->spin);
    while (!done && !late) {
      hearth__turn(h, true);
      done = flushed(h, only);
    }
    uv_close((uv_handle_t *)&deadline, on_deadline_closed);
    while (deadline.data) uv_run(h->loop, UV_RUN_NOWAIT);
    if (hearth__pending(h) && !h->driving) hearth__spin(h);
    if (!done) say_late(h, only);
  }
  h->flushing = false;
  return done;
}

static int failed_protected(lua_State *L) {
  hearth__report_failed(L, lua_touserdata(L, 1));
  return 0;
}

void hearth__report_all_failed(hearth_t *h) {
  for (int round = 0; round < 2; round++) /* the first passes over those that an on_done function was to look at */
    each_state(s, h, NULL) if (s->failed) call_with(s, failed_protected);
}

void hearth__cancel_tasks(hearth_t *h, const hearth__state *only) {
  /* A task may wait again while it is cancelled, even for a while: it is asked a few times, then dropped. */
  double end = (double)uv_hrtime() / 1e9 + FLUSH_MS / 1e3;
  for (int round = 0; round < 8 && hearth__tasks_live(h, only); round++) {
    each_state(s, h, only) hearth__cancel_all(s);
    for (int turn = 0; turn < 64 && hearth__tasks_live(h, only) && (double)uv_hrtime() / 1e9 < end; turn++) hearth__turn(h, false);
  }
}

static void count_close(uv_handle_t *handle) {
  ((hearth_t *)handle->data)->open_handles--;
}

static void close_handle(hearth_t *h, uv_handle_t *handle) {
  h->open_handles++;
  handle->data = h;
  uv_close(handle, count_close);
}

static void close_stray(uv_handle_t *handle, void *arg) {
  (void)arg;
  if (!uv_is_closing(handle)) uv_close(handle, NULL);
}

static void close_handles(hearth_t *h) {
  uv_handle_t *const ours[] = {(uv_handle_t *)&h->wake, (uv_handle_t *)&h->check, (uv_handle_t *)&h->spin,
                               (uv_handle_t *)&h->clock.heap[0].timer, (uv_handle_t *)&h->clock.heap[1].timer};
  for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) close_handle(h, ours[i]);
  if (h->loop == &h->own_loop) {
    uv_walk(h->loop, close_stray, NULL);
    while (uv_loop_close(h->loop) == UV_EBUSY) uv_run(h->loop, UV_RUN_DEFAULT);
  } else {
    while (h->open_handles > 0 || h->works > 0) uv_run(h->loop, UV_RUN_ONCE);
  }
}

int hearth__end(hearth_t *h) {
  h->interrupt = NULL;
  h->leaving = false;
  hearth__inbox_stop_intake(h); /* what has been taken runs now */
  bool saved = hearth__flush(h, NULL);
  hearth__cancel_tasks(h, NULL);
  if (saved) saved = hearth__flush(h, NULL); /* what tasks wrote on their way out; what is late was named already, once */
  h->closing = true;
  for (hearth__state *s = h->states; s; s = s->next) hearth__close_parts(s);
  hearth__live_remove(h);
  hearth__inbox_close(h->inbox);
  h->in_loop = true; /* finalizers cannot wait */
  while (h->states) hearth__state_close(h->states);
  close_handles(h);
  hearth__inbox_unref(h->inbox);
  hearth__clock_free(h);
  hearth__forget_said(h);
  int status = saved && h->failures == 0 ? 0 : -1;
  while (h->ended) {
    hearth__state *s = h->ended;
    h->ended = s->next;
    free(s);
  }
  free(h->store);
  free(h);
  return status;
}

void hearth_free(hearth_t *h) {
  if (h) hearth__end(h);
}
