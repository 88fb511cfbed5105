/* hearth.core.thread: to_thread(fn, ...) -> what fn returned, on a worker thread, in a state of its own. */
#include "thread.h"

#include <lauxlib.h>

#include "module.h"

static const luaL_Reg verbs[] = {{"to_thread", hearth__l_to_thread}, {NULL, NULL}};

int hearth__open_thread(lua_State *L) {
  hearth__state *s = lua_touserdata(L, 1);
  hearth__new_lib(L, s, verbs);
  return 1;
}
