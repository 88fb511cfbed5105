/* The cache: one entry for each key that is known, wanted or written to. It is bounded in bytes; an entry that somebody holds (pins)
** stays. Not locked: every function is called under the database's mutex. */
#ifndef HEARTH__CACHE_H
#define HEARTH__CACHE_H

#include "store/record.h"

typedef struct hearth__entry hearth__entry;
struct hearth__write_op;
struct hearth__work;

/* What a search and a write look at comes first: of many entries, most lines of memory are somewhere else. */
struct hearth__entry {
  hearth__entry *chain; /* same bucket */
  uint64_t hash;
  uint32_t ns_size, key_size;
  uint32_t pins, n_queued;
  struct hearth__write_op *queued; /* the newest write of this key that has not landed */
  struct hearth__work *work;       /* the writer's own, during a transaction */
  hearth__entry *older, *newer;    /* order of use; NULL while pinned */
  hearth__record record;           /* meaningful if known */
  uint32_t touched;                /* counts commits to this key: a read that began before one does not fill the entry */
  bool known;
  char name[]; /* namespace, then key */
};

typedef struct hearth__cache {
  hearth__entry **buckets;
  size_t n_buckets, count, bytes, bound;
  uint64_t seed, hits, misses, evicted;
  uint64_t freed; /* bytes that were let go of, ever */
  hearth__entry *oldest, *newest;
} hearth__cache;

int hearth__cache_init(hearth__cache *c, size_t bound); /* -1 when memory is short */
void hearth__cache_free(hearth__cache *c);              /* no pins are left */

hearth__entry *hearth__cache_find(hearth__cache *c, const hearth__name *name); /* NULL: not there */
hearth__entry *hearth__cache_pin(hearth__cache *c, const hearth__name *name);  /* made if need be; NULL when memory is short */
void hearth__cache_hold(hearth__cache *c, hearth__entry *e);                   /* one more pin */
void hearth__cache_unpin(hearth__cache *c, hearth__entry *e);
void hearth__cache_use(hearth__cache *c, hearth__entry *e); /* moves it to the newest */

void hearth__cache_set(hearth__cache *c, hearth__entry *e, const hearth__record *r); /* retains the value; known afterwards */
/* No longer known; `touched` counts. What a transaction works on stays: it holds the place in front of all others, and says at its end what is known. */
void hearth__cache_forget(hearth__cache *c, hearth__entry *e);
/* Every entry of a namespace, or of all (ns NULL). fn must not free entries. */
void hearth__cache_each(hearth__cache *c, const char *ns, size_t ns_size, void (*fn)(void *arg, hearth__entry *e), void *arg);
void hearth__cache_forget_all(hearth__cache *c);
void hearth__cache_trim(hearth__cache *c);

hearth__name hearth__entry_name(const hearth__entry *e);

#endif
