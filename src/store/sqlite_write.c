/* The writer of the SQLite engine: one transaction at a time, behind the gate that processes queue at; and the log of the file, which is written back
** when it grows long or when all is quiet. */
#include <stdio.h>
#include <time.h>

#include "store/sqlite.h"
#include "store/stopped.h"

enum { GATE_MS = 2000, WAL_PAGES_MAX = (64 << 20) / 4096, WAL_PAGES_IDLE = 256 };
enum { READ_LOCKS = 123, READER_MS = 200 }; /* SQLite's locks of readers: bytes of the log's index */
enum { LOG_ROW_MAX = 1 << 20, LOG_BYTES = 4 << 20, LOG_ROWS = 4096, TRIM_EVERY = 1024 };
enum { LOG_HEADER = 32, LOG_FRAME = 4096 + 24, LOG_AHEAD = 256 << 10 };
enum { FEW = 4, SMALL_PAGES = 64, LOG_PAGES = (4 << 20) / 4096 }; /* a log of small commits begins anew when it is so long */
enum { LOG_LEFT = 1 << 20 }; /* so much of the log may be left behind: whoever opens the file next reads all of it */

static hearth__sqlite *of(hearth__engine *e) {
  return (hearth__sqlite *)e;
}

static int writer_busy(void *arg, int times) {
  hearth__sqlite *s = arg;
  struct timespec nap = {0, times < 20 ? 500000 : 5000000};
  if (times == 0) s->busy_since = hearth__sqlite_ms();
  if ((s->abort && atomic_load(s->abort)) || hearth__sqlite_ms() - s->busy_since > HEARTH__SQLITE_BUSY_MS) return 0;
  nanosleep(&nap, NULL);
  return 1;
}

static int wal_grew(void *arg, sqlite3 *db, const char *name, int pages) {
  (void)db;
  (void)name;
  hearth__sqlite *s = arg;
  s->grew = pages - s->wal_pages;
  if (s->grew < 0) s->restart_at = LOG_PAGES; /* it was begun anew */
  s->wal_pages = pages;
  hearth__gate_log_of(s->gate)->used = LOG_HEADER + (int64_t)pages * LOG_FRAME;
  return SQLITE_OK;
}

void hearth__sqlite_writer_hooks(hearth__sqlite *s) {
  sqlite3_busy_handler(s->writer.db, writer_busy, s);
  sqlite3_wal_hook(s->writer.db, wal_grew, s);
  s->restart_at = LOG_PAGES;
}

/* ---- transactions */

/* What is written to a file that has another name now, or none, is lost for everybody else. */
static int check_place(hearth__sqlite *s, hearth__fault *f) {
  int moved = 0;
  sqlite3_file_control(s->writer.db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
  if (!moved) return 0;
  return hearth__fail(f, "EIO", "%s: the file was replaced, moved or removed while it was open; nothing was written, open the store again",
                      s->path);
}

int hearth__sqlite_begin(hearth__engine *e, int64_t *commit, hearth__fault *f) {
  hearth__sqlite *s = of(e);
  if (s->read_only) return hearth__fail(f, "EROFS", "%s: the store was opened read-only", s->path);
  if (check_place(s, f) != 0) return -1;
  if (hearth__gate_enter(s->gate, s->abort, GATE_MS) < 0)
    return hearth__fail(f, "ETIMEOUT", "%s: another process holds the store", s->path);
  /* Past a gate that is held too long, SQLite's own lock decides. */
  if (hearth__sql_run(s, &s->writer, HEARTH__SQL_BEGIN, f) != 0) {
    hearth__gate_leave(s->gate);
    return -1;
  }
  s->began = true;
  if (hearth__sql_number(s, &s->writer, commit, f) != 0) return -1; /* the front rolls back */
  s->start = *commit;
  return 0;
}

static bool checkpoint(hearth__sqlite *s) {
  int log = 0, done = 0;
  int rc = sqlite3_wal_checkpoint_v2(s->writer.db, NULL, SQLITE_CHECKPOINT_PASSIVE, &log, &done);
  bool whole = rc == SQLITE_OK && log == done;
  if (whole) {
    s->wal_pages = s->relieve_at = 0;
    s->restart_at = LOG_PAGES;
    hearth__gate_log_of(s->gate)->used = 0;
  }
  return whole;
}

void hearth__sqlite_rollback(hearth__engine *e) {
  hearth__sqlite *s = of(e);
  if (!s->began) return;
  int rc = sqlite3_errcode(s->writer.db) & 0xff;
  bool full = rc == SQLITE_FULL || rc == SQLITE_IOERR;
  if (!sqlite3_get_autocommit(s->writer.db)) hearth__sql_run(s, &s->writer, HEARTH__SQL_ROLLBACK, NULL);
  s->began = false;
  hearth__gate_done(s->gate);
  if (full) { /* the log cannot grow: what is in it is written back, then it begins anew */
    hearth__gate_leave(s->gate);
    checkpoint(s);
  }
}

/* `before` is what the statement had last, or NULL: most of what describes a record is the same for all that are written together. */
static void bind_record(sqlite3_stmt *st, const hearth__record *r, const hearth__record *before, bool expiry) {
  sqlite3_bind_int64(st, 2, r->revision);
  if (!before || r->created_at != before->created_at) sqlite3_bind_int64(st, 3, r->created_at);
  if (!before || r->updated_at != before->updated_at) sqlite3_bind_int64(st, 4, r->updated_at);
  if (expiry && r->expires_at)
    sqlite3_bind_int64(st, 5, r->expires_at);
  else if (expiry)
    sqlite3_bind_null(st, 5);
  if (!before || r->version != before->version) sqlite3_bind_int64(st, 6, r->version);
  if (!before || r->kind != before->kind) sqlite3_bind_int64(st, 7, r->kind);
  sqlite3_bind_int64(st, 8, (int64_t)r->checksum);
  if (!before || r->size != before->size) sqlite3_bind_int64(st, 9, (int64_t)r->size);
  hearth__sql_bind_value(st, 10, r->value);
}

int hearth__sqlite_apply(hearth__engine *e, hearth__change *changes, size_t n, hearth__fault *f) {
  hearth__sqlite *s = of(e);
  sqlite3_stmt *insert = hearth__sql_prepared(s, &s->writer, HEARTH__SQL_INSERT, f),
               *update = hearth__sql_prepared(s, &s->writer, HEARTH__SQL_UPDATE, f),
               *update_expiry = hearth__sql_prepared(s, &s->writer, HEARTH__SQL_UPDATE_EXPIRY, f),
               *remove = hearth__sql_prepared(s, &s->writer, HEARTH__SQL_DELETE, f);
  if (!insert || !update || !update_expiry || !remove) return -1;
  const sqlite3_stmt *last = NULL;
  for (size_t i = 0; i < n; i++) {
    hearth__change *c = &changes[i];
    sqlite3_stmt *st = insert;
    if (c->record->state == HEARTH__ABSENT)
      st = remove;
    else if (c->old_id)
      st = c->same_expiry ? update : update_expiry;
    if (st != insert) sqlite3_bind_int64(st, 1, c->old_id);
    if (st != remove) bind_record(st, c->record, st == last ? changes[i - 1].record : NULL, st != update);
    last = st;
    if (st == insert) {
      hearth__sql_bind_text(st, 11, c->name.ns, c->name.ns_size);
      hearth__sql_bind_text(st, 12, c->name.key, c->name.key_size);
    }
    int rc = sqlite3_step(st);
    if (rc != SQLITE_DONE) hearth__sql_failed(s, &s->writer, rc, f);
    sqlite3_reset(st);
    if (rc != SQLITE_DONE) return -1;
    if (st == insert)
      c->record->id = sqlite3_last_insert_rowid(s->writer.db);
    else if (st != remove)
      c->record->id = c->old_id;
  }
  return 0;
}

int hearth__sqlite_clear(hearth__engine *e, const char *ns, size_t ns_size, hearth__fault *f) {
  hearth__sqlite *s = of(e);
  sqlite3_stmt *st = hearth__sql_prepared(s, &s->writer, HEARTH__SQL_CLEAR, f);
  if (!st) return -1;
  hearth__sql_bind_text(st, 1, ns, ns_size);
  int rc = sqlite3_step(st);
  if (rc != SQLITE_DONE) hearth__sql_failed(s, &s->writer, rc, f);
  hearth__sql_finish(st);
  return rc == SQLITE_DONE ? 0 : -1;
}

int hearth__sqlite_keep(hearth__engine *e, const hearth__name *name, const hearth__record *r, int64_t now, hearth__fault *f) {
  hearth__sqlite *s = of(e);
  sqlite3_stmt *st = hearth__sql_prepared(s, &s->writer, HEARTH__SQL_KEEP, f),
               *newest = hearth__sql_prepared(s, &s->writer, HEARTH__SQL_KEEP_NEWEST, f);
  if (!st || !newest) return -1;
  hearth__sql_bind_text(st, 1, name->ns, name->ns_size);
  hearth__sql_bind_text(st, 2, name->key, name->key_size);
  sqlite3_bind_int64(st, 3, r->revision);
  sqlite3_bind_int64(st, 4, r->version);
  sqlite3_bind_int64(st, 5, r->kind);
  sqlite3_bind_int64(st, 6, (int64_t)r->checksum);
  sqlite3_bind_int64(st, 7, now);
  hearth__sql_bind_value(st, 8, r->value);
  int rc = sqlite3_step(st);
  if (rc == SQLITE_DONE) {
    hearth__sql_bind_text(newest, 1, name->ns, name->ns_size);
    hearth__sql_bind_text(newest, 2, name->key, name->key_size);
    rc = sqlite3_step(newest);
  }
  if (rc != SQLITE_DONE) hearth__sql_failed(s, &s->writer, rc, f);
  hearth__sql_finish(st);
  hearth__sql_finish(newest);
  return rc == SQLITE_DONE ? 0 : -1;
}

int hearth__sqlite_drop(hearth__engine *e, int64_t id, bool *found, hearth__fault *f) {
  hearth__sqlite *s = of(e);
  sqlite3_stmt *st = hearth__sql_prepared(s, &s->writer, HEARTH__SQL_DROP, f);
  if (!st) return -1;
  sqlite3_bind_int64(st, 1, id);
  int rc = sqlite3_step(st);
  *found = rc == SQLITE_DONE && sqlite3_changes(s->writer.db) > 0;
  if (rc != SQLITE_DONE) hearth__sql_failed(s, &s->writer, rc, f);
  sqlite3_reset(st);
  return rc == SQLITE_DONE ? 0 : -1;
}

/* Rows of the change log that nobody will ask for go; the newest stays, whatever its size. */
static int trim(hearth__sqlite *s, hearth__fault *f) {
  sqlite3_stmt *st = hearth__sql_prepared(s, &s->writer, HEARTH__SQL_TRIM, f);
  if (!st) return -1;
  sqlite3_bind_int64(st, 1, LOG_BYTES);
  sqlite3_bind_int64(st, 2, LOG_ROWS);
  int rc = sqlite3_step(st);
  if (rc != SQLITE_DONE) hearth__sql_failed(s, &s->writer, rc, f);
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
  s->relieve_at = s->wal_pages + WAL_PAGES_MAX / 16;
  snprintf(index, sizeof index, "%s-shm", s->path);
  if (!hearth__nudge_lockers(&nudged, index, READ_LOCKS, READ_LOCKS + 4)) return;
  for (int ms = 0; ms < READER_MS && !checkpoint(s); ms++) nanosleep(&nap, NULL);
  hearth__calm(&nudged);
}

/* A commit that makes the log's file longer has the file system note its new length as well, which costs as much as the flush of what was written. So
** the file is longer than the log: zeroes, for the commits to come, once there have been a few. Nobody else writes behind its end, we hold the lock of
** writers. Where it fails the commit finds out by itself. How long it is, is asked rarely: a file that was looked at since it was last written gets a new
** time of change with the next write (Linux 6.13), which the flush has to note, too. */
static void lengthen_log(hearth__sqlite *s) {
  static const char zeroes[16 << 10]; /* SQLite writes less than 128 KiB at once */
  sqlite3_file *file = NULL;
  hearth__gate_log *log = hearth__gate_log_of(s->gate);
  sqlite3_int64 size, wanted = log->used + LOG_AHEAD / 4;
  if (s->commits < FEW || wanted <= log->length) return;
  if (sqlite3_file_control(s->writer.db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file) != SQLITE_OK || !file || !file->pMethods) return;
  if (file->pMethods->xFileSize(file, &size) != SQLITE_OK) return;
  for (sqlite3_int64 end = wanted > size ? size + LOG_AHEAD : size; size < end; size += (int)sizeof zeroes)
    if (file->pMethods->xWrite(file, zeroes, sizeof zeroes, size) != SQLITE_OK) return;
  log->length = size;
}

int hearth__sqlite_commit(hearth__engine *e, int64_t revision, const void *log, size_t size, hearth__fault *f) {
  hearth__sqlite *s = of(e);
  if (log && revision > s->start) {
    sqlite3_stmt *st = hearth__sql_prepared(s, &s->writer, HEARTH__SQL_CHANGE, f);
    if (!st) return -1;
    sqlite3_bind_int64(st, 1, revision);
    if (size > LOG_ROW_MAX)
      sqlite3_bind_blob64(st, 2, "\xff", 1, SQLITE_STATIC); /* no log of ours: whoever reads it compares revisions */
    else
      sqlite3_bind_blob64(st, 2, log, size, SQLITE_STATIC);
    int rc = sqlite3_step(st);
    if (rc != SQLITE_DONE) hearth__sql_failed(s, &s->writer, rc, f);
    hearth__sql_finish(st);
    if (rc != SQLITE_DONE) return -1;
    s->untrimmed_bytes += size;
    if (++s->untrimmed >= TRIM_EVERY || s->untrimmed_bytes > LOG_BYTES)
      if (trim(s, f) != 0) return -1;
  }
  atomic_store(&s->announced, revision);
  if (revision > s->start) hearth__gate_announce(s->gate, revision);
  lengthen_log(s);
  if (hearth__sql_run(s, &s->writer, HEARTH__SQL_COMMIT, f) != 0) {
    hearth__gate_announce(s->gate, s->start);
    return -1; /* the front rolls back */
  }
  s->began = false;
  if (revision > s->start) hearth__gate_publish(s->gate, revision);
  if (s->commits < FEW) s->commits++;
  /* Behind the gate nobody adds to the log meanwhile: all of it is written back, and the next commit begins it anew. What is larger takes a while. */
  if (s->wal_pages >= s->restart_at && s->wal_pages < 2 * LOG_PAGES && s->grew <= SMALL_PAGES)
    if (!checkpoint(s)) s->restart_at = s->wal_pages + LOG_PAGES / 4;
  hearth__gate_done(s->gate);
  if (s->wal_pages > WAL_PAGES_MAX && s->wal_pages >= s->relieve_at) {
    hearth__gate_leave(s->gate); /* it takes a while */
    relieve(s);
  }
  return 0;
}

bool hearth__sqlite_keeps(hearth__engine *e) {
  return hearth__gate_entered(of(e)->gate);
}

void hearth__sqlite_rest(hearth__engine *e) {
  hearth__gate_rest(of(e)->gate);
}

void hearth__sqlite_idle(hearth__engine *e) {
  hearth__sqlite *s = of(e);
  if (s->read_only) return;
  if (s->wal_pages > WAL_PAGES_IDLE) checkpoint(s);
  sqlite3_db_release_memory(s->writer.db);
}

void hearth__sqlite_settle(hearth__sqlite *s) {
  if (s->read_only || hearth__sqlite_wal_bytes(s) <= LOG_LEFT) return;
  sqlite3_busy_timeout(s->writer.db, 0); /* whoever uses the log now sees to it later */
  if (checkpoint(s)) sqlite3_wal_checkpoint_v2(s->writer.db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
  hearth__gate_log_of(s->gate)->length = 0;
}
