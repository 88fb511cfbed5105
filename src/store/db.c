/* The registry of open databases: one for each location in the process, counted by its handles. */
#include "store/db.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DEFAULT_CACHE = 16 << 20 };

static struct {
  uv_once_t once;
  uv_mutex_t lock;
  uv_cond_t opened;
  hearth__db *first;
} registry = {.once = UV_ONCE_INIT};

static void registry_init(void) {
  uv_mutex_init(&registry.lock);
  uv_cond_init(&registry.opened);
}

enum { LINKS_MAX = 16 };

/* One name for one file, also before it exists: its folder resolved, and itself if it is there. A symbolic link to what is not there yet names that. */
static char *resolve(const char *path, int links) {
  char *real = realpath(path, NULL);
  if (real) return real;
  const char *slash = strrchr(path, '/');
  char folder[PATH_MAX], to[PATH_MAX], *parent;
  if (!slash)
    parent = realpath(".", NULL);
  else {
    snprintf(folder, sizeof folder, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    parent = resolve(folder, links);
  }
  if (!parent) return NULL;
  ssize_t n = links < LINKS_MAX ? readlink(path, to, sizeof to - 1) : -1;
  to[n < 0 ? 0 : n] = '\0';
  const char *base = n > 0 ? to : slash ? slash + 1 : path;
  size_t size = strlen(parent) + strlen(base) + 2;
  char *joined = malloc(size);
  if (joined) snprintf(joined, size, "%s/%s", *base == '/' || strcmp(parent, "/") == 0 ? "" : parent, *base == '/' ? base + 1 : base);
  free(parent);
  if (n > 0 && joined) {
    char *target = resolve(joined, links + 1);
    free(joined);
    return target;
  }
  return joined;
}

enum { ENGINES_MAX = 16 };

static struct {
  const char *scheme;
  const hearth__engine_class *class_;
} engines[ENGINES_MAX] = {{"memory:", &hearth__memory_engine}, {"file:", &hearth__sqlite_engine}, {"json:", &hearth__json_engine}};

int hearth__engine_add(const char *scheme, const hearth__engine_class *class_) {
  for (size_t i = 0; i < ENGINES_MAX; i++)
    if (!engines[i].scheme) {
      engines[i].scheme = scheme;
      engines[i].class_ = class_;
      return 0;
    }
  return -1;
}

static const hearth__engine_class *class_of(const char *url, const char **location) {
  for (size_t i = 0; i < ENGINES_MAX && engines[i].scheme; i++)
    if (strncmp(url, engines[i].scheme, strlen(engines[i].scheme)) == 0) {
      *location = url + strlen(engines[i].scheme);
      if (engines[i].class_->is_file && strncmp(*location, "//", 2) == 0) *location += 2;
      return engines[i].class_;
    }
  *location = url;
  return strstr(url, "://") ? NULL : &hearth__sqlite_engine;
}

static void db_free(hearth__db *db) {
  if (db->engine) {
    hearth__writer_stop(db);
    for (size_t i = 0; i < db->n_conns; i++) db->engine->class_->disconnect(db->engine, db->conns[i]);
    db->engine->class_->close(db->engine);
  }
  hearth__cache_free(&db->cache);
  for (hearth__total *t = db->totals, *next; t; t = next) {
    next = t->next;
    free(t);
  }
  uv_mutex_destroy(&db->lock);
  uv_mutex_destroy(&db->publishing);
  uv_mutex_destroy(&db->writing);
  uv_cond_destroy(&db->work);
  uv_cond_destroy(&db->idle);
  free(db->conns);
  free(db->url);
  free(db->location);
  free(db);
}

static hearth__db *db_new(const char *url, char *location, const hearth__store_options *o) {
  hearth__db *db = calloc(1, sizeof *db);
  if (!db) {
    free(location);
    return NULL;
  }
  db->refs = 1;
  db->location = location;
  db->url = strdup(url);
  db->read_only = o->read_only;
  bool fine = uv_mutex_init(&db->lock) == 0 && uv_mutex_init(&db->publishing) == 0 && uv_mutex_init(&db->writing) == 0 &&
              uv_cond_init(&db->work) == 0 && uv_cond_init(&db->idle) == 0; /* these fail only when memory is short */
  if (!fine || !db->url || hearth__cache_init(&db->cache, o->cache ? o->cache : DEFAULT_CACHE) != 0) {
    free(db->url);
    free(db->location);
    free(db);
    return NULL;
  }
  return db;
}

static int db_open(hearth__db *db, const hearth__engine_class *class_, const hearth__store_options *o, hearth__fault *f) {
  hearth__engine_options options = {
      .read_only = o->read_only, .set_aside = o->set_aside, .now = o->now, .abort = &db->abort, .news = hearth__db_news, .news_arg = db};
  if (class_->open(db->location, &options, &db->engine, f) != 0) return -1;
  if (class_->changes) {
    hearth__conn *conn = NULL;
    int64_t commit = 0;
    bool complete;
    if (hearth__db_conn(db, &conn, f) != 0) return -1;
    int status = class_->changes(db->engine, conn, INT64_MAX, &commit, &complete, NULL, NULL, f);
    hearth__db_conn_back(db, conn);
    if (status != 0) return -1;
    atomic_store(&db->known, commit);
  }
  if (!class_->instant && hearth__writer_start(db) != 0) return hearth__fail(f, "EIO", "%s: no thread to write with", db->location);
  return 0;
}

static void unlink_db(hearth__db *db) {
  hearth__db **at = &registry.first;
  while (*at && *at != db) at = &(*at)->next;
  if (*at) *at = db->next;
}

/* Finds an open database or opens it; others who want the same one wait meanwhile. */
static int db_acquire(const char *url, const hearth__store_options *o, hearth__db **out, hearth__fault *f) {
  const char *location;
  const hearth__engine_class *class_ = class_of(url, &location);
  if (!class_) return hearth__fail(f, "EINVAL", "%s: no engine for this URL (file:PATH, json:PATH, memory:, memory:NAME)", url);
  bool memory = class_ == &hearth__memory_engine, fresh = memory && !*location;
  if (!memory && !*location) return hearth__fail(f, "EINVAL", "%s: the path is missing", url);
  char *resolved = class_->is_file ? resolve(location, 0) : strdup(memory ? url : location);
  if (!resolved && class_->is_file) resolved = strdup(location); /* a folder that is missing: the engine makes it */
  if (!resolved) return hearth__fail(f, "EIO", "out of memory");
  uv_once(&registry.once, registry_init);
  uv_mutex_lock(&registry.lock);
  for (hearth__db *db = fresh ? NULL : registry.first; db; db = db->next) {
    /* A read-only open and another share nothing but the file. */
    if (strcmp(db->location, resolved) != 0 || db->read_only != (memory ? db->read_only : o->read_only)) continue;
    if (db->opening) {
      uv_cond_wait(&registry.opened, &registry.lock);
      db = registry.first; /* it may be gone: look again from the start */
      if (!db) break;
      if (strcmp(db->location, resolved) != 0 || db->opening) continue;
    }
    db->refs++;
    uv_mutex_unlock(&registry.lock);
    free(resolved);
    *out = db;
    return 0;
  }
  hearth__db *db = db_new(url, resolved, o);
  if (!db) {
    uv_mutex_unlock(&registry.lock);
    return hearth__fail(f, "EIO", "out of memory");
  }
  if (memory) db->read_only = false;
  db->opening = true;
  if (memory && !fresh) { /* a name stands for the data as long as the process lives */
    db->refs++;
    db->lasting = true;
  }
  db->next = registry.first;
  registry.first = db;
  uv_mutex_unlock(&registry.lock);
  int status = db_open(db, class_, o, f);
  uv_mutex_lock(&registry.lock);
  db->opening = false;
  if (status != 0) unlink_db(db);
  uv_cond_broadcast(&registry.opened);
  uv_mutex_unlock(&registry.lock);
  if (status != 0) {
    db_free(db);
    return -1;
  }
  *out = db;
  return 0;
}

void hearth__db_release(hearth__db *db) {
  uv_mutex_lock(&registry.lock);
  bool last = --db->refs == 0;
  if (last) unlink_db(db);
  /* Under the registry's lock: whoever opens the same file next finds it closed. */
  if (last) db_free(db);
  uv_mutex_unlock(&registry.lock);
}

int hearth__db_conn(hearth__db *db, hearth__conn **out, hearth__fault *f) {
  uv_mutex_lock(&db->lock);
  *out = db->n_conns > 0 ? db->conns[--db->n_conns] : NULL;
  uv_mutex_unlock(&db->lock);
  return *out ? 0 : db->engine->class_->connect(db->engine, out, f);
}

void hearth__db_conn_back(hearth__db *db, hearth__conn *c) {
  uv_mutex_lock(&db->lock);
  if (db->n_conns == db->room_conns) {
    size_t room = db->room_conns ? db->room_conns * 2 : 4;
    hearth__conn **grown = realloc(db->conns, room * sizeof *grown);
    if (grown) {
      db->conns = grown;
      db->room_conns = room;
    }
  }
  bool kept = db->n_conns < db->room_conns;
  if (kept) db->conns[db->n_conns++] = c;
  uv_mutex_unlock(&db->lock);
  if (!kept) db->engine->class_->disconnect(db->engine, c);
}

int hearth__db_try(hearth__db *db, hearth__fault *f) {
  if (atomic_load_explicit(&db->fail_in, memory_order_relaxed) <= 0) return 0;
  if (atomic_fetch_sub(&db->fail_in, 1) != 1) return 0;
  if (atomic_fetch_sub(&db->fail_times, 1) > 1) atomic_store(&db->fail_in, 1);
  return hearth__fail(f, db->fail_code, "a fault that a test asked for");
}

/* ---- handles */

int hearth__store_open(const char *url, const hearth__store_options *o, hearth__store **out, hearth__fault *f) {
  hearth__store *s = calloc(1, sizeof *s);
  if (!s) return hearth__fail(f, "EIO", "out of memory");
  if (db_acquire(url, o, &s->db, f) != 0) {
    free(s);
    return -1;
  }
  s->read_only = o->read_only;
  s->quota = o->quota;
  s->refs = 1;
  s->landed_tail = &s->landed;
  uv_mutex_lock(&s->db->lock);
  s->next = s->db->stores;
  if (s->next) s->next->prev = s;
  s->db->stores = s;
  uv_mutex_unlock(&s->db->lock);
  *out = s;
  return 0;
}

void hearth__store_attach(hearth__store *s, uv_loop_t *loop, void (*wake)(void *arg), void *arg,
                          void (*on_events)(hearth__store *s, const hearth__events *events)) {
  uv_mutex_lock(&s->db->lock);
  s->loop = loop;
  s->wake = wake;
  s->wake_arg = arg;
  s->on_events = on_events;
  uv_mutex_unlock(&s->db->lock);
}

void *hearth__store_arg(const hearth__store *s) {
  return s->wake_arg;
}
const char *hearth__store_url(const hearth__store *s) {
  return s->db->url;
}
const void *hearth__store_id(const hearth__store *s) {
  return s->db;
}
bool hearth__store_read_only(const hearth__store *s) {
  return s->read_only;
}
int64_t hearth__store_quota(const hearth__store *s) {
  return s->quota;
}
hearth__engine *hearth__store_engine(hearth__store *s) {
  return s->db->engine;
}

size_t hearth__store_pending(hearth__store *s) {
  return s->batches + s->jobs;
}

void hearth__store_fail(hearth__store *s, const char *code, int nth, int times) {
  s->db->fail_code = code;
  atomic_store(&s->db->fail_times, times);
  atomic_store(&s->db->fail_in, nth);
}

void hearth__store_stats_of(hearth__store *s, hearth__store_stats *out) {
  hearth__db *db = s->db;
  uv_mutex_lock(&db->lock);
  *out = (hearth__store_stats){.hits = db->cache.hits,
                               .misses = db->cache.misses,
                               .evicted = db->cache.evicted,
                               .commits = db->commits,
                               .batches = db->batches,
                               .groups_max = db->groups_max,
                               .cache_bytes = db->cache.bytes,
                               .cache_bound = db->cache.bound,
                               .cache_entries = db->cache.count,
                               .queued = db->queued,
                               .revision = atomic_load(&db->known)};
  uv_mutex_unlock(&db->lock);
}
