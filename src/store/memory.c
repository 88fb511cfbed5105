/* The memory engine: a skip list in (namespace, key) order. A transaction writes in place and remembers what was there, so that
** a rollback puts it back. Damage can only be made here (testing), and is found as everywhere: by the checksum. */
#include "store/memory.h"

#include <stdlib.h>
#include <string.h>

enum { LEVELS = 20, KEPT_PER_KEY = 3 };

struct hearth__node {
  hearth__record record;
  hearth__node *before; /* on the lowest level, for walks in reverse */
  size_t ns_size, key_size;
  int levels;
  char *name;
  hearth__node *next[];
};

/* What a transaction replaced: absent records are nodes that were not there. `kept` undoes the quarantine as a whole. */
struct hearth__undo {
  hearth__undo *next;
  hearth__record record;
  hearth__kept *kept;
  size_t n_kept;
  bool is_kept;
  size_t ns_size, key_size;
  char name[];
};

static hearth__name name_of(const hearth__node *n) {
  return (hearth__name){.ns = n->name, .ns_size = n->ns_size, .key = n->name + n->ns_size, .key_size = n->key_size};
}

static hearth__node *node_new(int levels, const hearth__name *name) {
  size_t head = sizeof(hearth__node) + (size_t)levels * sizeof(hearth__node *);
  hearth__node *n = calloc(1, head + name->ns_size + name->key_size);
  if (!n) return NULL;
  n->levels = levels;
  n->name = (char *)n + head;
  n->ns_size = name->ns_size;
  n->key_size = name->key_size;
  if (name->ns_size) memcpy(n->name, name->ns, name->ns_size);
  if (name->key_size) memcpy(n->name + name->ns_size, name->key, name->key_size);
  return n;
}

/* The last node before `name` on each level; returns the first node that is not before it. */
static hearth__node *seek(hearth__memory *m, const hearth__name *name, hearth__node **path) {
  hearth__node *n = m->head;
  for (int i = LEVELS - 1; i >= 0; i--) {
    for (hearth__node *next; (next = n->next[i]) != NULL; n = next) {
      hearth__name at = name_of(next);
      if (hearth__name_compare(&at, name) >= 0) break;
    }
    if (path) path[i] = n;
  }
  return n->next[0];
}

static hearth__node *find(hearth__memory *m, const hearth__name *name, hearth__node **path) {
  hearth__node *n = seek(m, name, path);
  if (!n) return NULL;
  hearth__name at = name_of(n);
  return hearth__name_compare(&at, name) == 0 ? n : NULL;
}

const hearth__record *hearth__memory_find(hearth__memory *m, const hearth__name *name) {
  hearth__node *n = find(m, name, NULL);
  return n ? &n->record : NULL;
}

static void remove_node(hearth__memory *m, hearth__node *n, hearth__node **path) {
  for (int i = 0; i < n->levels; i++) path[i]->next[i] = n->next[i];
  if (n->next[0]) n->next[0]->before = n->before;
  hearth__blob_release(n->record.value);
  free(n);
  m->keys--;
}

int hearth__memory_put(hearth__memory *m, const hearth__name *name, const hearth__record *r) {
  hearth__node *path[LEVELS], *n = find(m, name, path);
  if (r->state == HEARTH__ABSENT) {
    if (n) remove_node(m, n, path);
    return 0;
  }
  if (!n) {
    uint64_t bits = (uint64_t)++m->next_id;
    bits = hearth__hash(bits, &bits, sizeof bits);
    int levels = 1;
    for (; levels < LEVELS && (bits & 3) == 0; bits >>= 2) levels++;
    if (!(n = node_new(levels, name))) return -1;
    for (int i = 0; i < levels; i++) {
      n->next[i] = path[i]->next[i];
      path[i]->next[i] = n;
    }
    n->before = path[0] == m->head ? NULL : path[0];
    if (n->next[0]) n->next[0]->before = n;
    m->keys++;
  }
  hearth__blob_retain(r->value);
  hearth__blob_release(n->record.value);
  n->record = *r;
  return 0;
}

int hearth__memory_init(hearth__memory *m, const hearth__engine_class *class_) {
  memset(m, 0, sizeof *m);
  m->engine.class_ = class_;
  hearth__name none = {.ns = "", .key = ""};
  if (!(m->head = node_new(LEVELS, &none))) return -1;
  if (uv_mutex_init(&m->lock) != 0) {
    free(m->head);
    return -1;
  }
  return 0;
}

static void kept_free(hearth__kept *kept, size_t n) {
  for (size_t i = 0; i < n; i++) {
    hearth__blob_release(kept[i].ns);
    hearth__blob_release(kept[i].key);
    hearth__blob_release(kept[i].value);
  }
  free(kept);
}

static void undo_free(hearth__memory *m) {
  for (hearth__undo *u = m->undo, *next; u; u = next) {
    next = u->next;
    hearth__blob_release(u->record.value);
    if (u->is_kept) kept_free(u->kept, u->n_kept);
    free(u);
  }
  m->undo = NULL;
}

void hearth__memory_free(hearth__memory *m) {
  undo_free(m);
  for (hearth__node *n = m->head, *next; n; n = next) {
    next = n->next[0];
    hearth__blob_release(n->record.value);
    free(n);
  }
  kept_free(m->kept, m->n_kept);
  uv_mutex_destroy(&m->lock);
}

static int remember(hearth__memory *m, const hearth__name *name) {
  hearth__undo *u = calloc(1, sizeof *u + name->ns_size + name->key_size);
  if (!u) return -1;
  const hearth__record *r = hearth__memory_find(m, name);
  if (r) {
    u->record = *r;
    hearth__blob_retain(r->value);
  }
  u->ns_size = name->ns_size;
  u->key_size = name->key_size;
  memcpy(u->name, name->ns, name->ns_size);
  memcpy(u->name + name->ns_size, name->key, name->key_size);
  u->next = m->undo;
  m->undo = u;
  return 0;
}

static int kept_copy(const hearth__kept *from, size_t n, size_t room, hearth__kept **out) {
  hearth__kept *copy = calloc(n + room ? n + room : 1, sizeof *copy);
  if (!copy) return -1;
  for (size_t i = 0; i < n; i++) {
    copy[i] = from[i];
    hearth__blob_retain(copy[i].ns);
    hearth__blob_retain(copy[i].key);
    hearth__blob_retain(copy[i].value);
  }
  *out = copy;
  return 0;
}

int hearth__memory_clone(const hearth__memory *from, hearth__memory *to) {
  if (hearth__memory_init(to, from->engine.class_) != 0) return -1;
  for (const hearth__node *n = from->head->next[0]; n; n = n->next[0]) {
    hearth__name name = name_of(n);
    if (hearth__memory_put(to, &name, &n->record) != 0) goto failed;
  }
  if (kept_copy(from->kept, from->n_kept, 0, &to->kept) != 0) goto failed;
  to->n_kept = from->n_kept;
  to->commit = from->commit;
  if (to->next_id < from->next_id) to->next_id = from->next_id;
  return 0;
failed:
  hearth__memory_free(to);
  return -1;
}

void hearth__memory_swap(hearth__memory *a, hearth__memory *b) {
  hearth__memory old = *a;
  a->head = b->head;
  a->commit = b->commit;
  a->next_id = b->next_id;
  a->keys = b->keys;
  a->kept = b->kept;
  a->n_kept = b->n_kept;
  a->undo = b->undo;
  b->head = old.head;
  b->commit = old.commit;
  b->next_id = old.next_id;
  b->keys = old.keys;
  b->kept = old.kept;
  b->n_kept = old.n_kept;
  b->undo = old.undo;
}

/* Replaces the quarantine by a copy, the old one going to the undo list. */
static int kept_edit(hearth__memory *m, size_t room) {
  hearth__kept *copy;
  if (kept_copy(m->kept, m->n_kept, room, &copy) != 0) return -1;
  hearth__undo *u = calloc(1, sizeof *u);
  if (!u) {
    kept_free(copy, m->n_kept);
    return -1;
  }
  u->is_kept = true;
  u->kept = m->kept;
  u->n_kept = m->n_kept;
  u->next = m->undo;
  m->undo = u;
  m->kept = copy;
  return 0;
}

static void kept_remove(hearth__memory *m, size_t i) {
  hearth__blob_release(m->kept[i].ns);
  hearth__blob_release(m->kept[i].key);
  hearth__blob_release(m->kept[i].value);
  memmove(&m->kept[i], &m->kept[i + 1], (--m->n_kept - i) * sizeof *m->kept);
}

static bool kept_is(const hearth__kept *k, const hearth__name *name) {
  return k->ns->size == name->ns_size && k->key->size == name->key_size && memcmp(k->ns->bytes, name->ns, name->ns_size) == 0 &&
         memcmp(k->key->bytes, name->key, name->key_size) == 0;
}

int hearth__memory_keep(hearth__memory *m, const hearth__name *name, const hearth__record *r, int64_t now) {
  if (kept_edit(m, 1) != 0) return -1;
  hearth__kept *k = &m->kept[m->n_kept];
  *k = (hearth__kept){.id = ++m->next_id, .revision = r->revision, .version = r->version, .time = now, .kind = r->kind};
  k->ns = hearth__blob_new(name->ns, name->ns_size);
  k->key = hearth__blob_new(name->key, name->key_size);
  k->value = r->value ? hearth__blob_retain(r->value) : hearth__blob_new("", 0);
  m->n_kept++;
  if (!k->ns || !k->key || !k->value) {
    kept_remove(m, m->n_kept - 1);
    return -1;
  }
  int same = 0;
  for (size_t i = m->n_kept; i-- > 0;)
    if (kept_is(&m->kept[i], name) && ++same > KEPT_PER_KEY) kept_remove(m, i);
  return 0;
}

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
    if (remember(m, &c->name) != 0 || hearth__memory_put(m, &c->name, c->record) != 0) return short_of_memory(f);
  }
  return 0;
}

int hearth__memory_clear(hearth__engine *e, const char *ns, size_t ns_size, hearth__fault *f) {
  hearth__memory *m = of(e);
  hearth__name from = {.ns = ns, .ns_size = ns_size, .key = "", .key_size = 0};
  const hearth__record absent = {.state = HEARTH__ABSENT};
  for (hearth__node *n; (n = seek(m, &from, NULL)) != NULL && n->ns_size == ns_size && memcmp(n->name, ns, ns_size) == 0;) {
    hearth__name name = name_of(n);
    if (remember(m, &name) != 0) return short_of_memory(f);
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
  if (kept_edit(m, 0) != 0) return short_of_memory(f);
  for (size_t i = m->n_kept; i-- > 0;)
    if (m->kept[i].id == kept_id) {
      kept_remove(m, i);
      *found = true;
    }
  return 0;
}

int hearth__memory_commit(hearth__engine *e, int64_t revision, const void *log, size_t size, hearth__fault *f) {
  hearth__memory *m = of(e);
  (void)log;
  (void)size;
  (void)f;
  undo_free(m);
  m->commit = revision;
  m->began = false;
  uv_mutex_unlock(&m->lock);
  return 0;
}

void hearth__memory_rollback(hearth__engine *e) {
  hearth__memory *m = of(e);
  if (!m->began) return;
  for (hearth__undo *u = m->undo; u; u = u->next) {
    if (u->is_kept) {
      kept_free(m->kept, m->n_kept);
      m->kept = u->kept;
      m->n_kept = u->n_kept;
      u->is_kept = false;
      continue;
    }
    hearth__name name = {.ns = u->name, .ns_size = u->ns_size, .key = u->name + u->ns_size, .key_size = u->key_size};
    hearth__memory_put(m, &name, &u->record);
  }
  undo_free(m);
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
  for (int i = LEVELS - 1; i >= 0; i--)
    for (hearth__node *next; (next = n->next[i]) != NULL; n = last = next) {
      hearth__name at = name_of(next), prefix = {.ns = s->ns, .ns_size = s->ns_size, .key = s->prefix, .key_size = s->prefix_size};
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
  hearth__node *n = s->reverse ? seek_last(m, s) : seek(m, &from, NULL);
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
  for (hearth__node *n = seek(m, &from, NULL); n && status == 0; n = n->next[0]) {
    if (ns && (n->ns_size != ns_size || memcmp(n->name, ns, ns_size) != 0)) break;
    hearth__name name = name_of(n);
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
      hearth__name name = name_of(first);
      status = fn(arg, &name, &first->record);
    }
  } else
    for (hearth__node *n = m->head->next[0]; n && status == 0 && limit != 0; n = n->next[0])
      if (n->record.expires_at && n->record.expires_at <= until) {
        hearth__name name = name_of(n);
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
  for (hearth__node *n = seek(m, &from, NULL); n && n->ns_size == ns_size && memcmp(n->name, ns, ns_size) == 0; n = n->next[0]) {
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
