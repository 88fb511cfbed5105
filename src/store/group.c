/* One transaction for a list of batches, in order of issue. What each key holds is read first, in one go; every decision is then made on
** these working copies: conditions, revisions, expiry, quota, quarantine, events. Only what changed goes to the engine. A batch whose
** condition does not hold changes nothing and does not disturb the others. */
#include <stdlib.h>
#include <string.h>

#include "store/db.h"

typedef struct hearth__work {
  hearth__entry *entry;
  hearth__record record;  /* as the transaction has it; holds its value */
  hearth__blob *original; /* the bytes before the transaction; holds them */
  int64_t row;            /* the engine's row as it is now on its side, 0: none */
  bool was_present, loaded, dirty, quiet;
  hearth__fault *fault; /* could not be read: batches that need it fail with this */
  hearth__batch *stamp; /* for the quota: `bytes` is of this batch */
  int64_t bytes;
} work;

typedef struct group {
  hearth__db *db;
  work *works;
  size_t n_works;
  hearth__events *events;
  size_t room_events;
  hearth__bytes log;
  int64_t revision, start;
  bool listening, wrote;
  hearth__batch **clears; /* namespaces that were cleared: forgotten by the cache afterwards */
  size_t n_clears;
} group;

static int short_of_memory(hearth__fault *f) {
  return hearth__fail(f, "EIO", "out of memory");
}

static hearth__fault no_memory = {.code = "EIO", .message = "out of memory"};

hearth__fault *hearth__fault_copy(const hearth__fault *f) {
  hearth__fault *copy = malloc(sizeof *copy);
  if (!copy) return &no_memory;
  *copy = *f;
  return copy;
}

void hearth__fault_free(hearth__fault *f) {
  if (f != &no_memory) free(f);
}

/* Each key of the batches gets its working copy, from the cache where that knows it, else from the engine. */
static int load(group *g, hearth__batch *first, hearth__fault *f) {
  size_t n = 0;
  for (hearth__batch *b = first; b; b = b->next) n += b->n;
  if (n == 0) return 0;
  if (!(g->works = calloc(n, sizeof *g->works))) return short_of_memory(f);
  size_t missing = 0;
  uv_mutex_lock(&g->db->lock);
  for (hearth__batch *b = first; b; b = b->next)
    for (size_t i = 0; i < b->n; i++) {
      hearth__write_op *op = &b->ops[i];
      if (!op->entry || op->verb == HEARTH__CLEAR) continue;
      work *w = op->entry->work;
      if (!w) {
        w = op->entry->work = &g->works[g->n_works++];
        w->entry = op->entry;
        if (op->entry->known) {
          w->record = op->entry->record;
          hearth__blob_retain(w->record.value);
          w->loaded = true;
        } else
          missing++;
      }
      if (w->loaded && (op->verb == HEARTH__RAW || op->verb == HEARTH__QUARANTINE)) {
        hearth__blob_release(w->record.value);
        memset(&w->record, 0, sizeof w->record);
        w->loaded = false;
        missing++;
      }
    }
  uv_mutex_unlock(&g->db->lock);
  int status = 0;
  if (missing > 0) {
    hearth__item *items = calloc(missing, sizeof *items);
    if (!items) return short_of_memory(f);
    size_t at = 0;
    for (size_t i = 0; i < g->n_works; i++)
      if (!g->works[i].loaded) items[at++].name = hearth__entry_name(g->works[i].entry);
    status = hearth__db_try(g->db, f);
    if (status == 0) status = g->db->engine->class_->load(g->db->engine, NULL, items, missing, f);
    at = 0;
    for (size_t i = 0; i < g->n_works; i++)
      if (!g->works[i].loaded) {
        g->works[i].record = items[at].record;
        g->works[i].fault = items[at].fault;
        g->works[i].loaded = true;
        at++;
      }
    free(items);
  }
  for (size_t i = 0; i < g->n_works; i++) {
    work *w = &g->works[i];
    w->row = w->record.id;
    w->was_present = w->record.state == HEARTH__PRESENT;
    w->original = hearth__blob_retain(w->record.value);
  }
  return status;
}

static void unload(group *g) {
  for (size_t i = 0; i < g->n_works; i++) {
    work *w = &g->works[i];
    hearth__blob_release(w->record.value);
    hearth__blob_release(w->original);
    free(w->fault);
    w->entry->work = NULL;
  }
  free(g->works);
  hearth__events_release(g->events);
  free(g->log.bytes);
  free(g->clears);
}

static bool there(const work *w, int64_t now) {
  return w->record.state != HEARTH__ABSENT && !hearth__record_expired(&w->record, now);
}

static int refuse(hearth__batch *b, hearth__fault *f) {
  if (!(b->current = calloc(b->n, sizeof *b->current))) return short_of_memory(f);
  for (size_t i = 0; i < b->n; i++) {
    work *w = b->ops[i].entry && b->ops[i].verb != HEARTH__CLEAR ? b->ops[i].entry->work : NULL;
    if (!w || !there(w, b->now)) continue;
    b->current[i] = w->record;
    hearth__blob_retain(w->record.value);
  }
  b->refused = true;
  return 0;
}

static hearth__event *event_room(group *g) {
  if (!g->events || g->events->n == g->room_events) {
    size_t room = g->room_events ? g->room_events * 2 : 16;
    hearth__events *grown = realloc(g->events, sizeof *grown + room * sizeof *grown->list);
    if (!grown) return NULL;
    if (!g->events) {
      grown->n = 0;
      atomic_init(&grown->refs, 1);
    }
    g->events = grown;
    g->room_events = room;
  }
  hearth__event *ev = &g->events->list[g->events->n];
  memset(ev, 0, sizeof *ev);
  return ev;
}

/* `old` is what was there, NULL if nothing; `now` the record afterwards. */
static int add_event(group *g, const hearth__batch *b, const hearth__name *name, hearth__blob *old, const hearth__record *now,
                     int64_t revision, int64_t tag) {
  if (!g->listening) return 0;
  hearth__event *ev = event_room(g);
  if (!ev) return -1;
  ev->ns = hearth__blob_new(name->ns, name->ns_size);
  ev->key = hearth__blob_new(name->key, name->key_size);
  if (!ev->ns || !ev->key) {
    hearth__blob_release(ev->ns);
    hearth__blob_release(ev->key);
    return -1;
  }
  ev->old = hearth__blob_retain(old);
  ev->value = now ? hearth__blob_retain(now->value) : NULL;
  ev->revision = revision;
  ev->source = b->store;
  ev->tag = tag;
  if (now) {
    ev->version = now->version;
    ev->expires_at = now->expires_at;
    ev->updated_at = now->updated_at;
    ev->kind = now->kind;
  }
  ev->same = old && now && hearth__blob_equal(old, now->value);
  g->events->n++;
  return 0;
}

/* What is replaced or removed and cannot be read, or is asked to be kept, goes to quarantine in the same transaction. */
static int keep(group *g, const hearth__batch *b, const work *w, bool asked, hearth__fault *f) {
  if (!w->record.value || !(w->record.state == HEARTH__DAMAGED || (asked && w->record.state == HEARTH__PRESENT))) return 0;
  hearth__name name = hearth__entry_name(w->entry);
  g->wrote = true;
  if (hearth__db_try(g->db, f) != 0) return -1;
  return g->db->engine->class_->keep(g->db->engine, &name, &w->record, b->now, f);
}

static void replace(work *w, hearth__blob *value) {
  hearth__blob_retain(value);
  hearth__blob_release(w->record.value);
  w->record.value = value;
  w->record.size = value ? value->size : 0;
}

static void make_absent(work *w) {
  hearth__blob_release(w->record.value);
  memset(&w->record, 0, sizeof w->record);
  w->dirty = true;
  w->quiet = false;
}

static int put(group *g, const hearth__batch *b, const hearth__write_op *op, int64_t revision, hearth__fault *f) {
  work *w = op->entry->work;
  hearth__name name = hearth__entry_name(w->entry);
  if (keep(g, b, w, op->keep, f) != 0) return -1;
  bool present = there(w, b->now) && w->record.state == HEARTH__PRESENT;
  hearth__blob *old = present ? hearth__blob_retain(w->record.value) : NULL;
  int64_t created = there(w, b->now) ? w->record.created_at : b->now;
  replace(w, op->value);
  w->record.state = HEARTH__PRESENT;
  w->record.revision = revision;
  w->record.created_at = created;
  w->record.updated_at = b->now;
  w->record.expires_at = op->expires_at;
  w->record.version = op->version;
  w->record.kind = op->kind;
  w->record.checksum = hearth__record_checksum(&name, &w->record);
  w->dirty = true;
  w->quiet = false;
  int status = add_event(g, b, &name, old, &w->record, revision, op->tag);
  hearth__blob_release(old);
  return status == 0 ? 0 : short_of_memory(f);
}

static int remove_key(group *g, const hearth__batch *b, const hearth__write_op *op, int64_t revision, hearth__fault *f) {
  work *w = op->entry->work;
  hearth__name name = hearth__entry_name(w->entry);
  if (keep(g, b, w, op->keep, f) != 0) return -1;
  hearth__blob *old = there(w, b->now) && w->record.state == HEARTH__PRESENT ? hearth__blob_retain(w->record.value) : NULL;
  make_absent(w);
  int status = add_event(g, b, &name, old, NULL, revision, op->tag);
  hearth__blob_release(old);
  return status == 0 ? 0 : short_of_memory(f);
}

/* For tests: other bytes under the old checksum. A key that was not there gets a checksum that is wrong. */
static int put_raw(group *g, const hearth__batch *b, const hearth__write_op *op, int64_t revision, hearth__fault *f) {
  work *w = op->entry->work;
  hearth__name name = hearth__entry_name(w->entry);
  (void)g;
  (void)f;
  if (w->record.state == HEARTH__ABSENT) {
    w->record = (hearth__record){.revision = revision, .created_at = b->now, .updated_at = b->now};
    replace(w, op->value);
    w->record.checksum = ~hearth__record_checksum(&name, &w->record);
  } else
    replace(w, op->value);
  w->record.state = hearth__record_checksum(&name, &w->record) == w->record.checksum ? HEARTH__PRESENT : HEARTH__DAMAGED;
  w->dirty = w->quiet = true;
  return 0;
}

static int quarantine(group *g, const hearth__batch *b, const hearth__write_op *op, hearth__fault *f) {
  work *w = op->entry->work;
  if (w->record.state != HEARTH__DAMAGED || !w->record.value) return 0;
  if (keep(g, b, w, false, f) != 0) return -1;
  replace(w, NULL);
  w->dirty = w->quiet = true;
  return 0;
}

/* ---- clear */

typedef struct clearing {
  group *g;
  hearth__batch *b;
  const hearth__write_op *op;
  int64_t revision;
  hearth__fault *f;
  bool any;
} clearing;

static int clear_one(void *arg, const hearth__name *name, const hearth__record *r) {
  clearing *c = arg;
  uv_mutex_lock(&c->g->db->lock);
  hearth__entry *entry = hearth__cache_find(&c->g->db->cache, name);
  work *w = entry ? entry->work : NULL;
  uv_mutex_unlock(&c->g->db->lock);
  if (w) return 0; /* its working copy is newer: below */
  c->any = true;
  if (r->state == HEARTH__DAMAGED) {
    if (!r->value) return 0;
    return c->g->db->engine->class_->keep(c->g->db->engine, name, r, c->b->now, c->f) != 0 ? 2 : 0;
  }
  hearth__blob *old = hearth__record_expired(r, c->b->now) ? NULL : r->value;
  return add_event(c->g, c->b, name, old, NULL, c->revision, c->op->tag) != 0;
}

static int clear(group *g, hearth__batch *b, const hearth__write_op *op, int64_t revision, hearth__fault *f) {
  hearth__name ns = hearth__entry_name(op->entry);
  const hearth__engine_class *class_ = g->db->engine->class_;
  clearing c = {.g = g, .b = b, .op = op, .revision = revision, .f = f};
  f->code = NULL;
  if (hearth__db_try(g->db, f) != 0) return -1;
  if (class_->each(g->db->engine, NULL, ns.ns, ns.ns_size, true, clear_one, &c, f) != 0) return f->code ? -1 : short_of_memory(f);
  for (size_t i = 0; i < g->n_works; i++) {
    work *w = &g->works[i];
    if (w->entry->ns_size != ns.ns_size || memcmp(w->entry->name, ns.ns, ns.ns_size) != 0) continue;
    if (w->record.state != HEARTH__ABSENT) {
      hearth__name name = hearth__entry_name(w->entry);
      if (keep(g, b, w, false, f) != 0) return -1;
      hearth__blob *old = there(w, b->now) && w->record.state == HEARTH__PRESENT ? w->record.value : NULL;
      if (add_event(g, b, &name, old, NULL, revision, op->tag) != 0) return short_of_memory(f);
    }
    make_absent(w);
    w->dirty = w->row != 0; /* told in the log; there is no row left */
    w->row = 0;
  }
  hearth__batch **grown = realloc(g->clears, (g->n_clears + 1) * sizeof *grown);
  if (!grown) return short_of_memory(f);
  g->clears = grown;
  g->clears[g->n_clears++] = b;
  hearth__log_add(&g->log, HEARTH__LOG_CLEAR, &ns, revision);
  g->wrote = true;
  return class_->clear(g->db->engine, ns.ns, ns.ns_size, f);
}

/* ---- quota */

static int64_t footprint(const work *w) {
  return w->record.state == HEARTH__ABSENT ? 0 : (int64_t)(w->entry->key_size + w->record.size);
}

static hearth__total *total_of(group *g, const hearth__entry *e, hearth__fault *f) {
  hearth__total *t = g->db->totals;
  for (; t; t = t->next)
    if (t->ns_size == e->ns_size && memcmp(t->ns, e->name, e->ns_size) == 0) break;
  if (!t) {
    if (!(t = calloc(1, sizeof *t + e->ns_size + 1))) {
      short_of_memory(f);
      return NULL;
    }
    t->ns_size = e->ns_size;
    memcpy(t->ns, e->name, e->ns_size);
    t->next = g->db->totals;
    g->db->totals = t;
  }
  if (!t->valid) {
    hearth__usage u;
    if (g->db->engine->class_->usage(g->db->engine, NULL, t->ns, t->ns_size, &u, f) != 0) return NULL;
    t->bytes = u.bytes;
    for (size_t i = 0; i < g->n_works; i++) { /* what this transaction has done and the engine does not know yet */
      work *w = &g->works[i];
      if (w->dirty && w->entry->ns_size == t->ns_size && memcmp(w->entry->name, t->ns, t->ns_size) == 0)
        t->bytes += footprint(w) - (w->row ? (int64_t)(w->entry->key_size + (w->original ? w->original->size : 0)) : 0);
    }
    t->valid = true;
  }
  return t;
}

static bool in_namespace(const hearth__total *t, const hearth__entry *e) {
  return t->ns_size == e->ns_size && memcmp(t->ns, e->name, e->ns_size) == 0;
}

/* What the batch makes of one key or namespace, booked in the total. */
static int64_t book(group *g, hearth__batch *b, const hearth__write_op *op, hearth__total *t) {
  if (op->verb == HEARTH__CLEAR) {
    for (size_t i = 0; i < g->n_works; i++)
      if (in_namespace(t, g->works[i].entry)) {
        g->works[i].stamp = b;
        g->works[i].bytes = 0;
      }
    t->bytes = 0;
    return 0;
  }
  work *w = op->entry->work;
  int64_t before = w->stamp == b ? w->bytes : footprint(w), after = before;
  if (op->verb == HEARTH__PUT || op->verb == HEARTH__RAW)
    after = (int64_t)(w->entry->key_size + op->value->size);
  else if (op->verb == HEARTH__REMOVE || (op->verb == HEARTH__PURGE && !there(w, b->now)))
    after = 0;
  w->stamp = b;
  w->bytes = after;
  t->bytes += after - before;
  return after - before;
}

/* The namespace's bytes after the batch, or the fault EQUOTA. A transaction that fails makes the totals invalid. */
static int check_quota(group *g, hearth__batch *b, hearth__fault *f) {
  int64_t quota = b->store->quota;
  bool grew = false;
  if (quota <= 0 && !g->db->totals) return 0;
  for (size_t i = 0; i < b->n; i++) {
    const hearth__write_op *op = &b->ops[i];
    if (!op->entry || op->verb == HEARTH__CHECK || op->verb == HEARTH__DROP || op->verb == HEARTH__QUARANTINE) continue;
    hearth__total *t = g->db->totals;
    if (quota > 0) {
      if (!(t = total_of(g, op->entry, f))) return -1;
    } else
      while (t && !in_namespace(t, op->entry)) t = t->next;
    if (t && t->valid) grew = book(g, b, op, t) > 0 || grew;
  }
  if (quota <= 0 || !grew) return 0;
  for (size_t i = 0; i < b->n; i++) {
    const hearth__write_op *op = &b->ops[i];
    if (op->verb != HEARTH__PUT && op->verb != HEARTH__RAW) continue;
    hearth__total *t = total_of(g, op->entry, f);
    if (!t) return -1;
    if (t->bytes <= quota) continue;
    for (hearth__total *x = g->db->totals; x; x = x->next) x->valid = false;
    hearth__name n = hearth__entry_name(op->entry);
    return hearth__fail(f, "EQUOTA", "the quota of %lld bytes does not hold \"%.*s\" (%zu bytes): remove something, or raise the quota",
                        (long long)quota, (int)(n.key_size > 100 ? 100 : n.key_size), n.key, op->value->size);
  }
  return 0;
}

/* ---- a batch */

static int effective(const hearth__batch *b, const hearth__write_op *op) {
  const work *w = op->entry ? op->entry->work : NULL;
  switch (op->verb) {
    case HEARTH__PUT:
    case HEARTH__RAW:
    case HEARTH__CLEAR: return 1;
    case HEARTH__REMOVE: return w->record.state != HEARTH__ABSENT;
    case HEARTH__PURGE: return hearth__record_expired(&w->record, b->now);
    default: return 0;
  }
}

/* -1: the fault is the batch's; the transaction goes on. -2: the transaction has to end. */
static int decide(group *g, hearth__batch *b, hearth__fault *f) {
  bool counts = false;
  if (b->broken) {
    *f = *b->broken;
    return -1;
  }
  for (size_t i = 0; i < b->n; i++) {
    hearth__write_op *op = &b->ops[i];
    work *w = op->entry && op->verb != HEARTH__CLEAR ? op->entry->work : NULL;
    if (w && w->fault) {
      *f = *w->fault;
      return -1;
    }
    if (op->conditional && (!w || (there(w, b->now) ? w->record.revision : 0) != op->if_revision)) return refuse(b, f) == 0 ? 0 : -1;
  }
  if (check_quota(g, b, f) != 0) return -1;
  for (size_t i = 0; i < b->n; i++) counts = counts || effective(b, &b->ops[i]);
  if (counts) g->revision++;
  for (size_t i = 0; i < b->n; i++) {
    hearth__write_op *op = &b->ops[i];
    int status = 0;
    switch (op->verb) {
      case HEARTH__PUT: status = put(g, b, op, g->revision, f); break;
      case HEARTH__RAW: status = put_raw(g, b, op, g->revision, f); break;
      case HEARTH__CLEAR: status = clear(g, b, op, g->revision, f); break;
      case HEARTH__QUARANTINE: status = quarantine(g, b, op, f); break;
      case HEARTH__REMOVE:
      case HEARTH__PURGE:
        if (effective(b, op)) status = remove_key(g, b, op, g->revision, f);
        break;
      case HEARTH__DROP:
        g->wrote = true;
        status = g->db->engine->class_->drop(g->db->engine, op->tag, &b->found, f);
        break;
      default: break;
    }
    if (status != 0) return -2;
  }
  b->revision = g->revision;
  return 0;
}

/* ---- the transaction */

static int write_down(group *g, hearth__fault *f) {
  size_t n = 0;
  hearth__engine *e = g->db->engine;
  for (size_t i = 0; i < g->n_works; i++) n += g->works[i].dirty;
  if (n == 0) return 0;
  hearth__change *changes = calloc(n, sizeof *changes);
  if (!changes) return short_of_memory(f);
  n = 0;
  for (size_t i = 0; i < g->n_works; i++) {
    work *w = &g->works[i];
    if (!w->dirty) continue;
    hearth__name name = hearth__entry_name(w->entry);
    bool absent = w->record.state == HEARTH__ABSENT;
    bool same = w->was_present && !absent && hearth__blob_equal(w->original, w->record.value);
    hearth__log_add(&g->log, (absent ? HEARTH__LOG_REMOVED : 0) | (same ? HEARTH__LOG_SAME : 0) | (w->quiet ? HEARTH__LOG_QUIET : 0), &name,
                    absent ? g->revision : w->record.revision);
    changes[n].name = name;
    changes[n].record = &w->record;
    changes[n].old_id = w->row;
    if (absent && w->row == 0) continue; /* came and went, or was cleared */
    n++;
  }
  g->wrote = true;
  int status = hearth__db_try(g->db, f);
  if (status == 0) status = e->class_->apply(e, changes, n, f);
  free(changes);
  return status;
}

static void forget_cleared(void *arg, hearth__entry *e) {
  hearth__cache *c = arg;
  e->touched++;
  if (e->known && !e->work && e->record.state != HEARTH__ABSENT) {
    const hearth__record absent = {.state = HEARTH__ABSENT};
    hearth__cache_set(c, e, &absent);
  }
}

/* What was committed becomes what the cache knows. Under the lock. */
static void publish(group *g) {
  hearth__db *db = g->db;
  for (size_t i = 0; i < g->n_clears; i++)
    for (size_t k = 0; k < g->clears[i]->n; k++)
      if (g->clears[i]->ops[k].verb == HEARTH__CLEAR) {
        hearth__name ns = hearth__entry_name(g->clears[i]->ops[k].entry);
        hearth__cache_each(&db->cache, ns.ns, ns.ns_size, forget_cleared, &db->cache);
      }
  for (size_t i = 0; i < g->n_works; i++) {
    work *w = &g->works[i];
    w->entry->touched++;
    if (w->fault || w->record.state == HEARTH__DAMAGED)
      hearth__cache_forget(&db->cache, w->entry);
    else
      hearth__cache_set(&db->cache, w->entry, &w->record);
  }
  if (g->revision > atomic_load(&db->known)) atomic_store(&db->known, g->revision);
  if (g->events) hearth__db_publish_events(db, g->events);
}

static int transact(group *g, hearth__batch *first, hearth__fault *f) {
  hearth__db *db = g->db;
  hearth__engine *e = db->engine;
  int64_t commit = 0;
  if (hearth__db_try(db, f) != 0 || e->class_->begin(e, &commit, f) != 0) return -1;
  if (commit != atomic_load(&db->known)) {
    for (hearth__total *t = db->totals; t; t = t->next) t->valid = false;
    if (e->class_->changes) {
      if (hearth__db_catch_up(db, NULL, f) != 0) goto failed;
    } else
      atomic_store(&db->known, commit);
  }
  g->revision = g->start = commit;
  if (load(g, first, f) != 0) goto failed;
  uv_mutex_lock(&db->lock);
  g->listening = db->listeners > 0;
  uv_mutex_unlock(&db->lock);
  for (hearth__batch *b = first; b; b = b->next) {
    hearth__fault own = {0};
    int status = decide(g, b, &own);
    if (status == -1) b->fault = hearth__fault_copy(&own);
    if (status == -2) {
      *f = own;
      goto failed;
    }
  }
  if (write_down(g, f) != 0) goto failed;
  if (g->log.failed) {
    short_of_memory(f);
    goto failed;
  }
  uv_mutex_lock(&db->publishing);
  if (!g->wrote)
    e->class_->rollback(e);
  else if (hearth__db_try(db, f) != 0 ||
           e->class_->commit(e, g->revision, g->revision > g->start || g->log.size ? g->log.bytes : NULL, g->log.size, f) != 0) {
    uv_mutex_unlock(&db->publishing);
    goto failed;
  }
  uv_mutex_lock(&db->lock);
  if (g->wrote) {
    publish(g);
    db->commits++;
  }
  uv_mutex_unlock(&db->lock);
  uv_mutex_unlock(&db->publishing);
  return 0;
failed:
  e->class_->rollback(e);
  for (hearth__total *t = db->totals; t; t = t->next) t->valid = false;
  return -1;
}

static void reset_answers(hearth__batch *first) {
  for (hearth__batch *b = first; b; b = b->next) {
    if (b->current)
      for (size_t i = 0; i < b->n; i++) hearth__blob_release(b->current[i].value);
    free(b->current);
    b->current = NULL;
    b->refused = b->found = false;
    b->revision = 0;
    hearth__fault_free(b->fault);
    b->fault = NULL;
  }
}

static int run(hearth__db *db, hearth__batch *first, hearth__fault *f) {
  group g = {.db = db};
  int status = transact(&g, first, f);
  unload(&g);
  return status;
}

void hearth__group_run(hearth__db *db, hearth__batch *first) {
  hearth__fault f = {0};
  bool work_to_do = false;
  for (hearth__batch *b = first; b; b = b->next) work_to_do = work_to_do || b->n > 0;
  if (!work_to_do) return;
  uv_mutex_lock(&db->writing);
  if (run(db, first, &f) != 0) {
    reset_answers(first);
    /* One of them may be to blame: each alone, until it is clear that nothing goes. */
    int in_a_row = first->next ? 0 : 3;
    for (hearth__batch *b = first; b; b = b->next) {
      if (b->n == 0) continue;
      hearth__batch *rest = b->next;
      b->next = NULL;
      if (in_a_row < 3 && !atomic_load(&db->abort)) {
        hearth__fault own = {0};
        if (run(db, b, &own) == 0)
          in_a_row = 0;
        else {
          reset_answers(b);
          b->fault = hearth__fault_copy(&own);
          f = own;
          in_a_row++;
        }
      } else
        b->fault = hearth__fault_copy(&f);
      b->next = rest;
    }
  }
  uv_mutex_unlock(&db->writing);
}
