/* A handle's side of the store: batches in, reads answered from the cache or by a job, and what landed handed out on the loop. */
#include "store/store.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "store/db.h"
#include "store/files.h"

/* A handle lives until it is closed and its last batch and job are gone. */
static void retain(hearth__store *s) {
  atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
}

static void release(hearth__store *s) { /* without the lock */
  if (atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) > 1) return;
  hearth__db_release(s->db);
  free(s);
}

/* ---- batches */

hearth__batch *hearth__batch_new(hearth__store *s, size_t room, int64_t now) {
  hearth__batch *b = malloc(sizeof *b + room * sizeof *b->ops);
  if (!b) return NULL;
  memset(b, 0, sizeof *b);
  b->store = s;
  b->room = room;
  b->now = now;
  retain(s);
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

static void batch_free(hearth__batch *b) { /* under the lock */
  for (size_t i = 0; i < b->n; i++) {
    if (b->ops[i].entry) hearth__cache_unpin(&b->store->db->cache, b->ops[i].entry);
    hearth__blob_release(b->ops[i].value);
    if (b->current) hearth__blob_release(b->current[i].value);
  }
  free(b->current);
  hearth__fault_free(b->fault);
  hearth__fault_free(b->broken);
  free(b);
}

void hearth__batch_free(hearth__batch *b) {
  hearth__store *s = b->store;
  uv_mutex_lock(&s->db->lock);
  batch_free(b);
  uv_mutex_unlock(&s->db->lock);
  release(s);
}

static void deliver_batch(hearth__store *s, hearth__landed *l) {
  hearth__batch *b = (hearth__batch *)l;
  s->batches--;
  if (b->done)
    b->done(b);
  else
    hearth__batch_free(b);
}

enum { GATHER_NS = 20000000, GATHER_MAX = 1024 };

/* Under the lock: the writer may begin. */
static void kick(hearth__db *db) {
  db->kicked = true;
  atomic_store_explicit(&db->queued_hint, true, memory_order_relaxed);
  if (!db->sleeping) return;
  db->sleeping = false;
  uv_cond_signal(&db->work);
}

void hearth__store_submit(hearth__store *s, hearth__batch *b) {
  hearth__db *db = s->db;
  b->landed.deliver = deliver_batch;
  b->conditional = false;
  for (size_t i = 0; i < b->n; i++)
    if (b->ops[i].conditional || b->ops[i].verb >= HEARTH__CHECK) b->conditional = true;
  uv_mutex_lock(&db->lock);
  for (size_t i = 0; i < b->n; i++) {
    hearth__write_op *op = &b->ops[i];
    if (op->verb == HEARTH__CLEAR) db->clears++;
    if (!op->entry) continue;
    op->entry->n_queued++;
    op->entry->queued = b->conditional || b->unmade ? NULL : op; /* NULL with n_queued: not known before it lands */
  }
  s->batches++;
  db->queued++;
  if (db->tail)
    db->tail->next = b;
  else
    db->head = b;
  db->tail = b;
  bool arm = s->arm && !s->armed;
  if (arm) s->armed = true;
  if (!s->arm)
    kick(db);
  else if (db->queued == 1)
    db->gathering = uv_hrtime();
  else if ((db->spin && db->queued % GATHER_MAX == 0) || (db->queued % 64 == 0 && uv_hrtime() - db->gathering > GATHER_NS))
    kick(db); /* a turn that writes much, or takes long: the writer works meanwhile */
  uv_mutex_unlock(&db->lock);
  if (arm) s->arm(s->wake_arg);
  if (!db->threaded) hearth__writer_drain(db);
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
    kick(db);
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
  if (s->db->head) kick(s->db);
  uv_mutex_unlock(&s->db->lock);
  if (!s->db->threaded) hearth__writer_drain(s->db);
}

void hearth__store_deliver(hearth__store *s) {
  hearth__db *db = s->db;
  uv_mutex_lock(&db->lock);
  hearth__landed *l = s->landed;
  s->landed = NULL;
  s->landed_tail = &s->landed;
  s->woken = false;
  retain(s);
  uv_mutex_unlock(&db->lock);
  for (hearth__landed *next; l; l = next) {
    next = l->next;
    l->deliver(s, l);
  }
  release(s);
}

/* ---- jobs */

static void job_end(hearth__job *j) { /* owner thread */
  hearth__store *s = j->store;
  hearth__db *db = s->db;
  uv_mutex_lock(&db->lock);
  s->jobs--;
  uv_mutex_unlock(&db->lock);
  j->done(j);
  release(s);
}

static void job_work(hearth__job *j) {
  hearth__db *db = j->store->db;
  j->conn = NULL;
  if (hearth__db_try(db, &j->fault) != 0 || hearth__db_conn(db, &j->conn, &j->fault) != 0) return;
  const hearth__engine_class *class_ = db->engine->class_;
  int status = 0;
  if (class_->current && !class_->current(db->engine, atomic_load(&db->known))) status = hearth__db_catch_up(db, j->conn, &j->fault);
  if (status == 0 && j->run(j, db->engine) != 0 && !j->fault.code) hearth__fail(&j->fault, "EIO", "out of memory");
  hearth__db_conn_back(db, j->conn);
}

static void job_on_worker(uv_work_t *w) {
  hearth__outlive_file_limit();
  job_work((hearth__job *)w);
}

static void job_after(uv_work_t *w, int status) {
  hearth__job *j = (hearth__job *)w;
  if (status != 0) hearth__fail(&j->fault, "ECANCELED", "the read was cancelled");
  job_end(j);
}

static void job_start(hearth__job *j) {
  if (j->store->db->engine->class_->instant) {
    job_work(j);
    job_end(j);
    return;
  }
  if (uv_queue_work(j->store->loop, &j->work, job_on_worker, job_after) != 0) {
    hearth__fail(&j->fault, "EIO", "no worker to read with");
    job_end(j);
  }
}

static void barrier_landed(hearth__batch *b) {
  hearth__job *j = b->user;
  hearth__batch_free(b);
  job_start(j);
}

void hearth__store_run(hearth__store *s, hearth__job *j) {
  hearth__db *db = s->db;
  j->store = s;
  j->fault.code = NULL;
  uv_mutex_lock(&db->lock);
  s->jobs++;
  retain(s);
  bool wait = j->after_writes && db->queued > 0;
  uv_mutex_unlock(&db->lock);
  hearth__batch *b = wait ? hearth__batch_new(s, 0, 0) : NULL;
  if (!b) {
    job_start(j);
    return;
  }
  b->done = barrier_landed;
  b->user = j;
  hearth__store_submit(s, b);
}

/* ---- reads */

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

/* An expired record was seen: it is removed now, so that a clock that is set back does not bring it up again. */
static void purge_one(hearth__store *s, const hearth__name *name, int64_t now) {
  if (s->read_only) return;
  hearth__batch *b = hearth__batch_new(s, 1, now);
  if (!b) return;
  b->own = true;
  if (hearth__batch_add(b, HEARTH__PURGE, name))
    hearth__store_submit(s, b);
  else
    hearth__batch_free(b);
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
  if (expired) purge_one(s, name, now);
  return answered;
}

hearth__read *hearth__read_new(hearth__store *s, size_t n, int64_t now) {
  hearth__read *r = calloc(1, sizeof *r + n * sizeof *r->items);
  if (!r) return NULL;
  r->job.store = s;
  r->n = n;
  r->now = now;
  retain(s);
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
  release(r->job.store);
  free(r);
}

static int read_run(hearth__job *j, hearth__engine *e) {
  hearth__read *r = (hearth__read *)j;
  hearth__db *db = j->store->db;
  hearth__item *items = calloc(r->n ? r->n : 1, sizeof *items);
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
  free(items);
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
      purge_one(s, &name, r->now);
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

/* ---- hearing */

void hearth__store_listen(hearth__store *s, bool on) {
  uv_mutex_lock(&s->db->lock);
  if (on != s->listening) s->db->listeners += on ? 1 : -1;
  s->listening = on;
  uv_mutex_unlock(&s->db->lock);
}

const char *hearth__store_notice(hearth__store *s) {
  const hearth__engine_class *class_ = s->db->engine->class_;
  return class_->notice ? class_->notice(s->db->engine) : NULL;
}

static int poll_run(hearth__job *j, hearth__engine *e) {
  (void)e;
  return hearth__db_catch_up(j->store->db, j->conn, &j->fault);
}

static void free_job(hearth__job *j) {
  free(j);
}

void hearth__store_poll(hearth__store *s) {
  if (!s->db->engine->class_->changes) return;
  hearth__job *j = calloc(1, sizeof *j);
  if (!j) return;
  j->run = poll_run;
  j->done = free_job;
  hearth__store_run(s, j);
}

/* Purging looks for what has expired on a worker and removes it by a batch. */
typedef struct purge {
  hearth__job job;
  int64_t now;
  hearth__entry **list;
  size_t n, room;
} purge;

static int purge_take(void *arg, const hearth__name *name, const hearth__record *r) {
  purge *p = arg;
  hearth__db *db = p->job.store->db;
  (void)r;
  if (p->n == p->room) {
    size_t room = p->room ? p->room * 2 : 16;
    hearth__entry **grown = realloc(p->list, room * sizeof *grown);
    if (!grown) return 1;
    p->list = grown;
    p->room = room;
  }
  uv_mutex_lock(&db->lock);
  hearth__entry *e = hearth__cache_pin(&db->cache, name);
  uv_mutex_unlock(&db->lock);
  if (!e) return 1;
  p->list[p->n++] = e;
  return 0;
}

static int purge_run(hearth__job *j, hearth__engine *e) {
  purge *p = (purge *)j;
  return e->class_->expiring(e, j->conn, p->now, 1000, purge_take, p, &j->fault) < 0 ? -1 : 0;
}

static void purge_done(hearth__job *j) {
  purge *p = (purge *)j;
  hearth__store *s = j->store;
  for (size_t i = 0; i < p->n; i++) {
    hearth__name name = hearth__entry_name(p->list[i]);
    if (!s->given_up) purge_one(s, &name, p->now);
  }
  uv_mutex_lock(&s->db->lock);
  for (size_t i = 0; i < p->n; i++) hearth__cache_unpin(&s->db->cache, p->list[i]);
  uv_mutex_unlock(&s->db->lock);
  bool more = p->n == 1000 && !j->fault.code;
  int64_t now = p->now;
  free(p->list);
  free(p);
  if (more && !s->given_up) hearth__store_purge(s, now);
}

void hearth__store_purge(hearth__store *s, int64_t now) {
  purge *p = s->read_only ? NULL : calloc(1, sizeof *p);
  if (!p) return;
  p->job.run = purge_run;
  p->job.done = purge_done;
  p->job.after_writes = true;
  p->now = now;
  hearth__store_run(s, &p->job);
}

/* ---- ending */

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
  if (db->head) kick(db);
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
    deliver_batch(s, &b->landed);
  }
  release(s);
}
