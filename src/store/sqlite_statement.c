/* The SQL of the engine: its statements, prepared once for each connection and kept, what goes into them and comes out of them, and what SQLite's
** errors mean. */
#include <errno.h>
#include <string.h>

#include "store/sqlite.h"

static const char *const statements[HEARTH__SQL_COUNT] = {
    [HEARTH__SQL_BEGIN] = "BEGIN IMMEDIATE",
    [HEARTH__SQL_COMMIT] = "COMMIT",
    [HEARTH__SQL_ROLLBACK] = "ROLLBACK",
    [HEARTH__SQL_NUMBER] = "SELECT max(revision) FROM change",
    [HEARTH__SQL_GET] =
        /* A long value is not put together as a column first: it goes from its pages into the blob (read_long). */
    "SELECT id, revision, created_at, updated_at, expires_at, version, kind, checksum,"
    " CASE WHEN size >= 65536 AND typeof(value) IN ('text', 'blob') THEN NULL ELSE value END, size >= 65536 FROM record"
    " WHERE namespace = ?1 AND key = ?2",
    [HEARTH__SQL_INSERT] =
        "INSERT INTO record(namespace, key, revision, created_at, updated_at, expires_at, version, kind, checksum,"
        " size, value) VALUES(?11, ?12, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    [HEARTH__SQL_UPDATE] = /* no index knows any of these columns: by far cheaper than the next */
    "UPDATE record SET revision = ?2, created_at = ?3, updated_at = ?4, version = ?6, kind = ?7, checksum = ?8, size = ?9, value = ?10"
    " WHERE id = ?1",
    [HEARTH__SQL_UPDATE_EXPIRY] =
        "UPDATE record SET revision = ?2, created_at = ?3, updated_at = ?4, expires_at = ?5, version = ?6, kind = ?7,"
        " checksum = ?8, size = ?9, value = ?10 WHERE id = ?1",
    [HEARTH__SQL_DELETE] = "DELETE FROM record WHERE id = ?1",
    [HEARTH__SQL_CLEAR] = "DELETE FROM record WHERE namespace = ?1",
    [HEARTH__SQL_CHANGE] = "INSERT INTO change(revision, log) VALUES(?1, ?2)",
    [HEARTH__SQL_TRIM] =
        "DELETE FROM change WHERE revision <= (SELECT revision FROM (SELECT revision, sum(length(log)) OVER newer AS bytes,"
        " row_number() OVER newer AS n FROM change WINDOW newer AS (ORDER BY revision DESC)) WHERE bytes > ?1 OR n > ?2"
        " ORDER BY revision DESC LIMIT 1)",
    [HEARTH__SQL_OLDEST] = "SELECT (SELECT min(revision) FROM change), (SELECT max(revision) FROM change)",
    [HEARTH__SQL_CHANGES] = "SELECT revision, log FROM change WHERE revision > ?1 ORDER BY revision",
    [HEARTH__SQL_SCAN] = "SELECT key FROM record WHERE namespace = ?1 AND key >= ?2 ORDER BY key",
    [HEARTH__SQL_SCAN_DOWN] = "SELECT key FROM record WHERE namespace = ?1 AND key >= ?2 AND key <= ?3 ORDER BY key DESC",
    [HEARTH__SQL_SCAN_DOWN_ALL] = "SELECT key FROM record WHERE namespace = ?1 AND key >= ?2 ORDER BY key DESC",
    [HEARTH__SQL_SCAN_LIVE] = "SELECT key, expires_at FROM record WHERE namespace = ?1 AND key >= ?2 ORDER BY key",
    [HEARTH__SQL_SCAN_LIVE_DOWN] = "SELECT key, expires_at FROM record WHERE namespace = ?1 AND key >= ?2 AND key <= ?3 ORDER BY key DESC",
    [HEARTH__SQL_SCAN_LIVE_DOWN_ALL] = "SELECT key, expires_at FROM record WHERE namespace = ?1 AND key >= ?2 ORDER BY key DESC",
    [HEARTH__SQL_EXPIRED] = "SELECT 1 FROM record WHERE expires_at IS NOT NULL AND expires_at <= ?1 LIMIT 1",
    [HEARTH__SQL_EXPIRING] =
        "SELECT namespace, key, expires_at, revision FROM record WHERE expires_at IS NOT NULL AND expires_at <= ?1"
        " ORDER BY expires_at LIMIT ?2",
    [HEARTH__SQL_EACH] =
        "SELECT id, revision, created_at, updated_at, expires_at, version, kind, checksum, value, namespace, key, size"
        " FROM record WHERE namespace = ?1 ORDER BY key",
    [HEARTH__SQL_EACH_ALL] =
        "SELECT id, revision, created_at, updated_at, expires_at, version, kind, checksum, value, namespace, key, size"
        " FROM record ORDER BY namespace, key",
    [HEARTH__SQL_EACH_BARE] =
        "SELECT id, revision, created_at, updated_at, expires_at, version, kind, checksum, NULL, namespace, key, size"
        " FROM record ORDER BY namespace, key",
    [HEARTH__SQL_USAGE] = "SELECT count(*), ifnull(sum(size + length(CAST(key AS BLOB))), 0) FROM record WHERE namespace = ?1",
    [HEARTH__SQL_NAMESPACES] = "SELECT namespace FROM record WHERE namespace >= ?1 ORDER BY namespace LIMIT 1",
    [HEARTH__SQL_KEEP] =
        "INSERT INTO quarantine(namespace, key, revision, version, kind, checksum, time, value)"
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [HEARTH__SQL_KEEP_NEWEST] =
        "DELETE FROM quarantine WHERE namespace = ?1 AND key = ?2 AND id NOT IN"
        " (SELECT id FROM quarantine WHERE namespace = ?1 AND key = ?2 ORDER BY id DESC LIMIT 3)",
    [HEARTH__SQL_DROP] = "DELETE FROM quarantine WHERE id = ?1",
    [HEARTH__SQL_KEPT] = "SELECT id, namespace, key, revision, version, kind, time, value FROM quarantine ORDER BY id",
};

/* ---- errors */

/* SQLite forgets it for a write to its log that fails within a commit. */
static int errno_of_log(sqlite3 *db) {
  sqlite3_file *file = NULL;
  int err = 0;
  if (sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file) != SQLITE_OK || !file || !file->pMethods) return 0;
  file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &err);
  return err;
}

int hearth__sqlite_fail(const hearth__sqlite *s, sqlite3 *db, int rc, hearth__fault *f) {
  int err = db ? sqlite3_system_errno(db) : 0;
  if (db && err == 0 && (rc & 0xff) == SQLITE_IOERR) err = errno_of_log(db);
  const char *what = db ? sqlite3_errmsg(db) : sqlite3_errstr(rc), *code;
  switch (rc & 0xff) {
    case SQLITE_FULL: code = "ENOSPC"; break;
    case SQLITE_READONLY: code = err == EACCES || err == EPERM ? "EACCES" : "EROFS"; break;
    case SQLITE_PERM:
    case SQLITE_AUTH: code = "EACCES"; break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: code = "ECORRUPT"; break;
    case SQLITE_TOOBIG: code = "EBIG"; break;
    case SQLITE_CANTOPEN:
    case SQLITE_IOERR: code = err ? hearth__errno_code(err) : "EIO"; break;
    default: code = "EIO"; break;
  }
  if ((rc & 0xff) == SQLITE_BUSY)
    return hearth__fail(f, "ETIMEOUT", "%s: another process has held the store for %d s (is it stopped?); nothing was written, try again",
                        s->path, HEARTH__SQLITE_BUSY_MS / 1000);
  return hearth__fail(f, code, "%s: %s%s%s", s->path, what, err ? ": " : "", err ? strerror(err) : "");
}

int hearth__sql_failed(const hearth__sqlite *s, const hearth__sql *c, int rc, hearth__fault *f) {
  return hearth__sqlite_fail(s, c->db, rc, f);
}

/* ---- statements */

sqlite3_stmt *hearth__sql_prepared(hearth__sqlite *s, hearth__sql *c, int which, hearth__fault *f) {
  if (!c->stmt[which]) {
    int rc = sqlite3_prepare_v3(c->db, statements[which], -1, SQLITE_PREPARE_PERSISTENT, &c->stmt[which], NULL);
    if (rc != SQLITE_OK) {
      hearth__sql_failed(s, c, rc, f);
      return NULL;
    }
  }
  return c->stmt[which];
}

/* Ends a statement so that it holds no snapshot: a reader must not keep the log from being reused. */
void hearth__sql_finish(sqlite3_stmt *st) {
  sqlite3_reset(st);
  sqlite3_clear_bindings(st);
}

int hearth__sql_run(hearth__sqlite *s, hearth__sql *c, int which, hearth__fault *f) {
  sqlite3_stmt *st = hearth__sql_prepared(s, c, which, f);
  if (!st) return -1;
  int rc = sqlite3_step(st);
  if (rc != SQLITE_DONE && rc != SQLITE_ROW) {
    hearth__sql_failed(s, c, rc, f);
    sqlite3_reset(st);
    return -1;
  }
  sqlite3_reset(st);
  return 0;
}

int hearth__sql_number(hearth__sqlite *s, hearth__sql *c, int64_t *out, hearth__fault *f) {
  sqlite3_stmt *st = hearth__sql_prepared(s, c, HEARTH__SQL_NUMBER, f);
  if (!st) return -1;
  int rc = sqlite3_step(st);
  if (rc == SQLITE_ROW)
    *out = sqlite3_column_int64(st, 0);
  else
    hearth__sql_failed(s, c, rc, f);
  sqlite3_reset(st);
  return rc == SQLITE_ROW ? 0 : -1;
}

/* Names are TEXT so that they can be read and asked for in the sqlite3 shell; the bytes go in and out as they are. */
void hearth__sql_bind_text(sqlite3_stmt *st, int at, const char *bytes, size_t size) {
  sqlite3_bind_text64(st, at, bytes ? bytes : "", size, SQLITE_STATIC, SQLITE_UTF8);
}

void hearth__sql_bind_value(sqlite3_stmt *st, int at, const hearth__blob *b) {
  if (!b)
    sqlite3_bind_null(st, at);
  else if (memchr(b->bytes, '\0', b->size))
    sqlite3_bind_blob64(st, at, b->bytes, b->size, SQLITE_STATIC); /* the shell would stop at a NUL */
  else
    sqlite3_bind_text64(st, at, b->bytes, b->size, SQLITE_STATIC, SQLITE_UTF8);
}

hearth__blob *hearth__sql_blob(sqlite3_stmt *st, int at) {
  const void *bytes = sqlite3_column_blob(st, at);
  return hearth__blob_new(bytes, (size_t)sqlite3_column_bytes(st, at));
}

void hearth__sql_close(hearth__sql *c) {
  for (int i = 0; i < HEARTH__SQL_COUNT; i++) sqlite3_finalize(c->stmt[i]);
  if (c->db) sqlite3_close_v2(c->db);
  memset(c, 0, sizeof *c);
}
