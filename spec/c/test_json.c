/* The codec where Lua cannot see it: what goes over to other threads, the check, and memory that runs out. */
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <stdint.h>

#include <lauxlib.h>
#include <lualib.h>

#include "check.h"
#include "json/codec.h"
#include "large.h"

/* ---- an allocator that counts what is alive and fails on demand */

typedef struct memory {
  size_t alive;
  long until; /* allocations until one fails, and all after it; negative: never */
} memory;

static void *allocate(void *ud, void *p, size_t old, size_t size) {
  memory *m = ud;
  if (!p) old = 0;
  if (size == 0) {
    m->alive -= old;
    free(p);
    return NULL;
  }
  if (size > old) { /* Lua relies on shrinking to work */
    if (m->until == 0) return NULL;
    if (m->until > 0) m->until--;
  }
  void *q = realloc(p, size);
  if (q) m->alive += size - old;
  return q;
}

static const char sample[] =
    "{\"a\":[1,-2.5,1e300,true,false,null,[],{}],\"name\":\"n\\u00e9 \\\"x\\\"\\n\",\"deep\":{\"$hearth.set\":[1,1.0,\"x\"]},"
    "\"looks\":{\"$$hearth.set\":[1]},\"k1\":1,\"k2\":2,\"k3\":{\"x\":{},\"y\":{}},\"long\":\"0123456789abcdef0123456789abcdef\"}";

/* Decodes the text at 1, encodes, compares and copies; leaves the text of it. */
static int work(lua_State *L) {
  size_t size;
  const char *text = lua_tolstring(L, 1, &size);
  if (hearth__json_decode(L, text, size, true) != 0) return lua_error(L);
  hearth__json_copy(L, 2);
  if (!hearth__json_equal(L, 2, 3)) return luaL_error(L, "the copy differs");
  hearth__json_encode(L, 3, true, "test", NULL, 0);
  return 1;
}

static int refuse(lua_State *L) { /* an error with a path, short of memory */
  lua_newtable(L);
  lua_newtable(L);
  lua_pushcfunction(L, refuse);
  lua_setfield(L, -2, "function");
  lua_setfield(L, -2, "key");
  hearth__json_encode(L, -1, true, "test", NULL, 0);
  return 0;
}

static int read_bad(lua_State *L) {
  return hearth__json_decode(L, "[1,", 3, true) == 0 ? 0 : lua_error(L);
}

/* Calls fn(text) with the n-th allocation failing, for every n until it goes well. How often it failed. */
static long starve(memory *m, lua_State *L, lua_CFunction fn, const char *text, size_t size, bool ends_well) {
  for (long n = 0; n < 100000; n++) {
    lua_settop(L, 0);
    lua_pushcfunction(L, fn);
    lua_pushlstring(L, text, size);
    m->until = n;
    int status = lua_pcall(L, 1, 1, 0);
    bool starved = m->until == 0;
    m->until = -1;
    if (!starved) {
      CHECK((status == LUA_OK) == ends_well);
      return n;
    }
    lua_gc(L, LUA_GCCOLLECT);
  }
  CHECK(!"it goes well in the end");
  return -1;
}

static void test_every_allocation_fails_in_turn(void) {
  enum { REPEAT = 8 };
  char large[sizeof sample * REPEAT + 2 * REPEAT + 2], *p = large;
  *p++ = '[';
  for (int i = 0; i < REPEAT; i++) {
    if (i) *p++ = ',';
    memcpy(p, sample, sizeof sample - 1);
    p += sizeof sample - 1;
  }
  *p++ = ']';
  for (int large_text = 0; large_text <= 1; large_text++) {
    memory m = {.until = -1};
    lua_State *L = lua_newstate(allocate, &m);
    CHECK(L != NULL);
    const char *text = large_text ? large : sample;
    size_t size = large_text ? (size_t)(p - large) : sizeof sample - 1;
    CHECK(starve(&m, L, work, text, size, true) > 5);
    lua_settop(L, 0);
    lua_gc(L, LUA_GCCOLLECT);
    size_t before = m.alive;
    for (int i = 0; i < 3; i++) starve(&m, L, work, text, size, true);
    starve(&m, L, refuse, text, size, false);
    starve(&m, L, read_bad, text, size, false);
    lua_settop(L, 0);
    lua_gc(L, LUA_GCCOLLECT);
    CHECK(m.alive < before + 8192); /* scratch memory of the codec, and no more */
    lua_pushcfunction(L, work);
    lua_pushlstring(L, text, size);
    CHECK(lua_pcall(L, 1, 1, 0) == LUA_OK); /* it works as before */
    lua_close(L);
    CHECK(m.alive == 0);
  }
}

/* ---- on other threads */

static const char *const texts[] = {
    "null",   "[]",   "{}",          "-0.0", "\"\\ud83d\\ude00 \\\\ \"", "[1,[2,[3,[]]],{\"a\":{\"b\":[{}]}}]", "9223372036854775807",
    "1e-320", "\"\"", "{\"\":\"\"}", sample};

typedef struct errand {
  const char *text;
  hearth__json_tape *tape;
  hearth__json_flat *flat;
  void *printed;
  size_t size;
} errand;

static void *parse_there(void *arg) {
  errand *e = arg;
  e->tape = hearth__json_parse(e->text, strlen(e->text));
  return NULL;
}

static void *print_there(void *arg) {
  errand *e = arg;
  e->printed = hearth__json_print(e->flat, 0, &e->size);
  return NULL;
}

static void on_thread(void *(*fn)(void *), errand *e) {
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, fn, e) == 0);
  CHECK(pthread_join(thread, NULL) == 0);
}

/* What was flattened has the text that the value on the top has, which stays there. */
static void check_flat(lua_State *L, hearth__json_flat *flat) {
  errand e = {.flat = flat};
  hearth__json_encode(L, -1, true, NULL, NULL, 0);
  size_t size;
  const char *direct = lua_tolstring(L, -1, &size);
  on_thread(print_there, &e);
  CHECK(e.size == size && e.printed && memcmp(e.printed, direct, size) == 0);
  hearth__large_free(e.printed, e.size + 1);
  hearth__json_flat_free(flat);
  lua_pop(L, 1);
}

static void test_other_threads_say_what_the_direct_way_says(void) {
  lua_State *L = luaL_newstate();
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    errand e = {.text = texts[i]};
    on_thread(parse_there, &e);
    CHECK(hearth__json_tape_push(L, e.tape, true) == 0);
    CHECK(hearth__json_decode(L, texts[i], strlen(texts[i]), true) == 0);
    CHECK(hearth__json_equal(L, -1, -2));
    hearth__json_tape_free(e.tape);
    hearth__json_flat *flat = hearth__json_flatten(L, -1, true, NULL, NULL, 0);
    lua_gc(L, LUA_GCCOLLECT);
    check_flat(L, flat);
    lua_settop(L, 0);
  }
  lua_close(L);
}

/* Pushes a list of integers of all sizes and strings of all lengths to 600, in lists and under keys. */
static void push_all_sizes(lua_State *L) {
  char text[600];
  memset(text, 's', sizeof text);
  lua_newtable(L);
  for (int i = 0; i < 64; i++)
    for (int off = -1; off <= 1; off++) {
      lua_pushinteger(L, (lua_Integer)((UINT64_C(1) << i) + (uint64_t)(int64_t)off));
      lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
      lua_pushinteger(L, (lua_Integer)(0 - (UINT64_C(1) << i) + (uint64_t)(int64_t)off));
      lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    }
  for (size_t n = 0; n <= sizeof text; n++) {
    lua_createtable(L, 0, 1);
    lua_pushlstring(L, text, n);
    lua_pushlstring(L, text, sizeof text - n);
    lua_rawset(L, -3);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  }
}

static void test_what_is_flattened_is_all_there(void) {
  lua_State *L = luaL_newstate();
  push_all_sizes(L);
  check_flat(L, hearth__json_flatten(L, -1, true, NULL, NULL, 0));
  /* Its strings become its own somewhere on the way. */
  for (size_t limit = 0; limit < 300 << 10; limit += 1 + limit / 4) {
    hearth__json_flat *flat = hearth__json_encode_or_flatten(L, -1, limit);
    CHECK(flat != NULL);
    check_flat(L, flat);
  }
  hearth__json_encode(L, -1, true, NULL, NULL, 0);
  size_t size;
  const char *text = lua_tolstring(L, -1, &size);
  CHECK(hearth__json_decode(L, text, size, true) == 0 && hearth__json_equal(L, 1, -1));
  lua_close(L);
}

/* Replaces the value on the top by a list of n integers, packed. */
static const hearth__json_flat *pack_list(lua_State *L, lua_Integer n) {
  lua_settop(L, 0);
  lua_newtable(L);
  for (lua_Integer i = 1; i <= n; i++) {
    lua_pushinteger(L, 1000 + i);
    lua_rawseti(L, 1, i);
  }
  hearth__json_pack(L, 1);
  lua_replace(L, 1);
  return hearth__json_packed(L, 1);
}

static void test_what_was_packed_gives_its_memory_to_the_next(void) {
  enum { KEPT = 2 << 20 };
  lua_State *L = luaL_newstate();
  const hearth__json_buffer *kept = &hearth__json_codec_of(L)->flat.bytes;
  CHECK(pack_list(L, 3) == NULL); /* it is text */
  hearth__json_pack_done(L, 1);
  CHECK_STR(lua_tostring(L, 1), "[1001,1002,1003]");
  for (int by_collector = 0; by_collector <= 1; by_collector++) {
    const hearth__json_flat *flat = pack_list(L, 50000);
    CHECK(flat != NULL);
    const char *bytes = flat->bytes.data;
    size_t capacity = flat->bytes.capacity;
    CHECK(kept->capacity == 0);
    if (by_collector) {
      lua_settop(L, 0);
      lua_gc(L, LUA_GCCOLLECT);
    } else {
      hearth__json_pack_done(L, 1);
      CHECK(hearth__json_packed(L, 1) == NULL);
    }
    CHECK(kept->data == bytes && kept->capacity == capacity);
  }
  for (int i = 0; i < 2; i++) { /* not all of a large one is kept */
    CHECK(pack_list(L, 1000000)->bytes.capacity > KEPT);
    hearth__json_pack_done(L, 1);
    CHECK(kept->capacity == KEPT);
  }
  const hearth__json_flat *first = pack_list(L, 20000); /* the larger one of two is kept */
  size_t larger = first->bytes.capacity;
  lua_rawsetp(L, LUA_REGISTRYINDEX, kept);
  CHECK(pack_list(L, 20000)->bytes.capacity < larger);
  hearth__json_pack_done(L, 1);
  lua_rawgetp(L, LUA_REGISTRYINDEX, kept);
  hearth__json_pack_done(L, -1);
  CHECK(kept->capacity == larger);
  lua_close(L);
}

static int flatten_function(lua_State *L) {
  lua_newtable(L);
  lua_pushcfunction(L, flatten_function);
  lua_setfield(L, -2, "fn");
  hearth__json_flatten(L, -1, true, "set", NULL, 0);
  return 0;
}

static void test_bad_tapes(void) {
  lua_State *L = luaL_newstate();
  hearth__json_tape *tape = hearth__json_parse("[1,}", 4);
  CHECK(tape != NULL);
  CHECK(hearth__json_tape_push(L, tape, false) == -1);
  lua_getfield(L, -1, "code");
  CHECK_STR(lua_tostring(L, -1), "ECORRUPT");
  lua_getfield(L, -2, "position");
  CHECK(lua_tointeger(L, -1) == 4);
  hearth__json_tape_free(tape);
  hearth__json_tape_free(NULL);
  hearth__json_flat_free(NULL);
  lua_pushcfunction(L, flatten_function);
  CHECK(lua_pcall(L, 0, 0, 0) == LUA_ERRRUN);
  lua_getfield(L, -1, "path");
  CHECK_STR(lua_tostring(L, -1), "$.fn");
  lua_close(L);
}

static void test_check(void) {
  CHECK(hearth__json_check("{\"a\":[1,\"\\n\"]}", 14) == -1);
  CHECK(hearth__json_check("", 0) == 0);
  CHECK(hearth__json_check("[1,]", 4) == 3);
  CHECK(hearth__json_check("[1", 2) == 2);
  CHECK(hearth__json_check("\"\\ud800\"", 8) == 1);
  CHECK(hearth__json_check("12", 1) == -1); /* it does not look behind the end */
  char deep[2002];
  memset(deep, '[', 1001);
  memset(deep + 1001, ']', 1001);
  CHECK(hearth__json_check(deep, 2002) == 1000);
  CHECK(hearth__json_check(deep + 1, 2000) == -1);
  CHECK(hearth__json_check(deep, 1001) == 1000);
}

/* ---- states that end */

static int encode_at_the_end(lua_State *L) {
  lua_newtable(L);
  hearth__json_encode(L, -1, true, NULL, NULL, 0);
  return 0;
}

static void test_a_finalizer_may_encode_when_the_state_ends(void) {
  memory m = {.until = -1};
  lua_State *L = lua_newstate(allocate, &m);
  lua_newuserdatauv(L, 1, 0);
  lua_newtable(L);
  lua_pushcfunction(L, encode_at_the_end);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  lua_setglobal(L, "last");
  lua_newtable(L);
  hearth__json_encode(L, -1, true, NULL, NULL, 0); /* the codec is younger, and is collected first */
  CHECK_STR(lua_tostring(L, -1), "{}");
  lua_close(L);
  CHECK(m.alive == 0);
}

/* ---- doubles, against the C library */

static void test_doubles(void) {
  lua_State *L = luaL_newstate();
  uint64_t seed = 1;
  for (int i = 0; i < 200000; i++) {
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    double d;
    memcpy(&d, &seed, 8);
    if (i % 8 == 1) d = ldexp(1, (int)(seed % 2046) - 1022); /* powers of two: the interval is not symmetric */
    if (i % 8 == 2) d = (double)(seed >> 11) * 1e-10;
    if (i % 8 == 3) d = nextafter(ldexp(1, (int)(seed % 2046) - 1022), 0);
    if (!isfinite(d)) continue;
    lua_settop(L, 0);
    lua_pushnumber(L, d);
    hearth__json_encode(L, 1, false, NULL, NULL, 0);
    const char *text = lua_tostring(L, 2);
    CHECK(strtod(text, NULL) == d);
    CHECK(hearth__json_decode(L, text, strlen(text), false) == 0);
    CHECK(lua_tonumber(L, 3) == d && !lua_isinteger(L, 3));
    char more[64];
    snprintf(more, sizeof more, "%.*e", 16 + i % 20, d);
    CHECK(hearth__json_decode(L, more, strlen(more), false) == 0);
    CHECK(lua_tonumber(L, 4) == strtod(more, NULL));
    if (check_bad_) break;
  }
  lua_close(L);
}

int main(void) {
  RUN(test_every_allocation_fails_in_turn);
  RUN(test_other_threads_say_what_the_direct_way_says);
  RUN(test_what_is_flattened_is_all_there);
  RUN(test_what_was_packed_gives_its_memory_to_the_next);
  RUN(test_bad_tapes);
  RUN(test_check);
  RUN(test_a_finalizer_may_encode_when_the_state_ends);
  RUN(test_doubles);
  return check_end();
}
