/* Records in memory, ordered: what the memory engine is, and what the JSON file engine holds between two files. Locked inside; a
** transaction holds the lock from begin to its end. */
#ifndef HEARTH__MEMORY_H
#define HEARTH__MEMORY_H

#include <uv.h>

#include "store/engine.h"

enum { HEARTH__MEMORY_LEVELS = 20 };

typedef struct hearth__undo hearth__undo;
typedef struct hearth__node hearth__node;
struct hearth__node {
  hearth__record record;
  hearth__node *before; /* on the lowest level, for walks in reverse */
  size_t ns_size, key_size;
  int levels;
  char *name;
  hearth__node *next[];
};

typedef struct hearth__memory {
  hearth__engine engine;
  uv_mutex_t lock;
  hearth__node *head;
  int64_t commit, next_id;
  int64_t keys;
  hearth__kept *kept;
  size_t n_kept;
  hearth__undo *undo;
  bool began;
} hearth__memory;

int hearth__memory_init(hearth__memory *m, const hearth__engine_class *class_);
void hearth__memory_free(hearth__memory *m);
/* A new memory with the content of another, whose lock the caller holds; values are shared. -1 when memory is short. */
int hearth__memory_clone(const hearth__memory *from, hearth__memory *to);
/* Swaps the contents. The caller holds the locks of those that others can see. */
void hearth__memory_swap(hearth__memory *a, hearth__memory *b);
/* In place, under the lock, for a loader. -1 when memory is short. */
int hearth__memory_put(hearth__memory *m, const hearth__name *name, const hearth__record *r);
int hearth__memory_keep(hearth__memory *m, const hearth__name *name, const hearth__record *r, int64_t now);
const hearth__record *hearth__memory_find(hearth__memory *m, const hearth__name *name);

static inline hearth__name hearth__node_name(const hearth__node *n) {
  return (hearth__name){.ns = n->name, .ns_size = n->ns_size, .key = n->name + n->ns_size, .key_size = n->key_size};
}

/* The first node that is not before `name`, and in `path`, where it is given, the last one before it on each level. */
hearth__node *hearth__memory_seek(hearth__memory *m, const hearth__name *name, hearth__node **path);

/* Inside a transaction: what a key holds, and the quarantine as it is, are remembered before they change. -1 when memory is short. */
int hearth__memory_remember(hearth__memory *m, const hearth__name *name);
int hearth__memory_edit_kept(hearth__memory *m, size_t room);
void hearth__memory_remove_kept(hearth__memory *m, size_t i);
void hearth__memory_undo(hearth__memory *m);   /* all is as it was remembered */
void hearth__memory_forget(hearth__memory *m); /* all stays as it is */

/* The verbs of the engine class, shared with the JSON file engine. */
int hearth__memory_begin(hearth__engine *e, int64_t *commit, hearth__fault *f);
int hearth__memory_apply(hearth__engine *e, hearth__change *changes, size_t n, hearth__fault *f);
int hearth__memory_clear(hearth__engine *e, const char *ns, size_t ns_size, hearth__fault *f);
int hearth__memory_keep_damaged(hearth__engine *e, const hearth__name *name, const hearth__record *r, int64_t now, hearth__fault *f);
int hearth__memory_drop_kept(hearth__engine *e, int64_t kept_id, bool *found, hearth__fault *f);
int hearth__memory_commit(hearth__engine *e, int64_t revision, const void *log, size_t size, hearth__fault *f);
void hearth__memory_rollback(hearth__engine *e);
int hearth__memory_connect(hearth__engine *e, hearth__conn **out, hearth__fault *f);
void hearth__memory_disconnect(hearth__engine *e, hearth__conn *c);
int hearth__memory_load(hearth__engine *e, hearth__conn *c, hearth__item *items, size_t n, hearth__fault *f);
int hearth__memory_scan(hearth__engine *e, hearth__conn *c, const hearth__scan *s, hearth__key_fn *fn, void *arg, hearth__fault *f);
int hearth__memory_each(hearth__engine *e, hearth__conn *c, const char *ns, size_t ns_size, bool values, hearth__record_fn *fn, void *arg,
                        hearth__fault *f);
int hearth__memory_expiring(hearth__engine *e, hearth__conn *c, int64_t until, int64_t limit, hearth__record_fn *fn, void *arg,
                            hearth__fault *f);
int hearth__memory_usage(hearth__engine *e, hearth__conn *c, const char *ns, size_t ns_size, hearth__usage *u, hearth__fault *f);
int hearth__memory_namespaces(hearth__engine *e, hearth__conn *c, hearth__key_fn *fn, void *arg, hearth__fault *f);
int hearth__memory_kept_each(hearth__engine *e, hearth__conn *c, hearth__kept_fn *fn, void *arg, hearth__fault *f);

#endif
