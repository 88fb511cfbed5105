/* Damaged files: truncated at many lengths and with single bits turned over, a store opens or is refused, and never gives a wrong value. Records that
** are damaged alone cost no other. Foreign and newer files stay as they are. */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "store/store.h"

enum { KEYS = 150 };

static char folder[64] = "/tmp/hearth-damage-XXXXXX";
static char *image; /* of a sound store */
static size_t image_size;

static hearth__store *open_at(const char *path, bool set_aside, hearth__fault *f) {
  hearth__store_options o = {.now = 1, .set_aside = set_aside};
  hearth__store *s = NULL;
  char url[256];
  f->code = NULL;
  snprintf(url, sizeof url, "file:%s", path);
  return hearth__store_open(url, &o, &s, f) == 0 ? s : NULL;
}

static void write_file(const char *path, const char *bytes, size_t size) {
  FILE *f = fopen(path, "wb");
  CHECK(f && fwrite(bytes, 1, size, f) == size);
  if (f) fclose(f);
}

static char *read_file(const char *path, size_t *size) {
  FILE *f = fopen(path, "rb");
  if (!f) return NULL;
  fseek(f, 0, SEEK_END);
  *size = (size_t)ftell(f);
  rewind(f);
  char *bytes = malloc(*size + 1);
  if (bytes && fread(bytes, 1, *size, f) != *size) *size = 0;
  fclose(f);
  return bytes;
}

static void value_text(int i, char *out, size_t size) {
  int at = snprintf(out, size, "value %d ", i), more = i % 7 == 0 ? 900 : i % 50;
  memset(out + at, 'a' + i % 26, (size_t)more);
  out[at + more] = '\0';
}

/* Some of the keys, in one commit. */
static void fill(const char *path, int from, int to) {
  char key[32], text[1024];
  hearth__fault f = {0};
  hearth__store *s = open_at(path, false, &f);
  CHECK(s);
  if (!s) return;
  hearth__batch *b = hearth__batch_new(s, KEYS, 1);
  for (int i = from; i < to; i++) {
    snprintf(key, sizeof key, "key %d", i);
    hearth__name name = {.ns = "ns", .ns_size = 2, .key = key, .key_size = strlen(key)};
    value_text(i, text, sizeof text);
    hearth__write_op *op = hearth__batch_add(b, HEARTH__PUT, &name);
    op->value = hearth__blob_new(text, strlen(text));
  }
  hearth__store_submit(s, b);
  hearth__store_close(s, 5000, NULL, NULL);
}

static void make_image(void) {
  char path[128], copy[128];
  hearth__fault f = {0};
  snprintf(path, sizeof path, "%s/sound.sqlite3", folder);
  snprintf(copy, sizeof copy, "%s/copy.sqlite3", folder);
  fill(path, 0, KEYS);
  hearth__store *s = open_at(path, false, &f);
  CHECK(s);
  if (!s) return;
  hearth__engine *e = hearth__store_engine(s);
  hearth__conn *c;
  atomic_bool stop = false;
  CHECK(e->class_->connect(e, &c, &f) == 0);
  CHECK(e->class_->backup(e, c, copy, &stop, &f) == 0);
  CHECK(e->class_->backup(e, c, copy, &stop, &f) != 0); /* it exists already */
  CHECK_STR(f.code, "EINVAL");
  e->class_->disconnect(e, c);
  hearth__store_close(s, 1000, NULL, NULL);
  image = read_file(copy, &image_size);
  CHECK(image && image_size > 20000);
}

typedef struct result {
  int opened, refused, right, damaged, missing, wrong;
} result;

static void look(const char *path, result *r) {
  hearth__fault f = {0};
  hearth__store *s = open_at(path, false, &f);
  if (!s) {
    r->refused++;
    CHECK(f.code && (strcmp(f.code, "ECORRUPT") == 0 || strcmp(f.code, "EINVAL") == 0 || strcmp(f.code, "ENEWER") == 0 ||
                     strcmp(f.code, "EIO") == 0));
    CHECK(strstr(f.message, path) != NULL);
    return;
  }
  r->opened++;
  hearth__engine *e = hearth__store_engine(s);
  hearth__conn *c;
  if (e->class_->connect(e, &c, &f) == 0) {
    for (int i = 0; i < KEYS; i++) {
      char key[32], text[1024];
      snprintf(key, sizeof key, "key %d", i);
      value_text(i, text, sizeof text);
      hearth__item item = {.name = {.ns = "ns", .ns_size = 2, .key = key, .key_size = strlen(key)}};
      if (e->class_->load(e, c, &item, 1, &f) != 0 || item.fault || item.record.state == HEARTH__DAMAGED)
        r->damaged++;
      else if (item.record.state == HEARTH__ABSENT)
        r->missing++;
      else if (item.record.size == strlen(text) && memcmp(item.record.value->bytes, text, item.record.size) == 0)
        r->right++;
      else
        r->wrong++;
      hearth__blob_release(item.record.value);
      free(item.fault);
    }
    e->class_->disconnect(e, c);
  }
  hearth__store_close(s, 1000, NULL, NULL);
}

static void try_bytes(const char *bytes, size_t size, result *r) {
  static int n;
  char path[128], name[160];
  snprintf(path, sizeof path, "%s/try%d.sqlite3", folder, n++);
  write_file(path, bytes, size);
  look(path, r);
  const char *const suffixes[] = {"", "-wal", "-shm", "-gate"};
  for (int i = 0; i < 4; i++) {
    snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
    unlink(name);
  }
}

static void truncated_files_open_or_are_refused(void) {
  result r = {0};
  for (size_t size = 1; size < image_size; size += size < 200 ? 13 : 997) try_bytes(image, size, &r);
  printf("truncated: %d opened, %d refused; %d values right, %d damaged, %d missing, %d wrong\n", r.opened, r.refused, r.right, r.damaged,
         r.missing, r.wrong);
  CHECK(r.wrong == 0);
  CHECK(r.missing == 0);
  CHECK(r.refused > 0);
}

static void flipped_bits_never_give_a_wrong_value(void) {
  result r = {0};
  unsigned seed = 7;
  char *bytes = malloc(image_size);
  for (int i = 0; i < 300; i++) {
    seed = seed * 1103515245u + 12345u;
    size_t at = i < 100 ? (size_t)i : (seed >> 4) % image_size;
    memcpy(bytes, image, image_size);
    bytes[at] = (char)(bytes[at] ^ (1 << (seed >> 28 & 7)));
    try_bytes(bytes, image_size, &r);
  }
  free(bytes);
  printf("flipped: %d opened, %d refused; %d values right, %d damaged, %d missing, %d wrong\n", r.opened, r.refused, r.right, r.damaged,
         r.missing, r.wrong);
  CHECK(r.wrong == 0);
  CHECK(r.missing == 0);
  CHECK(r.opened > 0 && r.refused > 0 && r.damaged > 0);
}

/* What was committed and not written back yet is in the log. One that is damaged is refused; in its last commit damage cannot be told from a loss of
** power, and that commit alone is missing. A log that was cut off counts as far as it reaches. */
static void a_damaged_log_never_gives_a_wrong_value(void) {
  result r = {0}, cut = {0};
  char path[128], log[140], name[160];
  size_t size = 0, log_size = 0;
  snprintf(path, sizeof path, "%s/commits.sqlite3", folder);
  snprintf(log, sizeof log, "%s-wal", path);
  for (int i = 0; i < KEYS; i += 10) fill(path, i, i + 10);
  char *bytes = read_file(path, &size), *logged = read_file(log, &log_size);
  CHECK(bytes && logged && log_size > 10000);
  unsigned seed = 11;
  snprintf(path, sizeof path, "%s/logged.sqlite3", folder);
  snprintf(log, sizeof log, "%s-wal", path);
  for (int i = 0; i < 120 && logged; i++) {
    seed = seed * 1103515245u + 12345u;
    size_t at = i < 32 ? (size_t)i : (seed >> 4) % log_size;
    int mask = i % 4 == 3 ? 0xff : 1 << (seed >> 28 & 7);
    logged[at] = (char)(logged[at] ^ mask);
    write_file(path, bytes, size);
    bool cut_off = i % 3 == 2;
    write_file(log, logged, cut_off ? at : log_size);
    look(path, cut_off ? &cut : &r);
    logged[at] = (char)(logged[at] ^ mask);
    const char *const suffixes[] = {"", "-wal", "-shm", "-gate"};
    for (int k = 0; k < 4; k++) {
      snprintf(name, sizeof name, "%s%s", path, suffixes[k]);
      unlink(name);
    }
  }
  free(bytes);
  free(logged);
  printf("log: %d opened, %d refused; %d values right, %d damaged, %d missing, %d wrong\n", r.opened, r.refused, r.right, r.damaged,
         r.missing, r.wrong);
  CHECK(r.wrong == 0 && r.damaged == 0 && cut.wrong == 0 && cut.damaged == 0);
  CHECK(r.refused > 50);
  CHECK(r.missing <= 10 * r.opened);
  CHECK(cut.opened > 0 && cut.right > 0);
}

/* The log as it is after `keys` keys in one commit, from a store with nothing in its log but one commit before. */
static char *log_of(const char *bytes, size_t size, const char *log_bytes, size_t log_size, int keys, size_t *out) {
  static int n;
  char path[128], log[140];
  snprintf(path, sizeof path, "%s/of%d.sqlite3", folder, n++);
  snprintf(log, sizeof log, "%s-wal", path);
  write_file(path, bytes, size);
  write_file(log, log_bytes, log_size);
  fill(path, 10, 10 + keys);
  return read_file(log, out);
}

/* A transaction that failed or was killed leaves frames behind the end of the log, its own last one among them, and one before it may have left more. */
static void what_failed_transactions_left_in_the_log_is_no_damage(void) {
  result r = {0};
  char path[128], log[140];
  size_t size = 0, sizes[4] = {0};
  char *logs[4];
  snprintf(path, sizeof path, "%s/left.sqlite3", folder);
  snprintf(log, sizeof log, "%s-wal", path);
  fill(path, 0, 10);
  char *bytes = read_file(path, &size);
  logs[0] = read_file(log, &sizes[0]);
  for (int i = 1; i < 4; i++) logs[i] = log_of(bytes, size, logs[0], sizes[0], i * i * 15, &sizes[i]); /* 15, 60, 135 keys */
  CHECK(sizes[0] < sizes[1] && sizes[1] < sizes[2] && sizes[2] < sizes[3]);
  memcpy(logs[3] + sizes[0], logs[2] + sizes[0], sizes[2] - sizes[0]);
  memcpy(logs[3] + sizes[0], logs[1] + sizes[0], sizes[1] - sizes[0]);
  snprintf(path, sizeof path, "%s/left2.sqlite3", folder);
  snprintf(log, sizeof log, "%s-wal", path);
  write_file(path, bytes, size);
  write_file(log, logs[3], sizes[3]);
  look(path, &r);
  CHECK(r.opened == 1);
  CHECK(r.right == 25 && r.missing == KEYS - 25);
  free(bytes);
  for (int i = 0; i < 4; i++) free(logs[i]);
}

/* Somebody has begun the log anew in the index, and was killed before it wrote the first byte: what lies there was written back before. */
static void a_log_that_was_about_to_begin_anew_is_no_damage(void) {
  result r = {0};
  char path[128], log[140];
  size_t size = 0;
  sqlite3 *db;
  snprintf(path, sizeof path, "%s/anew.sqlite3", folder);
  snprintf(log, sizeof log, "%s-wal", path);
  for (int i = 0; i < KEYS; i += 10) fill(path, i, i + 10);
  char *bytes = read_file(log, &size);
  CHECK(bytes && size > 10000);
  CHECK(sqlite3_open(path, &db) == SQLITE_OK); /* and keeps it open: the index lives */
  CHECK(sqlite3_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL) == SQLITE_OK);
  write_file(log, bytes, size);
  look(path, &r);
  CHECK(r.opened == 1);
  CHECK(r.right == KEYS);
  sqlite3_close(db);
  free(bytes);
}

static void a_damaged_value_costs_no_other(void) {
  result r = {0};
  char *bytes = malloc(image_size);
  memcpy(bytes, image, image_size);
  char *at = memmem(bytes, image_size, "value 42 ", 9);
  CHECK(at != NULL);
  at[2] ^= 1;
  try_bytes(bytes, image_size, &r);
  free(bytes);
  CHECK(r.opened == 1);
  CHECK(r.damaged == 1);
  CHECK(r.right == KEYS - 1);
}

static void unchanged(const char *path, const char *bytes, size_t size) {
  size_t now_size = 0;
  char *now = read_file(path, &now_size);
  CHECK(now && now_size == size && memcmp(now, bytes, size) == 0);
  free(now);
}

static void foreign_files_are_refused_whatever_is_asked(void) {
  char path[128];
  hearth__fault f;
  snprintf(path, sizeof path, "%s/text", folder);
  write_file(path, "dear diary\n", 11);
  CHECK(!open_at(path, true, &f));
  CHECK_STR(f.code, "ECORRUPT");
  unchanged(path, "dear diary\n", 11);
  snprintf(path, sizeof path, "%s/other.sqlite3", folder);
  sqlite3 *db;
  CHECK(sqlite3_open(path, &db) == SQLITE_OK);
  CHECK(sqlite3_exec(db, "CREATE TABLE mine(x)", NULL, NULL, NULL) == SQLITE_OK);
  sqlite3_close(db);
  size_t size;
  char *before = read_file(path, &size);
  CHECK(!open_at(path, true, &f));
  CHECK_STR(f.code, "ECORRUPT");
  unchanged(path, before, size);
  free(before);
}

static void newer_formats_are_refused(void) {
  char path[128];
  hearth__fault f;
  char *bytes = malloc(image_size);
  memcpy(bytes, image, image_size);
  bytes[63] = 99; /* the low byte of user_version */
  snprintf(path, sizeof path, "%s/newer.sqlite3", folder);
  write_file(path, bytes, image_size);
  CHECK(!open_at(path, true, &f));
  CHECK_STR(f.code, "ENEWER");
  unchanged(path, bytes, image_size);
  free(bytes);
}

static void a_damaged_file_is_set_aside_only_if_asked(void) {
  char path[128], command[256];
  hearth__fault f;
  snprintf(path, sizeof path, "%s/aside.sqlite3", folder);
  write_file(path, image, image_size / 2);
  CHECK(!open_at(path, false, &f));
  CHECK_STR(f.code, "ECORRUPT");
  unchanged(path, image, image_size / 2);
  hearth__store *s = open_at(path, true, &f);
  CHECK(s);
  if (!s) return;
  hearth__store_close(s, 1000, NULL, NULL);
  snprintf(command, sizeof command, "set -- %s.damaged-*Z; [ $# = 1 ] && [ $(stat -c %%s $1) = %zu ]", path, image_size / 2);
  CHECK(system(command) == 0);
}

int main(void) {
  if (!mkdtemp(folder)) return 1;
  RUN(make_image);
  RUN(truncated_files_open_or_are_refused);
  RUN(flipped_bits_never_give_a_wrong_value);
  RUN(a_damaged_log_never_gives_a_wrong_value);
  RUN(what_failed_transactions_left_in_the_log_is_no_damage);
  RUN(a_log_that_was_about_to_begin_anew_is_no_damage);
  RUN(a_damaged_value_costs_no_other);
  RUN(foreign_files_are_refused_whatever_is_asked);
  RUN(newer_formats_are_refused);
  RUN(a_damaged_file_is_set_aside_only_if_asked);
  char command[128];
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  if (system(command) != 0) fprintf(stderr, "%s stays\n", folder);
  free(image);
  return check_end();
}
