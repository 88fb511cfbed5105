/* Opening a SQLite store, and the rules for what is found: a new file gets the schema; one of ours that is damaged is refused, or set aside if
** that was asked for and nobody else has it open; a foreign file and one of a newer format are always refused. Nothing is overwritten. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "store/files.h"
#include "store/sqlite.h"

enum { APPLICATION_ID = 0x48727468 /* "Hrth" */, FORMAT = 1, CHECKED_BYTES = 1 << 20, GATE_MS = 2000 };

/* In the first page of every store of ours: tells a damaged one from a foreign one. */
#define MARK "-- a Hearth store"

static const char schema[] =
    "CREATE TABLE record( " MARK
    "\n"
    "  id INTEGER PRIMARY KEY,\n"
    "  namespace TEXT NOT NULL, key TEXT NOT NULL,\n"
    "  revision INTEGER NOT NULL,   -- number of the commit that wrote it\n"
    "  created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, -- milliseconds since 1970\n"
    "  expires_at INTEGER,\n"
    "  version INTEGER NOT NULL,    -- of the value's schema\n"
    "  kind INTEGER NOT NULL,       -- 0 text, 1 JSON\n"
    "  checksum INTEGER NOT NULL, size INTEGER NOT NULL,\n"
    "  value                        -- NULL: damaged, its bytes are in quarantine\n"
    ");\n"
    "CREATE UNIQUE INDEX record_name ON record(namespace, key);\n"
    "CREATE INDEX record_expiry ON record(expires_at) WHERE expires_at IS NOT NULL;\n"
    "CREATE TABLE change(revision INTEGER PRIMARY KEY, log BLOB NOT NULL);\n"
    "CREATE TABLE quarantine(id INTEGER PRIMARY KEY AUTOINCREMENT, namespace TEXT NOT NULL, key TEXT NOT NULL, revision INTEGER NOT NULL,"
    " version INTEGER NOT NULL, kind INTEGER NOT NULL, checksum INTEGER NOT NULL, time INTEGER NOT NULL, value);\n"
    "INSERT INTO change(revision, log) VALUES(0, x'');\n";

/* TORN: too little is left to tell whose it was; refused like a damaged one, and never moved. */
typedef enum found { FINE, FRESH, DAMAGED, TORN, FOREIGN, NEWER, FAILED } found;

int64_t hearth__sqlite_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t size_of(const char *path, const char *suffix) {
  char name[4096];
  struct stat st;
  snprintf(name, sizeof name, "%s%s", path, suffix);
  return stat(name, &st) == 0 ? (int64_t)st.st_size : -1;
}

int64_t hearth__sqlite_wal_bytes(const hearth__sqlite *s) {
  int64_t n = size_of(s->path, "-wal");
  return n < 0 ? 0 : n;
}

int64_t hearth__sqlite_file_bytes(const hearth__sqlite *s) {
  int64_t n = size_of(s->path, "");
  return (n < 0 ? 0 : n) + hearth__sqlite_wal_bytes(s);
}

static int fail_path(const char *path, hearth__fault *f) {
  int err = errno;
  return hearth__fail(f, hearth__errno_code(err), "%s: %s", path, strerror(err));
}

/* Asked of the nearest folder that is there, before anything is made. */
static int refuse_network(const char *path, hearth__fault *f) {
  struct statfs fs;
  char folder[4096];
  if (snprintf(folder, sizeof folder, "%s", path) >= (int)sizeof folder) return 0;
  do {
    char *slash = strrchr(folder, '/');
    if (slash)
      slash[slash == folder] = '\0';
    else
      strcpy(folder, ".");
  } while (statfs(folder, &fs) != 0 && strchr(folder + 1, '/'));
  switch ((unsigned long)fs.f_type & 0xffffffffu) {
    case 0x6969:     /* NFS */
    case 0x517b:     /* SMB */
    case 0xff534d42: /* CIFS */
    case 0xfe534d42: /* SMB2 */
    case 0x01021997: /* 9P */
    case 0x00c36400: /* Ceph */
    case 0x0bd00bd0: /* Lustre */
    case 0x73757245: /* Coda */
    case 0x5346414f: /* AFS */
    case 0x6b414653: /* AFS of the kernel */
      return hearth__fail(f, "EINVAL",
                          "%s: lies on a network file system, where the store's shared memory does not work; put it on a local disk", path);
    default: return 0;
  }
}

/* ---- connections */

static int set(hearth__sqlite *s, sqlite3 *db, const char *sql, hearth__fault *f) {
  int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
  return rc == SQLITE_OK ? 0 : hearth__sqlite_fail(s, db, sqlite3_extended_errcode(db), f);
}

static char *uri_of(const char *path) {
  char *uri = malloc(strlen(path) * 3 + 32), *p = uri;
  if (!uri) return NULL;
  p += sprintf(p, "file:");
  for (const char *c = path; *c; c++)
    if (*c == '%' || *c == '?' || *c == '#')
      p += sprintf(p, "%%%02x", (unsigned char)*c);
    else
      *p++ = *c;
  strcpy(p, "?immutable=1");
  return uri;
}

int hearth__sqlite_connect(hearth__sqlite *s, hearth__sql *c, bool writer, hearth__fault *f) {
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | (s->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE), rc;
  if (s->immutable) {
    char *uri = uri_of(s->path);
    if (!uri) return hearth__fail(f, "EIO", "out of memory");
    rc = sqlite3_open_v2(uri, &c->db, flags | SQLITE_OPEN_URI, NULL);
    free(uri);
  } else
    rc = sqlite3_open_v2(s->path, &c->db, flags, NULL);
  if (rc != SQLITE_OK) return hearth__sqlite_fail(s, c->db, rc, f);
  sqlite3_db_config(c->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL);
  sqlite3_db_config(c->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, (int *)NULL);
  sqlite3_db_config(c->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, (int *)NULL);
  sqlite3_busy_timeout(c->db, 5000);
  sqlite3_wal_autocheckpoint(c->db, 0);
  /* The file itself is first read by the next line; the writer's is looked at before. */
  return writer ? 0 : set(s, c->db, "PRAGMA cell_size_check = ON; PRAGMA cache_size = -500; PRAGMA query_only = ON", f);
}

static int64_t pragma(sqlite3 *db, const char *sql, int64_t *out) {
  sqlite3_stmt *st;
  int rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL);
  if (rc != SQLITE_OK) return rc;
  rc = sqlite3_step(st);
  if (rc == SQLITE_ROW) *out = sqlite3_column_int64(st, 0);
  sqlite3_finalize(st);
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* ---- what is it */

/* Through SQLite's own descriptor: another one's close would drop the locks of this process. */
static found look_at_bytes(sqlite3 *db) {
  sqlite3_file *file = NULL;
  static const char magic[] = "SQLite format 3";
  unsigned char page[4096] = {0};
  sqlite3_int64 size = 0;
  if (sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK || !file || !file->pMethods) return FAILED;
  int rc = file->pMethods->xFileSize(file, &size);
  if (rc == SQLITE_OK) rc = file->pMethods->xRead(file, page, sizeof page, 0);
  if (rc != SQLITE_OK && rc != SQLITE_IOERR_SHORT_READ) return FAILED;
  uint32_t id = (uint32_t)page[68] << 24 | (uint32_t)page[69] << 16 | (uint32_t)page[70] << 8 | page[71];
  if (id == APPLICATION_ID || memmem(page, sizeof page, MARK, sizeof MARK - 1)) return DAMAGED;
  size_t known = sizeof magic < (size_t)size ? sizeof magic : (size_t)size;
  return size < (sqlite3_int64)sizeof page && memcmp(page, magic, known) == 0 ? TORN : FOREIGN;
}

static bool is_damage(int rc) {
  return (rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB || (rc & 0xff) == SQLITE_FORMAT;
}

static found examine(hearth__sqlite *s, hearth__fault *f) {
  sqlite3 *db = s->writer.db;
  int64_t tables = 0, id = 0, version = 0, ours = 0, pages = 0;
  int rc = (int)pragma(db, "SELECT count(*) FROM sqlite_schema", &tables);
  if (rc == SQLITE_OK) rc = (int)pragma(db, "PRAGMA application_id", &id);
  if (rc == SQLITE_OK) rc = (int)pragma(db, "PRAGMA user_version", &version);
  if (rc == SQLITE_OK) rc = (int)pragma(db, "PRAGMA page_count", &pages);
  if (is_damage(rc) || (rc & 0xff) == SQLITE_ERROR) {
    hearth__sqlite_fail(s, db, rc, f);
    return look_at_bytes(db);
  }
  if (rc != SQLITE_OK) {
    hearth__sqlite_fail(s, db, sqlite3_extended_errcode(db), f);
    return FAILED;
  }
  if (tables == 0 && id == 0) {
    if (size_of(s->path, "") == 0) return FRESH;
    hearth__fail(f, "ECORRUPT", "%s: most of it is missing", s->path);
    return look_at_bytes(db);
  }
  if (id != APPLICATION_ID) {
    hearth__fail(f, "ECORRUPT", "%s: its header is damaged", s->path);
    return look_at_bytes(db);
  }
  if (version > FORMAT) return NEWER;
  if (!s->read_only && sqlite3_db_readonly(db, "main") == 1 && access(s->path, W_OK) == 0) {
    hearth__fail(f, "ECORRUPT", "%s: its header is damaged", s->path);
    return DAMAGED;
  }
  rc = (int)pragma(
      db, "SELECT count(*) FROM sqlite_schema WHERE name IN ('record', 'record_name', 'record_expiry', 'change', 'quarantine')", &ours);
  int64_t newest = -1;
  if (rc == SQLITE_OK) rc = (int)pragma(db, "SELECT max(revision) FROM change", &newest);
  if (rc == SQLITE_OK && (ours != 5 || version != FORMAT || newest < 0)) {
    hearth__fail(f, "ECORRUPT", "%s: parts of the store are missing", s->path);
    return DAMAGED;
  }
  if (rc == SQLITE_OK && pages * 4096 <= CHECKED_BYTES) { /* small: all of it is looked at, so that nothing in it is silently lost */
    sqlite3_stmt *st;
    rc = sqlite3_prepare_v2(db, "PRAGMA integrity_check(1)", -1, &st, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_step(st);
    const char *text = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(st, 0) : "";
    if (rc == SQLITE_ROW && text && strcmp(text, "ok") != 0) {
      hearth__fail(f, "ECORRUPT", "%s: %s", s->path, text);
      rc = SQLITE_CORRUPT;
    } else if (rc == SQLITE_ROW)
      rc = SQLITE_OK;
    else
      hearth__sqlite_fail(s, db, rc, f);
    sqlite3_finalize(st);
    if (is_damage(rc)) return DAMAGED;
  }
  if (rc == SQLITE_OK) return FINE;
  hearth__sqlite_fail(s, db, rc, f);
  return is_damage(rc) || (rc & 0xff) == SQLITE_ERROR ? DAMAGED : FAILED;
}

/* ---- set aside */

/* Does somebody who is not of Hearth, such as the sqlite3 shell, have it open? Nobody in this process has. */
static bool locked_by_others(const char *path) {
  int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return false;
  struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 0};
  bool locked = fcntl(fd, F_OFD_GETLK, &fl) == 0 && fl.l_type != F_UNLCK;
  close(fd);
  return locked;
}

static int set_aside(hearth__sqlite *s, int64_t now, hearth__fault *f) {
  char to[4200], from[4200], side[4300];
  hearth__fault why = *f;
  hearth__sql_close(&s->writer);
  if (!hearth__gate_alone(s->gate) || locked_by_others(s->path))
    return hearth__fail(f, "ECORRUPT", "%s: it is damaged and open in another process, so it stays where it is", s->path);
  if (hearth__set_aside(s->path, now, to, sizeof to, f) != 0) return -1;
  snprintf(from, sizeof from, "%s-wal", s->path);
  snprintf(side, sizeof side, "%s-wal", to);
  if (rename(from, side) != 0 && errno != ENOENT) return fail_path(from, f);
  snprintf(from, sizeof from, "%s-journal", s->path);
  snprintf(side, sizeof side, "%s-journal", to);
  if (rename(from, side) != 0 && errno != ENOENT) return fail_path(from, f);
  snprintf(from, sizeof from, "%s-shm", s->path);
  unlink(from); /* an index of the log, made anew by whoever opens the copy */
  (void)hearth__sync_folder(s->path);
  hearth__gate_not_alone(s->gate);
  fprintf(stderr, "hearth: the store %s is damaged (%s); it was set aside as %s and a new one begins\n", s->path, why.message, to);
  return 0;
}

/* ---- open */

static int create_file(const char *path, hearth__fault *f) {
  int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return errno == EEXIST ? 0 : fail_path(path, f);
  close(fd); /* new, so that nobody in this process can hold a lock on it */
  return 0;
}

static int create_schema(hearth__sqlite *s, hearth__fault *f) {
  char sql[128];
  snprintf(sql, sizeof sql, "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT", APPLICATION_ID, FORMAT);
  if (set(s, s->writer.db, "BEGIN IMMEDIATE", f) != 0) return -1;
  if (set(s, s->writer.db, schema, f) == 0 && set(s, s->writer.db, sql, f) == 0) return 0;
  sqlite3_exec(s->writer.db, "ROLLBACK", NULL, NULL, NULL);
  return -1;
}

static int write_ahead(hearth__sqlite *s, hearth__fault *f) {
  sqlite3_stmt *st;
  int rc = sqlite3_prepare_v2(s->writer.db, "PRAGMA journal_mode = WAL", -1, &st, NULL);
  if (rc == SQLITE_OK) rc = sqlite3_step(st);
  bool wal = rc == SQLITE_ROW && strcmp((const char *)sqlite3_column_text(st, 0), "wal") == 0;
  sqlite3_finalize(st);
  if (rc != SQLITE_ROW) return hearth__sqlite_fail(s, s->writer.db, rc, f);
  if (!wal) return hearth__fail(f, "EIO", "%s: no write-ahead log can be kept there", s->path);
  return set(s, s->writer.db, "PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864", f);
}

static int refuse(hearth__sqlite *s, found what, hearth__fault *f) {
  char why[256];
  switch (what) {
    case FOREIGN: return hearth__fail(f, "ECORRUPT", "%s: this is not a Hearth store; nothing was changed in it", s->path);
    case NEWER: return hearth__fail(f, "ENEWER", "%s: it was written by a newer Hearth; update, nothing was changed in it", s->path);
    case DAMAGED:
    case TORN:
      snprintf(why, sizeof why, "%.250s", f->code ? f->message : "");
      size_t skip = strlen(s->path);
      const char *text = strncmp(why, s->path, skip) == 0 && why[skip] == ':' ? why + skip + 2 : why;
      return hearth__fail(f, "ECORRUPT",
                          "%s: the store is damaged (%s); it was left as it is: restore a backup, or open it with on_damage=\"set_aside\"",
                          s->path, text);
    default: return -1;
  }
}

/* The connection that writes, with a store behind it that was looked at. */
static int open_writer(hearth__sqlite *s, const hearth__engine_options *o, hearth__fault *f) {
  found what = FAILED;
  for (int round = 0; round < 2; round++) {
    bool orphan = size_of(s->path, "") <= 0 && size_of(s->path, "-wal") > 0; /* SQLite would delete that log */
    if (orphan) {
      hearth__fail(f, "ECORRUPT", "%s: the file is empty or missing, and its log %s-wal is not", s->path, s->path);
      what = DAMAGED;
    } else {
      if (!o->read_only && create_file(s->path, f) != 0) return -1;
      if (hearth__sqlite_connect(s, &s->writer, true, f) != 0) return -1;
      what = examine(s, f);
      int64_t frame = what == FINE || what == DAMAGED ? hearth__sqlite_log_damage(s) : 0;
      if (frame) {
        hearth__fail(f, "ECORRUPT", "%s: its log %s-wal is damaged in frame %lld, and what was stored after that cannot be read", s->path,
                     s->path, (long long)frame);
        what = DAMAGED;
      }
    }
    if (what != DAMAGED || !o->set_aside || o->read_only || round > 0) break;
    if (set_aside(s, o->now, f) != 0) return -1;
    f->code = NULL;
  }
  if (what == FRESH && o->read_only) return hearth__fail(f, "ENOKEY", "%s: there is no store yet", s->path);
  if (what == FAILED) return -1;
  if (what != FINE && what != FRESH) return refuse(s, what, f);
  if (o->read_only) return 0;
  if (what == FRESH && create_schema(s, f) != 0) return -1;
  if (write_ahead(s, f) != 0 || set(s, s->writer.db, "PRAGMA cell_size_check = ON; PRAGMA cache_size = -2000", f) != 0) return -1;
  hearth__sqlite_writer_hooks(s);
  return 0;
}

int hearth__sqlite_open(const char *path, const hearth__engine_options *o, hearth__engine **out, hearth__fault *f) {
  hearth__sqlite *s = calloc(1, sizeof *s);
  char name[4096 + 8];
  struct stat st;
  int64_t number = 0;
  if (!s || !(s->path = strdup(path))) {
    free(s);
    return hearth__fail(f, "EIO", "out of memory");
  }
  s->engine.class_ = &hearth__sqlite_engine;
  s->read_only = o->read_only;
  s->abort = o->abort;
  snprintf(name, sizeof name, "%s-gate", path);
  bool there = stat(path, &st) == 0;
  if (hearth__check_place(path, f) != 0) goto failed;
  if (!there && o->read_only) {
    if (errno == ENOENT || errno == ENOTDIR)
      hearth__fail(f, "ENOKEY", "%s: there is no store yet", path);
    else
      fail_path(path, f);
    goto failed;
  }
  if (refuse_network(path, f) != 0) goto failed;
  if (o->read_only) {
    hearth__fault ignored;
    if (hearth__gate_open(name, &s->gate, &ignored) != 0) s->gate = NULL;
    char wal[4096 + 8];
    snprintf(wal, sizeof wal, "%s", path);
    char *slash = strrchr(wal, '/');
    if (slash) slash[slash == wal] = '\0';
    bool closed = !s->gate && access(slash ? wal : ".", W_OK) != 0;
    s->immutable = closed && size_of(path, "-wal") <= 0; /* no log, and nobody can begin one */
    if (closed && !s->immutable && size_of(path, "-shm") < 0) {
      hearth__fail(f, "EACCES", "%s: to read its log %s-wal a file has to be made beside it, and the folder may not be written to", path,
                   path);
      goto failed;
    }
  } else {
    if (hearth__make_folders(path, f) != 0) goto failed;
    if (there && access(path, W_OK) != 0) {
      fail_path(path, f);
      goto failed;
    }
    if (hearth__gate_open(name, &s->gate, f) != 0) goto failed;
  }
  if (s->gate && !o->read_only) hearth__gate_enter(s->gate, o->abort, GATE_MS);
  if (open_writer(s, o, f) != 0) goto failed;
  if (!o->read_only) {
    sqlite3_stmt *stmt;
    if (sqlite3_prepare_v2(s->writer.db, "SELECT max(revision) FROM change", -1, &stmt, NULL) == SQLITE_OK) {
      if (sqlite3_step(stmt) == SQLITE_ROW) number = sqlite3_column_int64(stmt, 0);
      sqlite3_finalize(stmt);
    }
    if (hearth__gate_entered(s->gate)) hearth__gate_announce(s->gate, number); /* nobody writes now: this is the truth */
    hearth__gate_log_of(s->gate)->length = 0;                                  /* it may be a file that others have made shorter */
    hearth__gate_leave(s->gate);
  }
  atomic_init(&s->announced, -1);
  *out = &s->engine;
  return 0;
failed:
  /* A log that is empty goes with the connection that made it. */
  if (s->writer.db && hearth__sqlite_wal_bytes(s) == 0) sqlite3_db_config(s->writer.db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, (int *)NULL);
  hearth__sql_close(&s->writer);
  if (s->gate) {
    hearth__gate_leave(s->gate);
    hearth__gate_discard(s->gate);
  }
  free(s->path);
  free(s);
  return -1;
}

/* ---- backup */

int hearth__sqlite_backup(hearth__sqlite *s, sqlite3 *from, const char *path, atomic_bool *stop, hearth__fault *f) {
  char part[4200];
  sqlite3 *to = NULL;
  int status = -1;
  if (access(path, F_OK) == 0) return hearth__fail(f, "EINVAL", "%s: it exists already; nothing was overwritten", path);
  if (snprintf(part, sizeof part, "%s.part-%ld", path, (long)getpid()) >= (int)sizeof part)
    return hearth__fail(f, "EINVAL", "%s: the path is too long", path);
  int fd = open(part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return fail_path(path, f);
  close(fd);
  int rc = sqlite3_open_v2(part, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
  /* One snapshot for the whole: without it every commit would begin the copy again. */
  if (rc == SQLITE_OK) rc = sqlite3_exec(from, "BEGIN; SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL);
  if (rc == SQLITE_OK) {
    sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
    rc = b ? SQLITE_OK : sqlite3_errcode(to);
    while (b && rc == SQLITE_OK && !atomic_load(stop)) rc = sqlite3_backup_step(b, 256);
    if (b) sqlite3_backup_finish(b);
  }
  if (!sqlite3_get_autocommit(from)) sqlite3_exec(from, "COMMIT", NULL, NULL, NULL);
  if (rc == SQLITE_DONE) {
    status = 0;
  } else if (rc == SQLITE_OK)
    hearth__fail(f, "ECANCELED", "%s: the backup was ended", path);
  else {
    hearth__fault why = {0};
    hearth__sqlite_fail(s, to, rc, &why);
    hearth__fail(f, why.code, "%s: the backup could not be made (%s)", path, why.message);
  }
  if (to && status == 0 &&
      sqlite3_exec(to, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL) != SQLITE_OK) /* one file, and no log beside it */
    status = hearth__sqlite_fail(s, to, sqlite3_extended_errcode(to), f);
  sqlite3_close_v2(to);
  if (status == 0) {
    fd = open(part, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) status = fail_path(part, f);
    if (fd >= 0) close(fd);
    if (status == 0 && link(part, path) != 0) status = fail_path(path, f);
    (void)hearth__sync_folder(path);
  }
  unlink(part);
  return status;
}
