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
  int wal_pages, relieve_at; /* pages in the log; from how many on it is written back again */
  size_t untrimmed, untrimmed_bytes;
} hearth__sqlite;

int hearth__sqlite_open(const char *path, const hearth__engine_options *options, hearth__engine **out, hearth__fault *f);
int hearth__sqlite_connect(hearth__sqlite *s, hearth__sql *c, bool writer, hearth__fault *f);
int hearth__sqlite_backup(hearth__sqlite *s, sqlite3 *from, const char *path, atomic_bool *stop, hearth__fault *f);
void hearth__sqlite_writer_hooks(hearth__sqlite *s);
void hearth__sql_close(hearth__sql *c);
int hearth__sqlite_fail(const hearth__sqlite *s, sqlite3 *db, int rc, hearth__fault *f); /* -1 */
int64_t hearth__sqlite_ms(void);
int64_t hearth__sqlite_file_bytes(const hearth__sqlite *s);
int64_t hearth__sqlite_wal_bytes(const hearth__sqlite *s);
/* The first damaged frame of the log, 0: none that can be told from a commit that a loss of power cut short. The writer's connection has read. */
int64_t hearth__sqlite_log_damage(const hearth__sqlite *s);

#endif
