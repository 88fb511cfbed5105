/* A program with Hearth inside: it runs a script, offers it a C function that answers from a thread, and reads back what the script has stored. */
#include <hearth.h>
#include <stdio.h>
#include <stdlib.h>

#include <lauxlib.h>

typedef struct square {
  hearth_work work;
  long long number, result;
} square;

/* On a libuv thread: no Lua here. */
static void square_work(hearth_work *work) {
  square *s = (square *)work;
  s->result = s->number * s->number;
}

/* Back on our thread, in the coroutine that waits. */
static int square_push(lua_State *L, hearth_work *work) {
  lua_pushinteger(L, ((square *)work)->result);
  return 1;
}

static void square_free(hearth_work *work) {
  free(work);
}

/* square(n): awaits. */
static int l_square(lua_State *L) {
  lua_Integer n = luaL_checkinteger(L, 1);
  square *s = calloc(1, sizeof *s);
  if (!s) return luaL_error(L, "not enough memory");
  s->work = (hearth_work){.size = sizeof s->work, .work = square_work, .push = square_push, .free = square_free};
  s->number = n;
  return hearth_await(L, &s->work); /* owns s from here on */
}

int main(int argc, char **argv) {
  hearth_error error;
  hearth_options options = {.size = sizeof options, .store = "memory:"};
  hearth_t *h = hearth_new(&options, &error);
  if (!h) return fprintf(stderr, "%s: %s\n", error.code, error.message), 1;
  lua_register(hearth_lua(h), "square", l_square);
  int status = hearth_do_file(h, argc > 1 ? argv[1] : "app.lua", &error);
  if (status != 0) fprintf(stderr, "%s\n%s\n", error.message, error.traceback);
  if (hearth_run(h) != 0) status = -1;
  if (status == 0) {
    lua_getglobal(hearth_lua(h), "total");
    printf("the script counted to %lld\n", (long long)lua_tointeger(hearth_lua(h), -1));
    lua_pop(hearth_lua(h), 1);
  }
  hearth_free(h);
  return status == 0 ? 0 : 1;
}
