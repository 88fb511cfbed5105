/* The runtime's life: made, run, ended. There is one way to end: stop intake, flush, cancel tasks, close what was registered, close the
** mailbox, close the state, close the handles, drain the loop. */
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <lualib.h>

#include "error.h"
#include "inbox.h"
#include "luv.h"
#include "module.h"
#include "ref.h"
#include "state.h"

enum { FLUSH_MS = 2000 };

/* ---- live runtimes: how a foreign thread that calls late gets an error in place of freed memory */

static uv_mutex_t live_lock;
static uv_once_t live_once = UV_ONCE_INIT;
static hearth_t *live;

static void live_init(void) {
  if (uv_mutex_init(&live_lock) != 0) abort();
}

static void live_add(hearth_t *h) {
  uv_once(&live_once, live_init);
  uv_mutex_lock(&live_lock);
  h->next_live = live;
  live = h;
  uv_mutex_unlock(&live_lock);
}

static void live_remove(hearth_t *h) {
  uv_mutex_lock(&live_lock);
  for (hearth_t **p = &live; *p; p = &(*p)->next_live)
    if (*p == h) {
      *p = h->next_live;
      break;
    }
  uv_mutex_unlock(&live_lock);
}

/* Any thread. The mailbox, retained, or NULL when no such runtime is alive. */
static hearth__inbox *live_inbox(const hearth_t *h) {
  hearth__inbox *in = NULL;
  uv_once(&live_once, live_init);
  uv_mutex_lock(&live_lock);
  for (hearth_t *p = live; p; p = p->next_live)
    if (p == h) in = hearth__inbox_retain(p->inbox);
  uv_mutex_unlock(&live_lock);
  return in;
}

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

hearth_t *hearth__runtime_of(const hearth__state *s) {
  return s->h;
}

lua_State *hearth__main_of(const hearth__state *s) {
  return s->L;
}

static const char state_slot = 's';

hearth__state *hearth__find_state(lua_State *L) {
  hearth__slot_push(L, &state_slot);
  hearth__state *s = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return s;
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

void hearth__at_close(hearth_t *h, hearth__closer *c) {
  c->next = h->closers;
  h->closers = c;
}

/* ---- reports */

void hearth__capture(hearth_t *h, bool on) {
  h->capturing = on;
  if (on) hearth__forget_said(h);
}

void hearth__forget_said(hearth_t *h) {
  while (h->said) {
    hearth__said *r = h->said;
    h->said = r->next;
    free(r);
  }
  h->said_end = &h->said;
}

void hearth__report(hearth_t *h, const char *text) {
  if (h->capturing) {
    hearth__said *r = malloc(sizeof *r + strlen(text) + 1);
    if (r) {
      r->next = NULL;
      strcpy(r->text, text);
      *h->said_end = r;
      h->said_end = &r->next;
      return;
    }
  }
  h->failures++;
  if (h->on_error)
    h->on_error(h->userdata, text);
  else
    fprintf(stderr, "hearth: %s\n", text);
}

void hearth__report_value(lua_State *L, hearth_t *h, int idx) {
  idx = lua_absindex(L, idx);
  luaL_tolstring(L, idx, NULL);
  if (hearth__error_code(L, idx)) {
    lua_getfield(L, idx, "traceback");
    if (lua_isstring(L, -1)) {
      lua_pushfstring(L, "%s\n%s", lua_tostring(L, -2), lua_tostring(L, -1));
      lua_replace(L, -3);
    }
    lua_pop(L, 1);
  }
  hearth__report(h, lua_tostring(L, -1));
  lua_pop(L, 1);
}

static void say_error(hearth_error *error, const char *code, const char *message) {
  if (!error) return;
  memset(error, 0, sizeof *error);
  snprintf(error->code, sizeof error->code, "%s", code);
  snprintf(error->message, sizeof error->message, "%s", message);
}

/* Copies the error value at 2 into what a C caller gets, the hearth_error at 1; protected. */
static int copy_error(lua_State *L) {
  hearth_error *error = lua_touserdata(L, 1);
  const char *code = hearth__error_code(L, 2);
  snprintf(error->code, sizeof error->code, "%s", code ? code : "EINVAL");
  if (code) {
    lua_getfield(L, 2, "traceback");
    if (lua_isstring(L, -1)) snprintf(error->traceback, sizeof error->traceback, "%s", lua_tostring(L, -1));
    lua_getfield(L, 2, "message");
  } else {
    luaL_tolstring(L, 2, NULL);
  }
  if (lua_isstring(L, -1)) snprintf(error->message, sizeof error->message, "%s", lua_tostring(L, -1));
  return 0;
}

/* Pops the error value on top, and says it to a C caller. */
static void take_error(lua_State *L, hearth_error *error) {
  if (error) {
    say_error(error, "EIO", "not enough memory");
    lua_pushcfunction(L, copy_error);
    lua_pushlightuserdata(L, error);
    lua_pushvalue(L, -3);
    if (lua_pcall(L, 2, 0, 0) != LUA_OK) lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

/* ---- made */

static void *allocate(void *ud, void *ptr, size_t old, size_t size) {
  hearth_t *h = ud;
  if (!ptr) old = 0;
  if (size == 0) {
    h->memory -= old;
    free(ptr);
    return NULL;
  }
  if (h->memory_limit && size > old && h->memory + (size - old) > h->memory_limit) return NULL;
  void *p = realloc(ptr, size);
  if (p) h->memory += size - old;
  return p;
}

static void on_wake(uv_async_t *handle) {
  hearth__inbox_run(handle->data);
}

static int init_handles(hearth_t *h) {
  int err = uv_async_init(h->loop, &h->wake, on_wake);
  if (err) return err;
  h->wake.data = h;
  uv_unref((uv_handle_t *)&h->wake);
  if (!err) err = hearth__clock_init(h);
  if (!err) err = hearth__turn_init(h);
  return err;
}

/* The Lua side of a new runtime, protected: light userdata at 1 the state, at 2 the text `lua_path` (may be NULL). */
static int install(lua_State *L) {
  hearth__state *s = lua_touserdata(L, 1);
  if (s->owns_L) {
    if (lua_toboolean(L, 3)) {
      lua_pushboolean(L, 1);
      lua_setfield(L, LUA_REGISTRYINDEX, "LUA_NOENV");
    }
    luaL_openlibs(L);
  }
  lua_pushlightuserdata(L, s);
  hearth__slot_set(L, &state_slot);
  lua_newtable(L);
  s->turn_end = hearth__ref(L);
  hearth__modules_install(L, s);
  hearth__exit_install(L, s);
  hearth__luv_offer(L, s->h->loop);
  const char *lua_path = lua_touserdata(L, 2);
  if (lua_path) {
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "path");
    lua_pushfstring(L, "%s;%s", lua_path, lua_tostring(L, -1));
    lua_setfield(L, -3, "path");
  }
  return 0;
}

static hearth_t *make(lua_State *L, const hearth_options *options, unsigned flags, hearth_error *error) {
  hearth_t *h = calloc(1, sizeof *h);
  hearth__state *s = calloc(1, sizeof *s);
  bool loop_open = false;
  const char *why = "not enough memory";
  if (!h || !s) goto fail;
  h->state = s;
  s->h = h;
  s->turn_end = s->guard_name = s->interrupt = LUA_NOREF;
  h->said_end = &h->said;
  h->on_error = options->on_error;
  h->userdata = options->userdata;
  h->memory_limit = options->memory_limit;
  if (options->store && !(h->store = strdup(options->store))) goto fail;
  h->loop = options->loop;
  if (!h->loop) {
    h->loop = &h->own_loop;
    int err = uv_loop_init(h->loop);
    if (err) {
      why = uv_strerror(err);
      goto fail;
    }
  }
  loop_open = true;
  h->inbox = hearth__inbox_new(&h->wake);
  if (!h->inbox) goto fail;
  s->L = L;
  if (!L) {
    s->owns_L = true;
    s->L = L = options->memory_limit ? lua_newstate(allocate, h) : luaL_newstate();
    if (!L) goto fail;
  }
  int err = init_handles(h);
  if (err) {
    why = uv_strerror(err);
    goto fail; /* the few calls in there fail only when descriptors or memory have run out */
  }
  lua_pushcfunction(L, install);
  lua_pushlightuserdata(L, s);
  lua_pushlightuserdata(L, (void *)(uintptr_t)options->lua_path);
  live_add(h);
  lua_pushboolean(L, flags & HEARTH__NO_ENV);
  if (lua_pcall(L, 3, 0, 0) != LUA_OK) {
    take_error(L, error);
    hearth_free(h);
    return NULL;
  }
  return h;
fail:
  say_error(error, "EIO", why);
  if (s && s->owns_L && s->L) lua_close(s->L);
  if (h && h->inbox) hearth__inbox_unref(h->inbox);
  if (loop_open && h->loop == &h->own_loop) uv_loop_close(h->loop);
  if (h) free(h->store);
  free(h);
  free(s);
  return NULL;
}

hearth_t *hearth__new(const hearth_options *options, unsigned flags, hearth_error *error) {
  hearth_options known = {0};
  if (options) memcpy(&known, options, options->size && options->size < sizeof known ? options->size : sizeof known);
  return make(NULL, &known, flags, error);
}

hearth_t *hearth__new_in(lua_State *L, const hearth_options *options, hearth_error *error) {
  return make(L, options, 0, error);
}

hearth_t *hearth_new(const hearth_options *options, hearth_error *error) {
  return hearth__new(options, 0, error);
}

/* ---- run */

/* Status of what has run: negative when an error went unseen. */
static int outcome(hearth_t *h, unsigned before) {
  return h->failures > before ? -1 : 0;
}

static int stuck_protected(lua_State *L) {
  hearth__report_stuck(L, lua_touserdata(L, 1));
  return 0;
}

static void report_stuck(hearth_t *h) {
  lua_State *L = h->state->L;
  if (!h->state->live) return;
  lua_pushcfunction(L, stuck_protected);
  lua_pushlightuserdata(L, h->state);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) lua_pop(L, 1);
}

int hearth_run(hearth_t *h) {
  unsigned before = h->failures;
  while (hearth__alive(h)) hearth__turn(h, true);
  report_stuck(h);
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
  const hearth__state *s = h->state;
  return s->ready_head || s->turn_end_count > 0 || s->failed ? 0 : uv_backend_timeout(h->loop);
}

/* Message handler of a main chunk: adds where it happened. */
static int with_traceback(lua_State *L) {
  if (!hearth__error_code(L, 1)) {
    const char *text = lua_tostring(L, 1);
    if (!text) return 1;
    hearth__error_push(L, "EINVAL", NULL, "%s", text);
    lua_replace(L, 1);
  }
  lua_getfield(L, 1, "traceback");
  if (lua_isnil(L, -1)) {
    luaL_traceback(L, L, NULL, 1);
    lua_setfield(L, 1, "traceback");
  }
  lua_settop(L, 1);
  return 1;
}

typedef struct chunk {
  const char *path, *text, *name;
} chunk;

static int load_chunk(lua_State *L) {
  const chunk *c = lua_touserdata(L, 1);
  int status = c->path ? luaL_loadfile(L, c->path) : luaL_loadbuffer(L, c->text, strlen(c->text), c->name ? c->name : c->text);
  return status == LUA_OK ? 1 : lua_error(L);
}

static int run_chunk(hearth_t *h, chunk c, hearth_error *error) {
  lua_State *L = h->state->L;
  lua_pushcfunction(L, with_traceback);
  int handler = lua_gettop(L);
  lua_pushcfunction(L, load_chunk);
  lua_pushlightuserdata(L, &c);
  int status = lua_pcall(L, 1, 1, 0); /* a chunk that does not load has no traceback */
  if (status == LUA_OK) status = lua_pcall(L, 0, 0, handler);
  lua_remove(L, handler);
  if (status == LUA_OK) return 0;
  take_error(L, error);
  return -1;
}

int hearth_do_file(hearth_t *h, const char *path, hearth_error *error) {
  return run_chunk(h, (chunk){.path = path}, error);
}

int hearth_do_string(hearth_t *h, const char *text, const char *name, hearth_error *error) {
  return run_chunk(h, (chunk){.text = text, .name = name}, error);
}

/* ---- calls from other threads */

typedef struct call {
  hearth__message message;
  void (*fn)(hearth_t *h, void *arg);
  void *arg;
} call;

static void call_run(hearth_t *h, hearth__message *m) {
  call *c = (call *)m;
  void (*fn)(hearth_t *, void *) = c->fn;
  void *arg = c->arg;
  free(c);
  fn(h, arg);
}

static void call_drop(hearth__message *m) {
  free(m);
}

int hearth_call_threadsafe(hearth_t *h, void (*fn)(hearth_t *h, void *arg), void *arg) {
  hearth__inbox *in = live_inbox(h);
  if (!in) return -1;
  int status = -1;
  call *c = calloc(1, sizeof *c);
  if (c) {
    *c = (call){.message = {.run = call_run, .drop = call_drop}, .fn = fn, .arg = arg};
    status = hearth__post_foreign(in, &c->message);
    if (status != 0) free(c);
  }
  hearth__inbox_unref(in);
  return status;
}

/* ---- ended */

/* True when every part has nothing left to save. */
static bool flushed(hearth_t *h) {
  bool all = true;
  for (hearth__closer *c = h->closers; c; c = c->next)
    if (c->flush && !c->flush(c)) all = false;
  return all;
}

static void on_deadline(uv_timer_t *t) {
  *(bool *)t->data = true;
}

static void on_deadline_closed(uv_handle_t *t) {
  t->data = NULL;
}

bool hearth__flush(hearth_t *h) {
  bool late = false, done;
  uv_timer_t deadline;
  if (h->flushing) return true; /* asked for by a part that is being flushed: it goes on below */
  h->flushing = true;
  done = flushed(h);
  if (!done && uv_timer_init(h->loop, &deadline) == 0) {
    deadline.data = &late;
    uv_timer_start(&deadline, on_deadline, FLUSH_MS, 0);
    uv_idle_stop(&h->spin);
    while (!done && !late) {
      hearth__turn(h, true);
      done = flushed(h);
    }
    uv_close((uv_handle_t *)&deadline, on_deadline_closed);
    while (deadline.data) uv_run(h->loop, UV_RUN_NOWAIT);
    if (h->state->ready_head && !h->driving) hearth__spin(h);
    for (hearth__closer *c = h->closers; c && !done; c = c->next)
      if (c->late && c->flush && !c->flush(c)) c->late(c);
  }
  h->flushing = false;
  return done;
}

void hearth__cancel_tasks(hearth_t *h) {
  /* A task may wait again while it is cancelled, even for a while: it is asked a few times, then dropped. */
  double end = (double)uv_hrtime() / 1e9 + FLUSH_MS / 1e3;
  for (int round = 0; round < 8 && h->state->live; round++) {
    hearth__cancel_all(h->state);
    for (int turn = 0; turn < 64 && h->state->live && (double)uv_hrtime() / 1e9 < end; turn++) hearth__turn(h, false);
  }
}

void hearth__close_parts(hearth_t *h) {
  while (h->closers) {
    hearth__closer *c = h->closers;
    h->closers = c->next;
    if (c->close) c->close(c);
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

/* Handles of luv are closed by its own finalizers while the state is closed: those that are closing already are let finish first. */
static void close_state(hearth_t *h) {
  hearth__state *s = h->state;
  h->in_loop = true; /* finalizers cannot wait */
  if (!s->owns_L) return;
  uv_run(h->loop, UV_RUN_NOWAIT);
  lua_close(s->L);
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
  hearth__state *s = h->state;
  h->interrupt = NULL;
  h->leaving = false;
  hearth__inbox_stop_intake(h->inbox);
  bool saved = hearth__flush(h);
  hearth__cancel_tasks(h);
  if (saved) saved = hearth__flush(h); /* what tasks wrote on their way out; what is late was named already, once */
  h->closing = true;
  hearth__close_parts(h);
  live_remove(h);
  hearth__inbox_close(h->inbox);
  hearth__state_drop(s);
  close_state(h);
  close_handles(h);
  hearth__inbox_unref(h->inbox);
  hearth__clock_free(h);
  hearth__forget_said(h);
  int status = saved && h->failures == 0 ? 0 : -1;
  free(h->store);
  free(s);
  free(h);
  return status;
}

void hearth_free(hearth_t *h) {
  if (h) hearth__end(h);
}
