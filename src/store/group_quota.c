/* Quotas: the bytes of keys and values in each namespace that has one. The totals are asked of the engine once, and then kept by what each batch
** makes of it. */
#include <stdlib.h>
#include <string.h>

#include "store/group.h"

typedef hearth__group group;
typedef hearth__work work;

static int short_of_memory(hearth__fault *f) {
  return hearth__fail(f, "EIO", "out of memory");
}

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
  else if (op->verb == HEARTH__REMOVE || (op->verb == HEARTH__PURGE && !hearth__work_there(w, b->now)))
    after = 0;
  w->stamp = b;
  w->bytes = after;
  t->bytes += after - before;
  return after - before;
}

int hearth__group_quota(group *g, hearth__batch *b, hearth__fault *f) {
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
