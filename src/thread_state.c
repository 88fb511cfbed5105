/* A function on a worker thread: a Lua state of its own, what `require "hearth"` gives there, and its errors. The owner's lua_State is never touched. */
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <lualib.h>

#include "error.h"
#include "inbox.h"
#include "module.h"
#include "outcome.h"
#include "ref.h"
#include "thread_internal.h"
#include "traceback.h"

enum { HOOK_EVERY = 1000 };

static char job_slot; /* of a worker's state: the job that it is for */

static hearth__job *job_of(lua_State *L) {
  return hearth__slot_pointer(L, &job_slot);
}

/* A pcall may swallow the error. From the second time on it is raised at each instruction, so that it gets out of every loop. */
static void on_hook(lua_State *L, lua_Debug *ar) {
  hearth__job *j = job_of(L);
  (void)ar;
  if (!atomic_load(&j->cancelled)) return;
  if (j->stops++ > 0) lua_sethook(L, on_hook, LUA_MASKCOUNT, 1);
  luaL_error(L, "cancelled");
}

static int w_call(lua_State *L) {
  return hearth__call_by_name(L, job_of(L));
}

static int w_resolve(lua_State *L) {
  return hearth__remote_settle_at(L, "resolve_future", true);
}

static int w_reject(lua_State *L) {
  return hearth__remote_settle_at(L, "reject_future", false);
}

static int w_now(lua_State *L) {
  lua_pushnumber(L, (double)uv_hrtime() / 1e9);
  return 1;
}

static int w_is_cancelled(lua_State *L) {
  const char *code = hearth__error_code(L, 1);
  lua_pushboolean(L, code && strcmp(code, "ECANCELED") == 0);
  return 1;
}

/* refuse(verb): raises that it is for the runtime's own thread. */
static int w_refuse(lua_State *L) {
  return hearth__not_on_a_worker(L, luaL_checkstring(L, 1));
}

static int w_cancelled(lua_State *L) {
  lua_pushboolean(L, atomic_load(&job_of(L)->cancelled));
  return 1;
}

static int w_exit(lua_State *L) {
  return hearth__raise(L, "EINVAL", &(hearth__error_fields){.op = "os.exit"},
                       "os.exit: a worker thread cannot end the process; return, or call_threadsafe a function that does");
}

static const luaL_Reg worker_verbs[] = {{"call_threadsafe", w_call},
                                        {"resolve_future", w_resolve},
                                        {"reject_future", w_reject},
                                        {"cancelled", w_cancelled},
                                        {"is_cancelled", w_is_cancelled},
                                        {"now", w_now},
                                        {"refuse", w_refuse},
                                        {NULL, NULL}};

/* The message handler: notes where the error at 1 was raised. It travels as it is; what cannot travel does so as text. */
static int keep_traceback(lua_State *L) {
  hearth__job *j = job_of(L);
  j->ours = hearth__error_code(L, 1) != NULL;
  bool classy = !j->ours && lua_istable(L, 1) && luaL_getmetafield(L, 1, "__tostring") != LUA_TNIL;
  if (classy) hearth__error_text(L, 1); /* its class stays here */
  luaL_traceback(L, L, classy ? lua_tostring(L, -1) : NULL, 1);
  free(j->traceback);
  j->traceback = strdup(lua_tostring(L, -1));
  if (j->ours && lua_getfield(L, 1, "traceback") == LUA_TNIL) {
    lua_pop(L, 1);
    lua_setfield(L, 1, "traceback");
  }
  int type = lua_type(L, 1);
  if (type == LUA_TFUNCTION || type == LUA_TTHREAD || type == LUA_TUSERDATA)
    luaL_tolstring(L, 1, NULL);
  else
    lua_settop(L, 1);
  return 1;
}

static int set_up(lua_State *L) {
  luaL_openlibs(L);
  hearth__modules_worker(L);
  lua_getglobal(L, "os");
  lua_pushcfunction(L, w_exit);
  lua_setfield(L, -2, "exit");
  lua_pushvalue(L, 1);
  hearth__slot_set(L, &job_slot);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  luaL_newlib(L, worker_verbs);
  lua_setfield(L, -2, "hearth.core.worker");
  lua_settop(L, 1);
  lua_sethook(L, on_hook, LUA_MASKCOUNT, HOOK_EVERY);
  return 0;
}

static int pack_results(lua_State *L) {
  hearth__job *j = job_of(L);
  hearth__parcel_pack(L, 1, &j->values, HEARTH__THREAD_VERB, j->ok ? "result" : "error");
  return 0;
}

/* Loads, builds the arguments, calls: leaves the results, or an error, as the only values on the stack. */
static int run_protected(lua_State *L) {
  hearth__job *j = lua_touserdata(L, 1);
  lua_settop(L, 0);
  if (luaL_loadbufferx(L, j->code, j->code_size, "=" HEARTH__THREAD_VERB, "b") != LUA_OK) return lua_error(L);
  const char *upvalue = "";
  for (int i = 1; upvalue; i++) { /* each was the owner's table of globals */
    lua_pushglobaltable(L);
    upvalue = lua_setupvalue(L, 1, i);
  }
  lua_settop(L, 1);
  int n = hearth__parcel_push(L, &j->values);
  hearth__parcel_free(&j->values);
  lua_call(L, n, LUA_MULTRET);
  return lua_gettop(L);
}

void hearth__job_run(hearth__job *j) {
  lua_State *L = luaL_newstate();
  if (!L) return;
  lua_pushcfunction(L, set_up);
  lua_pushlightuserdata(L, j);
  if (lua_pcall(L, 1, 0, 0) == LUA_OK) {
    lua_pushcfunction(L, keep_traceback);
    lua_pushcfunction(L, run_protected);
    lua_pushlightuserdata(L, j);
    j->ok = lua_pcall(L, 1, LUA_MULTRET, 1) == LUA_OK;
    lua_remove(L, 1);
    hearth__parcel_free(&j->values);
    lua_pushcfunction(L, pack_results);
    lua_insert(L, 1);
    lua_sethook(L, NULL, 0, 0);
    if (lua_pcall(L, lua_gettop(L) - 1, 0, 0) != LUA_OK) { /* what came out cannot travel: that error can */
      j->ok = false;
      j->ours = true;
      lua_pushcfunction(L, pack_results);
      lua_insert(L, 1);
      if (lua_pcall(L, 1, 0, 0) != LUA_OK) hearth__parcel_free(&j->values);
    }
  }
  lua_close(L);
}
