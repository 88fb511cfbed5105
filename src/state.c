/* A Lua state on a runtime's loop: made, found, ended. What belongs to one state ends with it; the loop, the clock, the mailbox and the databases behind
** the stores are shared by all. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <lualib.h>

#include "error.h"
#include "large.h"
#include "luv.h"
#include "module.h"
#include "ref.h"
#include "state.h"

/* ---- small questions */

static const char state_slot = 's';

hearth__state *hearth__find_state(lua_State *L) {
  return hearth__slot_pointer(L, &state_slot);
}

hearth_t *hearth__runtime_of(const hearth__state *s) {
  return s->h;
}

lua_State *hearth__main_of(const hearth__state *s) {
  return s->L;
}

void hearth__at_close(hearth__state *s, hearth__closer *c) {
  c->next = s->closers;
  s->closers = c;
}

/* ---- made */

void hearth__state_offer(hearth__state *s, void *block, size_t size) {
  hearth__blocks_offer(&s->blocks, s->owns_L ? block : NULL, size);
  if (!s->owns_L) hearth__large_free(block, size);
}

static int panic(lua_State *L) {
  const char *text = lua_tostring(L, -1);
  fprintf(stderr, "PANIC: unprotected error in call to Lua API (%s)\n", text ? text : "error object is not a string");
  fflush(stderr);
  return 0;
}

/* As in stock Lua: silent until warn("@on"), and a message may come in pieces. */
static void warn(void *ud, const char *text, int more) {
  hearth__state *s = ud;
  if (!s->warning && !more && *text == '@') {
    if (strcmp(text, "@on") == 0) s->warns = true;
    if (strcmp(text, "@off") == 0) s->warns = false;
    return;
  }
  if (s->warns) fprintf(stderr, "%s%s%s", s->warning ? "" : "Lua warning: ", text, more ? "" : "\n");
  if (s->warns) fflush(stderr);
  s->warning = more;
}

static lua_State *new_lua(hearth__state *s) {
  lua_State *L = lua_newstate(hearth__blocks_resize, &s->blocks);
  if (!L) return NULL;
  lua_atpanic(L, panic);
  lua_setwarnf(L, warn, s);
  return L;
}

/* Fills a new state, protected: light userdata at 1 the state, at 2 its options. */
static int install(lua_State *L) {
  hearth__state *s = lua_touserdata(L, 1);
  const hearth__state_options *options = lua_touserdata(L, 2);
  if (s->owns_L) {
    if (options->flags & HEARTH__NO_ENV) {
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
  s->luv = hearth__luv_offer(L, s->h->loop, s->owns_L);
  if (options->lua_path) {
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "path");
    lua_pushfstring(L, "%s;%s", options->lua_path, lua_tostring(L, -1));
    lua_setfield(L, -3, "path");
  }
  return 0;
}

hearth__state *hearth__state_new(hearth_t *h, const hearth__state_options *options, hearth_error *error) {
  hearth__state *s = calloc(1, sizeof *s);
  if (!s) goto no_memory;
  s->h = h;
  s->turn_end = s->task_class = s->guard_name = s->interrupt = LUA_NOREF;
  s->blocks.limit = options->memory_limit ? options->memory_limit : SIZE_MAX;
#ifndef HEARTH_SANITIZED /* sanitizers are shown every block */
  s->blocks.small = HEARTH__BLOCKS_SMALL;
#endif
  s->L = options->L;
  if (!s->L) {
    s->owns_L = true;
    s->L = new_lua(s);
    if (!s->L) goto no_memory;
  }
  s->next = h->states;
  h->states = s;
  lua_pushcfunction(s->L, install);
  lua_pushlightuserdata(s->L, s);
  lua_pushlightuserdata(s->L, (void *)(uintptr_t)options);
  if (lua_pcall(s->L, 2, 0, 0) == LUA_OK) return s;
  hearth__take_error(s->L, error);
  hearth__close_parts(s);
  hearth__state_close(s);
  return NULL;
no_memory:
  if (s) hearth__blocks_clear(&s->blocks);
  free(s);
  hearth__say_error(error, "EIO", HEARTH__NO_MEMORY);
  return NULL;
}

void hearth__state_rest(hearth__state *s) {
  hearth__trim_pool(s);
  for (hearth__closer *c = s->closers; c; c = c->next)
    if (c->rest) c->rest(c);
}

/* ---- ended */

void hearth__close_parts(hearth__state *s) {
  while (s->closers) {
    hearth__closer *c = s->closers;
    s->closers = c->next;
    if (c->close) c->close(c);
  }
}

/* Answers that have landed and that no task waits for. Those of tasks are let go with their task. */
static void release_ready(hearth__op *op) {
  while (op) {
    hearth__op *next = op->next;
    if (!op->task) op->class_->release(op);
    op = next;
  }
}

static void drop(hearth__state *s) {
  release_ready(s->turn_list);
  release_ready(s->ready_head);
  s->turn_list = s->ready_head = s->ready_tail = NULL;
  s->turn_end_count = 0;
  hearth__tasks_drop(s);
  while (s->settling) {
    hearth__op *op = s->settling;
    s->settling = op->next;
    free(op);
  }
}

void hearth__state_close(hearth__state *s) {
  hearth_t *h = s->h;
  drop(s);
  s->ended = true; /* from here on what becomes ready is released at once */
  if (s->owns_L) {
    uv_run(h->loop, UV_RUN_NOWAIT); /* handles of luv are closed by finalizers: those that are closing already are let finish first */
    bool in_loop = h->in_loop;
    h->in_loop = true; /* finalizers cannot wait */
    lua_close(s->L);
    hearth__blocks_clear(&s->blocks);
    h->in_loop = in_loop;
  }
  s->L = NULL;
  for (; s->holds > 0; s->holds--) hearth__unhold(h);
  free(s->pool);
  s->pool = NULL;
  s->pooled = 0;
  hearth__state **at = &h->states;
  while (*at != s) at = &(*at)->next;
  *at = s->next;
  s->next = h->ended;
  h->ended = s;
}

int hearth__state_end(hearth__state *s) {
  hearth_t *h = s->h;
  bool saved = hearth__flush(h, s);
  hearth__cancel_tasks(h, s);
  if (saved) saved = hearth__flush(h, s);
  hearth__close_parts(s);
  hearth__state_close(s);
  return saved ? 0 : -1;
}
