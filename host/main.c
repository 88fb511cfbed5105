/* The `hearth` program: a subcommand (host/NAME.lua), or a Lua interpreter that behaves as lua5.4 (script.c). Thin: everything an embedder
** would miss is in libhearth. */
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lualib.h>
#include <sqlite3.h>

#include "host.h"

static int show_version(void) {
  printf("hearth %s (%s)\n", HEARTH_VERSION, LUA_RELEASE);
  return 0;
}

/* Runs host/NAME.lua: require("hearth.host.NAME").main(args) -> status. */
static int run_main(lua_State *L) {
  const char *name = lua_tostring(L, 1);
  luaL_requiref(L, "_G", luaopen_base, 0);
  lua_getglobal(L, "require");
  lua_pushfstring(L, "hearth.host.%s", name);
  lua_call(L, 1, 1);
  lua_getfield(L, -1, "main");
  lua_pushvalue(L, 2);
  lua_call(L, 1, 1);
  return 1;
}

static int subcommand(const char *name, int argc, char **argv) {
  hearth_t *h = host_new("hearth", false);
  if (!h) return EXIT_FAILURE;
  lua_State *L = hearth_lua(h);
  bool drawn = strcmp(name, "run") == 0 || strcmp(name, "serve") == 0;
  host_on_int(drawn ? HOST_INT_END : HOST_INT_RAISE);
  lua_pushcfunction(L, script_message);
  lua_pushcfunction(L, run_main);
  lua_pushstring(L, name);
  lua_createtable(L, argc, 1);
  for (int i = 0; i < argc; i++) {
    lua_pushstring(L, argv[i]);
    lua_rawseti(L, -2, i);
  }
  int status = EXIT_FAILURE;
  if (script_report(L, "hearth", lua_pcall(L, 2, 1, 1)) == LUA_OK) status = (int)lua_tointeger(L, -1);
  return host_finish(h, "hearth", status);
}

/* A standard descriptor that was closed would become one of the loop's own. */
static void open_standard(void) {
  for (int fd = 0; fd <= 2; fd++)
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0) return;
}

/* One heap for all threads: with one for each that reads, what the cache lets go of leaves holes in all of them (40 MB after a burst of reads, where
** one has 5). And large memory goes back when it is freed, also SQLite's, instead of the more is kept the larger it was. */
static void bound_heap(void) {
#ifdef __GLIBC__
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_MMAP_THRESHOLD, 2 << 20);
  mallopt(M_TRIM_THRESHOLD, 4 << 20);
#endif
}

int main(int argc, char **argv) {
  bound_heap();
  open_standard();
  sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); /* nobody here asks what it holds, and each of its allocations takes a lock to know */
  static const char *const commands[] = {"run", "serve", "test", "store", "help", NULL};
  if (argc > 1) {
    if (strcmp(argv[1], "--version") == 0) return show_version();
    if (strcmp(argv[1], "--help") == 0) return subcommand("help", argc - 1, argv + 1);
    for (int i = 0; commands[i]; i++)
      if (strcmp(argv[1], commands[i]) == 0) return subcommand(commands[i], argc - 1, argv + 1);
  }
  return script_main(argc, argv);
}
