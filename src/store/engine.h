/* The engine interface: where records live. The front (store.h) decides everything that is the same everywhere: conditions, revisions,
** expiry, quota, quarantine, events; an engine keeps rows and commits them. It is asked in bulk, so that a server behind a network
** answers a whole group of batches in two round trips: load, then apply with commit.
**
** The writer's side (begin .. commit or rollback) is used by one thread at a time. A conn is a reader's private connection, used by
** one thread at a time; `conn` NULL means the writer's own, inside its transaction. Where others can commit (`changes`) a reader never waits for a
** transaction: it sees what was committed before; the front's own may be waiting for it. Functions return 0, or -1 with the fault filled.
**
** An engine may block as long as it takes (unless it is `instant`), and its connections may get lost: that is ENET, and the next call begins
** with connecting again. Only a commit must not be in doubt: one whose answer got lost is looked for, by its revision in the log of changes, once
** there is a connection again, before commit returns. */
#ifndef HEARTH__ENGINE_H
#define HEARTH__ENGINE_H

#include "store/record.h"

typedef struct hearth__engine hearth__engine;
typedef struct hearth__conn hearth__conn;

/* A record asked for, and what was found. The engine owns neither; the caller releases record.value. */
typedef struct hearth__item {
  hearth__name name;
  hearth__record record;
  hearth__fault *fault; /* this item alone could not be read (a damaged page); malloc'd, the caller frees it */
} hearth__item;

/* What a transaction does to a row. `record` is what is there afterwards: absent removes it. */
typedef struct hearth__change {
  hearth__name name;
  hearth__record *record; /* the engine fills id and, unless `raw`, finds checksum filled */
  int64_t old_id;         /* the row that is replaced, 0: there is none */
  bool same_expiry;       /* expires_at is what that row has */
} hearth__change;

/* Bytes that could not be read, kept. */
typedef struct hearth__kept {
  int64_t id, revision, version, time;
  uint8_t kind;
  hearth__blob *ns, *key, *value;
} hearth__kept;

typedef struct hearth__scan {
  const char *ns, *prefix, *start;
  size_t ns_size, prefix_size, start_size;
  int64_t limit; /* < 0: all */
  int64_t now;
  bool reverse;
} hearth__scan;

typedef struct hearth__engine_options {
  bool read_only, set_aside;
  int64_t now;
  atomic_bool *abort; /* set by the front to end a wait for others */
  /* To be called, on any thread, when others have committed, or may have: after a notification, or when a lost connection is there again. An
  ** engine that is told of nothing needs no call: `notice`, or a slow look now and then, do. */
  void (*news)(void *arg);
  void *news_arg;
} hearth__engine_options;

typedef struct hearth__usage {
  int64_t keys, bytes, file_bytes;
} hearth__usage;

/* Callbacks return 0 to go on; anything else ends the walk, which then returns it. */
typedef int hearth__key_fn(void *arg, const char *key, size_t size);
typedef int hearth__record_fn(void *arg, const hearth__name *name, const hearth__record *record);
typedef int hearth__log_fn(void *arg, int64_t revision, const void *log, size_t size);
typedef int hearth__kept_fn(void *arg, const hearth__kept *kept);
typedef int hearth__text_fn(void *arg, const char *text);

typedef struct hearth__engine_class {
  const char *name;
  bool instant; /* nothing blocks: called on the loop's thread, without a writer thread */
  bool is_file; /* its location is a path: however it is written, one file is one database */

  int (*open)(const char *location, const hearth__engine_options *options, hearth__engine **out, hearth__fault *f);
  void (*close)(hearth__engine *e); /* readers have been closed */

  /* The writer. `commit` is the number of the newest commit of anybody. */
  int (*begin)(hearth__engine *e, int64_t *commit, hearth__fault *f);
  int (*apply)(hearth__engine *e, hearth__change *changes, size_t n, hearth__fault *f);
  int (*clear)(hearth__engine *e, const char *ns, size_t ns_size, hearth__fault *f);
  int (*keep)(hearth__engine *e, const hearth__name *name, const hearth__record *r, int64_t now, hearth__fault *f); /* newest 3 */
  int (*drop)(hearth__engine *e, int64_t kept_id, bool *found, hearth__fault *f);
  int (*commit)(hearth__engine *e, int64_t revision, const void *log, size_t size, hearth__fault *f);
  void (*rollback)(hearth__engine *e);
  /* After commit or rollback: does it keep its turn among processes, for a transaction that comes at once? If none comes: rest. May be NULL. */
  bool (*keeps)(hearth__engine *e);
  void (*rest)(hearth__engine *e);
  void (*idle)(hearth__engine *e); /* nothing to do for a while: tidy up. May be NULL */

  /* Readers. */
  int (*connect)(hearth__engine *e, hearth__conn **out, hearth__fault *f);
  void (*disconnect)(hearth__engine *e, hearth__conn *c);
  int (*load)(hearth__engine *e, hearth__conn *c, hearth__item *items, size_t n, hearth__fault *f);
  int (*scan)(hearth__engine *e, hearth__conn *c, const hearth__scan *s, hearth__key_fn *fn, void *arg, hearth__fault *f);
  /* Every record of a namespace, or of all (ns NULL), in order; with its bytes if `values`. Damaged ones too, expired ones too. */
  int (*each)(hearth__engine *e, hearth__conn *c, const char *ns, size_t ns_size, bool values, hearth__record_fn *fn, void *arg,
              hearth__fault *f);
  /* Records that expire, the next first. */
  int (*expiring)(hearth__engine *e, hearth__conn *c, int64_t until, int64_t limit, hearth__record_fn *fn, void *arg, hearth__fault *f);
  int (*usage)(hearth__engine *e, hearth__conn *c, const char *ns, size_t ns_size, hearth__usage *u, hearth__fault *f);
  int (*namespaces)(hearth__engine *e, hearth__conn *c, hearth__key_fn *fn, void *arg, hearth__fault *f);
  int (*kept)(hearth__engine *e, hearth__conn *c, hearth__kept_fn *fn, void *arg, hearth__fault *f);
  /* What was committed after `since`, in order. *complete is false when the log does not reach back that far. NULL: nobody else
  ** ever commits. */
  int (*changes)(hearth__engine *e, hearth__conn *c, int64_t since, int64_t *commit, bool *complete, hearth__log_fn *fn, void *arg,
                 hearth__fault *f);
  /* Structure of the whole, one line of text for each thing that is wrong. May be NULL. */
  int (*verify)(hearth__engine *e, hearth__conn *c, hearth__text_fn *fn, void *arg, hearth__fault *f);
  int (*backup)(hearth__engine *e, hearth__conn *c, const char *path, atomic_bool *stop, hearth__fault *f); /* NULL: has none */
  void (*stats)(hearth__engine *e, void (*add)(void *arg, const char *name, int64_t value), void *arg);     /* may be NULL */

  /* Any thread, no lock, a few nanoseconds: has nobody else committed since `known`? What the cache knows is told only then, so one that has lost
  ** its connection says no. NULL: nobody ever does. */
  bool (*current)(hearth__engine *e, int64_t known);
  const char *(*notice)(hearth__engine *e); /* a file that changes with each commit, for uv_fs_event; may be NULL */
} hearth__engine_class;

struct hearth__engine {
  const hearth__engine_class *class_;
};

/* Makes an engine known by the scheme of its URLs, with the colon; before the first open. -1: there is no room. */
int hearth__engine_add(const char *scheme, const hearth__engine_class *class_);

extern const hearth__engine_class hearth__memory_engine, hearth__sqlite_engine, hearth__json_engine;

#endif
