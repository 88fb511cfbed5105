/* The end of a handle: what it has queued lands or is answered, and nothing comes back to its loop afterwards. */
#include <sched.h>
#include <stdlib.h>

#include "store/db.h"

/* Under the lock: everything of this handle that waits in the queue is taken out of it. */
static hearth__batch *take_own(hearth__db *db, hearth__store *s) {
  hearth__batch *own = NULL, **own_tail = &own, *rest = NULL, *last = NULL;
  for (hearth__batch *b = db->head, *next; b; b = next) {
    next = b->next;
    b->next = NULL;
    if (b->store == s) {
      *own_tail = b;
      own_tail = &b->next;
      db->queued--;
      db->n_ops -= b->n;
      for (size_t i = 0; i < b->n; i++) {
        if (b->ops[i].verb == HEARTH__CLEAR) db->clears--;
        if (b->ops[i].entry) {
          b->ops[i].entry->queued = NULL; /* what others have queued for the key is not known before it lands */
          b->ops[i].entry->n_queued--;
        }
      }
    } else {
      if (last)
        last->next = b;
      else
        rest = b;
      last = b;
    }
  }
  db->head = rest;
  db->tail = last;
  return own;
}

void hearth__store_crash(hearth__store *s) {
  hearth__db *db = s->db;
  uv_mutex_lock(&db->lock);
  hearth__batch *own = take_own(db, s);
  hearth__cache_forget_all(&db->cache);
  for (hearth__batch *b = own, *next; b; b = next) {
    next = b->next;
    b->next = NULL;
    if (b->n > 0) { /* barriers are answered as they are */
      b->fault = malloc(sizeof *b->fault);
      if (b->fault) hearth__fail(b->fault, "ECANCELED", "the store was restarted before this was written");
    }
    hearth__land(s, &b->landed);
  }
  uv_mutex_unlock(&db->lock);
  hearth__db_wake(db);
}

void hearth__store_close(hearth__store *s, int ms, void (*unsaved)(void *arg, const hearth__name *name), void *arg) {
  hearth__db *db = s->db;
  uint64_t end = uv_hrtime() + (uint64_t)ms * 1000000u;
  hearth__store_listen(s, false);
  uv_mutex_lock(&db->lock);
  if (db->head) hearth__db_kick(db);
  for (;;) {
    bool queued = false;
    for (hearth__batch *b = db->head; b; b = b->next) queued = queued || b->store == s;
    for (hearth__batch *b = db->current; b; b = b->next) queued = queued || b->store == s;
    uint64_t now = uv_hrtime();
    if (!queued || now >= end) break;
    if (!db->threaded && db->head && !db->head->unmade) {
      uv_mutex_unlock(&db->lock);
      hearth__writer_drain(db);
      uv_mutex_lock(&db->lock);
    } else
      uv_cond_timedwait(&db->idle, &db->lock, end - now);
  }
  hearth__batch *own = take_own(db, s);
  bool stuck = false;
  for (hearth__batch *b = db->current; b; b = b->next) stuck = stuck || b->store == s;
  if (stuck) { /* the transaction that waits is told to end; it is over within a moment */
    atomic_store(&db->abort, true);
    for (hearth__batch *b = db->current; b; b = b->next)
      if (b->store == s && unsaved)
        for (size_t i = 0; i < b->n; i++)
          if (b->ops[i].entry && !b->own) {
            hearth__name name = hearth__entry_name(b->ops[i].entry);
            unsaved(arg, &name);
          }
    while (stuck) {
      uv_cond_wait(&db->idle, &db->lock);
      stuck = false;
      for (hearth__batch *b = db->current; b; b = b->next) stuck = stuck || b->store == s;
    }
    atomic_store(&db->abort, false);
  }
  for (hearth__batch *b = own; b; b = b->next)
    if (unsaved && !b->own)
      for (size_t i = 0; i < b->n; i++)
        if (b->ops[i].entry) {
          hearth__name name = hearth__entry_name(b->ops[i].entry);
          unsaved(arg, &name);
        }
  s->given_up = true;
  while (atomic_load(&s->waking) > 0) sched_yield(); /* a moment; no new one begins under the lock */
  s->wake = NULL;
  hearth__landed *l = s->landed;
  s->landed = NULL;
  s->landed_tail = &s->landed;
  if (s->prev)
    s->prev->next = s->next;
  else
    db->stores = s->next;
  if (s->next) s->next->prev = s->prev;
  uv_mutex_unlock(&db->lock);
  for (hearth__landed *next; l; l = next) { /* what landed meanwhile: its owners let go of what they hold */
    next = l->next;
    l->deliver(s, l);
  }
  for (hearth__batch *b = own, *next; b; b = next) {
    next = b->next;
    b->next = NULL;
    if (!b->fault && (b->fault = malloc(sizeof *b->fault)))
      hearth__fail(b->fault, "ECLOSED", "the store was closed before this was written");
    hearth__batch_deliver(s, &b->landed);
  }
  hearth__store_release(s);
}
