/* One transaction for a list of batches, in order of issue. What each key holds is read first, in one go; every decision is then made on
** these working copies: conditions, revisions, expiry, quota, quarantine, events. Only what changed goes to the engine. A batch whose
** condition does not hold changes nothing and does not disturb the others. */
#include "store/group.h"

#include <stdlib.h>
#include <string.h>

typedef hearth__group group;
typedef hearth__work work;

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
static int load(group *g, hearth__batch *first, size_t n_ops, hearth__fault *f) {
  if (!(g->works = calloc(n_ops, sizeof *g->works))) return short_of_memory(f);
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
          w->loaded = true;
        } else
          missing++;
      }
      if (w->loaded && (op->verb == HEARTH__RAW || op->verb == HEARTH__QUARANTINE)) {
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
        g->works[i].loaded = g->works[i].read = true;
        at++;
      }
    free(items);
  }
  for (size_t i = 0; i < g->n_works; i++) {
    work *w = &g->works[i];
    w->row = w->record.id;
    w->expiry = w->record.expires_at;
    w->was_present = w->record.state == HEARTH__PRESENT;
    w->original = w->record.value;
  }
  return status;
}

static void unload(group *g) {
  if (!g->published) {
    uv_mutex_lock(&g->db->lock);
    for (size_t i = 0; i < g->n_works; i++) g->works[i].entry->work = NULL;
    uv_mutex_unlock(&g->db->lock);
  }
  for (size_t i = 0; i < g->n_works; i++) {
    work *w = &g->works[i];
    if (w->read) hearth__blob_release(w->original);
    free(w->fault);
  }
  free(g->works);
  hearth__events_release(g->events);
  free(g->log.bytes);
  free(g->clears);
}

static int refuse(hearth__batch *b, hearth__fault *f) {
  if (!(b->current = calloc(b->n, sizeof *b->current))) return short_of_memory(f);
  for (size_t i = 0; i < b->n; i++) {
    work *w = b->ops[i].entry && b->ops[i].verb != HEARTH__CLEAR ? b->ops[i].entry->work : NULL;
    if (!w || !hearth__work_there(w, b->now)) continue;
    b->current[i] = w->record;
    hearth__blob_retain(w->record.value);
  }
  b->refused = true;
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
    if (op->conditional && (!w || (hearth__work_there(w, b->now) ? w->record.revision : 0) != op->if_revision))
      return refuse(b, f) == 0 ? 0 : -1;
  }
  if (hearth__group_quota(g, b, f) != 0) return -1;
  for (size_t i = 0; i < b->n; i++) counts = counts || effective(b, &b->ops[i]);
  if (counts) g->revision++;
  for (size_t i = 0; i < b->n; i++) {
    hearth__write_op *op = &b->ops[i];
    int status = 0;
    switch (op->verb) {
      case HEARTH__PUT: status = hearth__group_put(g, b, op, g->revision, f); break;
      case HEARTH__RAW: status = hearth__group_put_raw(g, b, op, g->revision, f); break;
      case HEARTH__CLEAR: status = hearth__group_clear(g, b, op, g->revision, f); break;
      case HEARTH__QUARANTINE: status = hearth__group_quarantine(g, b, op, f); break;
      case HEARTH__REMOVE:
      case HEARTH__PURGE:
        if (effective(b, op)) status = hearth__group_remove(g, b, op, g->revision, f);
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
    changes[n].same_expiry = w->record.expires_at == w->expiry;
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
    w->entry->work = NULL;
    w->entry->touched++;
    if (w->fault || w->record.state == HEARTH__DAMAGED)
      hearth__cache_forget(&db->cache, w->entry);
    else
      hearth__cache_set(&db->cache, w->entry, &w->record);
  }
  if (g->revision > atomic_load(&db->known)) atomic_store(&db->known, g->revision);
  if (g->events) hearth__db_publish_events(db, g->events);
  g->published = true;
}

static int transact(group *g, hearth__batch *first, size_t n_ops, hearth__fault *f) {
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
  if (load(g, first, n_ops, f) != 0) goto failed;
  uv_mutex_lock(&db->lock);
  g->listening = db->listeners > 0;
  uv_mutex_unlock(&db->lock);
  for (hearth__batch *b = first; b; b = b->next) {
    hearth__fault own;
    own.code = NULL;
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

static int run(hearth__db *db, hearth__batch *first, size_t n_ops, hearth__fault *f) {
  group g = {.db = db};
  int status = transact(&g, first, n_ops, f);
  unload(&g);
  return status;
}

void hearth__group_run(hearth__db *db, hearth__batch *first, size_t n_ops) {
  hearth__fault f = {0};
  if (n_ops == 0) return;
  uv_mutex_lock(&db->writing);
  if (run(db, first, n_ops, &f) != 0) {
    reset_answers(first);
    /* One of them may be to blame: each alone, until it is clear that nothing goes. */
    int in_a_row = first->next ? 0 : 3;
    for (hearth__batch *b = first; b; b = b->next) {
      if (b->n == 0) continue;
      hearth__batch *rest = b->next;
      b->next = NULL;
      if (in_a_row < 3 && !atomic_load(&db->abort)) {
        hearth__fault own = {0};
        if (run(db, b, b->n, &own) == 0)
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
