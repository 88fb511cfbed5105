/* kill -9 under load: processes write to one store and are killed at random moments; after each kill everything that was acknowledged must be
** there, whole and in order. Each write is a batch of two keys that carry the same number, numbers grow, keys take turns: so what is on disk
** must be exactly the writes up to some number, and that number at least the last one acknowledged.
**
** test_store_crash [KILLS]: with one and with three writing processes; a short run without an argument. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "store/store.h"

enum { KEYS = 7, WINDOW = 24, WRITERS = 3 };

static char folder[64], url[128];

static hearth__store *open_store(void) {
  hearth__store_options o = {.now = 1};
  hearth__fault f = {0};
  hearth__store *s;
  if (hearth__store_open(url, &o, &s, &f) == 0) return s;
  fprintf(stderr, "open: %s %s\n", f.code, f.message);
  return NULL;
}

static hearth__name name_of(char *buf, size_t size, int id, int key, char half) {
  snprintf(buf, size, "w%d.k%d.%c", id, key, half);
  return (hearth__name){.ns = "crash", .ns_size = 5, .key = buf, .key_size = strlen(buf)};
}

/* The number, then filler whose length follows from it. */
static hearth__blob *value_of(int64_t n) {
  char text[4096];
  int at = snprintf(text, sizeof text, "%lld ", (long long)n), more = (int)(n * 131 % 3000);
  memset(text + at, 'a' + (int)(n % 26), (size_t)more);
  return hearth__blob_new(text, (size_t)(at + more));
}

/* ---- the writer: in a process of its own */

typedef struct writer {
  uv_loop_t loop;
  uv_async_t wake;
  hearth__store *store;
  int id, out;
  int64_t next, acked;
} writer;

static void submit(writer *w);

static void landed(hearth__batch *b) {
  writer *w = b->user;
  if (b->fault || b->refused) {
    fprintf(stderr, "writer %d: %s\n", w->id, b->fault ? b->fault->message : "refused");
    _exit(3);
  }
  hearth__batch_free(b);
  w->acked++;
  if (write(w->out, &w->acked, sizeof w->acked) != (ssize_t)sizeof w->acked) _exit(4);
  submit(w);
}

static void submit(writer *w) {
  hearth__batch *b = hearth__batch_new(w->store, 2, 1);
  if (!b) _exit(5);
  int64_t n = w->next++;
  for (int i = 0; i < 2; i++) {
    char buf[64];
    hearth__name name = name_of(buf, sizeof buf, w->id, (int)(n % KEYS), (char)('a' + i));
    hearth__write_op *op = hearth__batch_add(b, HEARTH__PUT, &name);
    if (!op || !(op->value = value_of(n))) _exit(5);
  }
  b->done = landed;
  b->user = w;
  hearth__store_submit(w->store, b);
}

static void on_wake(uv_async_t *handle) {
  hearth__store_deliver(((writer *)handle->data)->store);
}

static void wake(void *arg) {
  uv_async_send(&((writer *)arg)->wake);
}

static int write_for_ever(int id, int out, int64_t from) {
  writer w = {.id = id, .out = out, .next = from + 1, .acked = from};
  uv_loop_init(&w.loop);
  uv_async_init(&w.loop, &w.wake, on_wake);
  w.wake.data = &w;
  if (!(w.store = open_store())) return 2;
  hearth__store_attach(w.store, &w.loop, wake, &w, NULL);
  for (int i = 0; i < WINDOW; i++) submit(&w);
  uv_run(&w.loop, UV_RUN_DEFAULT);
  return 0;
}

/* ---- what is on disk: read by a process of its own, too */

typedef struct state {
  int64_t newest[WRITERS];
  int torn, disordered, unreadable;
} state;

static int64_t number_of(hearth__engine *e, hearth__conn *c, int id, int key, char half, state *st) {
  char buf[64];
  hearth__item item = {.name = name_of(buf, sizeof buf, id, key, half)};
  hearth__fault f = {0};
  int64_t n = 0;
  if (e->class_->load(e, c, &item, 1, &f) != 0 || item.fault || item.record.state == HEARTH__DAMAGED) {
    fprintf(stderr, "w%d.k%d.%c: %s\n", id, key, half, f.code ? f.message : item.fault ? item.fault->message : "damaged");
    st->unreadable++;
  } else if (item.record.state == HEARTH__PRESENT) {
    n = strtoll(item.record.value->bytes, NULL, 10);
    hearth__blob *want = value_of(n);
    if (!want || !hearth__blob_equal(want, item.record.value)) st->torn++;
    hearth__blob_release(want);
  }
  hearth__blob_release(item.record.value);
  free(item.fault);
  return n;
}

static int inspect(state *st) {
  hearth__fault f = {0};
  hearth__conn *c;
  hearth__store *s = open_store();
  if (!s) return -1;
  hearth__engine *e = hearth__store_engine(s);
  if (e->class_->connect(e, &c, &f) != 0) return -1;
  for (int w = 0; w < WRITERS; w++) {
    int64_t of_key[KEYS], newest = 0;
    for (int k = 0; k < KEYS; k++) {
      of_key[k] = number_of(e, c, w, k, 'a', st);
      if (number_of(e, c, w, k, 'b', st) != of_key[k]) st->torn++;
      if (of_key[k] > newest) newest = of_key[k];
    }
    for (int k = 0; k < KEYS; k++) { /* the newest number up to `newest` whose turn this key was */
      int64_t want = newest - (((newest - k) % KEYS) + KEYS) % KEYS;
      if (of_key[k] != (want > 0 ? want : 0)) st->disordered++;
    }
    st->newest[w] = newest;
  }
  e->class_->disconnect(e, c);
  hearth__store_close(s, 1000, NULL, NULL);
  return 0;
}

static int look(const char *self, state *st) {
  int fd[2];
  if (pipe(fd) != 0) return -1;
  pid_t pid = fork();
  if (pid == 0) {
    char out[16];
    snprintf(out, sizeof out, "%d", fd[1]);
    execl(self, self, "--look", url, out, (char *)NULL);
    _exit(127);
  }
  close(fd[1]);
  ssize_t n = read(fd[0], st, sizeof *st);
  close(fd[0]);
  int status;
  waitpid(pid, &status, 0);
  return n == (ssize_t)sizeof *st && status == 0 ? 0 : -1;
}

/* ---- the round: start, wait a moment, kill, look */

static unsigned seed = 1;

static unsigned chance(void) {
  seed = seed * 1103515245u + 12345u;
  return seed >> 8;
}

typedef struct tally {
  int kills, lost, torn, disordered, unreadable, broken;
  int64_t acked, survived;
} tally;

static void one_round(const char *self, int writers, state *before, tally *t) {
  pid_t pids[WRITERS];
  int pipes[WRITERS];
  int64_t acked[WRITERS];
  for (int w = 0; w < writers; w++) {
    int fd[2];
    char id[16], out[16], from[32];
    if (pipe(fd) != 0) exit(1);
    fcntl(fd[0], F_SETFD, FD_CLOEXEC);
    if ((pids[w] = fork()) == 0) {
      snprintf(id, sizeof id, "%d", w);
      snprintf(out, sizeof out, "%d", fd[1]);
      snprintf(from, sizeof from, "%lld", (long long)before->newest[w]);
      execl(self, self, "--write", url, id, out, from, (char *)NULL);
      _exit(127);
    }
    close(fd[1]);
    pipes[w] = fd[0];
    acked[w] = before->newest[w];
  }
  /* Some die while they open the store; the others when something was acknowledged, however slow the machine is. */
  struct pollfd first = {.fd = pipes[chance() % (unsigned)writers], .events = POLLIN};
  if (chance() % 4 != 0) poll(&first, 1, 10000);
  struct timespec nap = {0, (long)(chance() % 25000000)};
  nanosleep(&nap, NULL);
  for (int w = 0; w < writers; w++) {
    int64_t last;
    int status;
    /* What it has said so far is read meanwhile, so that a full pipe holds nobody up; then the kill. */
    kill(pids[w], SIGKILL);
    while (read(pipes[w], &last, sizeof last) == (ssize_t)sizeof last) {
      t->acked += last - acked[w];
      acked[w] = last;
    }
    close(pipes[w]);
    waitpid(pids[w], &status, 0);
    if (!WIFSIGNALED(status)) t->broken++;
    t->kills++;
  }
  state after = {0};
  if (look(self, &after) != 0) {
    t->broken++;
    return;
  }
  for (int w = 0; w < writers; w++) {
    if (after.newest[w] < acked[w]) t->lost++;
    t->survived += after.newest[w] - before->newest[w];
  }
  t->torn += after.torn;
  t->disordered += after.disordered;
  t->unreadable += after.unreadable;
  *before = after;
}

static tally run(const char *self, int writers, int kills) {
  tally t = {0};
  state st = {0};
  snprintf(folder, sizeof folder, "/tmp/hearth-crash-XXXXXX");
  if (!mkdtemp(folder)) exit(1);
  snprintf(url, sizeof url, "file:%s/store.sqlite3", folder);
  while (t.kills < kills) one_round(self, writers, &st, &t);
  printf("%d writing: %d kills, %lld writes acknowledged, %lld found; %d lost, %d torn, %d out of order, %d unreadable\n", writers, t.kills,
         (long long)t.acked, (long long)t.survived, t.lost, t.torn, t.disordered, t.unreadable);
  char command[128];
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  if (t.lost + t.torn + t.disordered + t.unreadable + t.broken == 0 && system(command) != 0) fprintf(stderr, "%s stays\n", folder);
  return t;
}

static const char *self_path;
static int kills_wanted = 60;

static void check_tally(tally t) {
  CHECK(t.kills >= kills_wanted / 2);
  CHECK(t.acked > 0);
  CHECK(t.lost == 0);
  CHECK(t.torn == 0);
  CHECK(t.disordered == 0);
  CHECK(t.unreadable == 0);
  CHECK(t.broken == 0);
}

static void one_process_killed_loses_nothing(void) {
  check_tally(run(self_path, 1, kills_wanted / 2));
}

static void three_processes_killed_lose_nothing(void) {
  check_tally(run(self_path, 3, kills_wanted / 2));
}

int main(int argc, char **argv) {
  if (argc > 5 && strcmp(argv[1], "--write") == 0) {
    snprintf(url, sizeof url, "%s", argv[2]);
    return write_for_ever(atoi(argv[3]), atoi(argv[4]), atoll(argv[5]));
  }
  if (argc > 3 && strcmp(argv[1], "--look") == 0) {
    state st = {0};
    snprintf(url, sizeof url, "%s", argv[2]);
    if (inspect(&st) != 0) return 1;
    return write(atoi(argv[3]), &st, sizeof st) == (ssize_t)sizeof st ? 0 : 1;
  }
  self_path = argv[0];
  if (argc > 1) kills_wanted = atoi(argv[1]);
  RUN(one_process_killed_loses_nothing);
  RUN(three_processes_killed_lose_nothing);
  return check_end();
}
