/* Inside the SQLite engine. */
#ifndef HEARTH__SQLITE_H
#define HEARTH__SQLITE_H

#include <sqlite3.h>
#include <stdio.h>

#include "store/engine.h"
#include "store/gate.h"

enum {
  HEARTH__SQL_BEGIN,
  HEARTH__SQL_COMMIT,
  HEARTH__SQL_ROLLBACK,
  HEARTH__SQL_NUMBER,
  HEARTH__SQL_GET,
  HEARTH__SQL_INSERT,
  HEARTH__SQL_UPDATE,
  HEARTH__SQL_UPDATE_EXPIRY,
  HEARTH__SQL_DELETE,
  HEARTH__SQL_CLEAR,
  HEARTH__SQL_CHANGE,
  HEARTH__SQL_TRIM,
  HEARTH__SQL_OLDEST,
  HEARTH__SQL_CHANGES,
  HEARTH__SQL_SCAN,
  HEARTH__SQL_SCAN_DOWN,
  HEARTH__SQL_SCAN_DOWN_ALL,
  HEARTH__SQL_SCAN_LIVE,
  HEARTH__SQL_SCAN_LIVE_DOWN,
  HEARTH__SQL_SCAN_LIVE_DOWN_ALL,
  HEARTH__SQL_EXPIRED,
  HEARTH__SQL_EXPIRING,
  HEARTH__SQL_EACH,
  HEARTH__SQL_EACH_ALL,
  HEARTH__SQL_EACH_BARE,
  HEARTH__SQL_USAGE,
  HEARTH__SQL_NAMESPACES,
  HEARTH__SQL_KEEP,
  HEARTH__SQL_KEEP_NEWEST,
  HEARTH__SQL_DROP,
  HEARTH__SQL_KEPT,
  HEARTH__SQL_COUNT
};

enum { HEARTH__SQLITE_BUSY_MS = 5000 }; /* so long a writer waits for one that is not behind the gate */

/* A connection and its prepared statements; one thread at a time. */
typedef struct hearth__sql {
  sqlite3 *db;
  sqlite3_stmt *stmt[HEARTH__SQL_COUNT];
} hearth__sql;

typedef struct hearth__sqlite {
  hearth__engine engine;
  char *path;
  hearth__gate *gate; /* NULL: read-only where no gate can be made */
  hearth__sql writer;
  atomic_bool *abort;
  bool read_only, immutable, began;
  int64_t start; /* number of the newest commit when the transaction began */
  _Atomic int64_t announced;
  int64_t busy_since;
  int commits;                /* of ours, as far as a few */
  int wal_pages, grew;        /* pages in the log, and how many the last commit added */
  int restart_at, relieve_at; /* from how many on it is written back again: after a small commit, and whatever happens */
  size_t untrimmed, untrimmed_bytes;
} hearth__sqlite;

int hearth__sqlite_open(const char *path, const hearth__engine_options *options, hearth__engine **out, hearth__fault *f);
int hearth__sqlite_connect(hearth__sqlite *s, hearth__sql *c, bool writer, hearth__fault *f);
int hearth__sqlite_backup(hearth__sqlite *s, sqlite3 *from, const char *path, atomic_bool *stop, hearth__fault *f);
void hearth__sqlite_writer_hooks(hearth__sqlite *s);
int64_t hearth__sqlite_ms(void);
int64_t hearth__sqlite_file_bytes(const hearth__sqlite *s);
int64_t hearth__sqlite_wal_bytes(const hearth__sqlite *s);
/* The first damaged frame of the log, 0: none that can be told from a commit that a loss of power cut short. The writer's connection has read. */
int64_t hearth__sqlite_log_damage(const hearth__sqlite *s);

/* ---- sqlite_statement.c */

int hearth__sqlite_fail(const hearth__sqlite *s, sqlite3 *db, int rc, hearth__fault *f); /* -1 */
sqlite3_stmt *hearth__sql_prepared(hearth__sqlite *s, hearth__sql *c, int which, hearth__fault *f);
int hearth__sql_failed(const hearth__sqlite *s, const hearth__sql *c, int rc, hearth__fault *f);
void hearth__sql_finish(sqlite3_stmt *st);
int hearth__sql_run(hearth__sqlite *s, hearth__sql *c, int which, hearth__fault *f);
int hearth__sql_number(hearth__sqlite *s, hearth__sql *c, int64_t *out, hearth__fault *f);
void hearth__sql_bind_text(sqlite3_stmt *st, int at, const char *bytes, size_t size);
void hearth__sql_bind_value(sqlite3_stmt *st, int at, const hearth__blob *b);
hearth__blob *hearth__sql_blob(sqlite3_stmt *st, int at);
void hearth__sql_close(hearth__sql *c);

/* ---- the engine's functions; sqlite.c */

hearth__sql *hearth__sqlite_conn(hearth__sqlite *s, hearth__conn *c); /* NULL: the writer's */

/* sqlite_write.c */
int hearth__sqlite_begin(hearth__engine *e, int64_t *commit, hearth__fault *f);
int hearth__sqlite_apply(hearth__engine *e, hearth__change *changes, size_t n, hearth__fault *f);
int hearth__sqlite_clear(hearth__engine *e, const char *ns, size_t ns_size, hearth__fault *f);
int hearth__sqlite_keep(hearth__engine *e, const hearth__name *name, const hearth__record *r, int64_t now, hearth__fault *f);
int hearth__sqlite_drop(hearth__engine *e, int64_t id, bool *found, hearth__fault *f);
int hearth__sqlite_commit(hearth__engine *e, int64_t revision, const void *log, size_t size, hearth__fault *f);
void hearth__sqlite_rollback(hearth__engine *e);
bool hearth__sqlite_keeps(hearth__engine *e);
void hearth__sqlite_rest(hearth__engine *e);
void hearth__sqlite_idle(hearth__engine *e);
void hearth__sqlite_settle(hearth__sqlite *s); /* before the end: a long log is written back, and begins anew */

/* sqlite_read.c */
int hearth__sqlite_load(hearth__engine *e, hearth__conn *conn, hearth__item *items, size_t n, hearth__fault *f);
int hearth__sqlite_scan(hearth__engine *e, hearth__conn *conn, const hearth__scan *sc, hearth__key_fn *fn, void *arg, hearth__fault *f);
int hearth__sqlite_each(hearth__engine *e, hearth__conn *conn, const char *ns, size_t ns_size, bool values, hearth__record_fn *fn,
                        void *arg, hearth__fault *f);
int hearth__sqlite_expiring(hearth__engine *e, hearth__conn *conn, int64_t until, int64_t limit, hearth__record_fn *fn, void *arg,
                            hearth__fault *f);
int hearth__sqlite_usage(hearth__engine *e, hearth__conn *conn, const char *ns, size_t ns_size, hearth__usage *u, hearth__fault *f);
int hearth__sqlite_namespaces(hearth__engine *e, hearth__conn *conn, hearth__key_fn *fn, void *arg, hearth__fault *f);
int hearth__sqlite_kept(hearth__engine *e, hearth__conn *conn, hearth__kept_fn *fn, void *arg, hearth__fault *f);

#endif
