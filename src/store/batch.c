/* Batches: from their making to their answer. In the queue they have the order of their submission; what a turn of the loop writes is gathered, so that
** it shares one commit. */
#include <stdlib.h>
#include <string.h>

#include "store/db.h"

size_t hearth__batch_size(size_t room) {
  return sizeof(hearth__batch) + room * sizeof(hearth__write_op);
}

void hearth__batch_init(hearth__batch *b, hearth__store *s, size_t room, int64_t now) {
  memset(b, 0, sizeof *b);
  b->store = s;
  b->room = room;
  b->now = now;
  b->lodged = true;
  hearth__store_retain(s);
}

hearth__batch *hearth__batch_new(hearth__store *s, size_t room, int64_t now) {
  hearth__batch *b = malloc(hearth__batch_size(room));
  if (!b) return NULL;
  hearth__batch_init(b, s, room, now);
  b->lodged = false;
  return b;
}

hearth__write_op *hearth__batch_add(hearth__batch *b, uint8_t verb, const hearth__name *name) {
  hearth__write_op *op = &b->ops[b->n];
  memset(op, 0, sizeof *op);
  op->verb = verb;
  if (name) {
    hearth__db *db = b->store->db;
    uv_mutex_lock(&db->lock);
    op->entry = hearth__cache_pin(&db->cache, name);
    uv_mutex_unlock(&db->lock);
    if (!op->entry) return NULL;
  }
  b->n++;
  return op;
}

void hearth__batch_unpin(hearth__batch *b) {
  for (size_t i = 0; i < b->n; i++) {
    hearth__write_op *op = &b->ops[i];
    if (op->entry) hearth__cache_unpin(&b->store->db->cache, op->entry);
    hearth__blob_release(op->value);
    op->entry = NULL;
    op->value = NULL;
  }
  b->unpinned = true;
}

void hearth__batch_free(hearth__batch *b) {
  hearth__store *s = b->store;
  if (!b->unpinned) {
    uv_mutex_lock(&s->db->lock);
    hearth__batch_unpin(b);
    uv_mutex_unlock(&s->db->lock);
  }
  for (size_t i = 0; b->current && i < b->n; i++) hearth__blob_release(b->current[i].value);
  free(b->current);
  hearth__fault_free(b->fault);
  hearth__fault_free(b->broken);
  if (!b->lodged) free(b);
  hearth__store_release(s);
}

void hearth__batch_deliver(hearth__store *s, hearth__landed *l) {
  hearth__batch *b = (hearth__batch *)l;
  s->batches--;
  if (b->done)
    b->done(b);
  else
    hearth__batch_free(b);
}

enum { GATHER_NS = 20000000, GATHER_MAX = 1024 };

/* Under the lock: the writer may begin. */
void hearth__db_kick(hearth__db *db) {
  db->kicked = true;
  atomic_store_explicit(&db->queued_hint, true, memory_order_relaxed);
  if (!db->sleeping) return;
  db->sleeping = false;
  uv_cond_signal(&db->work);
}

static void prepare(hearth__batch *b) {
  b->landed.deliver = hearth__batch_deliver;
  b->conditional = false;
  for (size_t i = 0; i < b->n; i++)
    if (b->ops[i].conditional || b->ops[i].verb >= HEARTH__CHECK) b->conditional = true;
}

/* Under the lock. True: the handle's `arm` is to be called. */
static bool enqueue(hearth__store *s, hearth__batch *b) {
  hearth__db *db = s->db;
  for (size_t i = 0; i < b->n; i++) {
    hearth__write_op *op = &b->ops[i];
    if (op->verb == HEARTH__CLEAR) db->clears++;
    if (!op->entry) continue;
    op->entry->n_queued++;
    op->entry->queued = b->conditional || b->unmade ? NULL : op; /* NULL with n_queued: not known before it lands */
  }
  s->batches++;
  db->queued++;
  db->n_ops += b->n;
  db->unmade = db->unmade || b->unmade;
  if (db->tail)
    db->tail->next = b;
  else
    db->head = b;
  db->tail = b;
  if (!s->arm)
    hearth__db_kick(db);
  else if (db->queued == 1)
    db->gathering = uv_hrtime();
  else if ((db->spin && db->queued % GATHER_MAX == 0) || (db->queued % 64 == 0 && uv_hrtime() - db->gathering > GATHER_NS))
    hearth__db_kick(db); /* a turn that writes much, or takes long: the writer works meanwhile */
  bool arm = s->arm && !s->armed;
  if (arm) s->armed = true;
  return arm;
}

static void enqueued(hearth__store *s, bool arm) {
  if (arm) s->arm(s->wake_arg);
  if (!s->db->threaded) hearth__writer_drain(s->db);
}

void hearth__store_submit(hearth__store *s, hearth__batch *b) {
  prepare(b);
  uv_mutex_lock(&s->db->lock);
  bool arm = enqueue(s, b);
  uv_mutex_unlock(&s->db->lock);
  enqueued(s, arm);
}

hearth__write_op *hearth__batch_one(hearth__batch *b, uint8_t verb) {
  hearth__write_op *op = &b->ops[0];
  memset(op, 0, sizeof *op);
  op->verb = verb;
  b->n = 1;
  return op;
}

int hearth__store_submit_one(hearth__store *s, hearth__batch *b, const hearth__name *name) {
  prepare(b);
  uv_mutex_lock(&s->db->lock);
  b->ops[0].entry = hearth__cache_pin(&s->db->cache, name);
  bool arm = b->ops[0].entry && enqueue(s, b);
  uv_mutex_unlock(&s->db->lock);
  if (!b->ops[0].entry) return -1;
  enqueued(s, arm);
  return 0;
}

void hearth__batch_made(hearth__batch *b, hearth__write_op *op, hearth__blob *value, const hearth__fault *f) {
  hearth__db *db = b->store->db;
  hearth__fault *broken = value ? NULL : hearth__fault_copy(f);
  uv_mutex_lock(&db->lock);
  op->value = value;
  if (broken) {
    hearth__fault_free(b->broken);
    b->broken = broken;
  }
  if (--b->unmade == 0) {
    hearth__db_kick(db);
    uv_cond_broadcast(&db->idle); /* a close without a writer goes on */
  }
  uv_mutex_unlock(&db->lock);
}

void hearth__store_gather(hearth__store *s, void (*arm)(void *arg)) {
  s->arm = arm;
}

void hearth__store_kick(hearth__store *s) {
  uv_mutex_lock(&s->db->lock);
  s->armed = false;
  if (s->db->head) hearth__db_kick(s->db);
  uv_mutex_unlock(&s->db->lock);
  if (!s->db->threaded) hearth__writer_drain(s->db);
}
