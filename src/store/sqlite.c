/* The SQLite engine: WAL and full synchronous, one writing connection behind the gate (sqlite_write.c), a private connection for each reader
** (sqlite_read.c). The schema, and the rules for files that are damaged, foreign or newer, are in sqlite_open.c. */
#include "store/sqlite.h"

#include <stdlib.h>
#include <string.h>

static hearth__sqlite *of(hearth__engine *e) {
  return (hearth__sqlite *)e;
}

/* ---- connections */

static void close_engine(hearth__engine *e) {
  hearth__sqlite *s = of(e);
  hearth__sqlite_settle(s);
  hearth__sql_close(&s->writer);
  hearth__gate_close(s->gate);
  free(s->path);
  free(s);
}

static int connect_reader(hearth__engine *e, hearth__conn **out, hearth__fault *f) {
  hearth__sqlite *s = of(e);
  hearth__sql *c = calloc(1, sizeof *c);
  if (!c) return hearth__fail(f, "EIO", "out of memory");
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

hearth__sql *hearth__sqlite_conn(hearth__sqlite *s, hearth__conn *c) {
  return c ? (hearth__sql *)c : &s->writer;
}

/* ---- the commits of others */

/* A writer that was killed between its announcement and its commit leaves a number that no commit has: set right when nobody writes. */
static void mend_number(hearth__sqlite *s, hearth__sql *c, int64_t last) {
  int64_t n;
  if (!s->gate || s->read_only || hearth__gate_number(s->gate) == last) return;
  int hold = hearth__gate_hold(s->gate);
  if (hold < 0) return;
  if (hearth__sql_number(s, c, &n, NULL) == 0) hearth__gate_announce(s->gate, n);
  hearth__gate_unhold(hold);
}

static int changes(hearth__engine *e, hearth__conn *conn, int64_t since, int64_t *newest, bool *complete, hearth__log_fn *fn, void *arg,
                   hearth__fault *f) {
  hearth__sqlite *s = of(e);
  hearth__sql *c = hearth__sqlite_conn(s, conn);
  sqlite3_stmt *st = hearth__sql_prepared(s, c, HEARTH__SQL_OLDEST, f);
  if (!st) return -1;
  int rc = sqlite3_step(st);
  if (rc != SQLITE_ROW) {
    hearth__sql_failed(s, c, rc, f);
    sqlite3_reset(st);
    return -1;
  }
  int64_t oldest = sqlite3_column_int64(st, 0), last = sqlite3_column_int64(st, 1);
  sqlite3_reset(st);
  if (conn) mend_number(s, c, last);
  *newest = last;
  *complete = since >= oldest && since <= last;
  if (!fn || !*complete || since == last) return 0;
  if (!(st = hearth__sql_prepared(s, c, HEARTH__SQL_CHANGES, f))) return -1;
  sqlite3_bind_int64(st, 1, since);
  int status = 0;
  while (status == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
    const void *log = sqlite3_column_blob(st, 1);
    *newest = sqlite3_column_int64(st, 0);
    status = fn(arg, *newest, log ? log : "", (size_t)sqlite3_column_bytes(st, 1));
  }
  if (status == 0 && rc != SQLITE_DONE) status = hearth__sql_failed(s, c, rc, f);
  hearth__sql_finish(st);
  if (status > 0) *newest = last > *newest ? last : *newest;
  return status;
}

static int verify(hearth__engine *e, hearth__conn *conn, hearth__text_fn *fn, void *arg, hearth__fault *f) {
  hearth__sql *c = hearth__sqlite_conn(of(e), conn);
  sqlite3_stmt *st;
  int rc = sqlite3_prepare_v2(c->db, "PRAGMA integrity_check(100)", -1, &st, NULL), status = 0;
  if (rc != SQLITE_OK) return hearth__sql_failed(of(e), c, rc, f);
  while (status == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
    const char *text = (const char *)sqlite3_column_text(st, 0);
    if (text && strcmp(text, "ok") != 0) status = fn(arg, text);
  }
  if (status == 0 && rc != SQLITE_DONE) status = fn(arg, sqlite3_errmsg(c->db));
  sqlite3_finalize(st);
  return status;
}

static int backup(hearth__engine *e, hearth__conn *conn, const char *path, atomic_bool *stop, hearth__fault *f) {
  return hearth__sqlite_backup(of(e), hearth__sqlite_conn(of(e), conn)->db, path, stop, f);
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
    .is_file = true,
    .open = hearth__sqlite_open,
    .close = close_engine,
    .begin = hearth__sqlite_begin,
    .apply = hearth__sqlite_apply,
    .clear = hearth__sqlite_clear,
    .keep = hearth__sqlite_keep,
    .drop = hearth__sqlite_drop,
    .commit = hearth__sqlite_commit,
    .rollback = hearth__sqlite_rollback,
    .keeps = hearth__sqlite_keeps,
    .rest = hearth__sqlite_rest,
    .idle = hearth__sqlite_idle,
    .connect = connect_reader,
    .disconnect = disconnect_reader,
    .load = hearth__sqlite_load,
    .scan = hearth__sqlite_scan,
    .each = hearth__sqlite_each,
    .expiring = hearth__sqlite_expiring,
    .usage = hearth__sqlite_usage,
    .namespaces = hearth__sqlite_namespaces,
    .kept = hearth__sqlite_kept,
    .changes = changes,
    .verify = verify,
    .backup = backup,
    .stats = stats,
    .current = current,
    .notice = notice,
};
