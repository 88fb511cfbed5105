/* A store on a loop of its own, without Lua: what the C tests of the store ask of it, one thing after the other. */
#ifndef STORE_BENCH_H
#define STORE_BENCH_H

#include "check.h"
#include "store/store.h"

typedef struct bench {
  uv_loop_t loop;
  uv_async_t wake;
  hearth__store *store;
  int answers, faults;
  int events;
} bench;

static inline void on_wake(uv_async_t *handle) {
  hearth__store_deliver(((bench *)handle->data)->store);
}
static inline void wake(void *arg) {
  uv_async_send(&((bench *)arg)->wake);
}
static inline void on_events(hearth__store *s, const hearth__events *events) {
  ((bench *)hearth__store_arg(s))->events += (int)events->n;
}

static inline bool start(bench *t, const char *url) {
  hearth__store_options o = {.now = 1};
  hearth__fault f = {0};
  memset(t, 0, sizeof *t);
  uv_loop_init(&t->loop);
  uv_async_init(&t->loop, &t->wake, on_wake);
  t->wake.data = t;
  if (hearth__store_open(url, &o, &t->store, &f) != 0) {
    fprintf(stderr, "%s\n", f.message);
    return false;
  }
  hearth__store_attach(t->store, &t->loop, wake, t, on_events);
  return true;
}

static inline void end(bench *t) {
  hearth__store_close(t->store, 5000, NULL, NULL);
  uv_close((uv_handle_t *)&t->wake, NULL);
  uv_run(&t->loop, UV_RUN_DEFAULT);
  CHECK(uv_loop_close(&t->loop) == 0);
}

static inline void landed(hearth__batch *b) {
  bench *t = b->user;
  t->answers++;
  if (b->fault) t->faults++;
  hearth__batch_free(b);
}

static inline hearth__name key_of(const char *key) {
  return (hearth__name){.ns = "ns", .ns_size = 2, .key = key, .key_size = strlen(key)};
}

static inline void submit(bench *t, const char *key, const char *value) {
  hearth__batch *b = hearth__batch_new(t->store, 1, 1);
  hearth__name name = key_of(key);
  hearth__write_op *op = hearth__batch_add(b, value ? HEARTH__PUT : HEARTH__CLEAR, &name);
  if (value) op->value = hearth__blob_new(value, strlen(value));
  b->done = landed;
  b->user = t;
  hearth__store_submit(t->store, b);
}

static inline void run_until(bench *t, int answers) {
  while (t->answers < answers) uv_run(&t->loop, UV_RUN_ONCE);
}

static inline void read_done(hearth__job *j) {
  ((bench *)((hearth__read *)j)->user)->answers++;
}

/* The value of a key as the store gives it now: -1 unreadable, else the number in it, 0 if absent. */
static inline int value_of(bench *t, const char *key) {
  hearth__read *r = hearth__read_new(t->store, 1, 1);
  hearth__name name = key_of(key);
  hearth__read_set(r, 0, &name);
  r->user = t;
  r->job.done = read_done;
  int want = t->answers + 1, n;
  if (!hearth__store_read(r)) run_until(t, want);
  if (r->job.fault.code || r->items[0].fault)
    n = -1;
  else
    n = r->items[0].record.state == HEARTH__PRESENT ? atoi(r->items[0].record.value->bytes) : 0;
  hearth__read_free(r);
  return n;
}

#endif
