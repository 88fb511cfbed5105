/* Writing verbs: write, apply, submit, put_raw, quarantine_take, purge, flush. Each makes one batch. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "bind/store.h"
#include "error.h"
#include "json/json.h"
#include "module.h"
#include "ref.h"

typedef struct write_wait {
  hearth__wait wait;
  hearth__making *making;   /* values that a worker makes; NULL when it is through */
  const char *verb;         /* what errors call it; NULL: as its class does */
  const hearth__name *name; /* the key of a set that is about to start (set_start) */
  bool started, dropped;    /* dropped: goes when the worker is through */
  hearth__batch batch;      /* its ops follow */
} write_wait;

static const hearth__op_class write_class, put_many_class, apply_class, submit_class, raw_class, take_class, flush_class;

/* Tags are anchored until the events of the batch have been heard. */
static void let_go_of_tags(write_wait *w) {
  for (size_t i = 0; i < w->batch.n; i++)
    if (w->batch.ops[i].tag && w->batch.ops[i].verb != HEARTH__DROP) hearth__tag_later(w->wait.handle->stores, (int)w->batch.ops[i].tag);
}

static void write_drop(hearth__wait *w) {
  write_wait *ww = (write_wait *)w;
  if (ww->making && ww->started) {
    ww->dropped = true;
    return;
  }
  hearth__making_free(ww->making);
  let_go_of_tags(ww);
  hearth__batch_free(&ww->batch);
  hearth__wait_free(w);
}

static void write_done(hearth__batch *b) {
  hearth__wait *w = b->user;
  if (w->handle->stores->h) hearth__soon_end(w->handle->stores->h);
  hearth__wait_landed(b->user);
}

static void making_over(void *user) {
  write_wait *w = user;
  hearth__making_free(w->making);
  w->making = NULL;
  if (w->dropped)
    write_drop(&w->wait);
  else if (w->wait.handle->store)
    hearth__store_kick(w->wait.handle->store); /* an engine without a writer goes on here */
}

static void write_start(hearth__wait *w) {
  write_wait *ww = (write_wait *)w;
  ww->batch.user = w;
  ww->batch.done = write_done;
  ww->batch.unmade = hearth__making_count(ww->making);
  hearth__soon_begin(w->handle->stores->h);
  hearth__store_submit(w->handle->store, &ww->batch);
  if (!ww->making) return;
  ww->started = true;
  hearth__making_start(ww->making, &ww->batch, making_over, ww);
}

/* Of a setter: its batch has one op, and a key that is looked up as it is queued. */
static void set_start(hearth__wait *w) {
  write_wait *ww = (write_wait *)w;
  ww->batch.user = w;
  ww->batch.done = write_done;
  hearth__soon_begin(w->handle->stores->h);
  if (hearth__store_submit_one(w->handle->store, &ww->batch, ww->name) == 0) return;
  hearth__soon_end(w->handle->stores->h);
  hearth__wait_fail(w, "EIO", HEARTH__NO_MEMORY);
  hearth__wait_landed(w);
}

static const char *verb_of(const write_wait *w) {
  return w->verb ? w->verb : w->wait.op.class_->verb;
}

static write_wait *write_new(lua_State *L, hearth__handle *hd, size_t n, const hearth__op_class *class_) {
  size_t size = offsetof(write_wait, batch) + hearth__batch_size(n);
  write_wait *w = hearth__wait_new(L, hd, size, class_, write_start, write_drop);
  if (!w) {
    hearth__no_memory(L);
    return NULL;
  }
  hearth__batch_init(&w->batch, hd->store, n, hearth__wall_ms(hd->stores->h));
  return w;
}

static int out_of_memory(lua_State *L, write_wait *w) {
  write_drop(&w->wait);
  return hearth__no_memory(L);
}

static hearth__handle *writable(lua_State *L, const char *verb) {
  hearth__handle *hd = hearth__handle_check(L, 1, verb);
  if (hearth__store_read_only(hd->store))
    hearth__raise(L, "EROFS", &(hearth__error_fields){.op = verb}, "%s: the store was opened read-only", verb);
  return hd;
}

/* The key of the first op that has one, for messages. */
static const hearth__fault *fault_of(const write_wait *w, hearth__name *name, bool *named, hearth__fault *room) {
  const hearth__batch *b = &w->batch;
  *named = b->n == 1 && b->ops[0].entry && b->ops[0].verb != HEARTH__CLEAR;
  if (*named) *name = hearth__entry_name(b->ops[0].entry);
  return hearth__wait_fault(&w->wait, b->fault, room);
}

static void check_fault(lua_State *L, hearth__op *op) {
  write_wait *w = (write_wait *)op;
  hearth__name name;
  bool named;
  if (!w->wait.code && !w->batch.fault) return; /* by far the most frequent case */
  hearth__fault room;
  const hearth__fault *f = fault_of(w, &name, &named, &room);
  if (f) hearth__raise_fault(L, f, verb_of(w), named ? &name : NULL);
}

/* Owns a batch while it is being made: an error on the way leaves it to the collector. */
#define DRAFT_CLASS "hearth.store.draft"

static int draft_gc(lua_State *L) {
  write_wait **draft = lua_touserdata(L, 1);
  if (*draft) write_drop(&(*draft)->wait);
  *draft = NULL;
  return 0;
}

static write_wait **draft_new(lua_State *L, hearth__handle *hd, size_t n, const hearth__op_class *class_) {
  write_wait **draft = lua_newuserdatauv(L, sizeof *draft, 0);
  *draft = NULL;
  if (luaL_newmetatable(L, DRAFT_CLASS)) {
    lua_pushcfunction(L, draft_gc);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  *draft = write_new(L, hd, n, class_);
  return draft;
}

/* ---- one key */

static int write_push(lua_State *L, hearth__op *op) {
  write_wait *w = (write_wait *)op;
  check_fault(L, op);
  if (w->batch.refused) {
    hearth__fault f;
    hearth__name name = hearth__entry_name(w->batch.ops[0].entry);
    hearth__fail(&f, "ECONFLICT", "it has revision %lld, not %lld: read it again and decide", (long long)w->batch.current[0].revision,
                 (long long)w->batch.ops[0].if_revision);
    return hearth__raise_fault(L, &f, verb_of(w), &name);
  }
  lua_pushinteger(L, w->batch.revision);
  return 1;
}

static const hearth__op_class write_class = {"store:write", write_push, hearth__wait_release};

static void check_value(lua_State *L, int idx, const char *verb, const hearth__name *name) {
  size_t size;
  if (hearth__json_packed(L, idx)) return;
  if (lua_type(L, idx) != LUA_TSTRING)
    hearth__raise(L, "EINVAL", &(hearth__error_fields){.op = verb, .key = name->key, .key_size = name->key_size},
                  "%s: a value is a string, not a %s", verb, luaL_typename(L, idx));
  lua_tolstring(L, idx, &size);
  if (size > HEARTH__VALUE_MAX)
    hearth__raise(L, "EBIG", &(hearth__error_fields){.op = verb, .key = name->key, .key_size = name->key_size},
                  "%s: a value of %zu bytes; a value is at most %d bytes", verb, size, HEARTH__VALUE_MAX);
}

static hearth__blob *copy_of(lua_State *L, int idx) {
  size_t size;
  const char *bytes = lua_tolstring(L, idx, &size);
  return hearth__blob_new(bytes, size);
}

/* Gives the op the value at idx, a string or packed, now or later. May raise: the wait must belong to a draft. */
static void give_value(lua_State *L, write_wait *w, hearth__write_op *op, int idx) {
  if (hearth__makes_later(L, idx))
    hearth__making_add(L, w->wait.handle, &w->making, op, idx);
  else if (!(op->value = copy_of(L, idx)))
    hearth__no_memory(L);
}

static int check_kind(lua_State *L, int idx, const char *verb) {
  const char *kind = lua_isnoneornil(L, idx) ? "text" : lua_tostring(L, idx);
  if (kind && strcmp(kind, "text") == 0) return HEARTH__TEXT;
  if (kind && strcmp(kind, "json") == 0) return HEARTH__JSON;
  return hearth__raise(L, "EINVAL", &(hearth__error_fields){.op = verb}, "%s: kind is \"text\" or \"json\"", verb);
}

/* Milliseconds of the clock at which a record with this ttl expires; 0 without one. */
static int64_t check_ttl(lua_State *L, int idx, const char *verb, int64_t now) {
  if (lua_isnoneornil(L, idx)) return 0;
  double ttl = lua_type(L, idx) == LUA_TNUMBER ? lua_tonumber(L, idx) : -1;
  if (!(ttl > 0) || !isfinite(ttl))
    hearth__raise(L, "EINVAL", &(hearth__error_fields){.op = verb}, "%s: ttl is a positive, finite number of seconds", verb);
  double at = (double)now + ceil(ttl * 1000);
  return at < 9e15 ? (int64_t)at : (int64_t)9e15;
}

static int64_t check_integer(lua_State *L, int idx, const char *verb, const char *what) {
  int is_integer;
  int64_t n = lua_tointegerx(L, idx, &is_integer);
  if (!is_integer) hearth__raise(L, "EINVAL", &(hearth__error_fields){.op = verb}, "%s: %s is an integer", verb, what);
  return n;
}

/* A batch of one op, with the value at idx; 0: it removes. */
static write_wait *one_op(lua_State *L, hearth__handle *hd, const hearth__name *name, int idx) {
  write_wait **draft = idx && hearth__makes_later(L, idx) ? draft_new(L, hd, 1, &write_class) : NULL;
  write_wait *w = draft ? *draft : write_new(L, hd, 1, &write_class);
  hearth__write_op *op = hearth__batch_add(&w->batch, idx ? HEARTH__PUT : HEARTH__REMOVE, name);
  if (draft) {
    if (!op) hearth__no_memory(L);
    hearth__making_add(L, hd, &w->making, op, idx);
    *draft = NULL;
  } else if (!op || (idx && !(op->value = copy_of(L, idx)))) {
    write_drop(&w->wait);
    hearth__no_memory(L);
  }
  return w;
}

/* write(ns, key, value | nil, kind, ttl | nil, if_revision | nil, version | nil) -> revision */
int hearth__l_store_write(lua_State *L) {
  const char *verb = write_class.verb;
  hearth__check_await(L, hearth__state_of(L), verb);
  hearth__handle *hd = writable(L, verb);
  lua_settop(L, 8);
  hearth__name name = hearth__check_name(L, 2, 3, verb);
  bool gone = lua_isnil(L, 4);
  if (!gone) check_value(L, 4, verb, &name);
  int kind = check_kind(L, 5, verb);
  int64_t expires_at = check_ttl(L, 6, verb, hearth__wall_ms(hd->stores->h));
  int64_t if_revision = lua_isnil(L, 7) ? 0 : check_integer(L, 7, verb, "if_revision");
  int64_t version = lua_isnil(L, 8) ? 0 : check_integer(L, 8, verb, "version");
  write_wait *w = one_op(L, hd, &name, gone ? 0 : 4);
  hearth__write_op *op = &w->batch.ops[0];
  op->kind = (uint8_t)kind;
  op->expires_at = expires_at;
  op->conditional = !lua_isnil(L, 7);
  op->if_revision = if_revision;
  op->version = version;
  hearth__wait_go(&w->wait, "write");
  return hearth__await(L, &w->wait.op);
}

enum { SHORT_VALUE = 64 << 10 };

/* Upvalues: state, handle, namespace, verb. A call with something to refuse or to look at is the caller's own: nothing is done and given. */
static int setter_call(lua_State *L) {
  hearth__name name;
  size_t size;
  if (!lua_isnoneornil(L, 3) || lua_type(L, 1) != LUA_TSTRING || lua_type(L, 2) != LUA_TSTRING) return 0;
  name.ns = lua_tolstring(L, lua_upvalueindex(3), &name.ns_size);
  name.key = lua_tolstring(L, 1, &name.key_size);
  const char *bytes = lua_tolstring(L, 2, &size), *verb = lua_tostring(L, lua_upvalueindex(4));
  if (name.key_size > HEARTH__KEY_MAX || name.ns_size > HEARTH__KEY_MAX || size > SHORT_VALUE) return 0;
  hearth__check_await(L, hearth__state_of(L), verb);
  hearth__handle *hd = hearth__handle_bound(L, verb);
  if (hd->stores->plan.active || hd->stores->delayed) return 0;
  if (hearth__store_read_only(hd->store)) {
    hearth__fault f;
    hearth__fail(&f, "EROFS", "the store was opened read-only");
    return hearth__raise_fault(L, &f, verb, &name);
  }
  write_wait *w = write_new(L, hd, 1, &write_class);
  hearth__write_op *op = hearth__batch_one(&w->batch, HEARTH__PUT);
  if (!(op->value = hearth__blob_new(bytes, size))) return out_of_memory(L, w);
  op->kind = HEARTH__TEXT;
  w->verb = verb;
  w->name = &name;
  w->wait.start = set_start;
  hearth__wait_go(&w->wait, "write");
  return hearth__await(L, &w->wait.op);
}

/* setter(ns, verb) -> fn(key, text, options) -> revision */
int hearth__l_store_setter(lua_State *L) {
  return hearth__bind(L, setter_call);
}

/* ---- batches */

static int apply_push(lua_State *L, hearth__op *op) {
  write_wait *w = (write_wait *)op;
  hearth__batch *b = &w->batch;
  check_fault(L, op);
  if (!b->refused) {
    lua_pushinteger(L, b->revision);
    return 1;
  }
  lua_pushnil(L);
  lua_createtable(L, (int)b->n, 0);
  for (size_t i = 0; i < b->n; i++) {
    hearth__name name = hearth__entry_name(b->ops[i].entry);
    hearth__fault damaged = {.code = "ECORRUPT", .message = "the record does not match its checksum"};
    bool bad = b->current[i].state == HEARTH__DAMAGED;
    hearth__push_record(L, &b->current[i], bad ? &damaged : NULL, op->class_->verb, &name);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 2;
}

static const hearth__op_class put_many_class = {"store:put_many", write_push, hearth__wait_release};
static const hearth__op_class apply_class = {"store:apply", apply_push, hearth__wait_release};
static const hearth__op_class submit_class = {"store:submit", apply_push, hearth__wait_release};

static bool truthy(lua_State *L, int idx, const char *field) {
  lua_getfield(L, idx, field);
  bool yes = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return yes;
}

/* An op of the list as numbers and stack positions: pushes ns, key, value (at base + 1 .. 3), so that strings stay anchored. */
typedef struct parsed {
  hearth__name name;
  uint8_t verb, kind;
  bool conditional, keep, tagged;
  int64_t if_revision, version, expires_at;
} parsed;

static void parse_op(lua_State *L, int list, int i, const char *verb, int64_t now, parsed *p) {
  memset(p, 0, sizeof *p);
  lua_rawgeti(L, list, i);
  int t = lua_gettop(L);
  if (!lua_istable(L, t)) hearth__raise(L, "EINVAL", &(hearth__error_fields){.op = verb}, "%s: op %d is no table", verb, i);
  lua_getfield(L, t, "ns");
  if (truthy(L, t, "clear")) {
    p->verb = HEARTH__CLEAR;
    lua_pushliteral(L, "");
  } else
    lua_getfield(L, t, "key");
  p->name = hearth__check_name(L, t + 1, t + 2, verb);
  lua_getfield(L, t, "value");
  if (p->verb != HEARTH__CLEAR) {
    p->verb = truthy(L, t, "check") ? HEARTH__CHECK : lua_isnil(L, t + 3) ? HEARTH__REMOVE : HEARTH__PUT;
    if (p->verb == HEARTH__PUT) check_value(L, t + 3, verb, &p->name);
    lua_getfield(L, t, "kind");
    p->kind = (uint8_t)check_kind(L, t + 4, verb);
    lua_getfield(L, t, "ttl");
    p->expires_at = check_ttl(L, t + 5, verb, now);
    lua_getfield(L, t, "expires_at");
    if (lua_isnumber(L, t + 6)) {
      double at = ceil(lua_tonumber(L, t + 6) * 1000);
      p->expires_at = at > 0 && at < 9e15 ? (int64_t)at : 0;
    }
    lua_getfield(L, t, "version");
    p->version = lua_isnil(L, -1) ? 0 : check_integer(L, -1, verb, "version");
    lua_getfield(L, t, "if_revision");
    p->conditional = !lua_isnil(L, -1);
    p->if_revision = p->conditional ? check_integer(L, -1, verb, "if_revision") : 0;
    p->keep = truthy(L, t, "keep");
  }
  lua_getfield(L, t, "tag");
  p->tagged = !lua_isnil(L, -1);
  lua_settop(L, t + 3);
}

static write_wait *batch_of(lua_State *L, hearth__handle *hd, int list, const hearth__op_class *class_) {
  if (!lua_istable(L, list))
    hearth__raise(L, "EINVAL", &(hearth__error_fields){.op = class_->verb}, "%s: expects a list of ops", class_->verb);
  int n = (int)lua_rawlen(L, list);
  int64_t now = hearth__wall_ms(hd->stores->h);
  parsed p;
  luaL_checkstack(L, 16, NULL);
  write_wait **draft = draft_new(L, hd, (size_t)n, class_);
  hearth__batch *b = &(*draft)->batch;
  int top = lua_gettop(L);
  for (int i = 1; i <= n; i++) {
    parse_op(L, list, i, class_->verb, now, &p);
    hearth__write_op *op = hearth__batch_add(b, p.verb, &p.name);
    if (!op) hearth__no_memory(L);
    if (p.verb == HEARTH__PUT) give_value(L, *draft, op, lua_gettop(L));
    op->kind = p.kind;
    op->conditional = p.conditional;
    op->if_revision = p.if_revision;
    op->keep = p.keep;
    op->version = p.version;
    op->expires_at = p.expires_at;
    if (p.tagged) {
      lua_getfield(L, top + 1, "tag");
      op->tag = hearth__ref(L);
    }
    lua_settop(L, top);
  }
  write_wait *w = *draft;
  *draft = NULL;
  lua_pop(L, 1);
  return w;
}

/* put_many(ns, map, ttl | nil) -> revision: each value of the map under its key, as text, in one batch */
int hearth__l_store_put_many(lua_State *L) {
  const char *verb = put_many_class.verb;
  hearth__check_await(L, hearth__state_of(L), verb);
  hearth__handle *hd = writable(L, verb);
  lua_settop(L, 4);
  if (!lua_istable(L, 3)) hearth__raise(L, "EINVAL", &(hearth__error_fields){.op = verb}, "%s: takes a table {key = string}", verb);
  int64_t expires_at = check_ttl(L, 4, verb, hearth__wall_ms(hd->stores->h));
  size_t n = 0;
  for (lua_pushnil(L); lua_next(L, 3); lua_pop(L, 1)) n++;
  write_wait **draft = draft_new(L, hd, n, &put_many_class);
  for (lua_pushnil(L); lua_next(L, 3); lua_pop(L, 1)) {
    hearth__name name = hearth__check_name(L, 2, lua_gettop(L) - 1, verb);
    check_value(L, lua_gettop(L), verb, &name);
    hearth__write_op *op = hearth__batch_add(&(*draft)->batch, HEARTH__PUT, &name);
    if (!op) hearth__no_memory(L);
    give_value(L, *draft, op, lua_gettop(L));
    op->kind = HEARTH__TEXT;
    op->expires_at = expires_at;
  }
  write_wait *w = *draft;
  *draft = NULL;
  hearth__wait_go(&w->wait, "write");
  return hearth__await(L, &w->wait.op);
}

/* apply(ops) -> revision | nil, records */
int hearth__l_store_apply(lua_State *L) {
  hearth__check_await(L, hearth__state_of(L), apply_class.verb);
  hearth__handle *hd = writable(L, apply_class.verb);
  write_wait *w = batch_of(L, hd, 2, &apply_class);
  hearth__wait_go(&w->wait, "write");
  return hearth__await(L, &w->wait.op);
}

/* submit(ops, fn): fn(revision | nil, records | nil, err | nil), later */
int hearth__l_store_submit(lua_State *L) {
  hearth__handle *hd = writable(L, submit_class.verb);
  luaL_checktype(L, 3, LUA_TFUNCTION);
  write_wait *w = batch_of(L, hd, 2, &submit_class);
  hearth__callback(L, 3, &w->wait.op);
  hearth__wait_go(&w->wait, "write");
  return 0;
}

/* ---- the rest */

static int nothing_push(lua_State *L, hearth__op *op) {
  check_fault(L, op);
  return 0;
}

static const hearth__op_class raw_class = {"store:put_raw", nothing_push, hearth__wait_release};
static const hearth__op_class flush_class = {"store:flush", nothing_push, hearth__wait_release};

/* put_raw(ns, key, bytes): for tests; replaces the bytes and leaves the checksum */
int hearth__l_store_put_raw(lua_State *L) {
  hearth__check_await(L, hearth__state_of(L), raw_class.verb);
  hearth__handle *hd = writable(L, raw_class.verb);
  hearth__name name = hearth__check_name(L, 2, 3, raw_class.verb);
  check_value(L, 4, raw_class.verb, &name);
  write_wait *w = write_new(L, hd, 1, &raw_class);
  hearth__write_op *op = hearth__batch_add(&w->batch, HEARTH__RAW, &name);
  if (!op || !(op->value = copy_of(L, 4))) return out_of_memory(L, w);
  hearth__wait_go(&w->wait, NULL);
  return hearth__await(L, &w->wait.op);
}

static int take_push(lua_State *L, hearth__op *op) {
  check_fault(L, op);
  lua_pushboolean(L, ((write_wait *)op)->batch.found);
  return 1;
}

static const hearth__op_class take_class = {"store:quarantine_take", take_push, hearth__wait_release};

/* quarantine_take(id) -> was it there: removes it from quarantine */
int hearth__l_store_quarantine_take(lua_State *L) {
  hearth__check_await(L, hearth__state_of(L), take_class.verb);
  hearth__handle *hd = writable(L, take_class.verb);
  int64_t id = check_integer(L, 2, take_class.verb, "id");
  write_wait *w = write_new(L, hd, 1, &take_class);
  hearth__write_op *op = hearth__batch_add(&w->batch, HEARTH__DROP, NULL);
  op->tag = id;
  hearth__wait_go(&w->wait, "write");
  return hearth__await(L, &w->wait.op);
}

/* flush(): everything that was accepted before is on disk */
int hearth__l_store_flush(lua_State *L) {
  hearth__check_await(L, hearth__state_of(L), flush_class.verb);
  hearth__handle *hd = hearth__handle_check(L, 1, flush_class.verb);
  write_wait *w = write_new(L, hd, 0, &flush_class);
  hearth__wait_go(&w->wait, NULL);
  return hearth__await(L, &w->wait.op);
}
