/* Inside the store: the shared database, its queue and its locks.
**
** Locks, outermost first: `writing` (who runs a transaction), `publishing` (from an engine's commit until the cache knows it, and while the
** commits of others are taken over), `lock` (everything else; never held across anything that blocks). */
#ifndef HEARTH__DB_H
#define HEARTH__DB_H

#include "store/store.h"

typedef struct hearth__total {
  struct hearth__total *next;
  int64_t bytes;
  bool valid;
  size_t ns_size;
  char ns[];
} hearth__total;

typedef struct hearth__idle_conn {
  struct hearth__idle_conn *next;
  hearth__conn *conn;
} hearth__idle_conn;

struct hearth__db {
  hearth__db *next; /* in the registry */
  char *url, *location;
  hearth__engine *engine;
  int refs;
  bool opening, read_only, lasting; /* lasting: stays until the process ends */

  uv_mutex_t lock, publishing, writing;
  uv_cond_t work, idle; /* work: for the writer; idle: something landed */
  uv_thread_t thread;
  bool threaded, stop, sleeping;
  bool asleep;        /* the writer sleeps until it is woken */
  bool kicked;        /* the writer may take the queue */
  uint64_t gathering; /* since when writes wait for the kick */
  atomic_bool abort, queued_hint;

  hearth__cache cache;
  _Atomic int64_t known; /* the newest commit that the cache has taken over */
  hearth__batch *head, *tail, *current;
  bool unmade; /* some of the queue may wait for a value: whoever takes it has to look */
  size_t queued, clears;
  size_t n_ops; /* of what waits in the queue */
  hearth__store *stores;
  int listeners;
  hearth__conn **conns; /* free readers */
  size_t n_conns, room_conns;
  hearth__total *totals; /* the writer's */

  uint64_t commits, batches, groups_max;
  uint64_t given_back; /* cache.freed when memory was last given back to the system */
  atomic_int fail_in, fail_times;
  const char *fail_code;
  bool spin;
};

struct hearth__store {
  hearth__db *db;
  hearth__store *next, *prev; /* in db->stores */
  uv_loop_t *loop;
  void (*wake)(void *arg);
  void *wake_arg;
  void (*arm)(void *arg);
  bool armed;
  void (*on_events)(hearth__store *s, const hearth__events *events);
  hearth__landed *landed, **landed_tail;
  atomic_int waking; /* threads between deciding to wake it and having done so */
  bool woken, listening, read_only, given_up;
  bool told;           /* `news` is on its way */
  hearth__landed news; /* others have committed: looks for what */
  int64_t quota;
  size_t batches, jobs; /* in flight; the owner thread's */
  size_t refs;          /* likewise */
};

/* db.c */
void hearth__db_release(hearth__db *db);
int hearth__db_conn(hearth__db *db, hearth__conn **out, hearth__fault *f); /* any thread */
void hearth__db_conn_back(hearth__db *db, hearth__conn *c);
int hearth__db_try(hearth__db *db, hearth__fault *f); /* a fault that tests asked for: -1 */

/* store.c, batch.c, purge.c */
void hearth__store_retain(hearth__store *s);  /* owner thread, as the next */
void hearth__store_release(hearth__store *s); /* without the lock */
void hearth__db_kick(hearth__db *db);         /* under the lock: the writer may begin */
void hearth__batch_deliver(hearth__store *s, hearth__landed *l);
void hearth__batch_unpin(hearth__batch *b);                                            /* under the lock: lets go of entries and values */
void hearth__store_purge_one(hearth__store *s, const hearth__name *name, int64_t now); /* if it has expired */

void hearth__db_news(void *db); /* any thread: others may have committed; those who listen look for it */

/* writer.c */
int hearth__writer_start(hearth__db *db);
void hearth__writer_drain(hearth__db *db); /* runs the queue on this thread */
void hearth__writer_stop(hearth__db *db);
void hearth__writer_tidies(hearth__db *db); /* under the lock: much may be garbage, and when all is quiet is the writer's to see to */
void hearth__land(hearth__store *s, hearth__landed *l); /* under the lock; then hearth__db_wake */

/* group.c: one transaction for a list of batches, which have so many ops. Every batch has its answer afterwards and nothing is delivered yet. */
void hearth__group_run(hearth__db *db, hearth__batch *first, size_t n_ops);
hearth__fault *hearth__fault_copy(const hearth__fault *f); /* never NULL: short of memory, it is one that says so */
void hearth__fault_free(hearth__fault *f);                 /* a batch's fault */

/* changes.c */
typedef struct hearth__bytes {
  char *bytes;
  size_t size, room;
  bool failed; /* memory was short */
} hearth__bytes;
enum { HEARTH__LOG_REMOVED = 1, HEARTH__LOG_SAME = 2, HEARTH__LOG_CLEAR = 4, HEARTH__LOG_QUIET = 8, HEARTH__LOG_ALL = 15 };
/* One commit's row of the change log: written, and read. 1: these bytes are no log (what came before the fault was told). */
typedef void hearth__change_fn(void *arg, int flags, const hearth__name *name, int64_t revision);
int hearth__log_read(const void *log, size_t size, hearth__change_fn *fn, void *arg);
void hearth__log_add(hearth__bytes *log, int flags, const hearth__name *name, int64_t revision);
/* Takes over the commits of others: cache, events. conn NULL: inside the writer's transaction. Any thread, without locks. */
int hearth__db_catch_up(hearth__db *db, hearth__conn *conn, hearth__fault *f);
hearth__events *hearth__events_new(size_t n);
/* Hands events to every handle that listens. Under the lock; then hearth__db_wake. */
void hearth__db_publish_events(hearth__db *db, hearth__events *ev);
void hearth__db_wake(hearth__db *db); /* wakes handles that have something; without the lock */

#endif
