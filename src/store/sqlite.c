/* The SQLite engine: WAL and full synchronous, one writing connection behind the gate, a private connection for each reader. The schema, and the
** rules for files that are damaged, foreign or newer, are in sqlite_open.c. */
#include "store/sqlite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store/stopped.h"

enum { GATE_MS = 2000, BUSY_MS = 5000, WAL_PAGES_MAX = (64 << 20) / 4096, WAL_PAGES_IDLE = 256 };
enum { READ_LOCKS = 123, READER_MS = 200 }; /* SQLite's locks of readers: bytes of the log's index */
enum { LOG_ROW_MAX = 1 << 20, LOG_BYTES = 4 << 20, LOG_ROWS = 4096, TRIM_EVERY = 1024 };

static hearth__sqlite *of(hearth__engine *e) {
  return (hearth__sqlite *)e;
}

static const char *const statements[HEARTH__SQL_COUNT] = {
    [HEARTH__SQL_BEGIN] = "BEGIN IMMEDIATE",
    [HEARTH__SQL_COMMIT] = "COMMIT",
    [HEARTH__SQL_ROLLBACK] = "ROLLBACK",
    [HEARTH__SQL_NUMBER] = "SELECT max(revision) FROM change",
    [HEARTH__SQL_GET] =
        "SELECT id, revision, created_at, updated_at, expires_at, version, kind, checksum, value FROM record"
        " WHERE namespace = ?1 AND key = ?2",
    [HEARTH__SQL_INSERT] =
        "INSERT INTO record(namespace, key, revision, created_at, updated_at, expires_at, version, kind, checksum,"
        " size, value) VALUES(?11, ?12, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    [HEARTH__SQL_UPDATE] =
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
                        s->path, BUSY_MS / 1000);
  return hearth__fail(f, code, "%s: %s%s%s", s->path, what, err ? ": " : "", err ? strerror(err) : "");
}

static int failed(const hearth__sqlite *s, const hearth__sql *c, int rc, hearth__fault *f) {
  return hearth__sqlite_fail(s, c->db, rc, f);
}

/* ---- statements */

static sqlite3_stmt *prepared(hearth__sqlite *s, hearth__sql *c, int which, hearth__fault *f) {
  if (!c->stmt[which]) {
    int rc = sqlite3_prepare_v3(c->db, statements[which], -1, SQLITE_PREPARE_PERSISTENT, &c->stmt[which], NULL);
    if (rc != SQLITE_OK) {
      failed(s, c, rc, f);
      return NULL;
    }
  }
  return c->stmt[which];
}

/* Ends a statement so that it holds no snapshot: a reader must not keep the log from being reused. */
static void finish(sqlite3_stmt *st) {
  sqlite3_reset(st);
  sqlite3_clear_bindings(st);
}

static int run(hearth__sqlite *s, hearth__sql *c, int which, hearth__fault *f) {
  sqlite3_stmt *st = prepared(s, c, which, f);
  if (!st) return -1;
  int rc = sqlite3_step(st);
  if (rc != SQLITE_DONE && rc != SQLITE_ROW) {
    failed(s, c, rc, f);
    sqlite3_reset(st);
    return -1;
  }
  sqlite3_reset(st);
  return 0;
}

static int number(hearth__sqlite *s, hearth__sql *c, int64_t *out, hearth__fault *f) {
  sqlite3_stmt *st = prepared(s, c, HEARTH__SQL_NUMBER, f);
  if (!st) return -1;
  int rc = sqlite3_step(st);
  if (rc == SQLITE_ROW)
    *out = sqlite3_column_int64(st, 0);
  else
    failed(s, c, rc, f);
  sqlite3_reset(st);
  return rc == SQLITE_ROW ? 0 : -1;
}

/* Names are TEXT so that they can be read and asked for in the sqlite3 shell; the bytes go in and out as they are. */
static void bind_text(sqlite3_stmt *st, int at, const char *bytes, size_t size) {
  sqlite3_bind_text64(st, at, bytes ? bytes : "", size, SQLITE_STATIC, SQLITE_UTF8);
}

static void bind_value(sqlite3_stmt *st, int at, const hearth__blob *b) {
  if (!b)
    sqlite3_bind_null(st, at);
  else if (memchr(b->bytes, '\0', b->size))
    sqlite3_bind_blob64(st, at, b->bytes, b->size, SQLITE_STATIC); /* the shell would stop at a NUL */
  else
    sqlite3_bind_text64(st, at, b->bytes, b->size, SQLITE_STATIC, SQLITE_UTF8);
}

static hearth__blob *column_blob(sqlite3_stmt *st, int at) {
  const void *bytes = sqlite3_column_blob(st, at);
  return hearth__blob_new(bytes, (size_t)sqlite3_column_bytes(st, at));
}

static int short_of_memory(hearth__fault *f) {
  return hearth__fail(f, "EIO", "out of memory");
}

/* ---- life */

static int writer_busy(void *arg, int times) {
  hearth__sqlite *s = arg;
  struct timespec nap = {0, times < 20 ? 500000 : 5000000};
  if (times == 0) s->busy_since = hearth__sqlite_ms();
  if ((s->abort && atomic_load(s->abort)) || hearth__sqlite_ms() - s->busy_since > BUSY_MS) return 0;
  nanosleep(&nap, NULL);
  return 1;
}

static int wal_grew(void *arg, sqlite3 *db, const char *name, int pages) {
  (void)db;
  (void)name;
  ((hearth__sqlite *)arg)->wal_pages = pages;
  return SQLITE_OK;
}

void hearth__sqlite_writer_hooks(hearth__sqlite *s) {
  sqlite3_busy_handler(s->writer.db, writer_busy, s);
  sqlite3_wal_hook(s->writer.db, wal_grew, s);
}

void hearth__sql_close(hearth__sql *c) {
  for (int i = 0; i < HEARTH__SQL_COUNT; i++) sqlite3_finalize(c->stmt[i]);
  if (c->db) sqlite3_close_v2(c->db);
  memset(c, 0, sizeof *c);
}

static void close_engine(hearth__engine *e) {
  hearth__sqlite *s = of(e);
  hearth__sql_close(&s->writer);
  hearth__gate_close(s->gate);
  free(s->path);
  free(s);
}

static int connect_reader(hearth__engine *e, hearth__conn **out, hearth__fault *f) {
  hearth__sqlite *s = of(e);
  hearth__sql *c = calloc(1, sizeof *c);
  if (!c) return short_of_memory(f);
  if (hearth__sqlite_connect(s, c, false, f) != 0) {
    hearth__sql_close(c);
    free(c);
    return -1;
  }
  *out = (hearth__conn *)c;
  return 0;
}

static void disconnect_reader(hearth__engine *e, hearth__conn *conn) {
  (void)e;
  hearth__sql_close((hearth__sql *)conn);
  free(conn);
}

static hearth__sql *conn_of(hearth__sqlite *s, hearth__conn *c) {
  return c ? (hearth__sql *)c : &s->writer;
}

/* ---- the writer */

/* What is written to a file that has another name now, or none, is lost for everybody else. */
static int check_place(hearth__sqlite *s, hearth__fault *f) {
  int moved = 0;
  sqlite3_file_control(s->writer.db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
  if (!moved) return 0;
  return hearth__fail(f, "EIO", "%s: the file was replaced, moved or removed while it was open; nothing was written, open the store again",
                      s->path);
}

static int begin(hearth__engine *e, int64_t *commit, hearth__fault *f) {
  hearth__sqlite *s = of(e);
  if (s->read_only) return hearth__fail(f, "EROFS", "%s: the store was opened read-only", s->path);
  if (check_place(s, f) != 0) return -1;
  if (hearth__gate_enter(s->gate, s->abort, GATE_MS) < 0)
    return hearth__fail(f, "ETIMEOUT", "%s: another process holds the store", s->path);
  /* Past a gate that is held too long, SQLite's own lock decides. */
  if (run(s, &s->writer, HEARTH__SQL_BEGIN, f) != 0) {
    hearth__gate_leave(s->gate);
    return -1;
  }
  s->began = true;
  if (number(s, &s->writer, commit, f) != 0) return -1; /* the front rolls back */
  s->start = *commit;
  return 0;
}

static bool checkpoint(hearth__sqlite *s) {
  int log = 0, done = 0;
  int rc = sqlite3_wal_checkpoint_v2(s->writer.db, NULL, SQLITE_CHECKPOINT_PASSIVE, &log, &done);
  bool whole = rc == SQLITE_OK && log == done;
  s->relieve_at = whole ? WAL_PAGES_MAX : s->wal_pages + WAL_PAGES_MAX / 16;
  if (whole) s->wal_pages = 0;
  return whole;
}

static void rollback(hearth__engine *e) {
  hearth__sqlite *s = of(e);
  if (!s->began) return;
  int rc = sqlite3_errcode(s->writer.db) & 0xff;
  bool full = rc == SQLITE_FULL || rc == SQLITE_IOERR;
  if (!sqlite3_get_autocommit(s->writer.db)) run(s, &s->writer, HEARTH__SQL_ROLLBACK, NULL);
  s->began = false;
  hearth__gate_done(s->gate);
  if (full) { /* the log cannot grow: what is in it is written back, then it begins anew */
    hearth__gate_leave(s->gate);
    checkpoint(s);
  }
}

static void bind_record(sqlite3_stmt *st, const hearth__change *c) {
  const hearth__record *r = c->record;
  sqlite3_bind_int64(st, 2, r->revision);
  sqlite3_bind_int64(st, 3, r->created_at);
  sqlite3_bind_int64(st, 4, r->updated_at);
  if (r->expires_at)
    sqlite3_bind_int64(st, 5, r->expires_at);
  else
    sqlite3_bind_null(st, 5);
  sqlite3_bind_int64(st, 6, r->version);
  sqlite3_bind_int64(st, 7, r->kind);
  sqlite3_bind_int64(st, 8, (int64_t)r->checksum);
  sqlite3_bind_int64(st, 9, (int64_t)r->size);
  bind_value(st, 10, r->value);
}

static int apply(hearth__engine *e, hearth__change *changes, size_t n, hearth__fault *f) {
  hearth__sqlite *s = of(e);
  sqlite3_stmt *insert = prepared(s, &s->writer, HEARTH__SQL_INSERT, f), *update = prepared(s, &s->writer, HEARTH__SQL_UPDATE, f),
               *remove = prepared(s, &s->writer, HEARTH__SQL_DELETE, f);
  if (!insert || !update || !remove) return -1;
  for (size_t i = 0; i < n; i++) {
    hearth__change *c = &changes[i];
    sqlite3_stmt *st = c->record->state == HEARTH__ABSENT ? remove : c->old_id ? update : insert;
    if (st != insert) sqlite3_bind_int64(st, 1, c->old_id);
    if (st != remove) bind_record(st, c);
    if (st == insert) {
      bind_text(st, 11, c->name.ns, c->name.ns_size);
      bind_text(st, 12, c->name.key, c->name.key_size);
    }
    int rc = sqlite3_step(st);
    if (rc != SQLITE_DONE) failed(s, &s->writer, rc, f);
    sqlite3_reset(st);
    if (rc != SQLITE_DONE) return -1;
    if (st == insert)
      c->record->id = sqlite3_last_insert_rowid(s->writer.db);
    else if (st == update)
      c->record->id = c->old_id;
  }
  return 0;
}

static int clear(hearth__engine *e, const char *ns, size_t ns_size, hearth__fault *f) {
  hearth__sqlite *s = of(e);
  sqlite3_stmt *st = prepared(s, &s->writer, HEARTH__SQL_CLEAR, f);
  if (!st) return -1;
  bind_text(st, 1, ns, ns_size);
  int rc = sqlite3_step(st);
  if (rc != SQLITE_DONE) failed(s, &s->writer, rc, f);
  finish(st);
  return rc == SQLITE_DONE ? 0 : -1;
}

static int keep(hearth__engine *e, const hearth__name *name, const hearth__record *r, int64_t now, hearth__fault *f) {
  hearth__sqlite *s = of(e);
  sqlite3_stmt *st = prepared(s, &s->writer, HEARTH__SQL_KEEP, f), *newest = prepared(s, &s->writer, HEARTH__SQL_KEEP_NEWEST, f);
  if (!st || !newest) return -1;
  bind_text(st, 1, name->ns, name->ns_size);
  bind_text(st, 2, name->key, name->key_size);
  sqlite3_bind_int64(st, 3, r->revision);
  sqlite3_bind_int64(st, 4, r->version);
  sqlite3_bind_int64(st, 5, r->kind);
  sqlite3_bind_int64(st, 6, (int64_t)r->checksum);
  sqlite3_bind_int64(st, 7, now);
  bind_value(st, 8, r->value);
  int rc = sqlite3_step(st);
  if (rc == SQLITE_DONE) {
    bind_text(newest, 1, name->ns, name->ns_size);
    bind_text(newest, 2, name->key, name->key_size);
    rc = sqlite3_step(newest);
  }
  if (rc != SQLITE_DONE) failed(s, &s->writer, rc, f);
  finish(st);
  finish(newest);
  return rc == SQLITE_DONE ? 0 : -1;
}

static int drop(hearth__engine *e, int64_t id, bool *found, hearth__fault *f) {
  hearth__sqlite *s = of(e);
  sqlite3_stmt *st = prepared(s, &s->writer, HEARTH__SQL_DROP, f);
  if (!st) return -1;
  sqlite3_bind_int64(st, 1, id);
  int rc = sqlite3_step(st);
  *found = rc == SQLITE_DONE && sqlite3_changes(s->writer.db) > 0;
  if (rc != SQLITE_DONE) failed(s, &s->writer, rc, f);
  sqlite3_reset(st);
  return rc == SQLITE_DONE ? 0 : -1;
}

/* Rows of the change log that nobody will ask for go; the newest stays, whatever its size. */
static int trim(hearth__sqlite *s, hearth__fault *f) {
  sqlite3_stmt *st = prepared(s, &s->writer, HEARTH__SQL_TRIM, f);
  if (!st) return -1;
  sqlite3_bind_int64(st, 1, LOG_BYTES);
  sqlite3_bind_int64(st, 2, LOG_ROWS);
  int rc = sqlite3_step(st);
  if (rc != SQLITE_DONE) failed(s, &s->writer, rc, f);
  sqlite3_reset(st);
  s->untrimmed = 0;
  s->untrimmed_bytes = 0;
  return rc == SQLITE_DONE ? 0 : -1;
}

/* The log is long. A reader keeps what it is reading from being written back: one that is stopped would do so as long as it is, and the log grow
** for ever. It is let run for the moment that ends its read. */
static void relieve(hearth__sqlite *s) {
  char index[4096 + 8];
  hearth__nudged nudged = {.n = 0};
  struct timespec nap = {0, 1000000};
  if (checkpoint(s)) return;
  snprintf(index, sizeof index, "%s-shm", s->path);
  if (!hearth__nudge_lockers(&nudged, index, READ_LOCKS, READ_LOCKS + 4)) return;
  for (int ms = 0; ms < READER_MS && !checkpoint(s); ms++) nanosleep(&nap, NULL);
  hearth__calm(&nudged);
}

static int commit(hearth__engine *e, int64_t revision, const void *log, size_t size, hearth__fault *f) {
  hearth__sqlite *s = of(e);
  if (log && revision > s->start) {
    sqlite3_stmt *st = prepared(s, &s->writer, HEARTH__SQL_CHANGE, f);
    if (!st) return -1;
    sqlite3_bind_int64(st, 1, revision);
    if (size > LOG_ROW_MAX)
      sqlite3_bind_blob64(st, 2, "\xff", 1, SQLITE_STATIC); /* no log of ours: whoever reads it compares revisions */
    else
      sqlite3_bind_blob64(st, 2, log, size, SQLITE_STATIC);
    int rc = sqlite3_step(st);
    if (rc != SQLITE_DONE) failed(s, &s->writer, rc, f);
    finish(st);
    if (rc != SQLITE_DONE) return -1;
    s->untrimmed_bytes += size;
    if (++s->untrimmed >= TRIM_EVERY || s->untrimmed_bytes > LOG_BYTES)
      if (trim(s, f) != 0) return -1;
  }
  atomic_store(&s->announced, revision);
  if (revision > s->start) hearth__gate_announce(s->gate, revision);
  if (run(s, &s->writer, HEARTH__SQL_COMMIT, f) != 0) {
    hearth__gate_announce(s->gate, s->start);
    return -1; /* the front rolls back */
  }
  s->began = false;
  if (revision > s->start) hearth__gate_publish(s->gate, revision);
  hearth__gate_done(s->gate);
  if (s->wal_pages > WAL_PAGES_MAX && s->wal_pages >= s->relieve_at) {
    hearth__gate_leave(s->gate); /* it takes a while */
    relieve(s);
  }
  return 0;
}

static bool keeps(hearth__engine *e) {
  return hearth__gate_entered(of(e)->gate);
}

static void rest(hearth__engine *e) {
  hearth__gate_rest(of(e)->gate);
}

static void idle(hearth__engine *e) {
  hearth__sqlite *s = of(e);
  if (s->read_only) return;
  if (s->wal_pages > WAL_PAGES_IDLE) checkpoint(s);
  sqlite3_db_release_memory(s->writer.db);
}

/* ---- readers */

/* The columns of GET as a record; its value may be NULL when memory is short. */
static int read_record(sqlite3_stmt *st, const hearth__name *name, bool value, hearth__record *r) {
  memset(r, 0, sizeof *r);
  r->id = sqlite3_column_int64(st, 0);
  r->revision = sqlite3_column_int64(st, 1);
  r->created_at = sqlite3_column_int64(st, 2);
  r->updated_at = sqlite3_column_int64(st, 3);
  r->expires_at = sqlite3_column_int64(st, 4);
  r->version = sqlite3_column_int64(st, 5);
  r->kind = (uint8_t)sqlite3_column_int64(st, 6);
  r->checksum = (uint64_t)sqlite3_column_int64(st, 7);
  r->state = HEARTH__PRESENT;
  if (!value) return 0;
  if (sqlite3_column_type(st, 8) == SQLITE_NULL) { /* its bytes are in quarantine */
    r->state = HEARTH__DAMAGED;
    return 0;
  }
  if (!(r->value = column_blob(st, 8))) return -1;
  r->size = r->value->size;
  if (r->kind >= HEARTH__KINDS || hearth__record_checksum(name, r) != r->checksum) r->state = HEARTH__DAMAGED;
  return 0;
}

static int load(hearth__engine *e, hearth__conn *conn, hearth__item *items, size_t n, hearth__fault *f) {
  hearth__sqlite *s = of(e);
  hearth__sql *c = conn_of(s, conn);
  sqlite3_stmt *st = prepared(s, c, HEARTH__SQL_GET, f);
  if (!st) return -1;
  bool snapshot = conn && n > 1; /* one moment for all of them */
  if (snapshot && sqlite3_exec(c->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK) return failed(s, c, sqlite3_extended_errcode(c->db), f);
  int status = 0;
  for (size_t i = 0; i < n && status == 0; i++) {
    memset(&items[i].record, 0, sizeof items[i].record);
    bind_text(st, 1, items[i].name.ns, items[i].name.ns_size);
    bind_text(st, 2, items[i].name.key, items[i].name.key_size);
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) {
      if (read_record(st, &items[i].name, true, &items[i].record) != 0) status = short_of_memory(f);
    } else if ((rc & 0xff) == SQLITE_CORRUPT) { /* a damaged page: this key, and others that live on it */
      if (!(items[i].fault = malloc(sizeof *items[i].fault)))
        status = short_of_memory(f);
      else
        failed(s, c, rc, items[i].fault);
    } else if (rc != SQLITE_DONE)
      status = failed(s, c, rc, f);
    finish(st);
  }
  if (snapshot) sqlite3_exec(c->db, "COMMIT", NULL, NULL, NULL); /* only reads: cannot fail in a way that matters */
  return status;
}

static bool starts_with(const char *key, size_t size, const hearth__scan *s) {
  return size >= s->prefix_size && memcmp(key, s->prefix, s->prefix_size) == 0;
}

/* The first key after all that begin with the prefix; false: there is none. */
static bool after_prefix(const hearth__scan *s, char **out, size_t *size) {
  size_t n = s->prefix_size;
  while (n > 0 && (unsigned char)s->prefix[n - 1] == 0xff) n--;
  if (n == 0 || !(*out = malloc(n))) return false;
  memcpy(*out, s->prefix, n);
  (*out)[n - 1] = (char)((unsigned char)(*out)[n - 1] + 1);
  *size = n;
  return true;
}

static int compare(const char *a, size_t a_size, const char *b, size_t b_size) {
  int c = memcmp(a, b, a_size < b_size ? a_size : b_size);
  return c ? c : (a_size > b_size) - (a_size < b_size);
}

static int scan(hearth__engine *e, hearth__conn *conn, const hearth__scan *sc, hearth__key_fn *fn, void *arg, hearth__fault *f) {
  hearth__sqlite *s = of(e);
  hearth__sql *c = conn_of(s, conn);
  sqlite3_stmt *st = prepared(s, c, HEARTH__SQL_EXPIRED, f);
  if (!st || sc->limit == 0) return st ? 0 : -1;
  /* The index alone answers while nothing has expired. */
  sqlite3_bind_int64(st, 1, sc->now);
  int rc = sqlite3_step(st);
  bool live = rc == SQLITE_ROW;
  if (rc != SQLITE_ROW && rc != SQLITE_DONE) failed(s, c, rc, f);
  sqlite3_reset(st);
  if (rc != SQLITE_ROW && rc != SQLITE_DONE) return -1;
  const char *low = sc->prefix, *high = NULL;
  size_t low_size = sc->prefix_size, high_size = 0;
  char *end = NULL;
  if (!sc->reverse && sc->start && compare(sc->start, sc->start_size, low, low_size) > 0) {
    low = sc->start;
    low_size = sc->start_size;
  }
  if (sc->reverse) {
    if (after_prefix(sc, &end, &high_size)) high = end;
    if (sc->start && (!high || compare(sc->start, sc->start_size, high, high_size) < 0)) {
      high = sc->start;
      high_size = sc->start_size;
    }
  }
  int which = !sc->reverse ? (live ? HEARTH__SQL_SCAN_LIVE : HEARTH__SQL_SCAN)
              : high       ? (live ? HEARTH__SQL_SCAN_LIVE_DOWN : HEARTH__SQL_SCAN_DOWN)
                           : (live ? HEARTH__SQL_SCAN_LIVE_DOWN_ALL : HEARTH__SQL_SCAN_DOWN_ALL);
  st = prepared(s, c, which, f);
  if (!st) {
    free(end);
    return -1;
  }
  bind_text(st, 1, sc->ns, sc->ns_size);
  bind_text(st, 2, low, low_size);
  if (high) bind_text(st, 3, high, high_size);
  int status = 0;
  for (int64_t left = sc->limit; left != 0 && status == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW;) {
    const char *key = sqlite3_column_blob(st, 0);
    size_t size = (size_t)sqlite3_column_bytes(st, 0);
    if (!key) key = "";
    if (!starts_with(key, size, sc)) {
      if (sc->reverse && size == high_size && high == end) continue; /* the bound itself */
      break;
    }
    int64_t expires_at = live ? sqlite3_column_int64(st, 1) : 0;
    if (expires_at && expires_at <= sc->now) continue;
    status = fn(arg, key, size);
    if (left > 0) left--;
  }
  if (rc != SQLITE_ROW && rc != SQLITE_DONE) status = failed(s, c, rc, f);
  finish(st);
  free(end);
  return status;
}

static hearth__name name_columns(sqlite3_stmt *st, int at) {
  const char *ns = sqlite3_column_blob(st, at), *key = sqlite3_column_blob(st, at + 1);
  return (hearth__name){.ns = ns ? ns : "",
                        .ns_size = (size_t)sqlite3_column_bytes(st, at),
                        .key = key ? key : "",
                        .key_size = (size_t)sqlite3_column_bytes(st, at + 1)};
}

static int each(hearth__engine *e, hearth__conn *conn, const char *ns, size_t ns_size, bool values, hearth__record_fn *fn, void *arg,
                hearth__fault *f) {
  hearth__sqlite *s = of(e);
  hearth__sql *c = conn_of(s, conn);
  sqlite3_stmt *st = prepared(s, c, ns ? HEARTH__SQL_EACH : values ? HEARTH__SQL_EACH_ALL : HEARTH__SQL_EACH_BARE, f);
  if (!st) return -1;
  if (ns) bind_text(st, 1, ns, ns_size);
  int status = 0, rc = SQLITE_DONE;
  while (status == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
    hearth__record r;
    hearth__name name = name_columns(st, 9);
    if (read_record(st, &name, values, &r) != 0)
      status = short_of_memory(f);
    else {
      r.size = (size_t)sqlite3_column_int64(st, 11);
      status = fn(arg, &name, &r);
    }
    hearth__blob_release(r.value);
  }
  if (status == 0 && rc != SQLITE_DONE) status = failed(s, c, rc, f);
  finish(st);
  return status;
}

static int expiring(hearth__engine *e, hearth__conn *conn, int64_t until, int64_t limit, hearth__record_fn *fn, void *arg,
                    hearth__fault *f) {
  hearth__sqlite *s = of(e);
  hearth__sql *c = conn_of(s, conn);
  sqlite3_stmt *st = prepared(s, c, HEARTH__SQL_EXPIRING, f);
  if (!st) return -1;
  sqlite3_bind_int64(st, 1, until);
  sqlite3_bind_int64(st, 2, limit);
  int status = 0, rc = SQLITE_DONE;
  while (status == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
    hearth__name name = name_columns(st, 0);
    hearth__record r = {.state = HEARTH__PRESENT, .expires_at = sqlite3_column_int64(st, 2), .revision = sqlite3_column_int64(st, 3)};
    status = fn(arg, &name, &r);
  }
  if (status == 0 && rc != SQLITE_DONE) status = failed(s, c, rc, f);
  finish(st);
  return status;
}

static int usage(hearth__engine *e, hearth__conn *conn, const char *ns, size_t ns_size, hearth__usage *u, hearth__fault *f) {
  hearth__sqlite *s = of(e);
  hearth__sql *c = conn_of(s, conn);
  sqlite3_stmt *st = prepared(s, c, HEARTH__SQL_USAGE, f);
  if (!st) return -1;
  bind_text(st, 1, ns, ns_size);
  int rc = sqlite3_step(st);
  if (rc == SQLITE_ROW) {
    u->keys = sqlite3_column_int64(st, 0);
    u->bytes = sqlite3_column_int64(st, 1);
  } else
    failed(s, c, rc, f);
  finish(st);
  u->file_bytes = hearth__sqlite_file_bytes(s);
  return rc == SQLITE_ROW ? 0 : -1;
}

static int namespaces(hearth__engine *e, hearth__conn *conn, hearth__key_fn *fn, void *arg, hearth__fault *f) {
  hearth__sqlite *s = of(e);
  hearth__sql *c = conn_of(s, conn);
  sqlite3_stmt *st = prepared(s, c, HEARTH__SQL_NAMESPACES, f);
  if (!st) return -1;
  hearth__blob *last = NULL;
  int status = 0, rc = SQLITE_DONE;
  for (;;) { /* from one to the next by the index: after a name comes that name and a NUL, which follows the blob's bytes */
    bind_text(st, 1, last ? last->bytes : "", last ? last->size + 1 : 0);
    rc = sqlite3_step(st);
    hearth__blob *next = rc == SQLITE_ROW ? column_blob(st, 0) : NULL;
    finish(st);
    hearth__blob_release(last);
    last = next;
    if (!next) break;
    if ((status = fn(arg, next->bytes, next->size)) != 0) break;
  }
  hearth__blob_release(last);
  if (status == 0 && rc == SQLITE_ROW && !last) return short_of_memory(f);
  if (status == 0 && rc != SQLITE_ROW && rc != SQLITE_DONE) return failed(s, c, rc, f);
  return status;
}

static int kept(hearth__engine *e, hearth__conn *conn, hearth__kept_fn *fn, void *arg, hearth__fault *f) {
  hearth__sqlite *s = of(e);
  hearth__sql *c = conn_of(s, conn);
  sqlite3_stmt *st = prepared(s, c, HEARTH__SQL_KEPT, f);
  if (!st) return -1;
  int status = 0, rc = SQLITE_DONE;
  while (status == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
    hearth__kept k = {.id = sqlite3_column_int64(st, 0),
                      .revision = sqlite3_column_int64(st, 3),
                      .version = sqlite3_column_int64(st, 4),
                      .kind = (uint8_t)sqlite3_column_int64(st, 5),
                      .time = sqlite3_column_int64(st, 6),
                      .ns = column_blob(st, 1),
                      .key = column_blob(st, 2),
                      .value = column_blob(st, 7)};
    status = k.ns && k.key && k.value ? fn(arg, &k) : short_of_memory(f);
    hearth__blob_release(k.ns);
    hearth__blob_release(k.key);
    hearth__blob_release(k.value);
  }
  if (status == 0 && rc != SQLITE_DONE) status = failed(s, c, rc, f);
  finish(st);
  return status;
}

/* A writer that was killed between its announcement and its commit leaves a number that no commit has: set right when nobody writes. */
static void mend_number(hearth__sqlite *s, hearth__sql *c, int64_t last) {
  int64_t n;
  if (!s->gate || s->read_only || hearth__gate_number(s->gate) == last) return;
  int hold = hearth__gate_hold(s->gate);
  if (hold < 0) return;
  if (number(s, c, &n, NULL) == 0) hearth__gate_announce(s->gate, n);
  hearth__gate_unhold(hold);
}

static int changes(hearth__engine *e, hearth__conn *conn, int64_t since, int64_t *newest, bool *complete, hearth__log_fn *fn, void *arg,
                   hearth__fault *f) {
  hearth__sqlite *s = of(e);
  hearth__sql *c = conn_of(s, conn);
  sqlite3_stmt *st = prepared(s, c, HEARTH__SQL_OLDEST, f);
  if (!st) return -1;
  int rc = sqlite3_step(st);
  if (rc != SQLITE_ROW) {
    failed(s, c, rc, f);
    sqlite3_reset(st);
    return -1;
  }
  int64_t oldest = sqlite3_column_int64(st, 0), last = sqlite3_column_int64(st, 1);
  sqlite3_reset(st);
  if (conn) mend_number(s, c, last);
  *newest = last;
  *complete = since >= oldest && since <= last;
  if (!fn || !*complete || since == last) return 0;
  if (!(st = prepared(s, c, HEARTH__SQL_CHANGES, f))) return -1;
  sqlite3_bind_int64(st, 1, since);
  int status = 0;
  while (status == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
    const void *log = sqlite3_column_blob(st, 1);
    *newest = sqlite3_column_int64(st, 0);
    status = fn(arg, *newest, log ? log : "", (size_t)sqlite3_column_bytes(st, 1));
  }
  if (status == 0 && rc != SQLITE_DONE) status = failed(s, c, rc, f);
  finish(st);
  if (status > 0) *newest = last > *newest ? last : *newest;
  return status;
}

static int verify(hearth__engine *e, hearth__conn *conn, hearth__text_fn *fn, void *arg, hearth__fault *f) {
  hearth__sql *c = conn_of(of(e), conn);
  sqlite3_stmt *st;
  int rc = sqlite3_prepare_v2(c->db, "PRAGMA integrity_check(100)", -1, &st, NULL), status = 0;
  if (rc != SQLITE_OK) return failed(of(e), c, rc, f);
  while (status == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
    const char *text = (const char *)sqlite3_column_text(st, 0);
    if (text && strcmp(text, "ok") != 0) status = fn(arg, text);
  }
  if (status == 0 && rc != SQLITE_DONE) status = fn(arg, sqlite3_errmsg(c->db));
  sqlite3_finalize(st);
  return status;
}

static int backup(hearth__engine *e, hearth__conn *conn, const char *path, atomic_bool *stop, hearth__fault *f) {
  return hearth__sqlite_backup(of(e), conn_of(of(e), conn)->db, path, stop, f);
}

static void stats(hearth__engine *e, void (*add)(void *arg, const char *name, int64_t value), void *arg) {
  hearth__sqlite *s = of(e);
  add(arg, "file_bytes", hearth__sqlite_file_bytes(s));
  add(arg, "wal_bytes", hearth__sqlite_wal_bytes(s));
}

static bool current(hearth__engine *e, int64_t known) {
  hearth__sqlite *s = of(e);
  if (!s->gate) return false; /* nobody tells: ask each time */
  int64_t n = hearth__gate_number(s->gate);
  return n == known || n == atomic_load_explicit(&s->announced, memory_order_relaxed);
}

static const char *notice(hearth__engine *e) {
  return of(e)->gate ? hearth__gate_path(of(e)->gate) : NULL;
}

const hearth__engine_class hearth__sqlite_engine = {
    .name = "sqlite",
    .open = hearth__sqlite_open,
    .close = close_engine,
    .begin = begin,
    .apply = apply,
    .clear = clear,
    .keep = keep,
    .drop = drop,
    .commit = commit,
    .rollback = rollback,
    .keeps = keeps,
    .rest = rest,
    .idle = idle,
    .connect = connect_reader,
    .disconnect = disconnect_reader,
    .load = load,
    .scan = scan,
    .each = each,
    .expiring = expiring,
    .usage = usage,
    .namespaces = namespaces,
    .kept = kept,
    .changes = changes,
    .verify = verify,
    .backup = backup,
    .stats = stats,
    .current = current,
    .notice = notice,
};
