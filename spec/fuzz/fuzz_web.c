/* What a page of the web UI may say: any lines, as messages of one page. spec/fuzz/web.lua takes them, and raises when another page is worse off for it. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <lua.h>

#include "hearth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static hearth_t *h;

static void run(const char *chunk) {
  hearth_error error = {.code = ""};
  if (hearth_do_string(h, chunk, "=fuzz", &error) == 0) return;
  fprintf(stderr, "%s: %s\n%s\n", error.code, error.message, error.traceback);
  abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (!h) {
    h = hearth_new(&(hearth_options){.size = sizeof(hearth_options), .store = "memory:"}, NULL);
    if (!h) abort();
    run("feed = dofile 'spec/fuzz/web.lua' ()");
  }
  lua_State *L = hearth_lua(h);
  lua_pushlstring(L, (const char *)data, size);
  lua_setglobal(L, "input");
  run("feed(input)");
  return 0;
}
