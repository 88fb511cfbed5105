/* What is asked of the SQLite engine: records, keys in their order, what expires, sums. By a reader's own connection, or by the writer's inside its
** transaction. No statement is left open: a reader must not keep the log from being reused. */
#include <stdlib.h>
#include <string.h>

#include "store/sqlite.h"

static hearth__sqlite *of(hearth__engine *e) {
  return (hearth__sqlite *)e;
}

static int short_of_memory(hearth__fault *f) {
  return hearth__fail(f, "EIO", "out of memory");
}

/* The columns in front of the value. */
static void read_head(sqlite3_stmt *st, hearth__record *r) {
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
}

/* A long value, which GET leaves out: straight from its pages, of which the open statement has a snapshot. None: its bytes are in quarantine. */
static int read_long(hearth__sql *c, hearth__record *r) {
  sqlite3_blob *from;
  int rc = sqlite3_blob_open(c->db, "main", "record", "value", r->id, 0, &from);
  if (rc != SQLITE_OK) return rc == SQLITE_ERROR ? SQLITE_OK : rc; /* it opens no NULL */
  int size = sqlite3_blob_bytes(from);
  r->value = hearth__blob_new(NULL, (size_t)size);
  rc = r->value ? sqlite3_blob_read(from, r->value->bytes, size, 0) : SQLITE_NOMEM;
  sqlite3_blob_close(from);
  return rc;
}

/* The row of a statement as a record. `c`: it is GET, by that connection. A code of SQLite's. */
static int read_record(hearth__sql *c, sqlite3_stmt *st, const hearth__name *name, hearth__record *r) {
  int rc = SQLITE_OK;
  read_head(st, r);
  if (sqlite3_column_type(st, 8) != SQLITE_NULL)
    rc = (r->value = hearth__sql_blob(st, 8)) ? SQLITE_OK : SQLITE_NOMEM;
  else if (c && sqlite3_column_int(st, 9))
    rc = read_long(c, r);
  if (rc != SQLITE_OK) {
    hearth__blob_release(r->value);
    r->value = NULL;
    return rc;
  }
  r->size = r->value ? r->value->size : 0;
  bool sound = r->value && r->kind < HEARTH__KINDS && hearth__record_checksum(name, r) == r->checksum;
  if (!sound) r->state = HEARTH__DAMAGED;
  return SQLITE_OK;
}

int hearth__sqlite_load(hearth__engine *e, hearth__conn *conn, hearth__item *items, size_t n, hearth__fault *f) {
  hearth__sqlite *s = of(e);
  hearth__sql *c = hearth__sqlite_conn(s, conn);
  sqlite3_stmt *st = hearth__sql_prepared(s, c, HEARTH__SQL_GET, f);
  if (!st) return -1;
  bool snapshot = conn && n > 1; /* one moment for all of them */
  if (snapshot && sqlite3_exec(c->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
    return hearth__sql_failed(s, c, sqlite3_extended_errcode(c->db), f);
  int status = 0;
  for (size_t i = 0; i < n && status == 0; i++) {
    memset(&items[i].record, 0, sizeof items[i].record);
    hearth__sql_bind_text(st, 1, items[i].name.ns, items[i].name.ns_size);
    hearth__sql_bind_text(st, 2, items[i].name.key, items[i].name.key_size);
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) rc = read_record(c, st, &items[i].name, &items[i].record);
    if ((rc & 0xff) == SQLITE_CORRUPT) { /* a damaged page: this key, and others that live on it */
      if (!(items[i].fault = malloc(sizeof *items[i].fault)))
        status = short_of_memory(f);
      else
        hearth__sql_failed(s, c, rc, items[i].fault);
    } else if (rc == SQLITE_NOMEM)
      status = short_of_memory(f);
    else if (rc != SQLITE_OK && rc != SQLITE_DONE)
      status = hearth__sql_failed(s, c, rc, f);
    hearth__sql_finish(st);
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

int hearth__sqlite_scan(hearth__engine *e, hearth__conn *conn, const hearth__scan *sc, hearth__key_fn *fn, void *arg, hearth__fault *f) {
  hearth__sqlite *s = of(e);
  hearth__sql *c = hearth__sqlite_conn(s, conn);
  sqlite3_stmt *st = hearth__sql_prepared(s, c, HEARTH__SQL_EXPIRED, f);
  if (!st || sc->limit == 0) return st ? 0 : -1;
  /* The index alone answers while nothing has expired. */
  sqlite3_bind_int64(st, 1, sc->now);
  int rc = sqlite3_step(st);
  bool live = rc == SQLITE_ROW;
  if (rc != SQLITE_ROW && rc != SQLITE_DONE) hearth__sql_failed(s, c, rc, f);
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
  st = hearth__sql_prepared(s, c, which, f);
  if (!st) {
    free(end);
    return -1;
  }
  hearth__sql_bind_text(st, 1, sc->ns, sc->ns_size);
  hearth__sql_bind_text(st, 2, low, low_size);
  if (high) hearth__sql_bind_text(st, 3, high, high_size);
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
  if (rc != SQLITE_ROW && rc != SQLITE_DONE) status = hearth__sql_failed(s, c, rc, f);
  hearth__sql_finish(st);
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

int hearth__sqlite_each(hearth__engine *e, hearth__conn *conn, const char *ns, size_t ns_size, bool values, hearth__record_fn *fn,
                        void *arg, hearth__fault *f) {
  hearth__sqlite *s = of(e);
  hearth__sql *c = hearth__sqlite_conn(s, conn);
  sqlite3_stmt *st = hearth__sql_prepared(s, c, ns ? HEARTH__SQL_EACH : values ? HEARTH__SQL_EACH_ALL : HEARTH__SQL_EACH_BARE, f);
  if (!st) return -1;
  if (ns) hearth__sql_bind_text(st, 1, ns, ns_size);
  int status = 0, rc = SQLITE_DONE;
  while (status == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
    hearth__record r;
    hearth__name name = name_columns(st, 9);
    int read = SQLITE_OK;
    if (values)
      read = read_record(NULL, st, &name, &r);
    else
      read_head(st, &r);
    if (read != SQLITE_OK)
      status = short_of_memory(f);
    else {
      r.size = (size_t)sqlite3_column_int64(st, 11);
      status = fn(arg, &name, &r);
    }
    hearth__blob_release(r.value);
  }
  if (status == 0 && rc != SQLITE_DONE) status = hearth__sql_failed(s, c, rc, f);
  hearth__sql_finish(st);
  return status;
}

int hearth__sqlite_expiring(hearth__engine *e, hearth__conn *conn, int64_t until, int64_t limit, hearth__record_fn *fn, void *arg,
                            hearth__fault *f) {
  hearth__sqlite *s = of(e);
  hearth__sql *c = hearth__sqlite_conn(s, conn);
  sqlite3_stmt *st = hearth__sql_prepared(s, c, HEARTH__SQL_EXPIRING, f);
  if (!st) return -1;
  sqlite3_bind_int64(st, 1, until);
  sqlite3_bind_int64(st, 2, limit);
  int status = 0, rc = SQLITE_DONE;
  while (status == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
    hearth__name name = name_columns(st, 0);
    hearth__record r = {.state = HEARTH__PRESENT, .expires_at = sqlite3_column_int64(st, 2), .revision = sqlite3_column_int64(st, 3)};
    status = fn(arg, &name, &r);
  }
  if (status == 0 && rc != SQLITE_DONE) status = hearth__sql_failed(s, c, rc, f);
  hearth__sql_finish(st);
  return status;
}

int hearth__sqlite_usage(hearth__engine *e, hearth__conn *conn, const char *ns, size_t ns_size, hearth__usage *u, hearth__fault *f) {
  hearth__sqlite *s = of(e);
  hearth__sql *c = hearth__sqlite_conn(s, conn);
  sqlite3_stmt *st = hearth__sql_prepared(s, c, HEARTH__SQL_USAGE, f);
  if (!st) return -1;
  hearth__sql_bind_text(st, 1, ns, ns_size);
  int rc = sqlite3_step(st);
  if (rc == SQLITE_ROW) {
    u->keys = sqlite3_column_int64(st, 0);
    u->bytes = sqlite3_column_int64(st, 1);
  } else
    hearth__sql_failed(s, c, rc, f);
  hearth__sql_finish(st);
  u->file_bytes = hearth__sqlite_file_bytes(s);
  return rc == SQLITE_ROW ? 0 : -1;
}

int hearth__sqlite_namespaces(hearth__engine *e, hearth__conn *conn, hearth__key_fn *fn, void *arg, hearth__fault *f) {
  hearth__sqlite *s = of(e);
  hearth__sql *c = hearth__sqlite_conn(s, conn);
  sqlite3_stmt *st = hearth__sql_prepared(s, c, HEARTH__SQL_NAMESPACES, f);
  if (!st) return -1;
  hearth__blob *last = NULL;
  int status = 0, rc = SQLITE_DONE;
  for (;;) { /* from one to the next by the index: after a name comes that name and a NUL, which follows the blob's bytes */
    hearth__sql_bind_text(st, 1, last ? last->bytes : "", last ? last->size + 1 : 0);
    rc = sqlite3_step(st);
    hearth__blob *next = rc == SQLITE_ROW ? hearth__sql_blob(st, 0) : NULL;
    hearth__sql_finish(st);
    hearth__blob_release(last);
    last = next;
    if (!next) break;
    if ((status = fn(arg, next->bytes, next->size)) != 0) break;
  }
  hearth__blob_release(last);
  if (status == 0 && rc == SQLITE_ROW && !last) return short_of_memory(f);
  if (status == 0 && rc != SQLITE_ROW && rc != SQLITE_DONE) return hearth__sql_failed(s, c, rc, f);
  return status;
}

int hearth__sqlite_kept(hearth__engine *e, hearth__conn *conn, hearth__kept_fn *fn, void *arg, hearth__fault *f) {
  hearth__sqlite *s = of(e);
  hearth__sql *c = hearth__sqlite_conn(s, conn);
  sqlite3_stmt *st = hearth__sql_prepared(s, c, HEARTH__SQL_KEPT, f);
  if (!st) return -1;
  int status = 0, rc = SQLITE_DONE;
  while (status == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
    hearth__kept k = {.id = sqlite3_column_int64(st, 0),
                      .revision = sqlite3_column_int64(st, 3),
                      .version = sqlite3_column_int64(st, 4),
                      .kind = (uint8_t)sqlite3_column_int64(st, 5),
                      .time = sqlite3_column_int64(st, 6),
                      .ns = hearth__sql_blob(st, 1),
                      .key = hearth__sql_blob(st, 2),
                      .value = hearth__sql_blob(st, 7)};
    status = k.ns && k.key && k.value ? fn(arg, &k) : short_of_memory(f);
    hearth__blob_release(k.ns);
    hearth__blob_release(k.key);
    hearth__blob_release(k.value);
  }
  if (status == 0 && rc != SQLITE_DONE) status = hearth__sql_failed(s, c, rc, f);
  hearth__sql_finish(st);
  return status;
}
