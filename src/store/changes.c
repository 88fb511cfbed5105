/* The change log and what other processes did. Each commit has one packed row: which keys it changed. A process that finds commits it does
** not know reads the rows since, forgets those keys and, where somebody listens, reads their newest values. */
#include <stdlib.h>
#include <string.h>

#include "store/db.h"

/* Where so many bytes may be written; NULL when memory is, or was, short. */
static char *room_for(hearth__bytes *b, size_t size) {
  if (b->failed) return NULL;
  if (b->size + size > b->room) {
    size_t room = b->room ? b->room * 2 : 256;
    while (room < b->size + size) room *= 2;
    char *grown = realloc(b->bytes, room);
    if (!grown) {
      b->failed = true;
      return NULL;
    }
    b->bytes = grown;
    b->room = room;
  }
  return b->bytes + b->size;
}

static char *put_bytes(char *at, const void *bytes, size_t size) {
  memcpy(at, bytes, size);
  return at + size;
}

enum { NUMBER_MAX = 10 };

static char *put_number(char *at, uint64_t v) {
  for (; v >= 0x80; v >>= 7) *at++ = (char)(v | 0x80);
  *at++ = (char)v;
  return at;
}

void hearth__log_add(hearth__bytes *log, int flags, const hearth__name *name, int64_t revision) {
  char *at = room_for(log, 4 * NUMBER_MAX + name->ns_size + name->key_size);
  if (!at) return;
  at = put_number(at, (uint64_t)flags);
  at = put_number(at, (uint64_t)revision);
  at = put_number(at, name->ns_size);
  at = put_number(at, name->key_size);
  at = put_bytes(at, name->ns, name->ns_size);
  at = put_bytes(at, name->key, name->key_size);
  log->size = (size_t)(at - log->bytes);
}

static bool take_number(const unsigned char **p, const unsigned char *end, uint64_t *out) {
  uint64_t v = 0;
  for (int shift = 0; shift < 64 && *p < end; shift += 7) {
    unsigned char c = *(*p)++;
    v |= (uint64_t)(c & 0x7f) << shift;
    if (!(c & 0x80)) {
      *out = v;
      return true;
    }
  }
  return false;
}

/* One key that others changed. The name points into `texts`. */
typedef struct change {
  size_t at, ns_size, key_size; /* offset of the name in the text */
  int64_t revision;
  int flags;
  size_t order;
} change;

typedef struct taken {
  change *list;
  size_t n, room;
  hearth__bytes names;
  bool failed;
} taken;

static change *take_room(taken *t) {
  if (t->n == t->room) {
    size_t room = t->room ? t->room * 2 : 64;
    change *grown = realloc(t->list, room * sizeof *grown);
    if (!grown) {
      t->failed = true;
      return NULL;
    }
    t->list = grown;
    t->room = room;
  }
  return &t->list[t->n];
}

static void take(taken *t, int flags, int64_t revision, const char *ns, size_t ns_size, const char *key, size_t key_size) {
  change *c = take_room(t);
  if (!c) return;
  *c = (change){.at = t->names.size, .ns_size = ns_size, .key_size = key_size, .revision = revision, .flags = flags, .order = t->n};
  char *at = room_for(&t->names, ns_size + key_size);
  if (at) put_bytes(put_bytes(at, ns, ns_size), key, key_size);
  t->names.size += at ? ns_size + key_size : 0;
  t->n++;
}

int hearth__log_read(const void *log, size_t size, hearth__change_fn *fn, void *arg) {
  const unsigned char *p = log, *end = p + size;
  while (p < end) {
    uint64_t flags, revision, ns_size, key_size;
    if (!take_number(&p, end, &flags) || !take_number(&p, end, &revision) || !take_number(&p, end, &ns_size) ||
        !take_number(&p, end, &key_size) || ns_size > (size_t)(end - p) || key_size > (size_t)(end - p) - ns_size ||
        flags > HEARTH__LOG_ALL || revision > INT64_MAX)
      return 1;
    hearth__name name = {.ns = (const char *)p, .ns_size = ns_size, .key = (const char *)p + ns_size, .key_size = key_size};
    fn(arg, (int)flags, &name, (int64_t)revision);
    p += ns_size + key_size;
  }
  return 0;
}

static void take_change(void *arg, int flags, const hearth__name *name, int64_t revision) {
  take(arg, flags, revision, name->ns, name->ns_size, name->key, name->key_size);
}

/* A row that is no log of ours: as if the log did not reach back. */
static int take_log(void *arg, int64_t revision, const void *log, size_t size) {
  taken *t = arg;
  (void)revision;
  return hearth__log_read(log, size, take_change, t) != 0 || t->failed || t->names.failed;
}

static hearth__name name_of(const taken *t, const change *c) {
  const char *p = t->names.bytes + c->at;
  return (hearth__name){.ns = p, .ns_size = c->ns_size, .key = p + c->ns_size, .key_size = c->key_size};
}

static int by_name(const void *a, const void *b, void *arg) {
  const change *x = a, *y = b;
  hearth__name p = name_of(arg, x), q = name_of(arg, y);
  int c = hearth__name_compare(&p, &q);
  return c ? c : (x->order > y->order) - (x->order < y->order);
}

static int by_order(const void *a, const void *b) {
  const change *x = a, *y = b;
  return (x->order > y->order) - (x->order < y->order);
}

/* Several changes of a key are one: the newest, unchanged only if all were. */
static void merge(taken *t) {
  if (t->n < 2) return;
  qsort_r(t->list, t->n, sizeof *t->list, by_name, t);
  size_t n = 0;
  for (size_t i = 0; i < t->n; i++) {
    if (n > 0) {
      hearth__name a = name_of(t, &t->list[n - 1]), b = name_of(t, &t->list[i]);
      if (hearth__name_compare(&a, &b) == 0) {
        int same = t->list[n - 1].flags & t->list[i].flags & HEARTH__LOG_SAME;
        int quiet = t->list[n - 1].flags & t->list[i].flags & HEARTH__LOG_QUIET;
        t->list[n - 1] = t->list[i];
        t->list[n - 1].flags = (t->list[i].flags & ~(HEARTH__LOG_SAME | HEARTH__LOG_QUIET)) | same | quiet;
        continue;
      }
    }
    t->list[n++] = t->list[i];
  }
  t->n = n;
  qsort(t->list, t->n, sizeof *t->list, by_order);
}

hearth__events *hearth__events_new(size_t n) {
  hearth__events *ev = calloc(1, sizeof *ev + n * sizeof *ev->list);
  if (ev) atomic_init(&ev->refs, 1);
  return ev;
}

void hearth__events_retain(hearth__events *ev) {
  atomic_fetch_add(&ev->refs, 1);
}

void hearth__events_release(hearth__events *ev) {
  if (!ev || atomic_fetch_sub(&ev->refs, 1) != 1) return;
  for (size_t i = 0; i < ev->n; i++) {
    hearth__blob_release(ev->list[i].ns);
    hearth__blob_release(ev->list[i].key);
    hearth__blob_release(ev->list[i].value);
    hearth__blob_release(ev->list[i].old);
  }
  free(ev);
}

typedef struct event_note {
  hearth__landed landed;
  hearth__events *events;
} event_note;

static void deliver_events(hearth__store *s, hearth__landed *l) {
  event_note *note = (event_note *)l;
  if (s->listening && s->on_events) s->on_events(s, note->events);
  hearth__events_release(note->events);
  free(note);
}

void hearth__db_publish_events(hearth__db *db, hearth__events *ev) {
  if (ev->n == 0) return;
  for (hearth__store *s = db->stores; s; s = s->next) {
    if (!s->listening || s->given_up) continue;
    event_note *note = calloc(1, sizeof *note);
    if (!note) continue; /* the slow poll cannot repair this; a process this short of memory has worse to say */
    note->landed.deliver = deliver_events;
    note->events = ev;
    atomic_fetch_add(&ev->refs, 1);
    hearth__land(s, &note->landed);
  }
}

/* The log does not reach back: every key that is newer than what we know changed, and every key that we know may be gone. */
typedef struct behind {
  taken *t;
  int64_t since;
} behind;

static int take_newer(void *arg, const hearth__name *name, const hearth__record *r) {
  behind *b = arg;
  if (r->revision > b->since) take(b->t, 0, r->revision, name->ns, name->ns_size, name->key, name->key_size);
  return b->t->failed;
}

static void take_known(void *arg, hearth__entry *e) {
  behind *b = arg;
  if (e->known && e->record.state != HEARTH__ABSENT)
    take(b->t, HEARTH__LOG_REMOVED, 0, e->name, e->ns_size, e->name + e->ns_size, e->key_size);
}

typedef struct cleared {
  taken *t;
  int64_t revision;
} cleared;

static void take_cleared(void *arg, hearth__entry *e) {
  cleared *c = arg;
  if (e->known && e->record.state != HEARTH__ABSENT && e->record.revision < c->revision)
    take(c->t, HEARTH__LOG_REMOVED, c->revision, e->name, e->ns_size, e->name + e->ns_size, e->key_size);
}

static int fill_event(hearth__event *ev, const change *c, hearth__item *item) {
  bool removed = (c->flags & HEARTH__LOG_REMOVED) != 0, absent = item->record.state == HEARTH__ABSENT;
  if (c->flags & HEARTH__LOG_QUIET || item->record.state == HEARTH__DAMAGED) return 0;
  if (removed != absent || (!absent && item->record.revision != c->revision)) return 0; /* changed again: the next look tells */
  ev->ns = hearth__blob_new(item->name.ns, item->name.ns_size);
  ev->key = hearth__blob_new(item->name.key, item->name.key_size);
  ev->value = hearth__blob_retain(item->record.value);
  if (!ev->ns || !ev->key) return 0;
  ev->revision = c->revision;
  ev->version = item->record.version;
  ev->expires_at = item->record.expires_at;
  ev->updated_at = item->record.updated_at;
  ev->kind = item->record.kind;
  ev->same = (c->flags & HEARTH__LOG_SAME) != 0;
  return 1;
}

/* Under `publishing`. */
static int catch_up(hearth__db *db, hearth__conn *conn, hearth__fault *f) {
  hearth__engine *e = db->engine;
  int64_t since = atomic_load(&db->known), commit = since;
  taken t = {0};
  bool complete = true;
  hearth__item *items = NULL;
  hearth__events *events = NULL;
  int status = e->class_->changes(e, conn, since, &commit, &complete, take_log, &t, f);
  if (status < 0) goto done;
  if (status > 0) {
    complete = false;
    status = 0;
  }
  if (commit == since && complete && t.n == 0) goto done;
  uv_mutex_lock(&db->lock);
  int listeners = db->listeners;
  if (complete) {
    size_t n = t.n;
    for (size_t i = 0; i < n; i++)
      if (t.list[i].flags & HEARTH__LOG_CLEAR) {
        cleared c = {&t, t.list[i].revision};
        char *ns = malloc(t.list[i].ns_size + 1); /* the names move while they grow */
        if (!ns) {
          complete = false;
          break;
        }
        size_t ns_size = t.list[i].ns_size;
        memcpy(ns, t.names.bytes + t.list[i].at, ns_size);
        hearth__cache_each(&db->cache, ns, ns_size, take_cleared, &c);
        free(ns);
        t.list[i].flags |= HEARTH__LOG_QUIET;
      }
  }
  if (!complete && listeners) {
    behind b = {&t, since};
    t.n = 0;
    hearth__cache_each(&db->cache, NULL, 0, take_known, &b);
  }
  uv_mutex_unlock(&db->lock);
  if (!complete && listeners) {
    behind b = {&t, since};
    if (e->class_->each(e, conn, NULL, 0, false, take_newer, &b, f) < 0) {
      status = -1;
      goto done;
    }
    for (size_t i = 0; i < t.n; i++) t.list[i].order = i;
  }
  if (t.failed || t.names.failed) {
    status = hearth__fail(f, "EIO", "out of memory");
    goto done;
  }
  /* A key both cleared and written in one go: its own entry counts, and comes after. */
  for (size_t i = 0, n = t.n; i < n; i++)
    t.list[i].order = t.list[i].revision ? (size_t)t.list[i].revision * 2 + !(t.list[i].flags & HEARTH__LOG_REMOVED) : 0;
  merge(&t);
  if (listeners && t.n > 0) {
    items = calloc(t.n, sizeof *items);
    events = hearth__events_new(t.n);
    if (!items || !events) {
      status = hearth__fail(f, "EIO", "out of memory");
      goto done;
    }
    for (size_t i = 0; i < t.n; i++) items[i].name = name_of(&t, &t.list[i]);
    status = e->class_->load(e, conn, items, t.n, f);
    if (status < 0) goto done;
    for (size_t i = 0; i < t.n; i++)
      if (!items[i].fault && !(t.list[i].flags & HEARTH__LOG_CLEAR)) {
        if (!complete && (t.list[i].flags & HEARTH__LOG_REMOVED) && items[i].record.state != HEARTH__ABSENT) continue;
        if (fill_event(&events->list[events->n], &t.list[i], &items[i])) events->n++;
      }
  }
  uv_mutex_lock(&db->lock);
  if (!complete)
    hearth__cache_forget_all(&db->cache);
  else
    for (size_t i = 0; i < t.n; i++) {
      hearth__name name = name_of(&t, &t.list[i]);
      if (t.list[i].flags & HEARTH__LOG_CLEAR) continue;
      hearth__entry *entry = hearth__cache_find(&db->cache, &name);
      if (entry) hearth__cache_forget(&db->cache, entry);
    }
  atomic_store(&db->known, commit);
  if (events) hearth__db_publish_events(db, events);
  uv_mutex_unlock(&db->lock);
done:
  if (items)
    for (size_t i = 0; i < t.n; i++) {
      hearth__blob_release(items[i].record.value);
      free(items[i].fault);
    }
  free(items);
  hearth__events_release(events);
  free(t.list);
  free(t.names.bytes);
  return status;
}

int hearth__db_catch_up(hearth__db *db, hearth__conn *conn, hearth__fault *f) {
  if (!db->engine->class_->changes) return 0;
  uv_mutex_lock(&db->publishing);
  int status = catch_up(db, conn, f);
  uv_mutex_unlock(&db->publishing);
  if (status == 0) hearth__db_wake(db);
  return status;
}
