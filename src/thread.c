/* See thread.h: the owner's side. A cancelled job is told by a flag that its state's hook looks at. */
#include "thread.h"

#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "error.h"
#include "inbox.h"
#include "state.h"
#include "thread_internal.h"
#include "traceback.h"

static void job_free(hearth__job *j) {
  free(j->code);
  free(j->traceback);
  hearth__parcel_free(&j->values);
  hearth__inbox_unref(j->inbox);
  free(j);
}

void hearth__job_unref(hearth__job *j) {
  if (atomic_fetch_sub(&j->refs, 1) == 1) job_free(j);
}

static int job_push(lua_State *L, hearth__op *op) {
  hearth__job *j = hearth__container(op, hearth__job, op);
  int n = hearth__parcel_push(L, &j->values);
  if (j->ok) return n;
  if (n == 0) return hearth__no_memory(L);
  if (j->traceback) {
    lua_pushfstring(L, "on the worker thread:\n%s", j->traceback);
    hearth__came_from(L, -2);
  }
  if (j->ours && lua_istable(L, -1)) { /* an object of this state again */
    hearth__error_metatable(L);
    lua_setmetatable(L, -2);
  }
  return lua_error(L);
}

static void job_release(hearth__op *op) {
  hearth__job *j = hearth__container(op, hearth__job, op);
  j->orphan = true;
  if (!j->landed) {
    atomic_store(&j->cancelled, true);
    hearth__busy_end(op->state->h); /* the program does not wait for what nobody waits for */
  }
  hearth__job_unref(j);
}

static const hearth__op_class job_class = {HEARTH__THREAD_VERB, job_push, job_release};

static void job_landed(hearth_t *h, hearth__message *m) {
  hearth__job *j = hearth__container(m, hearth__job, message);
  j->landed = true;
  if (!j->orphan) {
    hearth__busy_end(h);
    hearth__op_done(&j->op);
  }
  hearth__job_unref(j);
}

static void job_dropped(hearth__message *m) {
  hearth__job_unref(hearth__container(m, hearth__job, message));
}

static int keep_code(lua_State *L, const void *bytes, size_t n, void *ud) {
  hearth__job *j = ud;
  (void)L;
  char *grown = realloc(j->code, j->code_size + n);
  if (!grown) return 1;
  memcpy(grown + j->code_size, bytes, n);
  j->code = grown;
  j->code_size += n;
  return 0;
}

/* Only globals' table may be an upvalue. */
static void check_function(lua_State *L, int idx) {
  hearth__error_fields fields = {.op = HEARTH__THREAD_VERB};
  if (lua_type(L, idx) != LUA_TFUNCTION)
    hearth__raise(L, "EINVAL", &fields, HEARTH__THREAD_VERB ": expects a function, got a %s", luaL_typename(L, idx));
  if (lua_iscfunction(L, idx))
    hearth__raise(L, "EINVAL", &fields,
                  HEARTH__THREAD_VERB ": a function written in C cannot be copied; wrap it: function(...) return f(...) end");
  const char *name;
  for (int i = 1; (name = lua_getupvalue(L, idx, i)); i++) {
    lua_pushglobaltable(L);
    bool globals = lua_rawequal(L, -1, -2) || strcmp(name, "_ENV") == 0; /* an environment of its own gives way to the worker's globals */
    lua_pop(L, 2);
    if (!globals)
      hearth__raise(
          L, "EINVAL", &fields,
          HEARTH__THREAD_VERB ": the function uses the outer local '%s', which the other state cannot see; pass it as an argument", name);
  }
}

static int prepare(lua_State *L) {
  hearth__job *j = lua_touserdata(L, 1);
  lua_pushvalue(L, 2);
  if (lua_dump(L, keep_code, j, 0) != 0) return hearth__no_memory(L);
  lua_settop(L, lua_gettop(L) - 1);
  hearth__parcel_pack(L, 3, &j->values, HEARTH__THREAD_VERB, "argument");
  return 0;
}

int hearth__l_to_thread(lua_State *L) {
  hearth__state *s = hearth__state_of(L);
  hearth__check_await(L, s, HEARTH__THREAD_VERB);
  check_function(L, 1);
  hearth__crew *c = hearth__crew_of(L, s);
  hearth__job *j = c ? calloc(1, sizeof *j) : NULL;
  if (!j) return hearth__no_memory(L);
  hearth__op_init(&j->op, &job_class, s);
  j->message = (hearth__message){.run = job_landed, .drop = job_dropped};
  atomic_init(&j->refs, 2);
  j->inbox = hearth__inbox_retain(s->h->inbox);
  atomic_init(&j->cancelled, false);
  int n = lua_gettop(L);
  lua_pushcfunction(L, prepare);
  lua_pushlightuserdata(L, j);
  for (int i = 1; i <= n; i++) lua_pushvalue(L, i);
  if (lua_pcall(L, n + 1, 0, 0) != LUA_OK) {
    job_free(j);
    return lua_error(L);
  }
  if (!hearth__crew_take(c, j)) {
    job_free(j);
    return hearth__raise(L, "EIO", &(hearth__error_fields){.op = HEARTH__THREAD_VERB},
                         HEARTH__THREAD_VERB ": no thread could be started; wait for other threads first");
  }
  hearth__busy_begin(s->h);
  return hearth__await(L, &j->op);
}
