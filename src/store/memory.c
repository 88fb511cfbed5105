/* The memory engine: what the interface asks for, by records in memory (memory_records.c). Damage can only be made here (testing), and is found as
** everywhere: by the checksum. */
#include "store/memory.h"

#include <stdlib.h>
#include <string.h>

static hearth__memory *of(hearth__engine *e) {
  return (hearth__memory *)e;
}

static int short_of_memory(hearth__fault *f) {
  return hearth__fail(f, "EIO", "out of memory");
}

int hearth__memory_begin(hearth__engine *e, int64_t *commit, hearth__fault *f) {
  (void)f;
  uv_mutex_lock(&of(e)->lock);
  of(e)->began = true;
  *commit = of(e)->commit;
  return 0;
}

int hearth__memory_apply(hearth__engine *e, hearth__change *changes, size_t n, hearth__fault *f) {
  hearth__memory *m = of(e);
  for (size_t i = 0; i < n; i++) {
    hearth__change *c = &changes[i];
    if (c->record->state != HEARTH__ABSENT) c->record->id = 1;
    if (hearth__memory_remember(m, &c->name) != 0 || hearth__memory_put(m, &c->name, c->record) != 0) return short_of_memory(f);
  }
  return 0;
}

int hearth__memory_clear(hearth__engine *e, const char *ns, size_t ns_size, hearth__fault *f) {
  hearth__memory *m = of(e);
  hearth__name from = {.ns = ns, .ns_size = ns_size, .key = "", .key_size = 0};
  const hearth__record absent = {.state = HEARTH__ABSENT};
  for (hearth__node *n; (n = hearth__memory_seek(m, &from, NULL)) != NULL && n->ns_size == ns_size && memcmp(n->name, ns, ns_size) == 0;) {
    hearth__name name = hearth__node_name(n);
    if (hearth__memory_remember(m, &name) != 0) return short_of_memory(f);
    hearth__memory_put(m, &name, &absent);
  }
  return 0;
}

int hearth__memory_keep_damaged(hearth__engine *e, const hearth__name *name, const hearth__record *r, int64_t now, hearth__fault *f) {
  return hearth__memory_keep(of(e), name, r, now) == 0 ? 0 : short_of_memory(f);
}

int hearth__memory_drop_kept(hearth__engine *e, int64_t kept_id, bool *found, hearth__fault *f) {
  hearth__memory *m = of(e);
  *found = false;
  if (hearth__memory_edit_kept(m, 0) != 0) return short_of_memory(f);
  for (size_t i = m->n_kept; i-- > 0;)
    if (m->kept[i].id == kept_id) {
      hearth__memory_remove_kept(m, i);
      *found = true;
    }
  return 0;
}

int hearth__memory_commit(hearth__engine *e, int64_t revision, const void *log, size_t size, hearth__fault *f) {
  hearth__memory *m = of(e);
  (void)log;
  (void)size;
  (void)f;
  hearth__memory_forget(m);
  m->commit = revision;
  m->began = false;
  uv_mutex_unlock(&m->lock);
  return 0;
}

void hearth__memory_rollback(hearth__engine *e) {
  hearth__memory *m = of(e);
  if (!m->began) return;
  hearth__memory_undo(m);
  m->began = false;
  uv_mutex_unlock(&m->lock);
}

int hearth__memory_connect(hearth__engine *e, hearth__conn **out, hearth__fault *f) {
  (void)f;
  *out = (hearth__conn *)e; /* readers have no state of their own; not NULL, which means the writer's */
  return 0;
}

void hearth__memory_disconnect(hearth__engine *e, hearth__conn *c) {
  (void)e;
  (void)c;
}

/* A reader takes the lock; the writer has it. */
static void enter(hearth__memory *m, hearth__conn *c) {
  if (c) uv_mutex_lock(&m->lock);
}
static void leave(hearth__memory *m, hearth__conn *c) {
  if (c) uv_mutex_unlock(&m->lock);
}

int hearth__memory_load(hearth__engine *e, hearth__conn *c, hearth__item *items, size_t n, hearth__fault *f) {
  hearth__memory *m = of(e);
  (void)f;
  enter(m, c);
  for (size_t i = 0; i < n; i++) {
    const hearth__record *r = hearth__memory_find(m, &items[i].name);
    memset(&items[i].record, 0, sizeof items[i].record);
    if (!r) continue;
    items[i].record = *r;
    hearth__blob_retain(r->value);
    if (r->state == HEARTH__PRESENT && hearth__record_checksum(&items[i].name, r) != r->checksum) items[i].record.state = HEARTH__DAMAGED;
  }
  leave(m, c);
  return 0;
}

static bool starts_with(const hearth__node *n, const hearth__scan *s) {
  return n->ns_size == s->ns_size && memcmp(n->name, s->ns, s->ns_size) == 0 && n->key_size >= s->prefix_size &&
         memcmp(n->name + n->ns_size, s->prefix, s->prefix_size) == 0;
}

/* The last node at or before `name`, or the last of all that begin with the prefix when there is no start. */
static hearth__node *seek_last(hearth__memory *m, const hearth__scan *s) {
  hearth__node *n = m->head, *last = NULL;
  hearth__name start = {.ns = s->ns, .ns_size = s->ns_size, .key = s->start, .key_size = s->start_size};
  for (int i = HEARTH__MEMORY_LEVELS - 1; i >= 0; i--)
    for (hearth__node *next; (next = n->next[i]) != NULL; n = last = next) {
      hearth__name at = hearth__node_name(next),
                   prefix = {.ns = s->ns, .ns_size = s->ns_size, .key = s->prefix, .key_size = s->prefix_size};
      if (s->start && hearth__name_compare(&at, &start) > 0) break;
      if (hearth__name_compare(&at, &prefix) > 0 && !starts_with(next, s)) break;
    }
  return last;
}

int hearth__memory_scan(hearth__engine *e, hearth__conn *c, const hearth__scan *s, hearth__key_fn *fn, void *arg, hearth__fault *f) {
  hearth__memory *m = of(e);
  int status = 0;
  (void)f;
  hearth__name from = {.ns = s->ns, .ns_size = s->ns_size, .key = s->prefix, .key_size = s->prefix_size};
  hearth__name start = {.ns = s->ns, .ns_size = s->ns_size, .key = s->start, .key_size = s->start_size};
  if (s->start && !s->reverse && hearth__name_compare(&start, &from) > 0) from = start;
  enter(m, c);
  hearth__node *n = s->reverse ? seek_last(m, s) : hearth__memory_seek(m, &from, NULL);
  for (int64_t left = s->limit; n && left != 0 && status == 0 && starts_with(n, s); n = s->reverse ? n->before : n->next[0]) {
    if (hearth__record_expired(&n->record, s->now)) continue;
    status = fn(arg, n->name + n->ns_size, n->key_size);
    if (left > 0) left--;
  }
  leave(m, c);
  return status;
}

int hearth__memory_each(hearth__engine *e, hearth__conn *c, const char *ns, size_t ns_size, bool values, hearth__record_fn *fn, void *arg,
                        hearth__fault *f) {
  hearth__memory *m = of(e);
  int status = 0;
  (void)f;
  (void)values;
  enter(m, c);
  hearth__name from = {.ns = ns ? ns : "", .ns_size = ns ? ns_size : 0, .key = "", .key_size = 0};
  for (hearth__node *n = hearth__memory_seek(m, &from, NULL); n && status == 0; n = n->next[0]) {
    if (ns && (n->ns_size != ns_size || memcmp(n->name, ns, ns_size) != 0)) break;
    hearth__name name = hearth__node_name(n);
    hearth__record r = n->record;
    if (r.state == HEARTH__PRESENT && hearth__record_checksum(&name, &r) != r.checksum) r.state = HEARTH__DAMAGED;
    status = fn(arg, &name, &r);
  }
  leave(m, c);
  return status;
}

int hearth__memory_expiring(hearth__engine *e, hearth__conn *c, int64_t until, int64_t limit, hearth__record_fn *fn, void *arg,
                            hearth__fault *f) {
  hearth__memory *m = of(e);
  int status = 0;
  (void)f;
  enter(m, c);
  if (limit == 1) { /* the next one */
    hearth__node *first = NULL;
    for (hearth__node *n = m->head->next[0]; n; n = n->next[0])
      if (n->record.expires_at && n->record.expires_at <= until && (!first || n->record.expires_at < first->record.expires_at)) first = n;
    if (first) {
      hearth__name name = hearth__node_name(first);
      status = fn(arg, &name, &first->record);
    }
  } else
    for (hearth__node *n = m->head->next[0]; n && status == 0 && limit != 0; n = n->next[0])
      if (n->record.expires_at && n->record.expires_at <= until) {
        hearth__name name = hearth__node_name(n);
        status = fn(arg, &name, &n->record);
        if (limit > 0) limit--;
      }
  leave(m, c);
  return status;
}

int hearth__memory_usage(hearth__engine *e, hearth__conn *c, const char *ns, size_t ns_size, hearth__usage *u, hearth__fault *f) {
  hearth__memory *m = of(e);
  (void)f;
  *u = (hearth__usage){0, 0, 0};
  enter(m, c);
  hearth__name from = {.ns = ns, .ns_size = ns_size, .key = "", .key_size = 0};
  for (hearth__node *n = hearth__memory_seek(m, &from, NULL); n && n->ns_size == ns_size && memcmp(n->name, ns, ns_size) == 0;
       n = n->next[0]) {
    u->keys++;
    u->bytes += (int64_t)(n->key_size + n->record.size);
  }
  leave(m, c);
  return 0;
}

int hearth__memory_namespaces(hearth__engine *e, hearth__conn *c, hearth__key_fn *fn, void *arg, hearth__fault *f) {
  hearth__memory *m = of(e);
  int status = 0;
  (void)f;
  enter(m, c);
  for (hearth__node *n = m->head->next[0], *last = NULL; n && status == 0; last = n, n = n->next[0])
    if (!last || last->ns_size != n->ns_size || memcmp(last->name, n->name, n->ns_size) != 0) status = fn(arg, n->name, n->ns_size);
  leave(m, c);
  return status;
}

int hearth__memory_kept_each(hearth__engine *e, hearth__conn *c, hearth__kept_fn *fn, void *arg, hearth__fault *f) {
  hearth__memory *m = of(e);
  int status = 0;
  (void)f;
  enter(m, c);
  for (size_t i = 0; i < m->n_kept && status == 0; i++) status = fn(arg, &m->kept[i]);
  leave(m, c);
  return status;
}

static int open_memory(const char *location, const hearth__engine_options *options, hearth__engine **out, hearth__fault *f) {
  (void)location;
  (void)options;
  hearth__memory *m = malloc(sizeof *m);
  if (!m || hearth__memory_init(m, &hearth__memory_engine) != 0) {
    free(m);
    return short_of_memory(f);
  }
  *out = &m->engine;
  return 0;
}

static void close_memory(hearth__engine *e) {
  hearth__memory_free(of(e));
  free(e);
}

const hearth__engine_class hearth__memory_engine = {
    .name = "memory",
    .instant = true,
    .open = open_memory,
    .close = close_memory,
    .begin = hearth__memory_begin,
    .apply = hearth__memory_apply,
    .clear = hearth__memory_clear,
    .keep = hearth__memory_keep_damaged,
    .drop = hearth__memory_drop_kept,
    .commit = hearth__memory_commit,
    .rollback = hearth__memory_rollback,
    .connect = hearth__memory_connect,
    .disconnect = hearth__memory_disconnect,
    .load = hearth__memory_load,
    .scan = hearth__memory_scan,
    .each = hearth__memory_each,
    .expiring = hearth__memory_expiring,
    .usage = hearth__memory_usage,
    .namespaces = hearth__memory_namespaces,
    .kept = hearth__memory_kept_each,
};
