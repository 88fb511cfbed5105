/* From start to end of a process: a bare program with Lua and libuv (this one, with an argument), hearth -e "", and a script that reads one stored value. */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <lauxlib.h>
#include <lualib.h>
#include <uv.h>

enum { ROUNDS = 101 };

static int bare(void) {
  lua_State *L = luaL_newstate();
  uv_loop_t loop;
  if (!L || uv_loop_init(&loop) != 0) return 1;
  luaL_openlibs(L);
  uv_run(&loop, UV_RUN_DEFAULT);
  lua_close(L);
  return uv_loop_close(&loop) != 0;
}

static double timed(char **argv) {
  extern char **environ;
  pid_t pid;
  int status;
  uint64_t start = uv_hrtime();
  if (posix_spawn(&pid, argv[0], NULL, NULL, argv, environ) != 0 || waitpid(pid, &status, 0) != pid || status != 0) exit(1);
  return (double)(uv_hrtime() - start) / 1e6;
}

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

int main(int argc, char **argv) {
  if (argc < 3) return bare();
  char db[] = "/tmp/hearth-startup-XXXXXX", set[256], get[256], clean[256];
  if (!mkdtemp(db)) return 1;
  snprintf(set, sizeof set, "require 'hearth'.storage.open{ url = '%s/db' }:set('k', 'v')", db);
  snprintf(get, sizeof get, "assert(require 'hearth'.storage.open{ url = '%s/db' }:get 'k' == 'v')", db);
  char *none[] = {argv[0], NULL}, *empty[] = {argv[1], "-e", "", NULL}, *store[] = {argv[1], "-e", set, NULL},
       *read[] = {argv[1], "-e", get, NULL};
  double times[3][ROUNDS];
  timed(store);
  for (int i = 0; i < ROUNDS; i++) {
    times[0][i] = timed(none);
    times[1][i] = timed(empty);
    times[2][i] = timed(read);
  }
  for (int i = 0; i < 3; i++) qsort(times[i], ROUNDS, sizeof(double), by_size);
  double b = times[0][ROUNDS / 2], e = times[1][ROUNDS / 2], r = times[2][ROUNDS / 2];
  printf("hearth -e \"\"              %6.2f ms   %4.2f of a bare program with Lua and libuv (at most 2)\n", e, e / b);
  printf("reads one stored value    %6.2f ms   %4.2f of it (at most 4 ms)\n", r, r / b);
  snprintf(clean, sizeof clean, "rm -r %s", db);
  return system(clean) != 0;
}
