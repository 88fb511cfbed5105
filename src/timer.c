/* See timer.h. A binary heap ordered by due time, then by start. */
#include "timer.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "state.h"

static double real_now(void) {
  return (double)uv_hrtime() / 1e9;
}

static int64_t real_wall(void) {
  struct timespec ts;
  clock_gettime(CLOCK_REALTIME, &ts);
  return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

double hearth__now(hearth_t *h) {
  return h->clock.fake ? h->clock.fake_now : real_now();
}

int64_t hearth__wall_ms(hearth_t *h) {
  hearth__clock *c = &h->clock;
  return c->fake ? c->wall_start + (int64_t)llround((c->fake_now - c->fake_start) * 1000) : real_wall();
}

/* ---- the heap */

static bool before(const hearth__timer *a, const hearth__timer *b) {
  return a->due < b->due || (a->due == b->due && a->order < b->order);
}

static void put(hearth__heap *q, size_t place, hearth__timer *t) {
  q->items[place - 1] = t;
  t->place = place;
}

static void sift(hearth__heap *q, hearth__timer *t, size_t place) {
  for (; place > 1 && before(t, q->items[place / 2 - 1]); place /= 2) put(q, place, q->items[place / 2 - 1]);
  for (;;) {
    size_t child = place * 2;
    if (child > q->count) break;
    if (child < q->count && before(q->items[child], q->items[child - 1])) child++;
    if (!before(q->items[child - 1], t)) break;
    put(q, place, q->items[child - 1]);
    place = child;
  }
  put(q, place, t);
}

static int add(hearth__heap *q, hearth__timer *t) {
  if (q->count == q->size) {
    size_t size = q->size ? q->size * 2 : 16;
    hearth__timer **items = realloc(q->items, size * sizeof *items);
    if (!items) return -1;
    q->items = items;
    q->size = size;
  }
  q->count++;
  sift(q, t, q->count);
  return 0;
}

static void take(hearth__heap *q, hearth__timer *t) {
  size_t place = t->place;
  hearth__timer *last = q->items[--q->count];
  t->place = 0;
  if (last != t) sift(q, last, place);
}

/* ---- the loop's side */

static hearth__heap *heap_of(hearth_t *h, const hearth__timer *t) {
  return &h->clock.heap[t->flags & HEARTH__TIMER_REAL ? 1 : 0];
}

static void on_timer(uv_timer_t *handle);

/* Points the uv_timer at the first due time. On the fake clock nothing is armed. */
static void arm(hearth_t *h, hearth__heap *q) {
  bool faked = h->clock.fake && q == &h->clock.heap[0];
  if (q->count == 0 || faked) {
    uv_timer_stop(&q->timer);
    return;
  }
  double left = q->items[0]->due - real_now();
  double ms = left <= 0 ? 0 : ceil(left * 1000);
  uv_update_time(h->loop);
  uv_timer_start(&q->timer, on_timer, ms < 1e15 ? (uint64_t)ms : (uint64_t)1e15, 0);
  if (q->refs > 0)
    uv_ref((uv_handle_t *)&q->timer);
  else
    uv_unref((uv_handle_t *)&q->timer);
}

static void forget(hearth_t *h, hearth__heap *q, hearth__timer *t) {
  take(q, t);
  if (!(t->flags & HEARTH__TIMER_UNREF)) q->refs--;
  if (t->flags & HEARTH__TIMER_SETTLE) h->settle_timers--;
}

static void fire(hearth_t *h, hearth__heap *q, hearth__timer *t) {
  forget(h, q, t);
  t->fire(h, t);
}

static void on_timer(uv_timer_t *handle) {
  hearth_t *h = handle->data;
  hearth__heap *q = handle == &h->clock.heap[0].timer ? &h->clock.heap[0] : &h->clock.heap[1];
  double now = real_now();
  uint64_t newest = h->clock.order; /* a timer that is started by one that fires waits for the next round */
  while (q->count > 0 && q->items[0]->due <= now && q->items[0]->order <= newest) fire(h, q, q->items[0]);
  arm(h, q);
}

int hearth__timer_start(hearth_t *h, hearth__timer *t, double seconds, unsigned flags) {
  hearth__timer_stop(h, t);
  t->flags = flags;
  hearth__heap *q = heap_of(h, t);
  t->due = (flags & HEARTH__TIMER_REAL ? real_now() : hearth__now(h)) + (seconds > 0 ? seconds : 0);
  t->order = ++h->clock.order;
  if (add(q, t) != 0) {
    t->place = 0;
    return -1;
  }
  bool first_ref = !(flags & HEARTH__TIMER_UNREF) && q->refs++ == 0;
  if (flags & HEARTH__TIMER_SETTLE) h->settle_timers++;
  if (t->place == 1 || first_ref) arm(h, q);
  return 0;
}

void hearth__timer_stop(hearth_t *h, hearth__timer *t) {
  if (!t->place) return;
  hearth__heap *q = heap_of(h, t);
  bool first = t->place == 1;
  forget(h, q, t);
  if (first || q->refs == 0) arm(h, q);
}

int hearth__clock_init(hearth_t *h) {
  for (int i = 0; i < 2; i++) {
    int err = uv_timer_init(h->loop, &h->clock.heap[i].timer);
    if (err) return err;
    h->clock.heap[i].timer.data = h;
  }
  return 0;
}

void hearth__clock_free(hearth_t *h) {
  for (int i = 0; i < 2; i++) free(h->clock.heap[i].items);
}

/* ---- the fake clock */

void hearth__clock_fake(hearth_t *h, bool on) {
  hearth__clock *c = &h->clock;
  if (on == c->fake) return;
  double was = hearth__now(h);
  c->fake = on;
  if (on) {
    c->fake_now = c->fake_start = ceil(was);
    c->wall_start = real_wall();
  }
  double shift = hearth__now(h) - was;
  for (size_t i = 0; i < c->heap[0].count; i++) c->heap[0].items[i]->due += shift;
  arm(h, &c->heap[0]);
}

bool hearth__clock_step(hearth_t *h, double to) {
  hearth__clock *c = &h->clock;
  hearth__heap *q = &c->heap[0];
  to = round(to * 1e9) / 1e9; /* ten tenths are one second, for the clock and for what is due after one */
  if (q->count > 0 && q->items[0]->due < to + 1e-9) {
    if (q->items[0]->due > c->fake_now) c->fake_now = q->items[0]->due;
    fire(h, q, q->items[0]);
    return true;
  }
  c->fake_now = to;
  return false;
}
