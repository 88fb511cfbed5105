/* The threads of to_thread and their queue: ours, so that a long function keeps nobody from libuv's pool. */
#include <pthread.h>
#include <stdlib.h>

#include "inbox.h"
#include "ref.h"
#include "state.h"
#include "thread_internal.h"

enum { END_SECONDS = 2, THREADS_MAX = 16 };

/* Counted by the state and by each thread: a thread that cannot be stopped outlives its runtime. */
struct hearth__crew {
  hearth__closer closer;
  uv_mutex_t lock;
  uv_cond_t more, gone;
  atomic_int refs;
  hearth__job *head, **tail, *running[THREADS_MAX];
  unsigned threads, idle, limit;
  bool closing;
};

static void crew_unref(hearth__crew *c) {
  if (atomic_fetch_sub(&c->refs, 1) != 1) return;
  uv_mutex_destroy(&c->lock);
  uv_cond_destroy(&c->more);
  uv_cond_destroy(&c->gone);
  free(c);
}

static void thread_main(void *arg) {
  hearth__crew *c = arg;
  uv_mutex_lock(&c->lock);
  for (;;) {
    hearth__job *j = c->head;
    if (j) {
      c->head = j->next;
      if (!c->head) c->tail = &c->head;
      size_t place = 0;
      while (c->running[place]) place++;
      c->running[place] = j;
      uv_mutex_unlock(&c->lock);
      if (!atomic_load(&j->cancelled)) hearth__job_run(j);
      uv_mutex_lock(&c->lock);
      c->running[place] = NULL;
      uv_mutex_unlock(&c->lock);
      if (hearth__post(j->inbox, &j->message) != 0) hearth__job_unref(j);
      uv_mutex_lock(&c->lock);
    } else if (c->closing) {
      break;
    } else {
      c->idle++;
      uv_cond_wait(&c->more, &c->lock);
      c->idle--;
    }
  }
  c->threads--;
  uv_cond_signal(&c->gone);
  uv_mutex_unlock(&c->lock);
  crew_unref(c);
}

/* The runtime ends: jobs are told to stop, and waited for. One that is deep in a C function is left behind. */
static void crew_close(hearth__closer *closer) {
  hearth__crew *c = hearth__container(closer, hearth__crew, closer);
  uint64_t end = uv_hrtime() + (uint64_t)END_SECONDS * 1000000000u;
  uv_mutex_lock(&c->lock);
  c->closing = true;
  for (hearth__job *j = c->head; j; j = j->next) atomic_store(&j->cancelled, true);
  for (size_t i = 0; i < THREADS_MAX; i++)
    if (c->running[i]) atomic_store(&c->running[i]->cancelled, true);
  uv_cond_broadcast(&c->more);
  while (c->threads > 0 && uv_hrtime() < end) uv_cond_timedwait(&c->gone, &c->lock, 10000000);
  uv_mutex_unlock(&c->lock);
  crew_unref(c);
}

static const char crew_slot = 'c';

static hearth__crew *crew_new(lua_State *L, hearth__state *s) {
  hearth__crew *c = calloc(1, sizeof *c);
  if (!c) return NULL;
  unsigned cores = uv_available_parallelism();
  c->limit = cores < 2 ? 2 : cores > THREADS_MAX ? THREADS_MAX : cores;
  c->tail = &c->head;
  atomic_init(&c->refs, 1);
  if (uv_mutex_init(&c->lock) != 0) goto no_lock;
  if (uv_cond_init(&c->more) != 0) goto no_more;
  if (uv_cond_init(&c->gone) != 0) goto no_gone;
  c->closer.close = crew_close;
  lua_pushlightuserdata(L, c);
  hearth__slot_set(L, &crew_slot);
  hearth__at_close(s, &c->closer);
  return c;
no_gone:
  uv_cond_destroy(&c->more);
no_more:
  uv_mutex_destroy(&c->lock);
no_lock:
  free(c);
  return NULL;
}

hearth__crew *hearth__crew_of(lua_State *L, hearth__state *s) {
  hearth__crew *c = hearth__slot_pointer(L, &crew_slot);
  return c ? c : crew_new(L, s);
}

bool hearth__crew_take(hearth__crew *c, hearth__job *j) {
  bool taken = true;
  uv_mutex_lock(&c->lock);
  if (c->idle == 0 && c->threads < c->limit) {
    uv_thread_t id;
    atomic_fetch_add(&c->refs, 1);
    if (uv_thread_create(&id, thread_main, c) == 0) {
      pthread_detach(id);
      c->threads++;
    } else {
      atomic_fetch_sub(&c->refs, 1);
      taken = c->threads > 0;
    }
  }
  if (taken) {
    *c->tail = j;
    c->tail = &j->next;
    uv_cond_signal(&c->more);
  }
  uv_mutex_unlock(&c->lock);
  return taken;
}
