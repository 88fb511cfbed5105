/* The store: what the rest of Hearth may ask of a database. A database is shared by all handles of one URL in the process (two opens,
** two runtimes): one cache, one queue, one writer thread. A handle (hearth__store) belongs to one loop.
**
** Writes are queued as batches and land in the order in which they were submitted, whole or not at all; a batch that is not awaited lands
** too. Reads are answered from the cache at once or by a job on a libuv thread. Answers come back through the handle's list, one wake-up
** for everything that landed together: `wake` is called on any thread, and has hearth__store_deliver called on the loop's.
**
** Unless its line says otherwise a function is for the handle's owner thread. */
#ifndef HEARTH__STORE_H
#define HEARTH__STORE_H

#include <uv.h>

#include "store/cache.h"
#include "store/engine.h"

typedef struct hearth__store hearth__store;
typedef struct hearth__db hearth__db;
typedef struct hearth__batch hearth__batch;
typedef struct hearth__events hearth__events;
typedef struct hearth__landed hearth__landed;

typedef struct hearth__store_options {
  bool read_only, set_aside;
  int64_t quota; /* bytes of keys and values in each namespace written through this handle; 0: none */
  size_t cache;  /* bytes; 0: the default. The first open of a database decides */
  int64_t now;
} hearth__store_options;

/* Any thread; blocks. A handle without a loop yet. */
int hearth__store_open(const char *url, const hearth__store_options *options, hearth__store **out, hearth__fault *f);
/* Gives it its loop. `wake` may be called on any thread until the handle is freed. */
void hearth__store_attach(hearth__store *s, uv_loop_t *loop, void (*wake)(void *arg), void *arg,
                          void (*on_events)(hearth__store *s, const hearth__events *events));
/* From now on writes are gathered for a while: the first of them calls `arm`, and the writer begins when hearth__store_kick is called, at
** the end of the loop's turn. So all that a turn writes shares one commit. */
void hearth__store_gather(hearth__store *s, void (*arm)(void *arg));
void hearth__store_kick(hearth__store *s);
/* Calls what landed. Nothing in it may be freed by somebody else meanwhile; the callbacks may start more and may close the handle. */
void hearth__store_deliver(hearth__store *s);
/* Waits (blocking) until the writer has done what this handle queued, for at most `ms`, and gives the handle up. What has not landed by
** then is named through `unsaved` and answered with ECLOSED, before this returns. Jobs on their way end later, on the loop. */
void hearth__store_close(hearth__store *s, int ms, void (*unsaved)(void *arg, const hearth__name *name), void *arg);
/* As kill -9 does: forgets caches, drops what is queued and not in a transaction. Dropped batches are answered with ECANCELED. */
void hearth__store_crash(hearth__store *s);

void *hearth__store_arg(const hearth__store *s); /* the argument of `wake` */
const char *hearth__store_url(const hearth__store *s);
const void *hearth__store_id(const hearth__store *s); /* equal for handles of one database */
bool hearth__store_read_only(const hearth__store *s);
int64_t hearth__store_quota(const hearth__store *s);
size_t hearth__store_pending(hearth__store *s); /* batches and jobs in flight */

/* ---- writing */

enum { HEARTH__PUT, HEARTH__REMOVE, HEARTH__CLEAR, HEARTH__CHECK, HEARTH__RAW, HEARTH__PURGE, HEARTH__QUARANTINE, HEARTH__DROP };

typedef struct hearth__write_op {
  hearth__entry *entry; /* the front's: pinned until the answer, and NULL with it unless there is a fault or a refusal to tell of */
  uint8_t verb, kind;
  bool conditional;                              /* if_revision counts */
  bool keep;                                     /* what is replaced goes to quarantine first */
  int64_t if_revision, version, expires_at, tag; /* HEARTH__DROP: tag is the id */
  hearth__blob *value;
} hearth__write_op;

struct hearth__landed {
  hearth__landed *next;
  void (*deliver)(hearth__store *s, hearth__landed *l);
};

/* Made by hearth__batch_new, or by hearth__batch_init where the caller has room for it; filled by hearth__batch_add, given away by
** hearth__store_submit, given back by `done`. */
struct hearth__batch {
  hearth__landed landed;
  hearth__batch *next; /* in the queue */
  hearth__store *store;
  void (*done)(hearth__batch *b); /* owner thread; then the batch is the caller's again: hearth__batch_free */
  void *user;
  int64_t now;
  bool conditional, own; /* own: the store's own housekeeping */
  bool lodged;           /* its memory is the caller's */
  bool unpinned;         /* it has landed: its ops have let go of their entries and values */
  bool refused;          /* the answer: a condition did not hold; `current` has a record for each op */
  bool found;            /* the answer of HEARTH__DROP */
  size_t unmade;         /* values that are still to come (hearth__batch_made): its place in the queue is taken, and what follows waits */
  hearth__fault *broken; /* one of them does not come, and this is why: it fails with that */
  int64_t revision;
  hearth__fault *fault; /* NULL: it landed, or was refused */
  hearth__record *current;
  size_t n, room;
  hearth__write_op ops[];
};

hearth__batch *hearth__batch_new(hearth__store *s, size_t room, int64_t now); /* NULL when memory is short */
/* The same in so many bytes of the caller's, which frees them after hearth__batch_free. */
size_t hearth__batch_size(size_t room);
void hearth__batch_init(hearth__batch *b, hearth__store *s, size_t room, int64_t now);
/* The next op, zeroed but for verb and entry; NULL when memory is short. For HEARTH__CLEAR the key is empty. */
hearth__write_op *hearth__batch_add(hearth__batch *b, uint8_t verb, const hearth__name *name);
void hearth__batch_free(hearth__batch *b); /* owner thread */
/* Any thread: the value of an op that was submitted without one, counted in `unmade`; the reference is taken over. NULL: there is none,
** because of `f`. The batch must not have been freed; one that was answered meanwhile (a crash, a close) takes no harm. */
void hearth__batch_made(hearth__batch *b, hearth__write_op *op, hearth__blob *value, const hearth__fault *f);
/* From here on it lands whatever happens. A batch without ops is a barrier: answered when everything before it has landed. */
void hearth__store_submit(hearth__store *s, hearth__batch *b);
/* The only op of a batch, of which the key comes with hearth__store_submit_one. So the lock is taken once for a set, not twice. */
hearth__write_op *hearth__batch_one(hearth__batch *b, uint8_t verb);
int hearth__store_submit_one(hearth__store *s, hearth__batch *b, const hearth__name *name); /* -1: memory is short, nothing was submitted */

/* ---- reading */

/* 1: *out is the answer (its value retained for the caller); 0: it takes a read; -1: ask again with the time (`now` < 0 spares asking the
** clock for records that never expire). Queued writes are seen: their revision is -1, which no record ever has. */
int hearth__store_get(hearth__store *s, const hearth__name *name, int64_t now, hearth__record *out);

/* Work with a reader's connection. `run` is called on a libuv thread (inline where nothing blocks), `done` on the owner thread. */
typedef struct hearth__job hearth__job;
struct hearth__job {
  uv_work_t work;
  hearth__job *next;
  hearth__store *store;
  hearth__conn *conn;
  int (*run)(hearth__job *j, hearth__engine *e);
  void (*done)(hearth__job *j);
  bool after_writes;   /* runs when everything queued before it has landed */
  hearth__fault fault; /* code NULL: it went well */
};
void hearth__store_run(hearth__store *s, hearth__job *j);

/* Many records, as one job. Zero it and set names, now and job.done; then hearth__store_read. */
typedef struct hearth__read_item {
  hearth__entry *entry;
  uint32_t touched;
  bool known;
  hearth__record record; /* expired: absent */
  hearth__fault *fault;  /* ECORRUPT: this one could not be read */
} hearth__read_item;
typedef struct hearth__read {
  hearth__job job;
  void *user;
  int64_t now;
  size_t n;
  hearth__read_item items[];
} hearth__read;

hearth__read *hearth__read_new(hearth__store *s, size_t n, int64_t now);
int hearth__read_set(hearth__read *r, size_t i, const hearth__name *name); /* -1 when memory is short */
/* True: answered at once, `done` is not called. */
bool hearth__store_read(hearth__read *r);
void hearth__read_free(hearth__read *r); /* owner thread */

/* ---- hearing */

typedef struct hearth__event {
  hearth__blob *ns, *key, *value, *old; /* value NULL: it is gone; old NULL: it was absent, or is not known */
  int64_t revision, version, expires_at, updated_at, tag;
  const hearth__store *source; /* who wrote it; NULL: another process */
  uint8_t kind;
  bool same; /* the bytes are what they were */
} hearth__event;
struct hearth__events {
  atomic_int refs;
  size_t n;
  hearth__event list[];
};
void hearth__events_retain(hearth__events *ev); /* any thread */
void hearth__events_release(hearth__events *ev);

/* While on, on_events is called with every change, in commit order, before the answer of the batch that made it. */
void hearth__store_listen(hearth__store *s, bool on);
/* Looks for the commits of other processes; what is found comes through on_events. Cheap when there are none. */
void hearth__store_poll(hearth__store *s);
bool hearth__store_has_others(hearth__store *s);    /* may others commit? Then it is polled now and then */
const char *hearth__store_notice(hearth__store *s); /* a file to watch, or NULL */

/* Removes what has expired at `now`, as an ordinary commit. */
void hearth__store_purge(hearth__store *s, int64_t now);

typedef struct hearth__store_stats {
  uint64_t hits, misses, evicted, commits, batches, groups_max;
  size_t cache_bytes, cache_bound, cache_entries, queued;
  int64_t revision;
} hearth__store_stats;
void hearth__store_stats_of(hearth__store *s, hearth__store_stats *out);
hearth__engine *hearth__store_engine(hearth__store *s);

/* For tests: the nth call of the engine from now fails with `code`, `times` times. */
void hearth__store_fail(hearth__store *s, const char *code, int nth, int times);

#endif
