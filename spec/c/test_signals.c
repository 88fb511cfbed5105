/* A signal for the process may be given to any of its threads. What it asks for happens on the owner's thread all the same. */
#include <errno.h>
#include <lauxlib.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "../../host/host.h"
#include "check.h"

static atomic_bool about_to_sleep;

/* Is the main thread asleep in the kernel? */
static bool main_sleeps(void) {
  char path[64], text[256] = "";
  snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)getpid());
  FILE *f = fopen(path, "r");
  if (!f) return false;
  size_t n = fread(text, 1, sizeof text - 1, f);
  fclose(f);
  text[n] = '\0';
  const char *name_ends = strrchr(text, ')');
  return name_ends && strncmp(name_ends, ") S", 3) == 0;
}

/* raise() is for the thread that calls it. */
static void *raiser(void *sig) {
  while (!atomic_load(&about_to_sleep) || !main_sleeps()) sched_yield();
  raise(*(int *)sig);
  return NULL;
}

static int blocked; /* what a call that blocks in the middle of a script returned, and why */
static int reason;

static int block(lua_State *L) {
  (void)L;
  struct timespec long_time = {.tv_sec = 60};
  atomic_store(&about_to_sleep, true);
  blocked = nanosleep(&long_time, NULL);
  reason = errno;
  return 0;
}

static void of_a_worker_breaks_off_what_blocks_the_owner(void) {
  hearth_t *h = host_new("test", true);
  if (!h) {
    CHECK(h);
    return;
  }
  lua_State *L = hearth_lua(h);
  int sig = SIGINT;
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, raiser, &sig) == 0);
  lua_register(L, "block", block);
  CHECK(luaL_loadstring(L, "block() while true do end") == LUA_OK);
  CHECK(script_call(L, 0, 0) != LUA_OK);
  CHECK(blocked == -1 && reason == EINTR);
  const char *message = lua_tostring(L, -1);
  CHECK(message && strstr(message, "interrupted!"));
  pthread_join(thread, NULL);
  CHECK(host_finish(h, "test", 1) == 1);
}

int main(void) {
  RUN(of_a_worker_breaks_off_what_blocks_the_owner);
  return check_end();
}
