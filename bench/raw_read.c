/* The raw thing under an uncached read: a uv_queue_work round trip with one SQLite point read by a prepared statement. And one set and one get of
** 4 MiB; and the first get of a connection that is opened for it. Prints "read NS", "set NS", "get NS" and "first NS":
** medians. Usage: raw_read STORE ROUNDS SCRATCH */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { BIG = 4 << 20 };

static sqlite3_stmt *point;
static int wanted;

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void work(uv_work_t *w) {
  char key[32];
  int n = snprintf(key, sizeof key, "cold:%d", wanted);
  sqlite3_bind_text(point, 1, key, n, SQLITE_STATIC);
  if (sqlite3_step(point) == SQLITE_ROW) {
    int size = sqlite3_column_bytes(point, 0);
    w->data = malloc((size_t)size + 1);
    if (w->data) memcpy(w->data, sqlite3_column_blob(point, 0), (size_t)size);
  }
  sqlite3_reset(point);
}

static void after(uv_work_t *w, int status) {
  (void)status;
  if (!w->data) exit(3);
  free(w->data);
}

static void must(int ok, sqlite3 *db) {
  if (ok) return;
  fprintf(stderr, "raw_read: %s\n", sqlite3_errmsg(db));
  exit(1);
}

static double median(double *list, int n) {
  qsort(list, (size_t)n, sizeof *list, by_value);
  return list[n / 2];
}

/* How long one get takes that begins with nothing, as a store's first does. */
static double first_get(const char *path) {
  sqlite3 *db;
  sqlite3_stmt *get;
  uint64_t t = uv_hrtime();
  must(sqlite3_open(path, &db) == SQLITE_OK, db);
  must(sqlite3_prepare_v2(db, "SELECT value FROM record WHERE id = 1", -1, &get, NULL) == SQLITE_OK, db);
  must(sqlite3_step(get) == SQLITE_ROW, db);
  char *back = malloc(BIG);
  if (!back) exit(1);
  memcpy(back, sqlite3_column_blob(get, 0), BIG);
  sqlite3_reset(get);
  double took = (double)(uv_hrtime() - t);
  sqlite3_finalize(get);
  sqlite3_close(db);
  free(back);
  return took;
}

int main(int argc, char **argv) {
  sqlite3 *db;
  if (argc < 4) return 2;
  int rounds = atoi(argv[2]);
  double *took = calloc((size_t)rounds + 16, sizeof *took);
  if (!took || sqlite3_open_v2(argv[1], &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK) return 1;
  must(sqlite3_prepare_v2(db, "SELECT value FROM record WHERE namespace = 'default' AND key = ?1", -1, &point, NULL) == SQLITE_OK, db);
  for (int i = 0; i < rounds; i++) {
    uv_work_t w = {0};
    wanted = i + 1;
    uint64_t t = uv_hrtime();
    uv_queue_work(uv_default_loop(), &w, work, after);
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    took[i] = (double)(uv_hrtime() - t);
  }
  printf("read %.0f\n", median(took, rounds));
  sqlite3_finalize(point);
  sqlite3_close(db);
  must(sqlite3_open(argv[3], &db) == SQLITE_OK, db);
  must(sqlite3_exec(db,
                    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;"
                    "CREATE TABLE record(id INTEGER PRIMARY KEY, value)",
                    NULL, NULL, NULL) == SQLITE_OK,
       db);
  sqlite3_stmt *put = NULL, *get = NULL;
  must(sqlite3_prepare_v2(db, "INSERT INTO record VALUES(1, ?1) ON CONFLICT(id) DO UPDATE SET value = excluded.value", -1, &put, NULL) ==
           SQLITE_OK,
       db);
  must(sqlite3_prepare_v2(db, "SELECT value FROM record WHERE id = 1", -1, &get, NULL) == SQLITE_OK, db);
  char *big = malloc(BIG), *back = malloc(BIG);
  if (!big || !back) return 1;
  for (int i = 0; i < 9; i++) {
    memset(big, 'a' + i, BIG);
    uint64_t t = uv_hrtime();
    sqlite3_bind_text(put, 1, big, BIG, SQLITE_STATIC);
    must(sqlite3_step(put) == SQLITE_DONE, db);
    sqlite3_reset(put);
    took[i] = (double)(uv_hrtime() - t);
  }
  printf("set %.0f\n", median(took, 9));
  for (int i = 0; i < 9; i++) {
    uint64_t t = uv_hrtime();
    must(sqlite3_step(get) == SQLITE_ROW, db);
    memcpy(back, sqlite3_column_blob(get, 0), BIG);
    sqlite3_reset(get);
    took[i] = (double)(uv_hrtime() - t);
  }
  printf("get %.0f\n", median(took, 9));
  sqlite3_finalize(put);
  sqlite3_finalize(get);
  sqlite3_close(db);
  for (int i = 0; i < 9; i++) took[i] = first_get(argv[3]);
  printf("first %.0f\n", median(took, 9));
  return 0;
}
