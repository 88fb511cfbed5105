/* Every engine call failing in turn: each batch is answered once, what was acknowledged stays readable, what was refused left nothing behind, and
** after the fault work goes on. Over every engine, on a loop of our own and without Lua. */
#include <unistd.h>

#include "check.h"
#include "store/store.h"

static char folder[64] = "/tmp/hearth-faults-XXXXXX";

typedef struct bench {
  uv_loop_t loop;
  uv_async_t wake;
  hearth__store *store;
  int answers, faults;
  int events;
} bench;

static void on_wake(uv_async_t *handle) {
  hearth__store_deliver(((bench *)handle->data)->store);
}
static void wake(void *arg) {
  uv_async_send(&((bench *)arg)->wake);
}
static void on_events(hearth__store *s, const hearth__events *events) {
  ((bench *)hearth__store_arg(s))->events += (int)events->n;
}

static bool start(bench *t, const char *url) {
  hearth__store_options o = {.now = 1};
  hearth__fault f = {0};
  memset(t, 0, sizeof *t);
  uv_loop_init(&t->loop);
  uv_async_init(&t->loop, &t->wake, on_wake);
  t->wake.data = t;
  if (hearth__store_open(url, &o, &t->store, &f) != 0) {
    fprintf(stderr, "%s\n", f.message);
    return false;
  }
  hearth__store_attach(t->store, &t->loop, wake, t, on_events);
  return true;
}

static void end(bench *t) {
  hearth__store_close(t->store, 5000, NULL, NULL);
  uv_close((uv_handle_t *)&t->wake, NULL);
  uv_run(&t->loop, UV_RUN_DEFAULT);
  CHECK(uv_loop_close(&t->loop) == 0);
}

static void landed(hearth__batch *b) {
  bench *t = b->user;
  t->answers++;
  if (b->fault) t->faults++;
  hearth__batch_free(b);
}

static hearth__name key_of(const char *key) {
  return (hearth__name){.ns = "ns", .ns_size = 2, .key = key, .key_size = strlen(key)};
}

static void submit(bench *t, const char *key, const char *value) {
  hearth__batch *b = hearth__batch_new(t->store, 1, 1);
  hearth__name name = key_of(key);
  hearth__write_op *op = hearth__batch_add(b, value ? HEARTH__PUT : HEARTH__CLEAR, &name);
  if (value) op->value = hearth__blob_new(value, strlen(value));
  b->done = landed;
  b->user = t;
  hearth__store_submit(t->store, b);
}

static void run_until(bench *t, int answers) {
  while (t->answers < answers) uv_run(&t->loop, UV_RUN_ONCE);
}

static void read_done(hearth__job *j) {
  ((bench *)((hearth__read *)j)->user)->answers++;
}

/* The value of a key as the store gives it now: -1 unreadable, else the number in it, 0 if absent. */
static int value_of(bench *t, const char *key) {
  hearth__read *r = hearth__read_new(t->store, 1, 1);
  hearth__name name = key_of(key);
  hearth__read_set(r, 0, &name);
  r->user = t;
  r->job.done = read_done;
  int want = t->answers + 1, n;
  if (!hearth__store_read(r)) run_until(t, want);
  if (r->job.fault.code || r->items[0].fault)
    n = -1;
  else
    n = r->items[0].record.state == HEARTH__PRESENT ? atoi(r->items[0].record.value->bytes) : 0;
  hearth__read_free(r);
  return n;
}

static void every_call_fails_in_turn(const char *url) {
  bench t;
  if (!start(&t, url)) {
    CHECK(!"open");
    return;
  }
  hearth__store_listen(t.store, true);
  int last = 0;
  for (int nth = 1; nth <= 12; nth++)
    for (int times = 1; times <= 3; times += 2) {
      char value[16];
      int before = t.answers, faults = t.faults;
      snprintf(value, sizeof value, "%d", last + 1);
      hearth__store_fail(t.store, "EIO", nth, times);
      submit(&t, "k", value);
      run_until(&t, before + 1);
      bool failed = t.faults > faults;
      hearth__store_fail(t.store, "EIO", 0, 0);
      if (!failed) last++;
      CHECK(value_of(&t, "k") == last);
      submit(&t, "after", value); /* the fault is gone: work goes on */
      before = t.answers;
      run_until(&t, before + 1);
      CHECK(value_of(&t, "after") == atoi(value));
    }
  CHECK(t.faults > 0);
  CHECK(last > 0);
  end(&t);
  if (!start(&t, url)) return;
  if (strncmp(url, "memory:", 7) != 0 || url[7]) CHECK(value_of(&t, "k") == last);
  end(&t);
}

static void a_fault_in_a_group_is_not_everybodys(const char *url) {
  bench t;
  if (!start(&t, url)) return;
  char key[16];
  hearth__store_fail(t.store, "EIO", 2, 1); /* of the group; then each goes alone */
  for (int i = 0; i < 20; i++) {
    snprintf(key, sizeof key, "g%d", i);
    submit(&t, key, "7");
  }
  run_until(&t, 20);
  int there = 0;
  for (int i = 0; i < 20; i++) {
    snprintf(key, sizeof key, "g%d", i);
    there += value_of(&t, key) == 7;
  }
  CHECK(there == 20 - t.faults);
  CHECK(t.faults <= 1);
  end(&t);
}

static void a_clear_that_fails_leaves_all(const char *url) {
  bench t;
  if (!start(&t, url)) return;
  submit(&t, "a", "1");
  run_until(&t, 1);
  for (int nth = 1; nth <= 4; nth++) {
    int before = t.answers, faults = t.faults;
    hearth__store_fail(t.store, "EIO", nth, 1);
    submit(&t, "", NULL);
    run_until(&t, before + 1);
    hearth__store_fail(t.store, "EIO", 0, 0);
    CHECK(value_of(&t, "a") == (t.faults > faults ? 1 : 0));
    submit(&t, "a", "1");
    before = t.answers;
    run_until(&t, before + 1);
  }
  end(&t);
}

static char urls[3][128];

static void faults_one_by_one(void) {
  for (int i = 0; i < 3; i++) every_call_fails_in_turn(urls[i]);
}
static void faults_in_groups(void) {
  for (int i = 0; i < 3; i++) a_fault_in_a_group_is_not_everybodys(urls[i]);
}
static void faults_in_clears(void) {
  for (int i = 0; i < 3; i++) a_clear_that_fails_leaves_all(urls[i]);
}

static void a_full_disk_is_survived(void) {
  bench t;
  char url[160], command[256];
  snprintf(command, sizeof command, "mkdir %s/small && mount -t tmpfs -o size=1m tmpfs %s/small 2>/dev/null", folder, folder);
  if (system(command) != 0) return; /* only where file systems may be mounted */
  snprintf(url, sizeof url, "file:%s/small/store.sqlite3", folder);
  if (start(&t, url)) {
    char *big = malloc(200001);
    memset(big, '9', 200000);
    big[200000] = '\0';
    submit(&t, "k", "1");
    run_until(&t, 1);
    for (int i = 0; i < 12; i++) {
      char key[16];
      int before = t.answers;
      snprintf(key, sizeof key, "big%d", i);
      submit(&t, key, big);
      run_until(&t, before + 1);
    }
    CHECK(t.faults > 0 && t.faults < 12);
    CHECK(value_of(&t, "k") == 1);
    snprintf(command, sizeof command, "mount -o remount,size=8m %s/small", folder);
    CHECK(system(command) == 0);
    int before = t.answers, faults = t.faults;
    submit(&t, "k", "2");
    run_until(&t, before + 1);
    CHECK(t.faults == faults);
    CHECK(value_of(&t, "k") == 2);
    free(big);
    end(&t);
  }
  snprintf(command, sizeof command, "umount %s/small", folder);
  CHECK(system(command) == 0);
}

int main(void) {
  if (!mkdtemp(folder)) return 1;
  snprintf(urls[0], sizeof urls[0], "memory:faults");
  snprintf(urls[1], sizeof urls[1], "file:%s/store.sqlite3", folder);
  snprintf(urls[2], sizeof urls[2], "json:%s/store.json", folder);
  RUN(faults_one_by_one);
  RUN(faults_in_groups);
  RUN(faults_in_clears);
  RUN(a_full_disk_is_survived);
  char command[128];
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  if (system(command) != 0) fprintf(stderr, "%s stays\n", folder);
  return check_end();
}
