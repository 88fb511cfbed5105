/* An engine that is no file: a toy of a server with a round trip for each request, connections that get lost, and notifications. Two clients, as two
** processes have them. The front must need nothing but the engine interface: it hears of the other's commits by being told, asks in bulk, never asks
** on the loop's thread, and is not confused by a server that goes away in the middle of anything. */
#include <limits.h>
#include <time.h>

#include "store/memory.h"
#include "store_bench.h"

/* ---- the server */

typedef struct row {
  struct row *next;
  int64_t revision;
  size_t size;
  char log[];
} row;

/* What a transaction is to do when it is committed. */
typedef struct staged {
  struct staged *next;
  bool clears;
  hearth__record record;
  size_t ns_size, key_size;
  char name[];
} staged;

typedef struct client client;
static struct {
  hearth__memory data; /* what is committed: readers wait for no transaction */
  uv_mutex_t writing;  /* a transaction holds it */
  uv_mutex_t log_lock;
  row *rows, **last;
  int64_t commit;
  client *clients[2];
  atomic_int trips, failing; /* so many of the next trips fail */
  atomic_bool on_loop;       /* somebody asked on the loop's thread */
  uv_thread_t loop;
} server;

enum { ANSWERED, LOST_BEFORE, LOST_AFTER };
struct client {
  hearth__engine engine;
  hearth__engine_options options;
  bool began;
  staged *first, **last;
  atomic_bool lost;
  atomic_int commit_is; /* what becomes of the next commit */
  _Atomic int64_t told; /* the newest commit that it was told of */
};

static client *of(hearth__engine *e) {
  return (client *)e;
}

/* One request and its answer. A connection that was lost is there again with the first that goes through; what was told meanwhile was not heard. */
static int trip(client *c, hearth__fault *f) {
  struct timespec latency = {0, 1000000};
  uv_thread_t self = uv_thread_self();
  if (uv_thread_equal(&self, &server.loop)) atomic_store(&server.on_loop, true);
  nanosleep(&latency, NULL);
  atomic_fetch_add(&server.trips, 1);
  if (atomic_load(&server.failing) > 0) {
    atomic_fetch_sub(&server.failing, 1);
    atomic_store(&c->lost, true);
    return hearth__fail(f, "ENET", "the connection to the server was lost");
  }
  if (atomic_exchange(&c->lost, false)) c->options.news(c->options.news_arg);
  return 0;
}

static int toy_open(const char *location, const hearth__engine_options *options, hearth__engine **out, hearth__fault *f) {
  client *c = calloc(1, sizeof *c);
  (void)f;
  c->engine.class_ = NULL; /* the front knows it */
  c->options = *options;
  server.clients[strcmp(location, "b") == 0] = c;
  *out = &c->engine;
  return 0;
}

static void toy_close(hearth__engine *e) {
  for (int i = 0; i < 2; i++)
    if (server.clients[i] == of(e)) server.clients[i] = NULL;
  free(e);
}

static int toy_begin(hearth__engine *e, int64_t *commit, hearth__fault *f) {
  client *c = of(e);
  if (trip(c, f) != 0) return -1;
  uv_mutex_lock(&server.writing);
  c->began = true;
  c->last = &c->first;
  *commit = server.commit;
  return 0;
}

static int stage(client *c, const hearth__name *name, const hearth__record *r) {
  staged *st = calloc(1, sizeof *st + name->ns_size + name->key_size);
  st->clears = !r;
  if (r) st->record = *r;
  hearth__blob_retain(st->record.value);
  st->ns_size = name->ns_size;
  st->key_size = name->key_size;
  memcpy(st->name, name->ns, name->ns_size);
  memcpy(st->name + name->ns_size, name->key, name->key_size);
  *c->last = st;
  c->last = &st->next;
  return 0;
}

/* These go with the commit. */
static int toy_apply(hearth__engine *e, hearth__change *changes, size_t n, hearth__fault *f) {
  (void)f;
  for (size_t i = 0; i < n; i++) {
    if (changes[i].record->state != HEARTH__ABSENT) changes[i].record->id = 1;
    stage(of(e), &changes[i].name, changes[i].record);
  }
  return 0;
}

static int toy_clear(hearth__engine *e, const char *ns, size_t ns_size, hearth__fault *f) {
  (void)f;
  return stage(of(e), &(hearth__name){.ns = ns, .ns_size = ns_size, .key = ""}, NULL);
}

static int toy_keep(hearth__engine *e, const hearth__name *name, const hearth__record *r, int64_t now, hearth__fault *f) {
  (void)e;
  (void)name;
  (void)r;
  (void)now;
  return hearth__fail(f, "EIO", "the toy has no quarantine");
}

static int toy_drop(hearth__engine *e, int64_t id, bool *found, hearth__fault *f) {
  (void)id;
  *found = false;
  return toy_keep(e, NULL, NULL, 0, f);
}

/* The end of a transaction: what it staged is done, or forgotten. */
static void finish(client *c, int64_t revision) {
  int64_t before;
  hearth__engine *data = &server.data.engine;
  if (revision) hearth__memory_begin(data, &before, NULL);
  for (staged *st = c->first, *next; st; st = next) {
    hearth__name name = {.ns = st->name, .ns_size = st->ns_size, .key = st->name + st->ns_size, .key_size = st->key_size};
    hearth__change change = {.name = name, .record = &st->record};
    if (revision && st->clears)
      hearth__memory_clear(data, name.ns, name.ns_size, NULL);
    else if (revision)
      hearth__memory_apply(data, &change, 1, NULL);
    next = st->next;
    hearth__blob_release(st->record.value);
    free(st);
  }
  if (revision) hearth__memory_commit(data, revision, NULL, 0, NULL);
  c->first = NULL;
  c->began = false;
  uv_mutex_unlock(&server.writing);
}

static void toy_rollback(hearth__engine *e) {
  if (of(e)->began) finish(of(e), 0);
}

static bool has_row(int64_t revision) {
  uv_mutex_lock(&server.log_lock);
  row *r = server.rows;
  while (r && r->revision != revision) r = r->next;
  uv_mutex_unlock(&server.log_lock);
  return r != NULL;
}

static int toy_commit(hearth__engine *e, int64_t revision, const void *log, size_t size, hearth__fault *f) {
  client *c = of(e);
  int fate = atomic_exchange(&c->commit_is, ANSWERED);
  if (fate == LOST_BEFORE) { /* the server ends what it was left with */
    atomic_store(&server.failing, 3);
    toy_rollback(e);
  } else if (trip(c, f) != 0)
    return -1;
  else {
    row *r = calloc(1, sizeof *r + size);
    r->revision = revision;
    r->size = size;
    if (size) memcpy(r->log, log, size);
    uv_mutex_lock(&server.log_lock);
    *server.last = r;
    server.last = &r->next;
    server.commit = revision;
    uv_mutex_unlock(&server.log_lock);
    finish(c, revision);
    for (int i = 0; i < 2; i++)
      if (server.clients[i] && !atomic_load(&server.clients[i]->lost)) {
        atomic_store(&server.clients[i]->told, revision);
        if (server.clients[i] != c) server.clients[i]->options.news(server.clients[i]->options.news_arg);
      }
    if (fate == ANSWERED) return 0;
    atomic_store(&server.failing, 3);
  }
  while (trip(c, f) != 0) {
  }
  f->code = NULL;
  return has_row(revision) ? 0 : hearth__fail(f, "ENET", "the connection was lost before the commit");
}

static int toy_connect(hearth__engine *e, hearth__conn **out, hearth__fault *f) {
  *out = (hearth__conn *)e;
  return trip(of(e), f);
}
static void toy_disconnect(hearth__engine *e, hearth__conn *c) {
  (void)e;
  (void)c;
}

#define ASK(call) (trip(of(e), f) != 0 ? -1 : (call))
static hearth__conn *const reader = (hearth__conn *)&server; /* any but NULL: it takes the lock of the data */
static int toy_load(hearth__engine *e, hearth__conn *c, hearth__item *items, size_t n, hearth__fault *f) {
  (void)c;
  return ASK(hearth__memory_load(&server.data.engine, reader, items, n, f));
}
static int toy_scan(hearth__engine *e, hearth__conn *c, const hearth__scan *s, hearth__key_fn *fn, void *arg, hearth__fault *f) {
  (void)c;
  return ASK(hearth__memory_scan(&server.data.engine, reader, s, fn, arg, f));
}
static int toy_each(hearth__engine *e, hearth__conn *c, const char *ns, size_t size, bool values, hearth__record_fn *fn, void *arg,
                    hearth__fault *f) {
  (void)c;
  return ASK(hearth__memory_each(&server.data.engine, reader, ns, size, values, fn, arg, f));
}
static int toy_expiring(hearth__engine *e, hearth__conn *c, int64_t until, int64_t limit, hearth__record_fn *fn, void *arg,
                        hearth__fault *f) {
  (void)c;
  return ASK(hearth__memory_expiring(&server.data.engine, reader, until, limit, fn, arg, f));
}
static int toy_usage(hearth__engine *e, hearth__conn *c, const char *ns, size_t size, hearth__usage *u, hearth__fault *f) {
  (void)c;
  return ASK(hearth__memory_usage(&server.data.engine, reader, ns, size, u, f));
}
static int toy_namespaces(hearth__engine *e, hearth__conn *c, hearth__key_fn *fn, void *arg, hearth__fault *f) {
  (void)c;
  return ASK(hearth__memory_namespaces(&server.data.engine, reader, fn, arg, f));
}
static int toy_kept(hearth__engine *e, hearth__conn *c, hearth__kept_fn *fn, void *arg, hearth__fault *f) {
  (void)c;
  return ASK(hearth__memory_kept_each(&server.data.engine, reader, fn, arg, f));
}

static int toy_changes(hearth__engine *e, hearth__conn *c, int64_t since, int64_t *commit, bool *complete, hearth__log_fn *fn, void *arg,
                       hearth__fault *f) {
  int status = trip(of(e), f);
  if (status != 0) return status;
  (void)c;
  uv_mutex_lock(&server.log_lock);
  *commit = server.commit;
  *complete = since <= *commit;
  for (row *r = server.rows; fn && r && status == 0; r = r->next)
    if (r->revision > since) status = fn(arg, r->revision, r->log, r->size);
  atomic_store(&of(e)->told, *commit);
  uv_mutex_unlock(&server.log_lock);
  return status;
}

static bool toy_current(hearth__engine *e, int64_t known) {
  return !atomic_load(&of(e)->lost) && atomic_load(&of(e)->told) == known;
}

static const hearth__engine_class toy = {
    .name = "toy",
    .open = toy_open,
    .close = toy_close,
    .begin = toy_begin,
    .apply = toy_apply,
    .clear = toy_clear,
    .keep = toy_keep,
    .drop = toy_drop,
    .commit = toy_commit,
    .rollback = toy_rollback,
    .connect = toy_connect,
    .disconnect = toy_disconnect,
    .load = toy_load,
    .scan = toy_scan,
    .each = toy_each,
    .expiring = toy_expiring,
    .usage = toy_usage,
    .namespaces = toy_namespaces,
    .kept = toy_kept,
    .changes = toy_changes,
    .current = toy_current,
};

/* ---- two clients */

static hearth__engine_class class_;
static bench a, b;

static int toy_open_as(const char *location, const hearth__engine_options *options, hearth__engine **out, hearth__fault *f) {
  int status = toy_open(location, options, out, f);
  if (status == 0) (*out)->class_ = &class_;
  return status;
}

static void put(bench *t, const char *key, const char *value) {
  int before = t->answers;
  submit(t, key, value);
  run_until(t, before + 1);
}

static void hear(bench *t, int events) {
  for (int i = 0; i < 5000 && t->events < events; i++) {
    struct timespec nap = {0, 1000000};
    uv_run(&t->loop, UV_RUN_NOWAIT);
    if (t->events < events) nanosleep(&nap, NULL);
  }
  CHECK(t->events == events);
}

static void each_hears_the_other(void) {
  int before = b.events;
  put(&a, "k", "1");
  hear(&b, before + 1); /* told, not polled: nobody looks by himself here */
  CHECK(value_of(&b, "k") == 1);
  put(&b, "k", "2");
  CHECK(value_of(&a, "k") == 2);
  hear(&b, before + 2);
}

static void what_is_known_costs_no_trip(void) {
  put(&a, "k", "3");
  CHECK(value_of(&a, "k") == 3);
  int trips = atomic_load(&server.trips);
  for (int i = 0; i < 100; i++) CHECK(value_of(&a, "k") == 3);
  CHECK(atomic_load(&server.trips) == trips);
}

static void a_crowd_of_writes_costs_few_trips(void) {
  char key[16];
  int trips = atomic_load(&server.trips), before = a.answers;
  for (int i = 0; i < 1000; i++) {
    snprintf(key, sizeof key, "crowd%d", i);
    submit(&a, key, "7");
  }
  run_until(&a, before + 1000);
  CHECK(atomic_load(&server.trips) - trips <= 30); /* begin, load and commit, for each time that the writer looked */
  CHECK(value_of(&b, "crowd999") == 7);
  CHECK(a.faults == 0);
}

static void a_server_that_is_gone_is_an_error_until_it_is_back(void) {
  put(&a, "gone", "1");
  CHECK(value_of(&b, "gone") == 1);
  atomic_store(&server.failing, INT_MAX);
  int faults = b.faults;
  put(&b, "gone", "2");
  CHECK(b.faults == faults + 1);
  CHECK(value_of(&b, "gone") == -1); /* what the cache has may be old: it is not told */
  atomic_store(&server.failing, 0);
  put(&a, "gone", "3"); /* b is not told of this one: it has no connection */
  CHECK(value_of(&b, "gone") == 3);
  put(&b, "gone", "4");
  CHECK(b.faults == faults + 1);
  CHECK(value_of(&a, "gone") == 4);
}

static void what_was_missed_is_heard_when_the_connection_is_back(void) {
  put(&b, "missed", "1");
  atomic_store(&server.failing, 1);
  CHECK(value_of(&b, "unknown") == -1);
  hear(&b, b.events);
  int before = b.events;
  put(&a, "missed", "2");
  CHECK(b.events == before);
  CHECK(value_of(&b, "unknown") == 0); /* connects again */
  hear(&b, before + 1);
  CHECK(value_of(&b, "missed") == 2);
}

/* n + 1, on condition that nobody came between: 1 it landed, 0 it was refused, -1 it failed. */
static int outcome;
static void counted(hearth__batch *batch) {
  bench *t = batch->user;
  outcome = batch->fault ? -1 : !batch->refused;
  t->answers++;
  hearth__batch_free(batch);
}
static void count_up(bench *t, int from, int64_t revision) {
  char text[16];
  hearth__batch *batch = hearth__batch_new(t->store, 1, 1);
  hearth__name name = key_of("count");
  hearth__write_op *op = hearth__batch_add(batch, HEARTH__PUT, &name);
  snprintf(text, sizeof text, "%d", from + 1);
  op->value = hearth__blob_new(text, strlen(text));
  op->conditional = true;
  op->if_revision = revision;
  batch->done = counted;
  batch->user = t;
  int before = t->answers;
  hearth__store_submit(t->store, batch);
  run_until(t, before + 1);
}

static int64_t revision_of(bench *t, const char *key) {
  hearth__name name = key_of(key);
  hearth__record r;
  if (hearth__store_get(t->store, &name, 1, &r) != 1) return -1;
  hearth__blob_release(r.value);
  return r.revision;
}

static void a_commit_is_never_in_doubt(void) {
  put(&a, "count", "1");
  atomic_store(&server.clients[0]->commit_is, LOST_AFTER); /* it happened, and nobody was told */
  count_up(&a, 1, revision_of(&a, "count"));
  CHECK(outcome == 1);
  CHECK(value_of(&b, "count") == 2);
  CHECK(value_of(&a, "count") == 2);
  atomic_store(&server.clients[0]->commit_is, LOST_BEFORE);
  count_up(&a, 2, revision_of(&a, "count"));
  CHECK(outcome == -1 || value_of(&b, "count") == 3); /* said to have failed, or done when tried again: never both */
  CHECK(outcome == 1 || value_of(&b, "count") == 2);
  int now = value_of(&a, "count");
  count_up(&a, now, revision_of(&a, "count"));
  CHECK(outcome == 1);
  CHECK(value_of(&b, "count") == now + 1);
}

static void nothing_is_asked_on_the_loop(void) {
  CHECK(!atomic_load(&server.on_loop));
}

int main(void) {
  class_ = toy;
  class_.open = toy_open_as;
  CHECK(hearth__memory_init(&server.data, &hearth__memory_engine) == 0);
  CHECK(uv_mutex_init(&server.log_lock) == 0 && uv_mutex_init(&server.writing) == 0);
  server.last = &server.rows;
  CHECK(hearth__engine_add("toy:", &class_) == 0);
  if (!start(&a, "toy:a") || !start(&b, "toy:b")) return 1;
  server.loop = uv_thread_self(); /* opening is for workers; here it was done in front of it all */
  hearth__store_listen(b.store, true);
  RUN(each_hears_the_other);
  RUN(what_is_known_costs_no_trip);
  RUN(a_crowd_of_writes_costs_few_trips);
  RUN(a_server_that_is_gone_is_an_error_until_it_is_back);
  RUN(what_was_missed_is_heard_when_the_connection_is_back);
  RUN(a_commit_is_never_in_doubt);
  RUN(nothing_is_asked_on_the_loop);
  end(&a);
  end(&b);
  for (row *r = server.rows, *next; r; r = next) {
    next = r->next;
    free(r);
  }
  hearth__memory_free(&server.data);
  uv_mutex_destroy(&server.log_lock);
  uv_mutex_destroy(&server.writing);
  return check_end();
}
