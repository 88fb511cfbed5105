/* The writer: one thread for each open database. It takes the whole queue, runs it as one group, and answers everything with one wake-up of
** each loop. Engines that never block have none: the queue runs on the thread that submits. */
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>

#include "store/db.h"

enum { SPIN_NS = 60000, KEEP_NS = 1000000, IDLE_NS = 200000000, RESTLESS = 10, GIVE_BACK = 2 << 20 };

void hearth__land(hearth__store *s, hearth__landed *l) {
  l->next = NULL;
  *s->landed_tail = l;
  s->landed_tail = &l->next;
}

/* Handles are woken without the lock, which the loop wants at once; hearth__store_close waits for `waking` to be over. */
typedef struct woken {
  hearth__store *list[8];
  size_t n;
} woken;

static void pick_woken(hearth__db *db, woken *w) {
  w->n = 0;
  for (hearth__store *s = db->stores; s && w->n < sizeof w->list / sizeof *w->list; s = s->next)
    if (s->landed && !s->woken && s->wake && !s->given_up) {
      s->woken = true;
      atomic_fetch_add(&s->waking, 1);
      w->list[w->n++] = s;
    }
}

static void wake_all(woken *w) {
  for (size_t i = 0; i < w->n; i++) {
    w->list[i]->wake(w->list[i]->wake_arg);
    atomic_fetch_sub(&w->list[i]->waking, 1);
  }
}

void hearth__db_wake(hearth__db *db) {
  woken w;
  do {
    uv_mutex_lock(&db->lock);
    pick_woken(db, &w);
    uv_mutex_unlock(&db->lock);
    wake_all(&w);
  } while (w.n > 0);
}

/* Under the lock: the batch is no longer in the queue. */
static void unqueue(hearth__db *db, hearth__batch *b) {
  for (size_t i = 0; i < b->n; i++) {
    hearth__write_op *op = &b->ops[i];
    if (op->verb == HEARTH__CLEAR) db->clears--;
    if (op->entry && --op->entry->n_queued == 0) op->entry->queued = NULL;
  }
  db->queued--;
}

static void answer(hearth__db *db, hearth__batch *first) {
  uint64_t n = 0;
  uv_mutex_lock(&db->lock);
  db->current = NULL;
  for (hearth__batch *b = first, *next; b; b = next) {
    next = b->next;
    b->next = NULL;
    unqueue(db, b);
    if (!b->fault && !b->refused) hearth__batch_unpin(b); /* here, where the entries are at hand */
    hearth__land(b->store, &b->landed);
    n++;
  }
  db->batches += n;
  if (n > db->groups_max) db->groups_max = n;
  hearth__cache_trim(&db->cache);
  woken w;
  pick_woken(db, &w);
  uv_cond_broadcast(&db->idle);
  uv_mutex_unlock(&db->lock);
  wake_all(&w);
  if (w.n == sizeof w.list / sizeof *w.list) hearth__db_wake(db);
}

/* Under the lock: what is complete, up to the first batch that still waits for a value; and how many ops that has. */
static hearth__batch *take(hearth__db *db, size_t *n_ops) {
  hearth__batch *first = db->head, *rest = NULL, *last = NULL;
  *n_ops = db->n_ops;
  if (db->unmade) {
    *n_ops = 0;
    for (rest = first; rest && !rest->unmade; rest = rest->next) {
      *n_ops += rest->n;
      last = rest;
    }
    if (!last) first = NULL;
    if (last) last->next = NULL;
    db->unmade = rest != NULL;
  }
  db->n_ops -= *n_ops;
  db->head = rest;
  if (!rest) db->tail = NULL;
  db->current = first;
  db->kicked = false;
  atomic_store_explicit(&db->queued_hint, false, memory_order_relaxed);
  return first;
}

static bool is_ready(const hearth__db *db) {
  return db->kicked && db->head && !db->head->unmade;
}

void hearth__writer_drain(hearth__db *db) {
  for (;;) {
    uv_mutex_lock(&db->lock);
    size_t n_ops;
    hearth__batch *first = take(db, &n_ops);
    uv_mutex_unlock(&db->lock);
    if (!first) return;
    hearth__group_run(db, first, n_ops);
    answer(db, first);
  }
}

/* The next set of a task that was just answered comes within microseconds; a sleep and a wake-up across processors cost more. */
static void spin(hearth__db *db) {
  uint64_t end = uv_hrtime() + SPIN_NS;
  while (!atomic_load_explicit(&db->queued_hint, memory_order_relaxed) && uv_hrtime() < end)
    sched_yield(); /* a busy machine has better uses */
}

/* Under the lock: has the cache let go of much since that was given back? */
static bool has_garbage(const hearth__db *db) {
  return db->cache.freed - db->given_back >= GIVE_BACK;
}

/* What the cache has let go of lies in the allocator, in pieces and in the arenas of the threads that made them: back to the system with it. */
static void give_back(hearth__db *db) {
  uv_mutex_lock(&db->lock);
  bool garbage = has_garbage(db);
  db->given_back = garbage ? db->cache.freed : db->given_back;
  uv_mutex_unlock(&db->lock);
#ifdef __GLIBC__
  if (garbage) malloc_trim(0);
#endif
}

void hearth__writer_tidies(hearth__db *db) {
  if (!db->asleep || !has_garbage(db)) return;
  db->asleep = false;
  uv_cond_signal(&db->work);
}

/* Waits for work, under the lock. What is done in quiet times is done when nothing was written or let go of for a while, and now and then when that
** does not come. */
static void wait_for_work(hearth__db *db, bool *tidy, bool *keeps) {
  int waits = 0;
  while (!is_ready(db) && !db->stop) {
    uint64_t freed = db->cache.freed;
    int timed_out = 0;
    db->sleeping = true;
    if (*keeps)
      timed_out = uv_cond_timedwait(&db->work, &db->lock, KEEP_NS);
    else if (*tidy || has_garbage(db))
      timed_out = uv_cond_timedwait(&db->work, &db->lock, IDLE_NS);
    else {
      db->asleep = true;
      uv_cond_wait(&db->work, &db->lock);
      db->asleep = false;
    }
    db->sleeping = false;
    if (timed_out && *keeps) {
      *keeps = false;
      db->engine->class_->rest(db->engine);
    } else if (timed_out && !is_ready(db) && !db->stop && (freed == db->cache.freed || ++waits == RESTLESS)) {
      waits = 0;
      *tidy = false;
      uv_mutex_unlock(&db->lock);
      uv_mutex_lock(&db->writing);
      if (db->engine->class_->idle) db->engine->class_->idle(db->engine);
      uv_mutex_unlock(&db->writing);
      give_back(db);
      uv_mutex_lock(&db->lock);
    }
  }
}

static void writer_main(void *arg) {
  hearth__db *db = arg;
  bool tidy = false, keeps = false;
  for (;;) {
    uv_mutex_lock(&db->lock);
    wait_for_work(db, &tidy, &keeps);
    size_t n_ops;
    hearth__batch *first = take(db, &n_ops);
    bool stop = db->stop && !first;
    uv_mutex_unlock(&db->lock);
    if (stop) return;
    hearth__group_run(db, first, n_ops);
    answer(db, first);
    tidy = db->engine->class_->idle != NULL;
    keeps = db->engine->class_->keeps && db->engine->class_->keeps(db->engine);
    if (db->spin) spin(db);
  }
}

/* Signals of the process are for its own threads: the writer hears none but those that it asks for. */
int hearth__writer_start(hearth__db *db) {
  sigset_t all, old;
  cpu_set_t cpus;
  sigfillset(&all);
  db->spin = sched_getaffinity(0, sizeof cpus, &cpus) == 0 && CPU_COUNT(&cpus) > 1;
  if (pthread_sigmask(SIG_SETMASK, &all, &old) != 0) return -1;
  int status = uv_thread_create(&db->thread, writer_main, db);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  db->threaded = status == 0;
  return status == 0 ? 0 : -1;
}

void hearth__writer_stop(hearth__db *db) {
  if (!db->threaded) return;
  uv_mutex_lock(&db->lock);
  db->stop = true;
  uv_cond_signal(&db->work);
  uv_mutex_unlock(&db->lock);
  uv_thread_join(&db->thread);
  db->threaded = false;
}
