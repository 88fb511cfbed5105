/* See thread.h. The owner flattens function and arguments, a worker builds them in its state, runs, and flattens what came out; each parcel has one
** holder at a time. A cancelled job is told by a flag that its state's hook looks at. */
#include "thread.h"

#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <lualib.h>

#include "error.h"
#include "inbox.h"
#include "module.h"
#include "outcome.h"
#include "ref.h"
#include "state.h"
#include "transfer.h"

enum { HOOK_EVERY = 1000, END_SECONDS = 2, THREADS_MAX = 16 };

#define VERB                         "to_thread"
#define container(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

typedef struct crew crew;

typedef struct job {
  hearth__op op;
  hearth__message message; /* to the owner: it is over */
  struct job *next;        /* in the crew's queue */
  atomic_int refs;         /* who waits, and the thread or its message */
  hearth__inbox *inbox;
  char *code; /* the dumped function */
  size_t code_size;
  hearth__parcel values; /* arguments, then results or the error */
  bool ok, landed, orphan;
  bool ours; /* the error is an object of Hearth */
  atomic_bool cancelled;
} job;

/* The threads of one runtime. Counted by the runtime and by each thread: a thread that cannot be stopped outlives its runtime. */
struct crew {
  hearth__closer closer;
  uv_mutex_t lock;
  uv_cond_t more, gone;
  atomic_int refs;
  job *head, **tail, *running[THREADS_MAX];
  unsigned threads, idle, limit;
  bool closing;
};

static void job_free(job *j) {
  free(j->code);
  hearth__parcel_free(&j->values);
  hearth__inbox_unref(j->inbox);
  free(j);
}

static void job_unref(job *j) {
  if (atomic_fetch_sub(&j->refs, 1) == 1) job_free(j);
}

/* ---- in the worker's state */

static job *job_of(lua_State *L) {
  lua_getfield(L, LUA_REGISTRYINDEX, "hearth.job");
  job *j = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return j;
}

static void on_hook(lua_State *L, lua_Debug *ar) {
  (void)ar;
  if (atomic_load(&job_of(L)->cancelled)) luaL_error(L, "cancelled");
}

/* A call of a global function of the owner, by name. */
typedef struct call {
  hearth__op op;
  hearth__message message;
  hearth__parcel values;
  char name[];
} call;

static int call_push(lua_State *L, hearth__op *op) {
  call *c = container(op, call, op);
  lua_pushglobaltable(L);
  for (const char *part = c->name; *part;) { /* a.b.c */
    size_t n = strcspn(part, ".");
    if (!lua_istable(L, -1)) break;
    lua_pushlstring(L, part, n);
    lua_gettable(L, -2);
    lua_remove(L, -2);
    part += n + (part[n] == '.');
  }
  if (!lua_isfunction(L, -1))
    return hearth__raise(L, "EINVAL", &(hearth__error_fields){.op = "call_threadsafe"},
                         "call_threadsafe: there is no global function '%s'; define it before the thread calls it", c->name);
  int n = hearth__parcel_push(L, &c->values);
  hearth__spawn(L, op->state, n);
  return 0;
}

static void call_release(hearth__op *op) {
  call *c = container(op, call, op);
  hearth__parcel_free(&c->values);
  free(c);
}

static const hearth__op_class call_class = {"call_threadsafe", call_push, call_release};

static void call_run(hearth_t *h, hearth__message *m) {
  (void)h;
  hearth__ready(&container(m, call, message)->op);
}

static void call_drop(hearth__message *m) {
  call_release(&container(m, call, message)->op);
}

/* call_threadsafe(name, ...) */
static int w_call(lua_State *L) {
  job *j = job_of(L);
  hearth__error_fields fields = {.op = "call_threadsafe"};
  if (lua_type(L, 1) != LUA_TSTRING)
    return hearth__raise(L, "EINVAL", &fields, "call_threadsafe: from a worker thread it takes the name of a global function, got a %s",
                         luaL_typename(L, 1));
  size_t n;
  const char *name = lua_tolstring(L, 1, &n);
  hearth__parcel p = {0};
  hearth__parcel_pack(L, 2, &p, "call_threadsafe", "argument");
  call *c = malloc(sizeof *c + n + 1);
  if (!c) {
    hearth__parcel_free(&p);
    return hearth__no_memory(L);
  }
  memset(c, 0, sizeof *c);
  hearth__op_init(&c->op, &call_class, j->op.state);
  c->message = (hearth__message){.run = call_run, .drop = call_drop};
  c->values = p;
  memcpy(c->name, name, n + 1);
  if (hearth__post_foreign(j->inbox, &c->message) == 0) return 0;
  call_release(&c->op);
  return hearth__raise(L, "ECLOSED", &fields, "call_threadsafe: the runtime has ended");
}

static int w_settle(lua_State *L, bool ok, const char *verb) {
  hearth__remote *r = hearth__remote_at(L, 1);
  if (!r)
    return hearth__raise(L, "EINVAL", &(hearth__error_fields){.op = verb}, "%s: expects a future that was passed to the thread, got a %s",
                         verb, luaL_typename(L, 1));
  hearth__parcel p = {0};
  if (!ok) lua_settop(L, 2);
  hearth__parcel_pack(L, 2, &p, verb, "value");
  if (!hearth__remote_settle(r, &p, ok))
    return hearth__raise(L, "ECLOSED", &(hearth__error_fields){.op = verb}, "%s: the runtime of this future has ended", verb);
  return 0;
}

static int w_resolve(lua_State *L) {
  return w_settle(L, true, "resolve_future");
}

static int w_reject(lua_State *L) {
  return w_settle(L, false, "reject_future");
}

static int w_cancelled(lua_State *L) {
  lua_pushboolean(L, atomic_load(&job_of(L)->cancelled));
  return 1;
}

static int w_exit(lua_State *L) {
  return hearth__raise(L, "EINVAL", &(hearth__error_fields){.op = "os.exit"},
                       "os.exit: a worker thread cannot end the process; return, or call_threadsafe a function that does");
}

static const luaL_Reg worker_verbs[] = {
    {"call_threadsafe", w_call}, {"resolve_future", w_resolve}, {"reject_future", w_reject}, {"cancelled", w_cancelled}, {NULL, NULL}};

/* The error at 1 as it travels: strings with the traceback of the worker, error objects with it as a field; what cannot travel as text. */
static int with_traceback(lua_State *L) {
  job_of(L)->ours = hearth__error_code(L, 1) != NULL;
  if (lua_type(L, 1) == LUA_TSTRING) {
    luaL_traceback(L, L, lua_tostring(L, 1), 1);
    return 1;
  }
  if (!lua_istable(L, 1)) {
    luaL_traceback(L, L, luaL_tolstring(L, 1, NULL), 1);
    return 1;
  }
  lua_pushliteral(L, "traceback");
  if (lua_rawget(L, 1) == LUA_TNIL) {
    lua_pushliteral(L, "traceback");
    luaL_traceback(L, L, NULL, 1);
    lua_rawset(L, 1);
  }
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
  lua_setfield(L, LUA_REGISTRYINDEX, "hearth.job");
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  luaL_newlib(L, worker_verbs);
  lua_setfield(L, -2, "hearth.core.worker");
  lua_settop(L, 1);
  lua_sethook(L, on_hook, LUA_MASKCOUNT, HOOK_EVERY);
  return 0;
}

static int pack_results(lua_State *L) {
  job *j = job_of(L);
  hearth__parcel_pack(L, 1, &j->values, VERB, j->ok ? "result" : "error");
  return 0;
}

/* Loads, builds the arguments, calls: leaves the results, or an error, as the only values on the stack. */
static int run_protected(lua_State *L) {
  job *j = lua_touserdata(L, 1);
  lua_settop(L, 0);
  if (luaL_loadbufferx(L, j->code, j->code_size, "=" VERB, "b") != LUA_OK) return lua_error(L);
  int n = hearth__parcel_push(L, &j->values);
  hearth__parcel_free(&j->values);
  lua_call(L, n, LUA_MULTRET);
  return lua_gettop(L);
}

static void job_run(job *j) {
  lua_State *L = luaL_newstate();
  if (!L) return;
  lua_pushcfunction(L, set_up);
  lua_pushlightuserdata(L, j);
  if (lua_pcall(L, 1, 0, 0) == LUA_OK) {
    lua_pushcfunction(L, with_traceback);
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

/* ---- threads */

static void crew_unref(crew *c) {
  if (atomic_fetch_sub(&c->refs, 1) != 1) return;
  uv_mutex_destroy(&c->lock);
  uv_cond_destroy(&c->more);
  uv_cond_destroy(&c->gone);
  free(c);
}

static void thread_main(void *arg) {
  crew *c = arg;
  uv_mutex_lock(&c->lock);
  for (;;) {
    job *j = c->head;
    if (j) {
      c->head = j->next;
      if (!c->head) c->tail = &c->head;
      size_t place = 0;
      while (c->running[place]) place++;
      c->running[place] = j;
      uv_mutex_unlock(&c->lock);
      if (!atomic_load(&j->cancelled)) job_run(j);
      uv_mutex_lock(&c->lock);
      c->running[place] = NULL;
      uv_mutex_unlock(&c->lock);
      if (hearth__post(j->inbox, &j->message) != 0) job_unref(j);
      uv_mutex_lock(&c->lock);
    } else if (c->closing) {
      break;
    } else {
      c->idle++;
      uv_cond_wait(&c->more, &c->lock);
      c->idle--;
    }
  }
  c->threads--;
  uv_cond_signal(&c->gone);
  uv_mutex_unlock(&c->lock);
  crew_unref(c);
}

/* The runtime ends: jobs are told to stop, and waited for. One that is deep in a C function is left behind. */
static void crew_close(hearth__closer *closer) {
  crew *c = container(closer, crew, closer);
  uint64_t end = uv_hrtime() + (uint64_t)END_SECONDS * 1000000000u;
  uv_mutex_lock(&c->lock);
  c->closing = true;
  for (job *j = c->head; j; j = j->next) atomic_store(&j->cancelled, true);
  for (size_t i = 0; i < THREADS_MAX; i++)
    if (c->running[i]) atomic_store(&c->running[i]->cancelled, true);
  uv_cond_broadcast(&c->more);
  while (c->threads > 0 && uv_hrtime() < end) uv_cond_timedwait(&c->gone, &c->lock, 10000000);
  uv_mutex_unlock(&c->lock);
  crew_unref(c);
}

static const char crew_slot = 'c';

static crew *crew_new(lua_State *L, hearth__state *s) {
  crew *c = calloc(1, sizeof *c);
  if (!c) return NULL;
  unsigned cores = uv_available_parallelism();
  c->limit = cores < 2 ? 2 : cores > THREADS_MAX ? THREADS_MAX : cores;
  c->tail = &c->head;
  atomic_init(&c->refs, 1);
  if (uv_mutex_init(&c->lock) != 0) goto no_lock;
  if (uv_cond_init(&c->more) != 0) goto no_more;
  if (uv_cond_init(&c->gone) != 0) goto no_gone;
  c->closer.close = crew_close;
  lua_pushlightuserdata(L, c);
  hearth__slot_set(L, &crew_slot);
  hearth__at_close(s, &c->closer);
  return c;
no_gone:
  uv_cond_destroy(&c->more);
no_more:
  uv_mutex_destroy(&c->lock);
no_lock:
  free(c);
  return NULL;
}

static crew *crew_of(lua_State *L, hearth__state *s) {
  hearth__slot_push(L, &crew_slot);
  crew *c = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return c ? c : crew_new(L, s);
}

/* Queues the job; false when there is no thread for it. */
static bool crew_take(crew *c, job *j) {
  bool taken = true;
  uv_mutex_lock(&c->lock);
  if (c->idle == 0 && c->threads < c->limit) {
    uv_thread_t id;
    atomic_fetch_add(&c->refs, 1);
    if (uv_thread_create(&id, thread_main, c) == 0) {
      pthread_detach(id);
      c->threads++;
    } else {
      atomic_fetch_sub(&c->refs, 1);
      taken = c->threads > 0;
    }
  }
  if (taken) {
    *c->tail = j;
    c->tail = &j->next;
    uv_cond_signal(&c->more);
  }
  uv_mutex_unlock(&c->lock);
  return taken;
}

/* ---- the owner's side */

static int job_push(lua_State *L, hearth__op *op) {
  job *j = container(op, job, op);
  int n = hearth__parcel_push(L, &j->values);
  if (j->ok) return n;
  if (n == 0) return hearth__no_memory(L);
  if (j->ours && lua_istable(L, -1)) { /* an object of this state again */
    hearth__error_metatable(L);
    lua_setmetatable(L, -2);
  }
  return lua_error(L);
}

static void job_release(hearth__op *op) {
  job *j = container(op, job, op);
  j->orphan = true;
  if (!j->landed) atomic_store(&j->cancelled, true);
  job_unref(j);
}

static const hearth__op_class job_class = {VERB, job_push, job_release};

static void job_landed(hearth_t *h, hearth__message *m) {
  job *j = container(m, job, message);
  hearth__busy_end(h);
  j->landed = true;
  if (!j->orphan) hearth__op_done(&j->op);
  job_unref(j);
}

static void job_dropped(hearth__message *m) {
  job_unref(container(m, job, message));
}

static int keep_code(lua_State *L, const void *bytes, size_t n, void *ud) {
  job *j = ud;
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
  hearth__error_fields fields = {.op = VERB};
  if (lua_type(L, idx) != LUA_TFUNCTION) hearth__raise(L, "EINVAL", &fields, VERB ": expects a function, got a %s", luaL_typename(L, idx));
  if (lua_iscfunction(L, idx))
    hearth__raise(L, "EINVAL", &fields, VERB ": a function written in C cannot be copied; wrap it: function(...) return f(...) end");
  const char *name;
  for (int i = 1; (name = lua_getupvalue(L, idx, i)); i++) {
    lua_pushglobaltable(L);
    bool globals = lua_rawequal(L, -1, -2) || strcmp(name, "_ENV") == 0; /* an environment of its own gives way to the worker's globals */
    lua_pop(L, 2);
    if (!globals || i > 1)
      hearth__raise(L, "EINVAL", &fields,
                    VERB ": the function uses the outer local '%s', which the other state cannot see; pass it as an argument", name);
  }
}

static int prepare(lua_State *L) {
  job *j = lua_touserdata(L, 1);
  lua_pushvalue(L, 2);
  if (lua_dump(L, keep_code, j, 0) != 0) return hearth__no_memory(L);
  lua_settop(L, lua_gettop(L) - 1);
  hearth__parcel_pack(L, 3, &j->values, VERB, "argument");
  return 0;
}

int hearth__l_to_thread(lua_State *L) {
  hearth__state *s = hearth__state_of(L);
  hearth__check_await(L, s, VERB);
  check_function(L, 1);
  crew *c = crew_of(L, s);
  job *j = c ? calloc(1, sizeof *j) : NULL;
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
  if (!crew_take(c, j)) {
    job_free(j);
    return hearth__raise(L, "EIO", &(hearth__error_fields){.op = VERB}, VERB ": no thread could be started");
  }
  hearth__busy_begin(s->h);
  return hearth__await(L, &j->op);
}
