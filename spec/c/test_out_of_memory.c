/* Every allocation failing in turn, Lua's and our own, over scripts that use each verb: an error or a clean end, never a crash, a leak or a hang, and the
** runtime works on. A fault is the n-th allocation alone (for Lua with its retry after an emergency collection). n grows by one at first, then by
** growing strides; HEARTH_OOM_ALL=1 in the environment tries each n. */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <lauxlib.h>

#include "check.h"
#include "hearth.h"

/* ---- the fault: the linker puts these in front of the real ones (Makefile) */

void *__real_malloc(size_t size);
void *__real_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *ptr, size_t size);
char *__real_strdup(const char *text);
lua_State *__real_lua_newstate(lua_Alloc f, void *ud);
HEARTH_API void *__wrap_malloc(size_t size); /* seen by the feature modules */
HEARTH_API void *__wrap_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset);
HEARTH_API void *__wrap_calloc(size_t n, size_t size);
HEARTH_API void *__wrap_realloc(void *ptr, size_t size);
HEARTH_API char *__wrap_strdup(const char *text);
lua_State *__wrap_lua_newstate(lua_Alloc f, void *ud);
lua_State *__wrap_luaL_newstate(void);
void __wrap_lua_setallocf(lua_State *L, lua_Alloc f, void *ud);

#ifdef HEARTH_SANITIZED
enum { SECONDS = 120 };
#else
enum { SECONDS = 10 };
#endif

typedef enum { IN_C, IN_LUA } place;
static const char *const place_names[] = {"C", "Lua"};

static atomic_long left[2] = {LONG_MAX, LONG_MAX}, count[2];

static bool fails(place p) {
  atomic_fetch_add(&count[p], 1);
  long n = atomic_fetch_sub(&left[p], 1);
  return n == 1 || (p == IN_LUA && n == 0);
}

void *__wrap_malloc(size_t size) {
  return fails(IN_C) ? NULL : __real_malloc(size);
}
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset) { /* large blocks */
  if (!fails(IN_C)) return __real_mmap(at, size, protection, flags, fd, offset);
  errno = ENOMEM;
  return MAP_FAILED;
}
void *__wrap_calloc(size_t n, size_t size) {
  return fails(IN_C) ? NULL : __real_calloc(n, size);
}
void *__wrap_realloc(void *ptr, size_t size) {
  return fails(IN_C) ? NULL : __real_realloc(ptr, size);
}
char *__wrap_strdup(const char *text) {
  return fails(IN_C) ? NULL : __real_strdup(text);
}

static void *allocate(void *ud, void *ptr, size_t old, size_t size) {
  (void)ud;
  if (size == 0) {
    free(ptr);
    return NULL;
  }
  if ((!ptr || size > old) && fails(IN_LUA)) return NULL;
  void *p = __real_realloc(ptr, size);
  return p ? p : ptr; /* shrinking never fails */
}
lua_State *__wrap_lua_newstate(lua_Alloc f, void *ud) {
  (void)f;
  return __real_lua_newstate(allocate, ud);
}
lua_State *__wrap_luaL_newstate(void) {
  return __real_lua_newstate(allocate, NULL);
}
void __wrap_lua_setallocf(lua_State *L, lua_Alloc f, void *ud) { /* it stays the one above */
  (void)L;
  (void)f;
  (void)ud;
}

static void arm(place p, long n) {
  atomic_store(&left[IN_C], LONG_MAX);
  atomic_store(&left[IN_LUA], LONG_MAX);
  atomic_store(&count[p], 0);
  if (n > 0) atomic_store(&left[p], n);
}

/* ---- the scripts: `ready` runs without faults, `run` with one */

typedef struct scenario {
  const char *name, *ready, *run;
} scenario;

#define VERBS "h = require 'hearth' A = h.AsyncStorage "

static const scenario scenarios[] = {
    {"start", NULL, "require 'hearth'.sleep(0)"},
    {"tasks", VERBS,
     "local f = h.runtime.create_future()\n"
     "local a = h.run_async(function() h.sleep(0) return 1, 2 end)\n"
     "local b = h.run_async(function() f:await() return 2 end)\n"
     "b:on_done(function(t) pcall(t.await, t) end)\n"
     "h.runtime.call_threadsafe(function() h.runtime.resolve_future(f, {1}) end)\n"
     "h.all{ a, b } h.race{ a, b } h.all_settled{ a, b }\n"
     "pcall(h.timeout, 0.0001, function() h.sleep(0.05) end)\n"
     "h.scope(function(s) s:run_async(function() h.sleep(0) end) end)\n"
     "local c = h.run_async(function() local g <close> = setmetatable({}, {__close = function() h.sleep(0) end}) h.sleep(9) end)\n"
     "h.sleep(0) c:cancel() c:name 'c' pcall(c.await, c)\n"
     "pcall(h.await, h.run_async(function() error { code = 'mine' } end))\n"
     "pcall(h.await, h.run_async(function() error 'text' end))\n"
     "pcall(f.await, h.runtime.create_future(), 0.0001)\n"
     "h.await(h.run_async(function() for _ = 1, 600 do f:await() end return 1, 2 end))"},
    {"errors", VERBS,
     "h.run_async(function() error { code = 'mine' } end):name 'lost'\n"
     "h.run_async(function() h.await(5) end)\n"
     "h.sleep(0)\n"
     "pcall(table.sort, { 2, 1 }, function() h.sleep(0) end)\n"
     "h.run_async(function() pcall(table.sort, { 2, 1 }, function() h.sleep(0) end) end)\n"
     "coroutine.wrap(function() pcall(h.sleep, 0) end)()\n"
     "h.run_async(coroutine.yield) h.sleep(0)\n"
     "h.await(h.run_async(function() local function deep(n) if n == 0 then error 'deep' end deep(n - 1) return n end deep(30) end))"},
    {"threads", VERBS,
     "local f = h.runtime.create_future()\n"
     "function landed(x) back = x end\n"
     "local x = h.to_thread(function(t, f)\n"
     "  local h = require 'hearth'\n"
     "  h.runtime.call_threadsafe('landed', { t, 'x\\0y' })\n"
     "  h.runtime.resolve_future(f, { 1, 2.5 })\n"
     "  return t, { deep = { t } }\n"
     "end, { 1, 'a', { 2.5 } }, f)\n"
     "pcall(f.await, f, 0.2)\n"
     "pcall(h.to_thread, function() error { code = 'mine' } end) pcall(h.to_thread, function() error 'text' end)\n"
     "pcall(h.to_thread, function() error(setmetatable({}, { __tostring = function() return 'says' end })) end)\n"
     "h.to_thread(function(s) return s end, h.Set{ 1, 'x' })\n"
     "pcall(h.to_thread, print) pcall(h.to_thread, function() return print end)"},
    {"work", VERBS, "assert(double(21) == 42) local t = h.run_async(double, 1) h.all{ t, h.run_async(double, 2) }"},
    {"memory store", VERBS "A.set('warm', 'up')",
     "A.set('a', '1') A.set_json('b', { 1, { x = 2.5 }, h.null }) A.get 'a' A.get_json 'b' A.get_many{ 'a', 'b', 'c' }\n"
     "A.set_many{ c = '1', d = '2' } A.delete 'c' A.increment 'n' A.merge_json('m', { a = { b = 1 } }) A.contains_key 'a'\n"
     "A.update('a', function(v) return v .. 'x' end) A.keys{ prefix = 'a' } A.all_keys() A.info 'a' A.usage()\n"
     "local stop = A.watch('a', function() seen = true end) A.set('a', 'w') h.sleep(0) stop()\n"
     "A.batch(function(tx) tx:set('q', '1') tx:get 'q' end) pcall(A.set, 'a', 'z', { if_revision = 99 })\n"
     "A.set('short', 'x', { ttl = 100 }) A.clear() A.flush()"},
    {"file store", VERBS "s = h.storage.open{ url = 'file:' .. FILE } s:set('warm', 'up')",
     "s:set('a', ('x'):rep(5000)) s:get 'a' s:get 'none' s:set_many{ b = '1', c = '2' } s:update_json('j', function(v) return { (v or "
     "{})[1] } end)\n"
     "s:keys{} s:delete 'b' s:clear()\n"
     "local t = h.storage.open{ url = 'file:' .. FILE, namespace = 'other' } t:set('a', '1') t:get 'a' t:close() t:close()\n"
     "pcall(t.get, t, 'a') s:flush() s:close()"},
    {"large values",
     VERBS "s = h.storage.open{ url = 'file:' .. FILE } big = { ('x'):rep(70000), h.Set{ 1, 2 }, { a = { 1, h.array{} } } }",
     "s:set_json('a', big) s:get_json 'a' s:set('b', ('y'):rep(2 << 20)) s:set_many{ c = ('z'):rep(1 << 20), d = 'small' }\n"
     "s:batch(function(tx) tx:set_json('e', big) tx:get_json 'e' end) h.run_async(s.set_json, s, 'f', big):await() s:get_json 'f'\n"
     "s:set('g', '[' .. ('1,'):rep(40000) .. '}') pcall(s.get_json, s, 'g') s:clear()"},
    {"json file", VERBS,
     "local s = h.storage.open{ url = 'json:' .. FILE .. '.json' } s:set_json('a', { 1 }) s:get 'a' s:delete 'a' s:close()"},
    {"app storage", VERBS "S = h.AppStorage{ app_name = 'notes' } S:set('warm', 1)",
     "S:set('a', { 1, { x = h.Set{ 1, 2 } } }) S:get 'a' S:get_or_default('b', 2) pcall(S.get, S, 'none') S:get_keys() S:remove 'a'\n"
     "S:migrate(1, { function(s) s:set('m', 1) end }) S:cleanup{ prefix = 'm' } S:clear()"},
    {"json", VERBS,
     "local t = h.json.decode '[1, 2.5, \"\\\\u00e9\", {\"a\": [true, null, {}]}, -0, 1e300]'\n"
     "assert(h.json.encode(t)) h.json.encode(h.array{}) pcall(h.json.decode, '[1,') pcall(h.json.encode, { f = print })\n"
     "h.json.encode(('long'):rep(2000)) h.json.decode(h.json.encode{ list = { ('x'):rep(3000), 1 / 3 } })\n"
     "local s = h.Set{ 'a', 'b' } s:add 'c' s:discard 'a' for _ in pairs(s) do end assert(s ~= h.Set{})"},
    {"hooks",
     VERBS "testing = require 'hearth.testing'\n"
           "C = h.component('C', function(p)\n"
           "  local n, set = h.use_state(0)\n"
           "  local v, keep, info = h.use_persisted_state('k', 1)\n"
           "  local q = h.use_query(function() h.sleep(0) return 'data' end, { n })\n"
           "  h.use_effect(function() return function() end end, { n })\n"
           "  h.use_async_effect(function() h.sleep(0) end, { n })\n"
           "  local m = h.use_memo(function() return n * 2 end, { n })\n"
           "  return h.Column{ h.Text(('%d %s %s %d'):format(n, tostring(v), tostring(q.data), m)),\n"
           "    h.Button('up', { on_click = function() set(n + 1) keep(function(x) return x + 1 end) end }), h.TextInput{ label = 'in', "
           "value = p.text } }\n"
           "end)\n"
           "testing.render(C{}):unmount() testing.settle()",
     "local s = testing.render(h.ErrorBoundary{ fallback = h.Text 'broken', C{ text = 'a' } })\n"
     "testing.settle() pcall(s.click, s, 'up') testing.settle() s:text() s:tree() s:rerender(C{ text = 'b' }) testing.settle() "
     "s:unmount()\n"
     "testing.settle()"},
    /* What a setter has accepted is on disk as soon as there is memory again. The ticket says so, whatever was interrupted. */
    {"persisted",
     VERBS "testing = require 'hearth.testing'\n"
           "C = h.component('C', function()\n"
           "  local n, a = h.use_persisted_state('number', 0)\n"
           "  local t, b = h.use_persisted_state('table', {})\n"
           "  set_n, set_t = a, b\n"
           "  return h.Text(tostring(n) .. #t)\n"
           "end)\n"
           "screen = testing.render(C{}) testing.settle()",
     "local ok, t = pcall(set_n, 1) first = ok and t\n"
     "ok, t = pcall(set_t, { 1, 2, { x = 3 } }) second = ok and t\n"
     "ok, t = pcall(set_n, function(n) return n + 1 end) third = ok and t\n"
     "testing.settle() screen:unmount()"},
    {"first fetch", VERBS, "pcall(h.fetch, URL)"}, /* loads the module */
    {"fetch", VERBS "h.fetch(URL)",
     "local r = h.fetch(URL, { params = { a = 1 }, headers = { x = { 'y', 'z' } }, timeout = 2 }) assert(r.ok) r:json() r:text() "
     "r:raise_for_status()\n"
     "h.fetch(URL, { body = { a = { 1 } } }) h.fetch(URL, { method = 'PUT', body = ('x'):rep(3000) })\n"
     "pcall(h.fetch, URL, { max_bytes = 3 }) pcall(h.fetch, 'http://127.0.0.1:1/') pcall(h.fetch, 'ftp://x/')\n"
     "local s = h.fetch(URL, { stream = true }) for _ in s:chunks() do end\n"
     "local t = h.run_async(h.fetch, URL) h.sleep(0) t:cancel() pcall(t.await, t)"},
    {"screen",
     VERBS "root, stage = require 'hearth.ui.root', require 'hearth.render.terminal.stage'\n"
           "terminal, cells = require 'hearth.render.terminal', require 'hearth.core.feature'.load 'term'\n"
           "C = h.component('C', function()\n"
           "  local n, set = h.use_state(0)\n"
           "  set_n = set\n"
           "  return h.Column{ style = { border = 'single' }, h.Text('line ' .. n), h.Row{ h.Button 'a', h.TextInput{ label = 'b', value = "
           "'c' } },\n"
           "    h.FlatList{ data = { 1, 2, 3 }, render_item = function(x) return h.Text('item ' .. tostring(x)) end } }\n"
           "end)",
     "cells.canvas(40, 12)\n"
     "local owner = {}\n"
     "local mounted = root.mount(C{}, terminal.renderer(owner, function() end))\n"
     "local guard <close> = setmetatable({}, { __close = function() mounted:unmount() cells.close() end })\n"
     "local st = stage.new(cells, 256)\n"
     "for i = 1, 3 do st:layout(mounted.node, 40, 12) st:paint(mounted.node) cells.diff() set_n(i) h.sleep(0) end\n"
     "cells.canvas(60, 20) cells.row(1)"},
};

/* What has to hold after "persisted" when there is memory again: what the setters have accepted is on disk. */
static const char saved[] =
    "for _, t in ipairs{ second or first, third or first, first } do if t then h.await(t, 3) end end\n"
    "local n = A.get_json 'number'\n"
    "if third then assert(n == 2 or n == 1 and not first) elseif first then assert(n == 1 or n == 2) end\n"
    "if second then assert(A.get_json('table')[3].x == 3) end";

/* ---- a server for fetch: says the same to everybody */

static int listener;
static char url[64];

static void *serve(void *arg) {
  (void)arg;
  static const char answer[] =
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nSet-Cookie: a=b\r\nContent-Length: 9\r\nConnection: close\r\n\r\n{\"a\":[1]}";
  for (int fd; (fd = accept(listener, NULL, NULL)) >= 0; close(fd)) {
    char request[4096];
    size_t size = 0;
    ssize_t n;
    while (size < sizeof request - 1 && (n = read(fd, request + size, sizeof request - 1 - size)) > 0) {
      size += (size_t)n;
      request[size] = '\0';
      if (strstr(request, "\r\n\r\n")) break;
    }
    n = write(fd, answer, sizeof answer - 1);
    (void)n;
    shutdown(fd, SHUT_WR);
    while (read(fd, request, sizeof request) > 0) continue;
  }
  return NULL;
}

static bool start_server(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  pthread_t thread;
  listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) != 0 || listen(listener, 64) != 0) return false;
  if (getsockname(listener, (struct sockaddr *)&address, &size) != 0 || pthread_create(&thread, NULL, serve, NULL) != 0) return false;
  pthread_detach(thread);
  snprintf(url, sizeof url, "http://127.0.0.1:%d/", ntohs(address.sin_port));
  return true;
}

/* ---- a run */

typedef struct doubling {
  hearth_work work;
  lua_Integer n;
} doubling;

static atomic_int works;

static void doubling_work(hearth_work *w) {
  ((doubling *)w)->n *= 2;
}
static int doubling_push(lua_State *L, hearth_work *w) {
  lua_pushinteger(L, ((doubling *)w)->n);
  lua_newtable(L); /* may fail as any other */
  lua_pop(L, 1);
  return 1;
}
static void doubling_free(hearth_work *w) {
  atomic_fetch_sub(&works, 1);
  free(w);
}
static int l_double(lua_State *L) {
  lua_Integer n = luaL_checkinteger(L, 1);
  doubling *d = __real_calloc(1, sizeof *d);
  if (!d) return luaL_error(L, "not enough memory");
  atomic_fetch_add(&works, 1);
  d->work = (hearth_work){.size = sizeof d->work, .work = doubling_work, .push = doubling_push, .free = doubling_free};
  d->n = n;
  return hearth_await(L, &d->work);
}

static char file[] = "/tmp/hearth-memory-XXXXXX", now[256];

static void on_alarm(int sig) {
  (void)sig;
  ssize_t n = write(STDERR_FILENO, "it hangs: ", 10);
  n = write(STDERR_FILENO, now, strlen(now));
  (void)n;
  _exit(1);
}

static void on_abort(int sig) {
  ssize_t n = write(STDERR_FILENO, now, strlen(now));
  (void)n;
  signal(sig, SIG_DFL);
  raise(sig);
}

static void hear(void *userdata, const char *text) {
  ++*(int *)userdata;
  if (getenv("HEARTH_OOM_HEAR")) fprintf(stderr, "heard: %s\n", text);
}

static int quiet(lua_State *L) {
  (void)L;
  return 0;
}

static void remove_files(void) {
  static const char *const tails[] = {"",      "-wal",  "-shm",  ".lock",      ".notice",   "-touch",
                                      "-lock", "-gate", ".json", ".json-gate", ".json.new", NULL};
  char path[sizeof file + 32];
  for (int i = 0; tails[i]; i++) {
    snprintf(path, sizeof path, "%s%s", file, tails[i]);
    unlink(path);
  }
}

#ifdef __SANITIZE_ADDRESS__
int __lsan_do_recoverable_leak_check(void);
#else
static int __lsan_do_recoverable_leak_check(void) {
  return 0;
}
#endif

/* One run with its n-th allocation failing (0: none). How many there were, or -1 when the scenario does not even work without a fault. */
static long run(const scenario *s, place p, long n) {
  int heard = 0;
  long seen = -1;
  hearth_error error = {0};
  hearth_options options = {.size = sizeof options, .memory_limit = SIZE_MAX, .on_error = hear, .userdata = &heard, .store = "memory:"};
  snprintf(now, sizeof now, "%s, allocation %ld of %s\n", s->name, n, place_names[p]);
  alarm(SECONDS);
  arm(p, s->ready ? 0 : n);
  hearth_t *h = hearth_new(&options, &error);
  if (h && s->ready) {
    lua_register(hearth_lua(h), "double", l_double);
    lua_register(hearth_lua(h), "print", quiet);
    lua_pushstring(hearth_lua(h), file);
    lua_setglobal(hearth_lua(h), "FILE");
    lua_pushstring(hearth_lua(h), url);
    lua_setglobal(hearth_lua(h), "URL");
    if (hearth_do_string(h, s->ready, "=ready", &error) != 0) {
      fprintf(stderr, "%s: %s\n%s\n", s->name, error.message, error.traceback);
      goto end;
    }
    arm(p, n);
  }
  if (h) {
    int status = hearth_do_string(h, s->run, "=run", &error);
    if (n == 0 && status != 0 && strcmp(s->name, "errors") != 0) {
      fprintf(stderr, "%s: %s\n%s\n", s->name, error.message, error.traceback);
      goto end;
    }
    CHECK(status == 0 || error.message[0]);
    if (status == 0)
      hearth_run(h);
    else /* a screen that is still mounted keeps the program alive */
      for (int i = 0; i < 50; i++) hearth_poll(h);
    seen = atomic_load(&count[p]);
    if (n % 2) { /* in every other run the end meets the fault, or works on */
      arm(p, 0);
      static const char again[] = "local h = require 'hearth' assert(h.await(h.run_async(function() h.sleep(0) return 1 end)) == 1)";
      if (hearth_do_string(h, again, "=again", &error) != 0) {
        fprintf(stderr, "%safter it: %s\n%s\n", now, error.message, error.traceback);
        CHECK(!"the runtime works on");
      }
      if (strcmp(s->name, "persisted") == 0 && hearth_do_string(h, saved, "=saved", &error) != 0) {
        fprintf(stderr, "%safter it: %s\n%s\n", now, error.message, error.traceback);
        CHECK(!"nothing is lost");
      }
    }
  } else {
    CHECK(error.message[0]);
    seen = atomic_load(&count[p]);
  }
end:
  hearth_free(h);
  arm(p, 0);
  alarm(0);
  CHECK(atomic_load(&works) == 0);
  remove_files();
  return seen;
}

static void every_failure_is_survived(place p) {
  const char *only = getenv("HEARTH_OOM_ONLY");
  bool all = getenv("HEARTH_OOM_ALL") != NULL, say = getenv("HEARTH_OOM_SAY") != NULL;
  for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++) {
    const scenario *s = &scenarios[i];
    if (only && strcmp(only, s->name) != 0) continue;
    long total = run(s, p, 0);
    CHECK(total > 0);
    long runs = 0;
    for (long n = 1; n <= total && total > 0; runs++) {
      uint64_t start = uv_hrtime();
      run(s, p, n);
      if (say && uv_hrtime() - start > 300000000u) fprintf(stderr, "%.1f s: %s", (double)(uv_hrtime() - start) / 1e9, now);
      n += all ? 1 : n <= 24 ? 1 : 1 + n / 20;
    }
    if (__lsan_do_recoverable_leak_check() != 0) {
      fprintf(stderr, "in %s, %s\n", s->name, place_names[p]);
      CHECK(!"nothing leaks");
    }
    if (say) fprintf(stderr, "%-12s %s: %ld allocations, %ld runs\n", s->name, place_names[p], total, runs);
  }
}

static void our_own_allocations(void) {
  every_failure_is_survived(IN_C);
}

static void allocations_of_lua(void) {
  every_failure_is_survived(IN_LUA);
}

int main(void) {
  int fd = mkstemp(file);
  if (fd < 0) return 1;
  close(fd);
  unlink(file);
  if (!start_server()) return 1;
  signal(SIGALRM, on_alarm);
  signal(SIGABRT, on_abort);
  signal(SIGSEGV, on_abort);
  RUN(our_own_allocations);
  RUN(allocations_of_lua);
  return check_end();
}
