/* libFuzzer: whatever the bytes, the decoder answers; what it takes comes back from its own text, and all ways to read agree. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <lua.h>

#include "json/json.h"
#include "large.h"

#define MUST(cond)        \
  do {                    \
    if (!(cond)) abort(); \
  } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int once(lua_State *L) {
  size_t size;
  const char *text = lua_tolstring(L, 1, &size);
  for (int sets = 0; sets <= 1; sets++) {
    lua_settop(L, 1);
    bool good = hearth__json_decode(L, text, size, sets) == 0; /* 2 */
    long bad = hearth__json_check(text, size);
    MUST(good == (bad == -1));
    hearth__json_tape *tape = hearth__json_parse(text, size);
    MUST((hearth__json_tape_push(L, tape, sets) == 0) == good); /* 3 */
    hearth__json_tape_free(tape);
    if (!good) {
      lua_getfield(L, 2, "position");
      MUST(lua_tointeger(L, -1) == bad + 1 && bad >= 0 && (size_t)bad <= size);
      continue;
    }
    MUST(hearth__json_equal(L, 2, 3));
    /* A set in the text of a set, spelt shorter than sets are, may be too deep to be written; nothing else is. */
    hearth__json_encode(L, 2, sets, NULL, NULL, 0); /* 4 */
    size_t printed_size, again_size, flat_size;
    const char *printed = lua_tolstring(L, 4, &printed_size);
    MUST(hearth__json_decode(L, printed, printed_size, sets) == 0); /* 5 */
    MUST(hearth__json_equal(L, 2, 5));
    hearth__json_copy(L, 5);                        /* 6 */
    hearth__json_encode(L, 6, sets, NULL, NULL, 0); /* 7 */
    const char *again = lua_tolstring(L, 7, &again_size);
    MUST(again_size == printed_size && memcmp(again, printed, again_size) == 0);
    hearth__json_flat *flat = hearth__json_flatten(L, 6, sets, NULL, NULL, 0);
    char *flat_text = hearth__json_print(flat, 0, &flat_size);
    MUST(flat_text && flat_size == printed_size && memcmp(flat_text, printed, flat_size) == 0);
    hearth__large_free(flat_text, flat_size + 1);
    hearth__json_flat_free(flat);
  }
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static lua_State *L;
  if (!L) L = luaL_newstate();
  lua_settop(L, 0);
  lua_pushcfunction(L, once);
  lua_pushlstring(L, (const char *)data, size);
  MUST(lua_pcall(L, 1, 0, 0) == LUA_OK);
  return 0;
}
