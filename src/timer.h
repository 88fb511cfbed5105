/* Timers on a clock that a test may take over. One uv_timer serves a heap; a fake clock only moves when it is told. */
#ifndef HEARTH__TIMER_H
#define HEARTH__TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "runtime.h"

enum {
  HEARTH__TIMER_UNREF = 1, /* does not keep the program alive */
  HEARTH__TIMER_REAL = 2,  /* never on the fake clock */
  HEARTH__TIMER_SETTLE = 4 /* settle() waits for it, unless it is on the fake clock */
};

/* Embedded in the owner's struct; zeroed means idle. `fire` runs on the owner thread inside the loop, must not run Lua, and may start the
** timer again. */
typedef struct hearth__timer hearth__timer;
struct hearth__timer {
  double due;
  uint64_t order; /* of start: equal times fire in the order in which they were started */
  size_t place;   /* 1-based position in its heap; 0: idle */
  unsigned flags;
  void (*fire)(hearth_t *h, hearth__timer *t);
};

/* A clock: `heap[0]` for timers that follow the fake clock, `heap[1]` for those that never do. */
typedef struct hearth__heap {
  hearth__timer **items;
  size_t count, size, refs;
  uv_timer_t timer;
} hearth__heap;

typedef struct hearth__clock {
  hearth__heap heap[2];
  uint64_t order;
  bool fake;
  double fake_now, fake_start;
  int64_t wall_start; /* ms of wall clock when the fake one began */
} hearth__clock;

int hearth__clock_init(hearth_t *h);
void hearth__clock_free(hearth_t *h);

/* Seconds from now, 0 or more. -1 when memory is short: the timer is not running then. */
int hearth__timer_start(hearth_t *h, hearth__timer *t, double seconds, unsigned flags);
void hearth__timer_stop(hearth_t *h, hearth__timer *t); /* idle is fine */

/* The fake clock. It begins at a whole second, so that a test may add and compare times. Timers keep what is left of their time in both
 * directions. */
void hearth__clock_fake(hearth_t *h, bool on);
/* Moves the fake clock to the next timer that is due by `to` and fires it: true; or to `to`: false. */
bool hearth__clock_step(hearth_t *h, double to);

#endif
