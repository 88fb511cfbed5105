/* The process: its runtime, its signals and its end. A handler only takes note, wakes the loop and arms a hook; the work is done where Lua runs or
** waits. Handlers go back to their defaults in children (exec does that), and after their first signal, so that a second one always ends us. */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lualib.h>

#include "host.h"
#include "module.h"
#include "state.h"

extern const hearth__module hearth__host_modules[];

static hearth_t *running;          /* the runtime whose owner thread takes the signals */
static pthread_t owner;            /* that thread */
static volatile sig_atomic_t stop; /* the signal that asked for the end, or 0 */
static volatile sig_atomic_t interrupted;
static bool broken_off; /* the main chunk was interrupted */
static host_int on_int = HOST_INT_DEFAULT;

static void on_hook(lua_State *L, lua_Debug *ar) {
  (void)ar;
  lua_sethook(L, NULL, 0, 0);
  host_check_signals(L);
}

static void set_handler(int sig, void (*handler)(int)) {
  struct sigaction sa = {.sa_handler = handler}; /* no SA_RESTART: a read that blocks returns */
  sigemptyset(&sa.sa_mask);
  sigaction(sig, &sa, NULL);
}

/* In a handler: whoever runs or waits shall look. */
static void look(void) {
  hearth_t *h = running;
  if (!h) return;
  int mask = LUA_MASKLINE | LUA_MASKCOUNT; /* in Lua code only: our own calls are not to be broken off */
  for (hearth__state *s = h->states; s; s = s->next) {
    lua_State *L = hearth__running(s);
    lua_sethook(s->L, on_hook, mask, 1);
    if (L != s->L) lua_sethook(L, on_hook, mask, 1);
  }
  uv_async_send(&h->wake);
}

/* In a handler: the system may have chosen a worker thread, which must not touch Lua; then the owner's is told. */
static bool elsewhere(int sig) {
  return !pthread_equal(pthread_self(), owner) && pthread_kill(owner, sig) == 0;
}

static void on_signal(int sig) {
  if (elsewhere(sig)) return;
  set_handler(sig, SIG_DFL);
  if (sig == SIGINT && on_int == HOST_INT_RAISE)
    interrupted = 1;
  else
    stop = sig;
  look();
}

/* A reader went away. If it was that of standard output, the program has nobody left to talk to. */
static void on_pipe(int sig) {
  if (elsewhere(sig)) return;
  struct pollfd out = {.fd = STDOUT_FILENO};
  if (poll(&out, 1, 0) == 1 && (out.revents & (POLLERR | POLLNVAL))) {
    stop = sig;
    look();
  }
}

static void take_signal(int sig, void (*handler)(int)) {
  struct sigaction old;
  if (sigaction(sig, NULL, &old) == 0 && old.sa_handler != SIG_IGN) set_handler(sig, handler);
}

void host_on_int(host_int what) {
  on_int = what;
  set_handler(SIGINT, what == HOST_INT_DEFAULT ? SIG_DFL : on_signal);
}

bool host_int_taken(void) {
  bool was = interrupted;
  interrupted = 0;
  if (was) set_handler(SIGINT, on_signal);
  return was;
}

void host_check_signals(lua_State *L) {
  hearth_t *h = running;
  if (!h) return;
  if (stop) {
    int sig = stop;
    stop = 0;
    h->interrupt = NULL;
    hearth__exit(h, 128 + sig);
  }
  if (!interrupted) return;
  hearth__state *s = hearth__find_state(L);
  if (s && L == s->L && !h->in_loop) { /* else the main chunk has to hear of it too */
    interrupted = 0;
    broken_off = true;
    hearth__main_let_go(s);
  }
  luaL_error(L, "interrupted!");
}

/* busted.core as every runner in this process finds it: with our per-test checks (host/busted_core.lua). */
static int load_busted_core(lua_State *L) {
  lua_getglobal(L, "require");
  lua_pushliteral(L, "hearth.host.busted_core");
  lua_call(L, 1, 1);
  return 1;
}

static int install(lua_State *L) {
  hearth_t *h = lua_touserdata(L, 1);
  hearth__modules_add(L, h->state, hearth__host_modules);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, load_busted_core);
  lua_setfield(L, -2, "busted.core");
  /* Generational as in lua5.4, with a young collection when memory has grown by all of it in place of a fifth: each one walks every
  ** suspended task. 10,000 tasks that set a value: 62 ms in place of 70 to 100. */
  lua_gc(L, LUA_GCGEN, 100, 0);
  return 0;
}

hearth_t *host_new(const char *progname, bool no_env) {
  hearth_error error;
  hearth_t *h = hearth__new(NULL, no_env ? HEARTH__NO_ENV : 0, &error);
  if (!h) {
    fprintf(stderr, "%s: %s: %s\n", progname, error.code, error.message);
    return NULL;
  }
  lua_State *L = hearth_lua(h);
  lua_pushcfunction(L, install);
  lua_pushlightuserdata(L, h);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
    fprintf(stderr, "%s: %s\n", progname, lua_tostring(L, -1));
    hearth_free(h);
    return NULL;
  }
  running = h;
  owner = pthread_self();
  h->interrupt = host_check_signals;
  take_signal(SIGTERM, on_signal);
  take_signal(SIGHUP, on_signal);
  set_handler(SIGPIPE, on_pipe);
  return h;
}

/* Drives what is left; protected, because a signal may raise. */
static int drive(lua_State *L) {
  hearth_t *h = running;
  while (hearth__alive(h)) {
    host_check_signals(L);
    hearth__turn(h, true);
  }
  host_check_signals(L);
  return 0;
}

int host_finish(hearth_t *h, const char *progname, int status) {
  lua_State *L = hearth_lua(h);
  if (on_int == HOST_INT_DEFAULT) host_on_int(HOST_INT_RAISE);
  lua_settop(L, 0);
  lua_pushcfunction(L, script_message);
  lua_pushcfunction(L, drive);
  if (broken_off && status != EXIT_SUCCESS)
    hearth__cancel_tasks(h, NULL); /* who interrupts a program does not wait for what it left running */
  else if (script_report(L, progname, lua_pcall(L, 0, 0, 1)) != LUA_OK)
    status = EXIT_FAILURE;
  else
    hearth_run(h); /* says which tasks wait for ever; counted as failures */
  lua_settop(L, 0);
  if (on_int == HOST_INT_RAISE) host_on_int(HOST_INT_DEFAULT);
  running = NULL;
  if (hearth__end(h) < 0 && status == EXIT_SUCCESS) status = EXIT_FAILURE;
  return stop ? 128 + stop : status;
}
