/* Calls from other threads, and the list of live runtimes: a foreign thread that calls late gets an error in place of freed memory. */
#include <stdlib.h>

#include "inbox.h"
#include "state.h"

/* ---- live runtimes */

static uv_mutex_t live_lock;
static uv_once_t live_once = UV_ONCE_INIT;
static hearth_t *live;

static void live_init(void) {
  if (uv_mutex_init(&live_lock) != 0) abort();
}

void hearth__live_add(hearth_t *h) {
  uv_once(&live_once, live_init);
  uv_mutex_lock(&live_lock);
  h->next_live = live;
  live = h;
  uv_mutex_unlock(&live_lock);
}

void hearth__live_remove(hearth_t *h) {
  uv_mutex_lock(&live_lock);
  for (hearth_t **p = &live; *p; p = &(*p)->next_live)
    if (*p == h) {
      *p = h->next_live;
      break;
    }
  uv_mutex_unlock(&live_lock);
}

/* Any thread. The mailbox, retained, or NULL when no such runtime is alive. */
static hearth__inbox *live_inbox(const hearth_t *h) {
  hearth__inbox *in = NULL;
  uv_once(&live_once, live_init);
  uv_mutex_lock(&live_lock);
  for (hearth_t *p = live; p; p = p->next_live)
    if (p == h) in = hearth__inbox_retain(p->inbox);
  uv_mutex_unlock(&live_lock);
  return in;
}

typedef struct call {
  hearth__message message;
  void (*fn)(hearth_t *h, void *arg);
  void *arg;
} call;

static void call_run(hearth_t *h, hearth__message *m) {
  call *c = (call *)m;
  void (*fn)(hearth_t *, void *) = c->fn;
  void *arg = c->arg;
  free(c);
  fn(h, arg);
}

static void call_drop(hearth__message *m) {
  free(m);
}

int hearth_call_threadsafe(hearth_t *h, void (*fn)(hearth_t *h, void *arg), void *arg) {
  hearth__inbox *in = live_inbox(h);
  if (!in) return -1;
  int status = -1;
  call *c = calloc(1, sizeof *c);
  if (c) {
    *c = (call){.message = {.run = call_run, .drop = call_drop}, .fn = fn, .arg = arg};
    status = hearth__post_foreign(in, &c->message);
    if (status != 0) free(c);
  }
  hearth__inbox_unref(in);
  return status;
}
