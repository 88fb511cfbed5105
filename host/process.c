/* How the process ends: os.exit and the end of the main chunk flush first. */
#include <stdio.h>
#include <stdlib.h>

#include <lauxlib.h>
#include <lualib.h>

#include "host.h"
#include "module.h"
#include "state.h"

extern const hearth__module hearth__host_modules[];

/* os.exit([code [, close]]): from wherever it is called, after what was accepted is saved. */
static int l_exit(lua_State *L) {
  hearth_t *h = lua_touserdata(L, lua_upvalueindex(1));
  int status = lua_isboolean(L, 1) ? (lua_toboolean(L, 1) ? EXIT_SUCCESS : EXIT_FAILURE) : (int)luaL_optinteger(L, 1, EXIT_SUCCESS);
  if (!hearth__flush(h) && status == 0) status = 1;
  fflush(NULL);
  exit(status);
}

/* busted.core as every runner in this process finds it: with our per-test checks (host/busted_core.lua). */
static int load_busted_core(lua_State *L) {
  lua_getglobal(L, "require");
  lua_pushliteral(L, "hearth.host.busted_core");
  lua_call(L, 1, 1);
  return 1;
}

void host_install(hearth_t *h) {
  lua_State *L = hearth_lua(h);
  hearth__modules_add(L, h->state, hearth__host_modules);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, load_busted_core);
  lua_setfield(L, -2, "busted.core");
  lua_pop(L, 1);
  lua_getglobal(L, "os");
  lua_pushlightuserdata(L, h);
  lua_pushcclosure(L, l_exit, 1);
  lua_setfield(L, -2, "exit");
  lua_pop(L, 1);
}

int host_finish(hearth_t *h, int status) {
  if (hearth_run(h) < 0 && status == 0) status = 1;
  unsigned before = h->failures;
  bool saved = hearth__flush(h);
  if ((!saved || h->failures > before || h->failures > 0) && status == 0) status = 1;
  hearth_free(h);
  return status;
}
