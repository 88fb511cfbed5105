/* Where a store lies, and who else holds it. The file system is what the test says (statfs and posix_fallocate are wrapped); the other process is one that knows nothing of
** Hearth and lets go of nothing: it can be neither asked nor let run, so a write ends after a time with an error that says so. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "store/store.h"

static char folder[64] = "/tmp/hearth-places-XXXXXX";
static long file_system; /* 0: as it is */

int __real_statfs(const char *path, struct statfs *buf);
int __wrap_statfs(const char *path, struct statfs *buf);
int __wrap_statfs(const char *path, struct statfs *buf) {
  int status = __real_statfs(path, buf);
  if (status == 0 && file_system) buf->f_type = file_system;
  return status;
}

static int room; /* what it says when it is asked for room; 0: as it is */
int __real_posix_fallocate(int fd, off_t offset, off_t size);
int __wrap_posix_fallocate(int fd, off_t offset, off_t size);
int __wrap_posix_fallocate(int fd, off_t offset, off_t size) {
  return room ? room : __real_posix_fallocate(fd, offset, size);
}

static hearth__store *open_at(const char *path, bool read_only, hearth__fault *f) {
  hearth__store_options o = {.now = 1, .read_only = read_only};
  hearth__store *s = NULL;
  f->code = NULL;
  return hearth__store_open(path, &o, &s, f) == 0 ? s : NULL;
}

static void a_network_file_system_is_refused(void) {
  static const long types[] = {0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x01021997, 0x00c36400};
  char path[128], made[160];
  hearth__fault f;
  struct stat st;
  snprintf(path, sizeof path, "%s/far/away/store.sqlite3", folder);
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    file_system = types[i];
    CHECK(!open_at(path, false, &f));
    CHECK_STR(f.code, "EINVAL");
    CHECK(strstr(f.message, path) && strstr(f.message, "network file system"));
    snprintf(made, sizeof made, "%s/far", folder);
    CHECK(stat(made, &st) != 0); /* nothing was made there */
  }
  file_system = 0;
  hearth__store *s = open_at(path, false, &f);
  CHECK(s);
  if (s) hearth__store_close(s, 1000, NULL, NULL);
  file_system = types[0];
  CHECK(!open_at(path, true, &f));
  CHECK_STR(f.code, "EINVAL");
  file_system = 0;
}

/* A page that is mapped and has no room ends the process where it is written to. */
static void a_full_disk_is_refused_before_anything_is_mapped(void) {
  char path[128], url[160], name[160];
  hearth__fault f;
  struct stat st;
  static const char *const schemes[] = {"file:", "json:"}, *const suffixes[] = {"", "-gate", "-wal", "-shm", ".new"};
  for (int i = 0; i < 2; i++) {
    snprintf(path, sizeof path, "%s/full%d", folder, i);
    snprintf(url, sizeof url, "%s%s", schemes[i], path);
    room = ENOSPC;
    CHECK(!open_at(url, false, &f));
    CHECK_STR(f.code, "ENOSPC");
    CHECK(strstr(f.message, path));
    for (int k = 0; k < 5; k++) {
      snprintf(name, sizeof name, "%s%s", path, suffixes[k]);
      CHECK(stat(name, &st) != 0);
    }
    room = i == 0 ? 0 : EOPNOTSUPP;
    hearth__store *s = open_at(url, false, &f);
    CHECK(s);
    if (s) hearth__store_close(s, 1000, NULL, NULL);
  }
  room = 0;
}

typedef struct bench {
  uv_loop_t loop;
  uv_async_t wake;
  hearth__store *store;
  int answers;
  char code[16], message[512];
} bench;

static void on_wake(uv_async_t *handle) {
  hearth__store_deliver(((bench *)handle->data)->store);
}
static void wake(void *arg) {
  uv_async_send(&((bench *)arg)->wake);
}

static void landed(hearth__batch *b) {
  bench *t = b->user;
  t->answers++;
  snprintf(t->code, sizeof t->code, "%s", b->fault ? b->fault->code : "");
  snprintf(t->message, sizeof t->message, "%s", b->fault ? b->fault->message : "");
  hearth__batch_free(b);
}

static void put(bench *t, const char *value) {
  hearth__batch *b = hearth__batch_new(t->store, 1, 1);
  hearth__name name = {.ns = "ns", .ns_size = 2, .key = "k", .key_size = 1};
  hearth__write_op *op = hearth__batch_add(b, HEARTH__PUT, &name);
  op->value = hearth__blob_new(value, strlen(value));
  b->done = landed;
  b->user = t;
  int before = t->answers;
  hearth__store_submit(t->store, b);
  while (t->answers == before) uv_run(&t->loop, UV_RUN_ONCE);
}

/* Holds the gate and SQLite's own lock until it is killed. */
static pid_t hold(const char *path) {
  int fd[2];
  char byte, gate[160];
  if (pipe(fd) != 0) return -1;
  pid_t pid = fork();
  if (pid == 0) {
    sqlite3 *db;
    struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    snprintf(gate, sizeof gate, "%s-gate", path);
    if (fcntl(open(gate, O_RDWR), F_OFD_SETLKW, &fl) != 0 || sqlite3_open(path, &db) != SQLITE_OK ||
        sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK || write(fd[1], "x", 1) != 1)
      _exit(1);
    for (;;) pause();
  }
  close(fd[1]);
  if (read(fd[0], &byte, 1) != 1) pid = -1;
  close(fd[0]);
  return pid;
}

static void a_holder_that_cannot_be_moved_is_a_timeout(void) {
  char path[128];
  bench t = {0};
  hearth__fault f;
  snprintf(path, sizeof path, "%s/held.sqlite3", folder);
  hearth__store *s = open_at(path, false, &f); /* makes it */
  CHECK(s);
  if (!s) return;
  hearth__store_close(s, 1000, NULL, NULL);
  pid_t pid = hold(path);
  CHECK(pid > 0);
  uv_loop_init(&t.loop);
  uv_async_init(&t.loop, &t.wake, on_wake);
  t.wake.data = &t;
  t.store = open_at(path, false, &f); /* reads only: nobody is in the way of that */
  CHECK(t.store);
  if (t.store) {
    hearth__store_attach(t.store, &t.loop, wake, &t, NULL);
    put(&t, "1");
    CHECK_STR(t.code, "ETIMEOUT");
    CHECK(strstr(t.message, path) && strstr(t.message, "another process"));
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    put(&t, "2");
    CHECK_STR(t.code, "");
    hearth__store_close(t.store, 1000, NULL, NULL);
  } else
    kill(pid, SIGKILL);
  uv_close((uv_handle_t *)&t.wake, NULL);
  uv_run(&t.loop, UV_RUN_DEFAULT);
  CHECK(uv_loop_close(&t.loop) == 0);
}

int main(void) {
  if (!mkdtemp(folder)) return 1;
  RUN(a_network_file_system_is_refused);
  RUN(a_full_disk_is_refused_before_anything_is_mapped);
  RUN(a_holder_that_cannot_be_moved_is_a_timeout);
  char command[128];
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  if (system(command) != 0) fprintf(stderr, "%s stays\n", folder);
  return check_end();
}
