/* Reads: from the cache where that knows and is current, else by a job. What is damaged goes to quarantine, and what has expired goes, before the
** reader has its answer. */
#include <stdlib.h>
#include <string.h>

#include "store/db.h"

static void overlay(const hearth__write_op *op, hearth__record *out) {
  *out = (hearth__record){.revision = -1};
  if (op->verb != HEARTH__PUT) return;
  out->state = HEARTH__PRESENT;
  out->value = hearth__blob_retain(op->value);
  out->size = op->value->size;
  out->kind = op->kind;
  out->version = op->version;
  out->expires_at = op->expires_at;
}

static bool is_current(hearth__db *db) {
  const hearth__engine_class *class_ = db->engine->class_;
  return !class_->current || class_->current(db->engine, atomic_load_explicit(&db->known, memory_order_acquire));
}

/* What the cache says of an entry, for one who holds the lock. False: ask the engine. Expired records are absent, and stay so. */
static bool from_cache(hearth__db *db, hearth__entry *e, int64_t now, bool queued_too, hearth__record *out, bool *expired) {
  if (e->n_queued > 0) {
    if (!queued_too || !e->queued || db->clears > 0) return false;
    overlay(e->queued, out);
    if (hearth__record_expired(out, now)) {
      hearth__blob_release(out->value);
      *out = (hearth__record){.revision = -1};
    }
    return true;
  }
  if (!e->known || db->clears > 0) return false;
  if (hearth__record_expired(&e->record, now)) {
    *expired = true;
    *out = (hearth__record){.state = HEARTH__ABSENT};
    return true;
  }
  *out = e->record;
  hearth__blob_retain(out->value);
  return true;
}

int hearth__store_get(hearth__store *s, const hearth__name *name, int64_t now, hearth__record *out) {
  hearth__db *db = s->db;
  bool expired = false, answered = false;
  bool current = is_current(db);
  uv_mutex_lock(&db->lock);
  hearth__entry *e = current ? hearth__cache_find(&db->cache, name) : NULL;
  if (e && now < 0 && (e->n_queued > 0 || e->record.expires_at != 0)) {
    uv_mutex_unlock(&db->lock);
    return -1;
  }
  if (e && (answered = from_cache(db, e, now, true, out, &expired))) {
    db->cache.hits++;
    hearth__cache_use(&db->cache, e);
  }
  uv_mutex_unlock(&db->lock);
  if (expired) hearth__store_purge_one(s, name, now);
  return answered;
}

hearth__read *hearth__read_new(hearth__store *s, size_t n, int64_t now) {
  hearth__read *r = malloc(sizeof *r + n * sizeof *r->items);
  if (!r) return NULL;
  memset(&r->job, 0, offsetof(hearth__job, fault)); /* not the room for a message */
  memset(r->items, 0, n * sizeof *r->items);
  r->job.fault.code = NULL;
  r->user = NULL;
  r->job.store = s;
  r->n = n;
  r->now = now;
  hearth__store_retain(s);
  return r;
}

int hearth__read_set(hearth__read *r, size_t i, const hearth__name *name) {
  hearth__db *db = r->job.store->db;
  uv_mutex_lock(&db->lock);
  r->items[i].entry = hearth__cache_pin(&db->cache, name);
  uv_mutex_unlock(&db->lock);
  return r->items[i].entry ? 0 : -1;
}

void hearth__read_free(hearth__read *r) {
  hearth__db *db = r->job.store->db;
  uv_mutex_lock(&db->lock);
  for (size_t i = 0; i < r->n; i++) {
    if (r->items[i].entry) hearth__cache_unpin(&db->cache, r->items[i].entry);
    hearth__blob_release(r->items[i].record.value);
    free(r->items[i].fault);
  }
  hearth__cache_trim(&db->cache);
  hearth__writer_tidies(db);
  uv_mutex_unlock(&db->lock);
  hearth__store_release(r->job.store);
  free(r);
}

static int read_run(hearth__job *j, hearth__engine *e) {
  hearth__read *r = (hearth__read *)j;
  hearth__db *db = j->store->db;
  hearth__item one = {.fault = NULL}, *items = r->n > 1 ? calloc(r->n, sizeof *items) : &one;
  size_t n = 0;
  if (!items) return -1;
  uv_mutex_lock(&db->lock);
  for (size_t i = 0; i < r->n; i++) {
    bool expired = false;
    hearth__read_item *item = &r->items[i];
    item->known = item->known || from_cache(db, item->entry, r->now, false, &item->record, &expired);
    if (item->known) continue;
    item->touched = item->entry->touched;
    items[n++].name = hearth__entry_name(item->entry);
  }
  db->cache.misses += n;
  uv_mutex_unlock(&db->lock);
  int status = n > 0 ? e->class_->load(e, j->conn, items, n, &j->fault) : 0;
  uv_mutex_lock(&db->lock);
  n = 0;
  for (size_t i = 0; i < r->n; i++) {
    hearth__read_item *item = &r->items[i];
    if (item->known) continue;
    hearth__item *got = &items[n++];
    item->record = got->record;
    item->fault = got->fault;
    if (status != 0 || got->fault) continue;
    bool damaged = got->record.state == HEARTH__DAMAGED;
    if (!damaged && item->entry->touched == item->touched && !item->entry->known) hearth__cache_set(&db->cache, item->entry, &got->record);
  }
  uv_mutex_unlock(&db->lock);
  if (items != &one) free(items);
  return status;
}

/* On the owner thread, before the reader has its answer: what is damaged goes to quarantine, what has expired goes. */
static void read_settle(hearth__read *r) {
  hearth__store *s = r->job.store;
  for (size_t i = 0; i < r->n; i++) {
    hearth__read_item *item = &r->items[i];
    hearth__name name = hearth__entry_name(item->entry);
    if (hearth__record_expired(&item->record, r->now)) {
      hearth__blob_release(item->record.value);
      item->record = (hearth__record){.state = HEARTH__ABSENT};
      hearth__store_purge_one(s, &name, r->now);
    } else if (item->record.state == HEARTH__DAMAGED) {
      if (!item->fault && (item->fault = malloc(sizeof *item->fault)))
        hearth__fail(item->fault, "ECORRUPT",
                     "the record does not match its checksum; its bytes are kept in quarantine, set or delete the key");
      hearth__batch *b = item->record.value && !s->read_only ? hearth__batch_new(s, 1, r->now) : NULL;
      hearth__blob_release(item->record.value);
      item->record.value = NULL;
      if (!b) continue;
      b->own = true;
      if (hearth__batch_add(b, HEARTH__QUARANTINE, &name))
        hearth__store_submit(s, b);
      else
        hearth__batch_free(b);
    }
  }
}

static void (*read_done_of(hearth__read *r))(hearth__job *) {
  return (void (*)(hearth__job *))r->job.work.data;
}

static void read_done(hearth__job *j) {
  hearth__read *r = (hearth__read *)j;
  void (*done)(hearth__job *) = read_done_of(r);
  if (!j->fault.code) read_settle(r);
  done(j);
}

bool hearth__store_read(hearth__read *r) {
  hearth__store *s = r->job.store;
  hearth__db *db = s->db;
  bool all = is_current(db), queued = false;
  uv_mutex_lock(&db->lock);
  queued = db->clears > 0;
  for (size_t i = 0; i < r->n && all; i++) {
    bool expired = false;
    hearth__read_item *item = &r->items[i];
    item->known = from_cache(db, item->entry, r->now, false, &item->record, &expired);
    if (expired) { /* as if unknown: the job's end removes it */
      item->known = false;
    }
    if (item->known) db->cache.hits++;
    all = item->known;
  }
  for (size_t i = 0; i < r->n; i++) queued = queued || r->items[i].entry->n_queued > 0;
  if (!all) /* one moment for all of them */
    for (size_t i = 0; i < r->n; i++)
      if (r->items[i].known) {
        hearth__blob_release(r->items[i].record.value);
        r->items[i].record = (hearth__record){.state = HEARTH__ABSENT};
        r->items[i].known = false;
      }
  uv_mutex_unlock(&db->lock);
  if (all) return true;
  r->job.work.data = (void *)(uintptr_t)r->job.done;
  r->job.done = read_done;
  r->job.run = read_run;
  r->job.after_writes = queued;
  hearth__store_run(s, &r->job);
  return false;
}
