/* An await that goes through a libuv thread, against the raw uv_queue_work round trip, in one run: alternating rounds, medians. */
#include <stdio.h>
#include <stdlib.h>

#include <lauxlib.h>

#include "hearth.h"

enum { ROUNDS = 15, TRIPS = 4000 };

static void nothing(uv_work_t *request) {
  (void)request;
}

static void again(uv_work_t *request, int status) {
  (void)status;
  int *left = request->data;
  if (--*left > 0) uv_queue_work(request->loop, request, nothing, again);
}

static double raw(uv_loop_t *loop) {
  int left = TRIPS;
  uv_work_t request = {.data = &left};
  uint64_t start = uv_hrtime();
  uv_queue_work(loop, &request, nothing, again);
  uv_run(loop, UV_RUN_DEFAULT);
  return (double)(uv_hrtime() - start) / TRIPS;
}

static void free_work(hearth_work *work) {
  free(work);
}

static int l_trip(lua_State *L) {
  hearth_work *work = calloc(1, sizeof *work);
  if (!work) return luaL_error(L, "not enough memory");
  *work = (hearth_work){.size = sizeof *work, .free = free_work};
  return hearth_await(L, work);
}

static double awaited(hearth_t *h) {
  uint64_t start = uv_hrtime();
  if (hearth_do_string(h, "task()", "=bench", NULL) != 0 || hearth_run(h) != 0) exit(1);
  return (double)(uv_hrtime() - start) / TRIPS;
}

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *times) {
  qsort(times, ROUNDS, sizeof *times, by_size);
  return times[ROUNDS / 2];
}

int main(void) {
  double bare[ROUNDS], ours[ROUNDS];
  hearth_options options = {.size = sizeof options, .store = "memory:"};
  hearth_t *h = hearth_new(&options, NULL);
  uv_loop_t loop;
  if (!h || uv_loop_init(&loop) != 0) return 1;
  lua_register(hearth_lua(h), "trip", l_trip);
  lua_pushinteger(hearth_lua(h), TRIPS);
  lua_setglobal(hearth_lua(h), "TRIPS");
  if (hearth_do_string(h, "function task() require 'hearth'.run_async(function() for _ = 1, TRIPS do trip() end end) end", "=bench",
                       NULL) != 0)
    return 1;
  for (int i = 0; i < ROUNDS; i++) {
    bare[i] = raw(&loop);
    ours[i] = awaited(h);
  }
  double b = median(bare), o = median(ours);
  printf("await through a thread    %6.1f us   %4.2f of a raw round trip (at most 1.15)\n", o / 1000, o / b);
  hearth_free(h);
  return uv_loop_close(&loop);
}
