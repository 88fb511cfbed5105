/* What an operation does to the working copy of its key, and to a namespace that is cleared: the record as it is afterwards, what goes to quarantine
** before that, and the event that tells of it. */
#include <stdlib.h>
#include <string.h>

#include "store/group.h"

typedef hearth__group group;
typedef hearth__work work;

static int short_of_memory(hearth__fault *f) {
  return hearth__fail(f, "EIO", "out of memory");
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
  w->record.value = value;
  w->record.size = value ? value->size : 0;
}

static void make_absent(work *w) {
  memset(&w->record, 0, sizeof w->record);
  w->dirty = true;
  w->quiet = false;
}

int hearth__group_put(group *g, const hearth__batch *b, const hearth__write_op *op, int64_t revision, hearth__fault *f) {
  work *w = op->entry->work;
  hearth__name name = hearth__entry_name(w->entry);
  if (keep(g, b, w, op->keep, f) != 0) return -1;
  bool present = hearth__work_there(w, b->now) && w->record.state == HEARTH__PRESENT;
  hearth__blob *old = present ? w->record.value : NULL;
  int64_t created = hearth__work_there(w, b->now) ? w->record.created_at : b->now;
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
  return add_event(g, b, &name, old, &w->record, revision, op->tag) == 0 ? 0 : short_of_memory(f);
}

int hearth__group_remove(group *g, const hearth__batch *b, const hearth__write_op *op, int64_t revision, hearth__fault *f) {
  work *w = op->entry->work;
  hearth__name name = hearth__entry_name(w->entry);
  if (keep(g, b, w, op->keep, f) != 0) return -1;
  hearth__blob *old = hearth__work_there(w, b->now) && w->record.state == HEARTH__PRESENT ? w->record.value : NULL;
  make_absent(w);
  return add_event(g, b, &name, old, NULL, revision, op->tag) == 0 ? 0 : short_of_memory(f);
}

/* For tests: other bytes under the old checksum. A key that was not there gets a checksum that is wrong. */
int hearth__group_put_raw(group *g, const hearth__batch *b, const hearth__write_op *op, int64_t revision, hearth__fault *f) {
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

int hearth__group_quarantine(group *g, const hearth__batch *b, const hearth__write_op *op, hearth__fault *f) {
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

int hearth__group_clear(group *g, hearth__batch *b, const hearth__write_op *op, int64_t revision, hearth__fault *f) {
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
      hearth__blob *old = hearth__work_there(w, b->now) && w->record.state == HEARTH__PRESENT ? w->record.value : NULL;
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
