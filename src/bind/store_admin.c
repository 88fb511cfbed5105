/* Verbs that look at a store as a whole: scan, namespaces, usage, quarantine, verify, stats, backup, purge. Each is one job on a
** worker that sees what was queued before it. */
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "bind/store.h"
#include "error.h"
#include "module.h"

/* Strings that a job collects, one after the other. */
typedef struct item {
  size_t at, size, ns_size;
  int64_t id, revision, version, time;
  uint8_t kind;
} item;

typedef struct look {
  hearth__wait wait;
  hearth__job job;
  hearth__scan scan;
  hearth__usage usage;
  char *text; /* what was collected */
  size_t size, room;
  item *items;
  size_t n, room_items;
  hearth__blob *ns, *prefix, *start, *path;
  bool has_start;
  int64_t records, damaged;
  atomic_bool stop;
  int (*push)(lua_State *L, struct look *l);
  int (*run)(struct look *l, hearth__engine *e);
} look;

static look *of_job(hearth__job *j) {
  return (look *)(void *)((char *)j - offsetof(look, job));
}

static item *collect(look *l, const char *bytes, size_t size) {
  if (l->n == l->room_items) {
    size_t room = l->room_items ? l->room_items * 2 : 64;
    item *grown = realloc(l->items, room * sizeof *grown);
    if (!grown) return NULL;
    l->items = grown;
    l->room_items = room;
  }
  if (l->size + size > l->room) {
    size_t room = l->room ? l->room * 2 : 1024;
    while (room < l->size + size) room *= 2;
    char *grown = realloc(l->text, room);
    if (!grown) return NULL;
    l->text = grown;
    l->room = room;
  }
  if (size) memcpy(l->text + l->size, bytes, size);
  item *it = &l->items[l->n++];
  *it = (item){.at = l->size, .size = size};
  l->size += size;
  return it;
}

static int take_key(void *arg, const char *key, size_t size) {
  return collect(arg, key, size) ? 0 : 1;
}

static int look_push(lua_State *L, hearth__op *op) {
  look *l = (look *)op;
  hearth__fault room;
  const hearth__fault *f = hearth__wait_fault(&l->wait, &l->job.fault, &room);
  if (f) return hearth__raise_fault(L, f, op->class_->verb, NULL);
  return l->push(L, l);
}

static void look_drop(hearth__wait *w) {
  look *l = (look *)w;
  free(l->text);
  free(l->items);
  hearth__blob_release(l->ns);
  hearth__blob_release(l->prefix);
  hearth__blob_release(l->start);
  hearth__blob_release(l->path);
  hearth__wait_free(w);
}

static int look_run(hearth__job *j, hearth__engine *e) {
  return of_job(j)->run(of_job(j), e);
}

static void look_done(hearth__job *j) {
  hearth__wait_landed(&of_job(j)->wait);
}

static void look_start(hearth__wait *w) {
  look *l = (look *)w;
  l->job.run = look_run;
  l->job.done = look_done;
  l->job.after_writes = true;
  hearth__store_run(w->handle->store, &l->job);
}

/* A backup that nobody waits for any longer ends early. */
static void look_release(hearth__op *op) {
  atomic_store(&((look *)op)->stop, true);
  hearth__wait_release(op);
}

static look *look_make(lua_State *L, const hearth__op_class *class_, int (*run)(look *l, hearth__engine *e),
                       int (*push)(lua_State *L, look *l)) {
  hearth__handle *hd = hearth__handle_check(L, 1, class_->verb);
  look *l = hearth__wait_new(L, hd, sizeof *l, class_, look_start, look_drop);
  if (!l) hearth__no_memory(L);
  l->run = run;
  l->push = push;
  return l;
}

static look *look_new(lua_State *L, const hearth__op_class *class_, int (*run)(look *l, hearth__engine *e),
                      int (*push)(lua_State *L, look *l)) {
  hearth__check_await(L, hearth__state_of(L), class_->verb);
  return look_make(L, class_, run, push);
}

static int look_go(lua_State *L, look *l) {
  hearth__wait_go(&l->wait, "read");
  return hearth__await(L, &l->wait.op);
}

/* ---- scan */

static int push_list(lua_State *L, look *l) {
  lua_createtable(L, (int)l->n, 0);
  for (size_t i = 0; i < l->n; i++) {
    lua_pushlstring(L, l->text + l->items[i].at, l->items[i].size);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

static int scan_run(look *l, hearth__engine *e) {
  return e->class_->scan(e, l->job.conn, &l->scan, take_key, l, &l->job.fault);
}

static const hearth__op_class scan_class = {"store:scan", look_push, look_release};

static hearth__blob *copy(lua_State *L, int idx) {
  size_t size;
  const char *bytes = lua_tolstring(L, idx, &size);
  return hearth__blob_new(bytes, size);
}

/* scan(ns, prefix, start, limit, reverse) -> keys */
int hearth__l_store_scan(lua_State *L) {
  const char *verb = scan_class.verb;
  lua_settop(L, 6);
  hearth__check_await(L, hearth__state_of(L), verb);
  hearth__handle_check(L, 1, verb);
  int is_integer = 1;
  lua_Integer limit = lua_isnil(L, 5) ? -1 : lua_tointegerx(L, 5, &is_integer);
  if (lua_isnil(L, 3)) {
    lua_pushliteral(L, "");
    lua_replace(L, 3);
  }
  if (lua_type(L, 2) != LUA_TSTRING || lua_type(L, 3) != LUA_TSTRING || !(lua_isnil(L, 4) || lua_type(L, 4) == LUA_TSTRING) ||
      !is_integer || (!lua_isnil(L, 5) && limit < 0))
    return hearth__raise(L, "EINVAL", &(hearth__error_fields){.op = verb},
                         "%s: namespace, prefix and start are strings, limit an integer, 0 or more", verb);
  look *l = look_new(L, &scan_class, scan_run, push_list);
  l->ns = copy(L, 2);
  l->prefix = copy(L, 3);
  l->start = copy(L, lua_isnil(L, 4) ? 3 : 4);
  if (!l->ns || !l->prefix || !l->start) {
    look_drop(&l->wait);
    return hearth__no_memory(L);
  }
  l->scan = (hearth__scan){.ns = l->ns->bytes,
                           .ns_size = l->ns->size,
                           .prefix = l->prefix->bytes,
                           .prefix_size = l->prefix->size,
                           .start = lua_isnil(L, 4) ? NULL : l->start->bytes,
                           .start_size = l->start->size,
                           .limit = limit,
                           .reverse = lua_toboolean(L, 6),
                           .now = hearth__wall_ms(l->wait.handle->stores->h)};
  return look_go(L, l);
}

/* ---- namespaces, usage */

static int namespaces_run(look *l, hearth__engine *e) {
  return e->class_->namespaces(e, l->job.conn, take_key, l, &l->job.fault);
}

static const hearth__op_class namespaces_class = {"store:namespaces", look_push, look_release};

/* namespaces() -> list, awaits; namespaces(fn): fn(list | nil, nil, err), later */
int hearth__l_store_namespaces(lua_State *L) {
  if (lua_isfunction(L, 2)) {
    look *l = look_make(L, &namespaces_class, namespaces_run, push_list);
    hearth__callback(L, 2, &l->wait.op);
    hearth__wait_go(&l->wait, "read");
    return 0;
  }
  return look_go(L, look_new(L, &namespaces_class, namespaces_run, push_list));
}

static int usage_run(look *l, hearth__engine *e) {
  return e->class_->usage(e, l->job.conn, l->ns->bytes, l->ns->size, &l->usage, &l->job.fault);
}

static int usage_push(lua_State *L, look *l) {
  int64_t quota = hearth__store_quota(l->job.store);
  lua_createtable(L, 0, 4);
  lua_pushinteger(L, l->usage.keys);
  lua_setfield(L, -2, "keys");
  lua_pushinteger(L, l->usage.bytes);
  lua_setfield(L, -2, "bytes");
  lua_pushinteger(L, l->usage.file_bytes);
  lua_setfield(L, -2, "file_bytes");
  if (quota > 0) {
    lua_pushinteger(L, quota);
    lua_setfield(L, -2, "quota");
  }
  return 1;
}

static const hearth__op_class usage_class = {"store:usage", look_push, look_release};

/* usage(ns) -> {keys=, bytes=, quota=, file_bytes=} */
int hearth__l_store_usage(lua_State *L) {
  luaL_checktype(L, 2, LUA_TSTRING);
  look *l = look_new(L, &usage_class, usage_run, usage_push);
  if (!(l->ns = copy(L, 2))) {
    look_drop(&l->wait);
    return hearth__no_memory(L);
  }
  return look_go(L, l);
}

/* ---- quarantine */

static int take_kept(void *arg, const hearth__kept *k) {
  look *l = arg;
  item *first = collect(l, k->ns->bytes, k->ns->size);
  if (!first) return 1;
  first->id = k->id;
  first->revision = k->revision;
  first->version = k->version;
  first->time = k->time;
  first->kind = k->kind;
  return collect(l, k->key->bytes, k->key->size) && collect(l, k->value->bytes, k->value->size) ? 0 : 1;
}

static int kept_run(look *l, hearth__engine *e) {
  return e->class_->kept(e, l->job.conn, take_kept, l, &l->job.fault);
}

static int kept_push(lua_State *L, look *l) {
  lua_createtable(L, (int)(l->n / 3), 0);
  for (size_t i = 0; i + 2 < l->n; i += 3) {
    static const char *const fields[] = {"ns", "key", "bytes"};
    const item *first = &l->items[i];
    lua_createtable(L, 0, 8);
    for (size_t k = 0; k < 3; k++) {
      lua_pushlstring(L, l->text + l->items[i + k].at, l->items[i + k].size);
      lua_setfield(L, -2, fields[k]);
    }
    lua_pushinteger(L, first->id);
    lua_setfield(L, -2, "id");
    lua_pushinteger(L, first->revision);
    lua_setfield(L, -2, "revision");
    lua_pushinteger(L, first->version);
    lua_setfield(L, -2, "version");
    lua_pushnumber(L, (lua_Number)first->time / 1000);
    lua_setfield(L, -2, "time");
    lua_pushstring(L, first->kind == HEARTH__JSON ? "json" : "text");
    lua_setfield(L, -2, "kind");
    lua_rawseti(L, -2, (lua_Integer)(i / 3) + 1);
  }
  return 1;
}

static const hearth__op_class quarantine_class = {"store:quarantine", look_push, look_release};

/* quarantine() -> list of {id=, ns=, key=, bytes=, time=, revision=, version=, kind=}, oldest first */
int hearth__l_store_quarantine(lua_State *L) {
  return look_go(L, look_new(L, &quarantine_class, kept_run, kept_push));
}

/* ---- verify */

static int take_bad(void *arg, const char *text) {
  return collect(arg, text, strlen(text)) ? 0 : 1;
}

static int check_one(void *arg, const hearth__name *name, const hearth__record *r) {
  look *l = arg;
  l->records++;
  if (r->state != HEARTH__DAMAGED) return atomic_load(&l->stop);
  l->damaged++;
  item *it = collect(l, name->ns, name->ns_size);
  if (!it || !collect(l, name->key, name->key_size)) return 1;
  it = &l->items[l->n - 2];
  it->kind = 1; /* a pair: namespace and key */
  return atomic_load(&l->stop);
}

static int verify_run(look *l, hearth__engine *e) {
  if (e->class_->verify && e->class_->verify(e, l->job.conn, take_bad, l, &l->job.fault) < 0) return -1;
  int status = e->class_->each(e, l->job.conn, NULL, 0, true, check_one, l, &l->job.fault);
  if (status < 0) { /* what cannot be walked is what is wrong */
    int bad = take_bad(l, l->job.fault.message);
    l->job.fault.code = NULL;
    return bad;
  }
  return 0;
}

static int verify_push(lua_State *L, look *l) {
  int damaged = 0, problems = 0;
  lua_createtable(L, 0, 3);
  lua_pushinteger(L, l->records);
  lua_setfield(L, -2, "records");
  lua_newtable(L);
  lua_newtable(L); /* report damaged problems */
  for (size_t i = 0; i < l->n; i++) {
    const item *it = &l->items[i];
    if (it->kind == 1) {
      const item *key = &l->items[++i];
      lua_createtable(L, 0, 2);
      lua_pushlstring(L, l->text + it->at, it->size);
      lua_setfield(L, -2, "ns");
      lua_pushlstring(L, l->text + key->at, key->size);
      lua_setfield(L, -2, "key");
      lua_rawseti(L, -3, ++damaged);
    } else {
      lua_pushlstring(L, l->text + it->at, it->size);
      lua_rawseti(L, -2, ++problems);
    }
  }
  lua_setfield(L, -3, "problems");
  lua_setfield(L, -2, "damaged");
  return 1;
}

static const hearth__op_class verify_class = {"store:verify", look_push, look_release};

/* verify() -> {records=n, damaged={ {ns=, key=}, … }, problems={text, …}} */
int hearth__l_store_verify(lua_State *L) {
  return look_go(L, look_new(L, &verify_class, verify_run, verify_push));
}

/* ---- backup */

static int backup_run(look *l, hearth__engine *e) {
  if (!e->class_->backup) return hearth__fail(&l->job.fault, "EINVAL", "a %s store has no file to back up", e->class_->name);
  return e->class_->backup(e, l->job.conn, l->path->bytes, &l->stop, &l->job.fault);
}

static int backup_push(lua_State *L, look *l) {
  lua_pushlstring(L, l->path->bytes, l->path->size);
  return 1;
}

static const hearth__op_class backup_class = {"store:backup", look_push, look_release};

/* backup(path) -> path: refuses one that exists */
int hearth__l_store_backup(lua_State *L) {
  luaL_checktype(L, 2, LUA_TSTRING);
  look *l = look_new(L, &backup_class, backup_run, backup_push);
  if (!(l->path = copy(L, 2))) {
    look_drop(&l->wait);
    return hearth__no_memory(L);
  }
  return look_go(L, l);
}

/* ---- at once */

static void add_stat(void *arg, const char *name, int64_t value) {
  lua_State *L = arg;
  lua_pushinteger(L, value);
  lua_setfield(L, -2, name);
}

/* stats() -> table of numbers; does not wait */
int hearth__l_store_stats(lua_State *L) {
  hearth__handle *hd = hearth__handle_check(L, 1, "store:stats");
  hearth__store_stats s;
  hearth__engine *e = hearth__store_engine(hd->store);
  hearth__store_stats_of(hd->store, &s);
  lua_createtable(L, 0, 16);
  lua_pushstring(L, e->class_->name);
  lua_setfield(L, -2, "engine");
  add_stat(L, "revision", s.revision);
  add_stat(L, "cache_hits", (int64_t)s.hits);
  add_stat(L, "cache_misses", (int64_t)s.misses);
  add_stat(L, "cache_evicted", (int64_t)s.evicted);
  add_stat(L, "cache_bytes", (int64_t)s.cache_bytes);
  add_stat(L, "cache_bound", (int64_t)s.cache_bound);
  add_stat(L, "cache_keys", (int64_t)s.cache_entries);
  add_stat(L, "commits", (int64_t)s.commits);
  add_stat(L, "batches", (int64_t)s.batches);
  add_stat(L, "largest_group", (int64_t)s.groups_max);
  add_stat(L, "queued", (int64_t)s.queued);
  if (e->class_->stats) e->class_->stats(e, add_stat, L);
  return 1;
}

/* purge(): removes what has expired, as an ordinary commit; does not wait */
int hearth__l_store_purge(lua_State *L) {
  hearth__handle *hd = hearth__handle_check(L, 1, "store:purge");
  hearth__store_purge(hd->store, hearth__wall_ms(hd->stores->h));
  return 0;
}
