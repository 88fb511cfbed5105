/* `hearth SCRIPT`: a Lua interpreter. */
#include <stdio.h>
#include <string.h>

#include <lauxlib.h>

#include "host.h"

int script_main(int argc, char **argv) {
  hearth_error error;
  hearth_t *h = hearth_new(NULL, &error);
  if (!h) {
    fprintf(stderr, "hearth: %s: %s\n", error.code, error.message);
    return 1;
  }
  host_install(h);
  lua_State *L = hearth_lua(h);
  int i = 1, status = 0;
  for (; i < argc && status == 0 && strcmp(argv[i], "-e") == 0; i += 2)
    status = hearth_do_string(h, argv[i + 1], "=(command line)", &error);
  lua_createtable(L, argc, 1);
  for (int k = 0; k < argc; k++) {
    lua_pushstring(L, argv[k]);
    lua_rawseti(L, -2, k - i);
  }
  lua_setglobal(L, "arg");
  if (i < argc && status == 0) status = hearth_do_file(h, argv[i], &error);
  if (status != 0) fprintf(stderr, "hearth: %s\n%s\n", error.message, error.traceback);
  return host_finish(h, status ? 1 : 0);
}
