/* The raw thing under the store, in C and with the same settings: one durable commit, and one transaction of 10,000 rows with its change row. Prints
** "commit NANOSECONDS" and "transaction NANOSECONDS": medians. Usage: raw_sqlite FILE COMMITS TRANSACTIONS */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROWS = 10000 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void must(int ok, sqlite3 *db) {
  if (ok) return;
  fprintf(stderr, "raw_sqlite: %s\n", sqlite3_errmsg(db));
  exit(1);
}

static void run(sqlite3 *db, const char *sql) {
  must(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, db);
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql) {
  sqlite3_stmt *st = NULL;
  must(sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK, db);
  return st;
}

static void step(sqlite3 *db, sqlite3_stmt *st) {
  must(sqlite3_step(st) == SQLITE_DONE, db);
  sqlite3_reset(st);
}

static int revision;

static void put(sqlite3 *db, sqlite3_stmt *st, int key, int value) {
  char name[32], text[64];
  int n = snprintf(name, sizeof name, "key:%d", key), m = snprintf(text, sizeof text, "value of some length %d", value);
  sqlite3_bind_text(st, 1, name, n, SQLITE_STATIC);
  sqlite3_bind_int(st, 2, revision);
  sqlite3_bind_int64(st, 3, 1700000000000 + value);
  sqlite3_bind_int64(st, 4, (sqlite3_int64)value * 0x1E3779B97F4A7C1);
  sqlite3_bind_text(st, 5, text, m, SQLITE_STATIC);
  step(db, st);
}

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  int commits = atoi(argv[2]), transactions = atoi(argv[3]);
  double *took = calloc((size_t)(commits + transactions), sizeof *took);
  sqlite3 *db;
  if (!took || sqlite3_open(argv[1], &db) != SQLITE_OK) return 1;
  run(db,
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;"
      "CREATE TABLE record(id INTEGER PRIMARY KEY, namespace TEXT NOT NULL, key TEXT NOT NULL, revision INTEGER NOT NULL,"
      " created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, expires_at INTEGER, version INTEGER NOT NULL, kind INTEGER NOT NULL,"
      " checksum INTEGER NOT NULL, size INTEGER NOT NULL, value);"
      "CREATE UNIQUE INDEX record_name ON record(namespace, key);"
      "CREATE INDEX record_expiry ON record(expires_at) WHERE expires_at IS NOT NULL;"
      "CREATE TABLE change(revision INTEGER PRIMARY KEY, log BLOB NOT NULL)");
  sqlite3_stmt *begin = prepare(db, "BEGIN IMMEDIATE"), *end = prepare(db, "COMMIT");
  sqlite3_stmt *set = prepare(db,
                              "INSERT INTO record(namespace, key, revision, created_at, updated_at, version, kind, checksum, size, value)"
                              " VALUES('default', ?1, ?2, ?3, ?3, 0, 0, ?4, 20, ?5) ON CONFLICT(namespace, key) DO UPDATE SET"
                              " revision = excluded.revision, updated_at = excluded.updated_at, checksum = excluded.checksum,"
                              " size = excluded.size, value = excluded.value");
  sqlite3_stmt *change = prepare(db, "INSERT INTO change(revision, log) VALUES(?1, ?2)");
  char *log = calloc(ROWS, 24);
  if (!log) return 1;
  for (int i = 0; i < commits; i++) {
    double t = now();
    revision++;
    step(db, begin);
    put(db, set, i % 100, i);
    sqlite3_bind_int(change, 1, revision);
    sqlite3_bind_blob(change, 2, log, 24, SQLITE_STATIC);
    step(db, change);
    step(db, end);
    took[i] = now() - t;
  }
  qsort(took, (size_t)commits, sizeof *took, by_value);
  printf("commit %.0f\n", took[commits / 2]);
  for (int i = -1; i < transactions; i++) { /* the first makes the rows, the others replace them */
    double t = now();
    revision++;
    step(db, begin);
    for (int k = 0; k < ROWS; k++) put(db, set, k, i * ROWS + k);
    sqlite3_bind_int(change, 1, revision);
    sqlite3_bind_blob(change, 2, log, ROWS * 24, SQLITE_STATIC);
    step(db, change);
    step(db, end);
    if (i >= 0) took[i] = now() - t;
    sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
  }
  qsort(took, (size_t)transactions, sizeof *took, by_value);
  printf("transaction %.0f\n", took[transactions / 2]);
  return 0;
}
