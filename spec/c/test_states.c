/* Several Lua states on one loop: each has its tasks, its memory bound, its parts and its end; they share the loop, the clock, the mailbox and the
** databases. */
#include <pthread.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lualib.h>

#include "check.h"
#include "luv.h"
#include "state.h"

static char heard[4096];

static void hear(void *userdata, const char *text) {
  ++*(int *)userdata;
  size_t n = strlen(heard);
  snprintf(heard + n, sizeof heard - n, "%s\n", text);
}

static int reports;

static hearth_t *fresh(const char *store) {
  hearth_options options = {.size = sizeof options, .store = store, .on_error = hear, .userdata = &reports};
  heard[0] = '\0';
  reports = 0;
  hearth_t *h = hearth_new(&options, NULL);
  if (!h) abort();
  return h;
}

static hearth__state *further(hearth_t *h) {
  hearth_error error;
  hearth__state *s = hearth__state_new(h, &(hearth__state_options){.flags = 0}, &error);
  if (!s) {
    fprintf(stderr, "%s\n", error.message);
    abort();
  }
  return s;
}

/* Runs a text as a main chunk of the state: true when it went well. */
static bool run(hearth__state *s, const char *text) {
  lua_State *L = hearth__main_of(s);
  bool ok = luaL_loadstring(L, text) == LUA_OK && lua_pcall(L, 0, 0, 0) == LUA_OK;
  if (!ok) {
    fprintf(stderr, "%s\n", luaL_tolstring(L, -1, NULL));
    lua_pop(L, 2);
  }
  return ok;
}

static lua_Integer global(hearth__state *s, const char *name) {
  lua_State *L = hearth__main_of(s);
  lua_getglobal(L, name);
  lua_Integer n = lua_tointeger(L, -1);
  lua_pop(L, 1);
  return n;
}

#define TICKS "h = require 'hearth' n = 0 h.run_async(function() for i = 1, 20 do h.sleep(0.001) n = n + 1 end end)"

static void tasks_of_two_states_share_a_loop(void) {
  hearth_t *h = fresh("memory:");
  hearth__state *a = h->state, *b = further(h);
  CHECK(run(a, TICKS) && run(b, TICKS));
  CHECK(hearth_poll(h) == 1);
  CHECK(hearth_run(h) == 0);
  CHECK(global(a, "n") == 20 && global(b, "n") == 20);
  hearth_free(h);
  CHECK(reports == 0);
}

static void the_main_chunk_of_one_waits_while_tasks_of_the_other_go_on(void) {
  hearth_t *h = fresh("memory:");
  hearth__state *a = h->state, *b = further(h);
  CHECK(run(a, TICKS));
  CHECK(run(b, "h = require 'hearth' h.sleep(0.05) assert(h.to_thread(function(x) return x + 1 end, 1) == 2)"));
  CHECK(global(a, "n") > 0);
  hearth_free(h);
}

static void *resolve_it(void *future) {
  CHECK(hearth_future_resolve(future, "x", 1) == 0);
  return NULL;
}

static void each_state_has_futures_of_its_own(void) {
  hearth_t *h = fresh("memory:");
  hearth__state *states[2] = {h->state, further(h)};
  hearth_future *futures[2];
  pthread_t threads[2];
  for (int i = 0; i < 2; i++) {
    lua_State *L = hearth__main_of(states[i]);
    futures[i] = hearth__future_for(states[i]);
    hearth_future_push(L, futures[i]);
    lua_setglobal(L, "f");
    CHECK(run(states[i], "h = require 'hearth' n = 0 h.run_async(function() n = #f:await() end)"));
  }
  for (int i = 0; i < 2; i++) pthread_create(&threads[i], NULL, resolve_it, futures[i]);
  CHECK(hearth_run(h) == 0);
  for (int i = 0; i < 2; i++) {
    pthread_join(threads[i], NULL);
    CHECK(global(states[i], "n") == 1);
  }
  hearth_free(h);
}

/* ---- one ends while the other lives on */

typedef struct nothing {
  hearth_work work;
} nothing;
static int freed;
static void nap(hearth_work *w) {
  (void)w;
  usleep(20000);
}
static void count_free(hearth_work *w) {
  freed++;
  free(w);
}
static int l_work(lua_State *L) {
  nothing *n = calloc(1, sizeof *n);
  n->work = (hearth_work){.size = sizeof n->work, .work = nap, .free = count_free};
  return hearth_await(L, &n->work);
}

/* Everything that may be on its way when a state ends, and answer afterwards. */
static const char busy[] =
    "h = require 'hearth' timer = require 'hearth.core.timer' task = require 'hearth.core.task'\n"
    "task.hold() timer.after(1, function() error 'a timer of an ended state' end)\n"
    "closed = setmetatable({}, { __close = function() told() end })\n"
    "for i = 1, 5 do\n"
    "  h.run_async(work) h.run_async(h.sleep, 0.01) h.run_async(h.await, h.runtime.create_future(), 0.01)\n"
    "  h.run_async(h.AsyncStorage.set, 'k' .. i, 'v')\n"
    "end\n"
    "h.run_async(function() h.to_thread(function() for i = 1, 1e5 do end end) end)\n"
    "h.run_async(function() h.storage.open{ url = FILE } end)\n"
    "h.run_async(function() local guard <close> = closed f:await() end)\n"
    "h.run_async(task.settle)\n"
    "h.sleep(0)";

static int told;
static int l_told(lua_State *L) {
  (void)L;
  told++;
  return 0;
}

static char file[] = "/tmp/hearth-states-XXXXXX";

static hearth__state *busy_state(hearth_t *h, hearth_future **f) {
  hearth__state *s = further(h);
  lua_State *L = hearth__main_of(s);
  lua_register(L, "work", l_work);
  lua_register(L, "told", l_told);
  lua_pushstring(L, file);
  lua_setglobal(L, "FILE");
  *f = hearth__future_for(s);
  hearth_future_push(L, *f);
  lua_setglobal(L, "f");
  CHECK(run(s, busy));
  return s;
}

static void a_state_ends_while_the_other_waits(void) {
  hearth_t *h = fresh("memory:shared");
  hearth__state *a = h->state;
  hearth_future *mine = hearth_future_new(h), *late;
  hearth_future_push(hearth__main_of(a), mine);
  lua_setglobal(hearth__main_of(a), "f");
  CHECK(run(a, TICKS " h.run_async(function() got = #f:await() end) h.AsyncStorage.set('mine', '1')"));
  freed = told = 0;
  hearth__state *b = busy_state(h, &late);
  CHECK(hearth__state_end(b) == 0);
  CHECK(told == 1);
  CHECK(hearth_poll(h) == 1);
  CHECK(hearth_future_resolve(late, "late", 4) == 0); /* the runtime lives: taken, and nobody hears */
  CHECK(hearth_future_resolve(mine, "abc", 3) == 0);
  CHECK(hearth_run(h) == 0); /* what the other state held back is given back */
  CHECK(freed == 5);
  CHECK(global(a, "n") == 20 && global(a, "got") == 3);
  CHECK(run(a, "assert(h.AsyncStorage.get 'k5' == 'v')")); /* accepted before the end of the other, whose store was not open yet */
  CHECK(reports == 0);
  hearth_free(h);
}

static void states_come_and_go(void) {
  hearth_t *h = fresh("memory:shared");
  freed = told = 0;
  for (int i = 0; i < 10; i++) {
    hearth_future *f;
    hearth__state *s = busy_state(h, &f);
    if (i % 2) hearth_poll(h);
    if (i % 3) hearth_future_resolve(f, NULL, 0);
    hearth__state_end(s);
    if (i % 3 == 0) hearth_future_reject(f, "EIO", "late");
  }
  hearth_free(h);
  CHECK(told == 10 && freed == 50);
}

static void freeing_the_runtime_ends_every_state(void) {
  hearth_t *h = fresh("memory:shared");
  hearth_future *f, *g;
  freed = told = 0;
  busy_state(h, &f);
  busy_state(h, &g);
  hearth_free(h);
  CHECK(told == 2 && freed == 10);
  CHECK(hearth_future_resolve(f, NULL, 0) < 0 && hearth_future_resolve(g, NULL, 0) < 0);
}

/* ---- bounds and reports */

static void each_state_has_its_own_memory_bound(void) {
  hearth_t *h = fresh("memory:");
  hearth_error error;
  hearth__state *s = hearth__state_new(h, &(hearth__state_options){.memory_limit = 3 << 20}, &error);
  CHECK(run(s, "assert(not pcall(function() local t = {} for i = 1, 1e7 do t[i] = {} end end))"));
  CHECK(run(h->state, "local t = {} for i = 1, 1e5 do t[i] = {} end"));
  CHECK(s->blocks.bytes > 0 && s->blocks.bytes <= s->blocks.limit);
  hearth_free(h);
  h = fresh("memory:");
  CHECK(hearth__state_new(h, &(hearth__state_options){.memory_limit = 10000}, &error) == NULL);
  CHECK_STR(error.code, "EIO");
  CHECK(hearth_run(h) == 0);
  hearth_free(h);
}

static void errors_and_stuck_tasks_of_every_state_are_told(void) {
  hearth_t *h = fresh("memory:");
  hearth__state *b = further(h);
  CHECK(run(h->state, "local h = require 'hearth' h.run_async(function() error 'of the first' end)"));
  CHECK(run(b,
            "local h = require 'hearth' h.run_async(function() error 'of the second' end)\n"
            "h.run_async(function() h.await(h.runtime.create_future()) end)"));
  CHECK(hearth_run(h) < 0);
  CHECK(reports == 3);
  CHECK(strstr(heard, "of the first") && strstr(heard, "of the second") && strstr(heard, "waits for ever"));
  hearth_free(h);
}

/* ---- states of somebody else */

static void two_plain_states_share_the_loop_of_luv(void) {
  uv_loop_t loop;
  uv_loop_init(&loop);
  lua_State *L[2];
  for (int i = 0; i < 2; i++) {
    L[i] = luaL_newstate();
    luaL_openlibs(L[i]);
    hearth__luv_offer(L[i], &loop, false); /* as luv has it when it is loaded first */
    luaL_requiref(L[i], "hearth", luaopen_hearth, 1);
    lua_pop(L[i], 1);
    CHECK(luaL_dostring(L[i], "n = 0 hearth.run_async(function() for i = 1, 20 do hearth.sleep(0.001) n = n + 1 end end)") == LUA_OK);
    lua_getglobal(L[i], "hearth");
    luaL_requiref(L[i], "hearth", luaopen_hearth, 0); /* a second time: the same module */
    CHECK(lua_rawequal(L[i], -1, -2));
    lua_pop(L[i], 2);
  }
  CHECK(luaL_dostring(L[0], "while n < 5 do hearth.sleep(0.001) end") == LUA_OK); /* a main chunk that waits drives both */
  CHECK(luaL_dostring(L[1], "assert(n > 0)") == LUA_OK);
  lua_close(L[0]); /* while the other waits */
  uv_run(&loop, UV_RUN_DEFAULT);
  CHECK(luaL_dostring(L[1], "assert(n == 20, n)") == LUA_OK);
  lua_close(L[1]);
  CHECK(uv_loop_close(&loop) == 0);
}

int main(void) {
  int fd = mkstemp(file);
  if (fd < 0) return 1;
  close(fd);
  unlink(file);
  RUN(tasks_of_two_states_share_a_loop);
  RUN(the_main_chunk_of_one_waits_while_tasks_of_the_other_go_on);
  RUN(each_state_has_futures_of_its_own);
  RUN(a_state_ends_while_the_other_waits);
  RUN(states_come_and_go);
  RUN(freeing_the_runtime_ends_every_state);
  RUN(each_state_has_its_own_memory_bound);
  RUN(errors_and_stuck_tasks_of_every_state_are_told);
  RUN(two_plain_states_share_the_loop_of_luv);
  static const char *const tails[] = {"", "-wal", "-shm", "-gate"};
  for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
    char path[sizeof file + 8];
    snprintf(path, sizeof path, "%s%s", file, tails[i]);
    unlink(path);
  }
  return check_end();
}
