/* Every engine call failing in turn: each batch is answered once, what was acknowledged stays readable, what was refused left nothing behind, and
** after the fault work goes on. Over every engine, on a loop of our own and without Lua. */
#include <unistd.h>

#include "store_bench.h"

static char folder[64] = "/tmp/hearth-faults-XXXXXX";

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
