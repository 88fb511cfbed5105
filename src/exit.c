/* The end of the process, from wherever os.exit is called: in the main chunk, in a task, in a callback. Without `close` what was accepted is
** flushed and the process ends. With it tasks are cancelled first, and the state is closed, so that <close> variables and finalizers run: a task
** that asks for it steps aside, and the top of the loop does the work. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <lauxlib.h>

#include "module.h"
#include "state.h"

static int with_failures(const hearth_t *h, bool saved, unsigned before, int status) {
  return status == 0 && (!saved || h->failures > before) ? EXIT_FAILURE : status;
}

void hearth__exit(hearth_t *h, int status) {
  unsigned before = h->failures;
  bool saved = hearth__flush(h, NULL);
  hearth__report_all_failed(h); /* a write that was accepted and then refused is an error that nobody can see any more */
  status = with_failures(h, saved, before, status);
  for (hearth__state *s = h->states; s; s = s->next) hearth__close_parts(s);
  if (h->busy > 0) { /* libuv's own exit would wait for the threads that are at work */
    fflush(NULL);
    _exit(status);
  }
  exit(status);
}

/* The top of the loop, or a place from which nothing returns. */
void hearth__leave(hearth_t *h) {
  hearth__state *s = h->state;
  lua_State *L = s->L;
  int status = h->exit_status;
  unsigned before = h->failures;
  h->leaving = false;
  bool saved = hearth__flush(h, NULL); /* what has been accepted; then what tasks write on their way out */
  hearth__cancel_tasks(h, NULL);
  if (saved) saved = hearth__flush(h, NULL);
  status = with_failures(h, saved, before, status);
  bool busy = h->busy > 0;
  if (s->owns_L)
    hearth_free(h);
  else
    lua_close(L); /* the runtime ends in its __gc */
  if (busy) {
    fflush(NULL);
    _exit(status);
  }
  exit(status);
}

/* os.exit([code [, close]]) */
static int l_exit(lua_State *L) {
  hearth__state *s = hearth__state_of(L);
  hearth_t *h = s->h;
  int status = lua_isboolean(L, 1) ? (lua_toboolean(L, 1) ? EXIT_SUCCESS : EXIT_FAILURE) : (int)luaL_optinteger(L, 1, EXIT_SUCCESS);
  if (!lua_toboolean(L, 2)) {
    if (h->closing) exit(status);
    hearth__exit(h, status);
  }
  if (h->closing) { /* a finalizer ends what is ending: the rest of the finalizers run, as in stock Lua */
    lua_close(s->L);
    exit(status);
  }
  h->exit_status = status;
  if (L != s->L && hearth__step_aside(L, s)) {
    h->leaving = true;
    return hearth__yield_aside(L, s);
  }
  if (L != s->L && s->current) hearth__close_waiting(s); /* no way to the top: tasks that wait are closed where they stand */
  hearth__leave(h);
  return 0;
}

void hearth__exit_install(lua_State *L, hearth__state *s) {
  if (lua_getglobal(L, "os") == LUA_TTABLE) {
    lua_pushlightuserdata(L, s);
    lua_pushcclosure(L, l_exit, 1);
    lua_setfield(L, -2, "exit");
  }
  lua_pop(L, 1);
}
