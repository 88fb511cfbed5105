/* Tasks as Lua sees them: their methods, the reports about them, and the raw verbs of hearth.core.task that need to look inside. */
#include <lauxlib.h>

#include "error.h"
#include "module.h"
#include "outcome.h"
#include "ref.h"
#include "state.h"
#include "task_internal.h"
#include "traceback.h"

static hearth__task *check_task(lua_State *L, const char *verb) {
  hearth__outcome *o = hearth__to_outcome(L, 1);
  if (!o || o->kind != &hearth__task_kind)
    hearth__raise(L, "EINVAL", &(hearth__error_fields){.op = verb}, "%s: expects a task, got a %s", verb, luaL_typename(L, 1));
  return (hearth__task *)(void *)o;
}

/* task:cancel() -> true, or false when it has ended. */
static int l_cancel(lua_State *L) {
  lua_pushboolean(L, hearth__task_cancel(check_task(L, "cancel")));
  return 1;
}

/* task:cancelled(): did it end by being cancelled? */
static int l_cancelled(lua_State *L) {
  lua_pushboolean(L, check_task(L, "cancelled")->end.status == HEARTH__CANCELLED);
  return 1;
}

/* Pushes the name that was given, or where the task's function is defined. */
static void push_name(lua_State *L, int idx) {
  lua_Debug ar;
  if (lua_getiuservalue(L, idx, HEARTH__UV_NAME) != LUA_TFUNCTION) return;
  lua_getinfo(L, ">S", &ar);
  if (ar.linedefined > 0)
    lua_pushfstring(L, "%s:%d", ar.short_src, ar.linedefined);
  else
    lua_pushliteral(L, "task");
}

/* task:name([s]) -> the name. */
static int l_name(lua_State *L) {
  check_task(L, "name");
  if (!lua_isnoneornil(L, 2)) {
    if (lua_type(L, 2) != LUA_TSTRING)
      return hearth__raise(L, "EINVAL", &(hearth__error_fields){.op = "name"}, "name: expects a string, got a %s", luaL_typename(L, 2));
    lua_pushvalue(L, 2);
    lua_setiuservalue(L, 1, HEARTH__UV_NAME);
  }
  push_name(L, 1);
  return 1;
}

static int l_to_string(lua_State *L) {
  lua_pushfstring(L, "task: %p", lua_topointer(L, 1));
  return 1;
}

const luaL_Reg hearth__task_methods[] = {{"await", hearth__l_await},
                                         {"done", hearth__l_done},
                                         {"on_done", hearth__l_on_done},
                                         {"result", hearth__l_result},
                                         {"cancel", l_cancel},
                                         {"cancelled", l_cancelled},
                                         {"name", l_name},
                                         {"__tostring", l_to_string},
                                         {NULL, NULL}};

/* ---- the end of the program, for verbs that write */

static const char writers_slot = 'w'; /* registry: the functions that are such verbs, a weak set */

bool hearth__task_accepting(const hearth__task *t) {
  return t->accepting;
}

void hearth__accept(hearth__state *s, bool on) {
  if (s->current) hearth__task_set_accepting(s->current, on);
}

void hearth__accepted_is_queued(hearth__state *s) {
  hearth__accept(s, false);
}

void hearth__accept_verbs(lua_State *L, hearth__state *s) {
  if (hearth__slot_push(L, &writers_slot) == LUA_TTABLE)
    for (hearth__task *t = s->live; t; t = t->next) {
      if (t->started || t->cancels) continue;
      hearth__ref_push(L, t->self_ref);
      lua_getiuservalue(L, -1, HEARTH__UV_NAME);
      if (!lua_isnil(L, -1) && lua_rawget(L, -3) != LUA_TNIL) hearth__task_set_accepting(t, true);
      lua_pop(L, 2);
    }
  lua_pop(L, 1);
}

void hearth__report_unsaved(lua_State *L, hearth__state *s) {
  for (hearth__task *t = s->live; t; t = t->next) {
    if (!t->accepting) continue;
    hearth__ref_push(L, t->self_ref);
    push_name(L, lua_gettop(L));
    lua_pushfstring(L, "not saved: what a task was about to write (%s)", lua_tostring(L, -1));
    hearth__report(s->h, lua_tostring(L, -1));
    lua_pop(L, 3);
  }
}

/* accept([on]): the verb that runs has accepted a write, which is queued also if the program ends meanwhile; false: it has nothing more to queue. */
int hearth__l_accept(lua_State *L) {
  hearth__accept(hearth__state_of(L), lua_isnone(L, 1) || lua_toboolean(L, 1));
  return 0;
}

/* writer(fn) -> fn, a verb of which a write is accepted as soon as a task is to begin with it */
int hearth__l_writer(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  hearth__slot_push_weak(L, &writers_slot, "k");
  lua_pushvalue(L, 1);
  lua_pushboolean(L, 1);
  lua_rawset(L, 2);
  lua_settop(L, 1);
  return 1;
}

/* ---- reports */

void hearth__report_failed(lua_State *L, hearth__state *s) {
  hearth__task *next;
  for (hearth__task *t = s->failed; t; t = next) {
    next = t->next;
    if (t->end.heard && !t->end.seen) { /* its on_done functions run in the next turn and may look at it */
      t->end.heard = false;
      continue;
    }
    hearth__task_unlist(t);
    hearth__ref_push(L, t->self_ref);
    hearth__unref(L, t->self_ref);
    t->self_ref = LUA_NOREF;
    if (!t->end.seen) {
      t->end.seen = true;
      push_name(L, lua_gettop(L));
      hearth__outcome_push(L, -2, &t->end);
      hearth__error_text(L, -1);
      lua_getiuservalue(L, -4, HEARTH__UV_TRACEBACK);
      lua_pushfstring(L, "error in a task: %s\n%s", lua_tostring(L, -2), lua_isstring(L, -1) ? lua_tostring(L, -1) : "");
      hearth__report(s->h, lua_tostring(L, -1));
      lua_pop(L, 5);
    }
    lua_pop(L, 1);
  }
}

int hearth__report_stuck(lua_State *L, hearth__state *s) {
  int count = 0;
  for (hearth__task *t = s->live; t; t = t->next, count++) {
    hearth__ref_push(L, t->self_ref);
    push_name(L, lua_gettop(L));
    luaL_traceback(L, t->co, NULL, 0);
    lua_pushfstring(L, "a task waits for ever (%s, in %s): nothing is left that could resume it\n%s", lua_tostring(L, -2),
                    t->op ? t->op->class_->verb : "await", lua_tostring(L, -1));
    hearth__report(s->h, lua_tostring(L, -1));
    lua_pop(L, 4);
  }
  return count;
}

/* ---- raw verbs of hearth.core.task that need to look inside */

/* spawn(fn, ...) -> task */
int hearth__l_spawn(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  hearth__spawn(L, hearth__state_of(L), lua_gettop(L) - 1);
  return 1;
}

/* Upvalues: state, check. */
static int spawn_checked(lua_State *L) {
  if (lua_type(L, 1) != LUA_TFUNCTION) {
    if (lua_gettop(L) == 0) lua_pushnil(L);
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
    lua_replace(L, 1);
  }
  return hearth__l_spawn(L);
}

/* spawner(check) -> spawn, which calls check(fn) -> function for what is none: as it is called by the thousand, it is all C where that is not needed */
int hearth__l_spawner(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushvalue(L, 1);
  lua_pushcclosure(L, spawn_checked, 2);
  return 1;
}

/* start(fn, ...) -> task, which has run until it first waits. */
int hearth__l_start(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  hearth__task *t = hearth__task_new(L, hearth__state_of(L), lua_gettop(L) - 1);
  t->started = true;
  hearth__task_resume(L, t, lua_gettop(t->co) - 1);
  return 1;
}

/* current() -> task | nil: the task whose coroutine calls. */
int hearth__l_current(lua_State *L) {
  hearth__task *t = hearth__state_of(L)->current;
  if (!t || t->co != L) return 0;
  hearth__ref_push(L, t->self_ref);
  return 1;
}

/* owner([id]) -> the owner of the code that runs: an integer, 0 for none. Tasks that it starts inherit it. */
int hearth__l_owner(lua_State *L) {
  hearth__state *s = hearth__state_of(L);
  lua_Integer before = s->owner;
  s->owner = luaL_optinteger(L, 1, before);
  lua_pushinteger(L, before);
  return 1;
}

/* live() -> list of the tasks that have not ended */
int hearth__l_live(lua_State *L) {
  lua_Integer n = 0;
  lua_newtable(L);
  for (hearth__task *t = hearth__state_of(L)->live; t; t = t->next) {
    hearth__ref_push(L, t->self_ref);
    lua_rawseti(L, -2, ++n);
  }
  return 1;
}

/* traceback(task) -> text: where it waits, or where its error left it. */
int hearth__l_traceback(lua_State *L) {
  hearth__task *t = check_task(L, "traceback");
  if (t->co)
    luaL_traceback(L, t->co, NULL, 0);
  else
    lua_getiuservalue(L, 1, HEARTH__UV_TRACEBACK);
  return 1;
}
