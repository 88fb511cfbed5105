/* How long operations of the store take, from the call until the answer is there, as a histogram. Nothing is measured until somebody asks. */
#include <stdlib.h>

#include <lauxlib.h>

#include "bind/store.h"
#include "error.h"

/* Upper bounds of the buckets, in seconds; the last bucket has none. */
static const double bounds[] = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1};
#define BUCKETS (sizeof bounds / sizeof *bounds + 1)

typedef struct histogram {
  uint64_t counts[BUCKETS], count;
  double sum;
} histogram;

struct hearth__latency {
  histogram of[2]; /* reads, writes */
};

void hearth__latency_note(hearth__latency *l, bool write, uint64_t nanoseconds) {
  histogram *h = &l->of[write];
  double seconds = (double)nanoseconds / 1e9;
  size_t i = 0;
  while (i < BUCKETS - 1 && seconds > bounds[i]) i++;
  h->counts[i]++;
  h->count++;
  h->sum += seconds;
}

static void push(lua_State *L, const histogram *h, const char *name) {
  lua_createtable(L, BUCKETS, 2);
  for (size_t i = 0; i < BUCKETS; i++) {
    lua_pushinteger(L, (lua_Integer)h->counts[i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  lua_pushinteger(L, (lua_Integer)h->count);
  lua_setfield(L, -2, "count");
  lua_pushnumber(L, h->sum);
  lua_setfield(L, -2, "sum");
  lua_setfield(L, -2, name);
}

/* latency() -> {bounds={seconds, …}, read={operations in each bucket, …, count=, sum=}, write=likewise}; the first call begins to measure */
int hearth__l_store_latency(lua_State *L) {
  hearth__stores *ss = hearth__stores_of(L);
  if (!ss->latency) ss->latency = calloc(1, sizeof *ss->latency);
  if (!ss->latency) return hearth__no_memory(L);
  lua_createtable(L, 0, 3);
  lua_createtable(L, BUCKETS - 1, 0);
  for (size_t i = 0; i < BUCKETS - 1; i++) {
    lua_pushnumber(L, bounds[i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  lua_setfield(L, -2, "bounds");
  push(L, &ss->latency->of[0], "read");
  push(L, &ss->latency->of[1], "write");
  return 1;
}
