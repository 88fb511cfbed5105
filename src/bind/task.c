/* hearth.core.task: the raw verbs of tasks, futures, turns and the program's end (docs/internals.md). */
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "error.h"
#include "module.h"
#include "outcome.h"
#include "ref.h"
#include "state.h"

/* can_await() */
static int l_can_await(lua_State *L) {
  lua_pushboolean(L, hearth__can_await(L, hearth__state_of(L)));
  return 1;
}

/* check(verb): raises ENOTASK where an await cannot work, ECANCELED when a cancel is due. */
static int l_check(lua_State *L) {
  hearth__check_await(L, hearth__state_of(L), luaL_checkstring(L, 1));
  return 0;
}

/* future() */
static int l_future(lua_State *L) {
  hearth__future_create(L, hearth__state_of(L));
  return 1;
}

/* is(x) -> "task" | "future" | nil */
static int l_is(lua_State *L) {
  hearth__outcome *o = hearth__to_outcome(L, 1);
  if (!o) return 0;
  lua_pushstring(L, o->kind == &hearth__task_kind ? "task" : "future");
  return 1;
}

/* at_turn_end(fn) */
static int l_at_turn_end(lua_State *L) {
  hearth__state *s = hearth__state_of(L);
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  hearth__ref_push(L, s->turn_end);
  lua_insert(L, 1);
  lua_rawseti(L, 1, s->turn_end_count + 1);
  s->turn_end_count++;
  if (!s->h->driving) hearth__spin(s->h);
  return 0;
}

/* What is guarded from now on has the name at 1. The reference to it is kept for the next time. */
static void name_guard(lua_State *L, hearth__state *s) {
  const void *name = lua_topointer(L, 1);
  if (name == s->guard_named && name) return;
  hearth__unref(L, s->guard_name);
  s->guard_name = LUA_NOREF;
  s->guard_named = NULL;
  lua_pushvalue(L, 1);
  s->guard_name = hearth__ref(L);
  s->guard_named = name;
}

/* render_guard(name | nil) -> old: while set, an await on the calling coroutine is ENOTASK. The reference to a name (or an
** object with __tostring) is kept for the next time. */
static int l_render_guard(lua_State *L) {
  hearth__state *s = hearth__state_of(L);
  lua_settop(L, 1);
  if (s->guarded == L)
    hearth__ref_push(L, s->guard_name);
  else
    lua_pushnil(L);
  s->guarded = NULL;
  if (lua_isnil(L, 1)) return 1;
  name_guard(L, s);
  s->guarded = L;
  return 1;
}

/* guarded(name, handler | nil, fn) -> true | false, err: calls fn() as xpcall does with the handler, or as pcall; meanwhile an await on this
** coroutine is ENOTASK in the render of `name`. In one call, because every flush makes it. */
static int l_guarded(lua_State *L) {
  hearth__state *s = hearth__state_of(L);
  lua_State *before = s->guarded;
  lua_settop(L, 3);
  name_guard(L, s);
  s->guarded = L;
  int status = lua_pcall(L, 0, 0, lua_isnil(L, 2) ? 0 : 2);
  s->guarded = before;
  if (status == LUA_OK) {
    lua_pushboolean(L, true);
    return 1;
  }
  lua_pushboolean(L, false);
  lua_insert(L, 3); /* ok err */
  return 2;
}

/* settle() */

static int settle_push(lua_State *L, hearth__op *op) {
  (void)L;
  (void)op;
  return 0;
}

static void settle_release(hearth__op *op) {
  for (hearth__op **p = &op->state->settling; *p; p = &(*p)->next)
    if (*p == op) {
      *p = op->next;
      break;
    }
  free(op);
}

static const hearth__op_class settle_class = {"settle", settle_push, settle_release};

static int l_settle(lua_State *L) {
  hearth__state *s = hearth__state_of(L);
  hearth__check_await(L, s, settle_class.verb);
  hearth__op *op = malloc(sizeof *op);
  if (!op) return hearth__no_memory(L);
  hearth__op_init(op, &settle_class, s);
  op->next = s->settling;
  s->settling = op;
  hearth__spin(s->h); /* the loop looks at once, however idle it is */
  return hearth__await(L, op);
}

/* report(err [, where]) */
static int l_report(lua_State *L) {
  lua_settop(L, 2);
  hearth__report_value(L, hearth__state_of(L)->h, 1, lua_tostring(L, 2));
  return 0;
}

/* failures() -> how many errors were reported so far */
static int l_failures(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)hearth__state_of(L)->h->failures);
  return 1;
}

/* capture(on): reports are kept for unseen() in place of being said; for test runners. */
static int l_capture(lua_State *L) {
  hearth__capture(hearth__state_of(L)->h, lua_toboolean(L, 1));
  return 0;
}

/* unseen() -> list of the reports that were captured since the last call */
static int l_unseen(lua_State *L) {
  hearth_t *h = hearth__state_of(L)->h;
  lua_Integer n = 0;
  lua_newtable(L);
  for (hearth__said *r = h->said; r; r = r->next) {
    lua_pushstring(L, r->text);
    lua_rawseti(L, -2, ++n);
  }
  hearth__forget_said(h);
  return 1;
}

/* interrupt(err | nil): what the main chunk waits for is given up and err raised there, now or at its next await; nil takes it back. */
static int l_interrupt(lua_State *L) {
  hearth__state *s = hearth__state_of(L);
  lua_settop(L, 1);
  hearth__unref(L, s->interrupt);
  s->interrupt = LUA_NOREF;
  if (!lua_isnil(L, 1)) s->interrupt = hearth__ref(L);
  return 0;
}

/* hold() and unhold(): the program does not end between them. */
static int l_hold(lua_State *L) {
  hearth__state *s = hearth__state_of(L);
  s->holds++;
  hearth__hold(s->h);
  return 0;
}

static int l_unhold(lua_State *L) {
  hearth__state *s = hearth__state_of(L);
  if (s->holds == 0) return luaL_error(L, "unhold: nothing is held");
  s->holds--;
  hearth__unhold(s->h);
  return 0;
}

/* loop() -> light userdata, the uv_loop_t* */
static int l_loop(lua_State *L) {
  lua_pushlightuserdata(L, hearth__state_of(L)->h->loop);
  return 1;
}

/* default_store() -> the URL that the embedder gave, or nil */
static int l_default_store(lua_State *L) {
  lua_pushstring(L, hearth__state_of(L)->h->store);
  return 1;
}

/* flush() -> boolean: runs the loop until everything accepted is saved (at most 2 s). Blocks; for the end of the program. */
static int l_flush(lua_State *L) {
  lua_pushboolean(L, hearth__flush(hearth__state_of(L)->h, NULL));
  return 1;
}

/* at_exit(poll, unsaved): while the runtime ends, poll() is asked until it returns true (nothing is left to save), for at most 2 s; then unsaved()
** returns the names of what was lost, which are reported. */

typedef struct exit_hook {
  hearth__closer closer;
  hearth__state *state;
  int poll, unsaved;
  bool gave_up;
} exit_hook;

static bool exit_poll(hearth__closer *c) {
  exit_hook *e = (exit_hook *)c;
  lua_State *L = e->state->L;
  bool done = true;
  if (!lua_checkstack(L, 4)) return true;
  hearth__ref_push(L, e->poll);
  if (lua_pcall(L, 0, 1, 0) != LUA_OK)
    hearth__report(e->state->h, lua_isstring(L, -1) ? lua_tostring(L, -1) : "error while saving");
  else
    done = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return done;
}

static int say_unsaved(lua_State *L) {
  exit_hook *e = lua_touserdata(L, 1);
  hearth__ref_push(L, e->unsaved);
  lua_call(L, 0, 1);
  if (lua_type(L, -1) != LUA_TTABLE) return 0;
  lua_Integer n = luaL_len(L, -1);
  for (lua_Integer i = 1; i <= n; i++) {
    lua_rawgeti(L, -1, i);
    lua_pushfstring(L, "not saved: %s", luaL_tolstring(L, -1, NULL));
    hearth__report(e->state->h, lua_tostring(L, -1));
    lua_pop(L, 3);
  }
  return 0;
}

static void exit_late(hearth__closer *c) {
  exit_hook *e = (exit_hook *)c;
  lua_State *L = e->state->L;
  if (!lua_checkstack(L, 4)) return;
  lua_pushcfunction(L, say_unsaved);
  lua_pushlightuserdata(L, e);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) lua_pop(L, 1);
}

static void exit_close(hearth__closer *c) {
  free(c);
}

static int l_at_exit(lua_State *L) {
  hearth__state *s = hearth__state_of(L);
  luaL_checktype(L, 1, LUA_TFUNCTION);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  lua_settop(L, 2);
  exit_hook *e = calloc(1, sizeof *e);
  if (!e) return hearth__no_memory(L);
  e->state = s;
  e->closer = (hearth__closer){.flush = exit_poll, .late = exit_late, .close = exit_close};
  e->unsaved = hearth__ref(L);
  e->poll = hearth__ref(L);
  hearth__at_close(s, &e->closer);
  return 0;
}

static const luaL_Reg verbs[] = {{"spawn", hearth__l_spawn},
                                 {"spawner", hearth__l_spawner},
                                 {"start", hearth__l_start},
                                 {"await", hearth__l_await},
                                 {"join", hearth__l_join},
                                 {"values", hearth__l_values},
                                 {"current", hearth__l_current},
                                 {"owner", hearth__l_owner},
                                 {"lend", hearth__l_lend},
                                 {"live", hearth__l_live},
                                 {"traceback", hearth__l_traceback},
                                 {"accept", hearth__l_accept},
                                 {"writer", hearth__l_writer},
                                 {"can_await", l_can_await},
                                 {"check", l_check},
                                 {"future", l_future},
                                 {"is", l_is},
                                 {"at_turn_end", l_at_turn_end},
                                 {"render_guard", l_render_guard},
                                 {"guarded", l_guarded},
                                 {"settle", l_settle},
                                 {"report", l_report},
                                 {"failures", l_failures},
                                 {"capture", l_capture},
                                 {"unseen", l_unseen},
                                 {"interrupt", l_interrupt},
                                 {"hold", l_hold},
                                 {"unhold", l_unhold},
                                 {"loop", l_loop},
                                 {"default_store", l_default_store},
                                 {"flush", l_flush},
                                 {"at_exit", l_at_exit},
                                 {NULL, NULL}};

int hearth__open_task(lua_State *L) {
  hearth__state *s = lua_touserdata(L, 1);
  hearth__new_lib(L, s, verbs);
  hearth__error_metatable(L);
  lua_setfield(L, -2, "error_metatable");
  return 1;
}
