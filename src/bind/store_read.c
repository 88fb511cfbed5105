/* Reading verbs: get, the getter of the hot path, read, read_many, fetch, load. */
#include <stdlib.h>

#include <lauxlib.h>

#include "bind/store.h"
#include "error.h"
#include "json/json.h"
#include "large.h"
#include "module.h"

/* ---- one key */

typedef enum { RECORD, VALUE_ONLY, AS_JSON } form;

enum { LONG_STRING = 4 << 20, STRING_HEAD = 64 /* at least what Lua puts around the bytes of one */ };

typedef struct one {
  hearth__wait wait;
  hearth__read *read;
  const char *verb; /* anchored by the getter that made it, or static */
  form as;
  uv_work_t prepare;       /* of a large value, by a worker: */
  hearth__json_tape *tape; /* AS_JSON: it is read */
  void *block;             /* for the string that Lua makes of it; NULL: there is none */
  size_t block_size;
} one;

static void release_blob(void *blob) {
  hearth__blob_release(blob);
}

static int push_value(lua_State *L, const hearth__record *r, bool value_only) {
  if (r->state == HEARTH__PRESENT)
    lua_pushlstring(L, r->value->bytes, r->value->size);
  else
    lua_pushnil(L);
  if (value_only) return 1;
  lua_pushinteger(L, r->revision);
  if (r->state != HEARTH__PRESENT) return 2;
  lua_pushinteger(L, r->version);
  if (r->expires_at == 0) return 3;
  lua_pushnumber(L, (lua_Number)r->expires_at / 1000);
  return 4;
}

/* nil: there is none; true and the value; false and what is wrong with the text; "reader" and a reader that builds the value. */
static int push_json(lua_State *L, hearth__record *r, hearth__json_tape **tape) {
  if (r->state != HEARTH__PRESENT) {
    lua_pushnil(L);
    return 1;
  }
  if (*tape && hearth__json_tape_is_good(*tape) && hearth__json_tape_is_table(*tape)) {
    lua_pushliteral(L, "reader");
    hearth__json_reader_push(L, *tape, r->value, release_blob);
    *tape = NULL;
    r->value = NULL;
    return 2;
  }
  int status = *tape ? hearth__json_tape_push(L, *tape, true) : hearth__json_decode(L, r->value->bytes, r->value->size, true);
  lua_pushboolean(L, status == 0);
  lua_insert(L, -2);
  return 2;
}

static int one_push(lua_State *L, hearth__op *op) {
  one *o = (one *)op;
  hearth__read_item *item = &o->read->items[0];
  hearth__name name = hearth__entry_name(item->entry);
  hearth__fault room;
  const hearth__fault *f = hearth__wait_fault(&o->wait, &o->read->job.fault, &room);
  if (!f) f = item->fault;
  if (f) return hearth__raise_fault(L, f, o->verb, &name);
  hearth__state *s = o->wait.handle->stores->state;
  hearth__state_offer(s, o->block, o->block_size);
  o->block = NULL;
  int n = o->as == AS_JSON ? push_json(L, &item->record, &o->tape) : push_value(L, &item->record, o->as == VALUE_ONLY);
  hearth__state_offer(s, NULL, 0);
  return n;
}

static void one_drop(hearth__wait *w) {
  one *o = (one *)w;
  hearth__json_tape_free(o->tape);
  hearth__large_free(o->block, o->block_size);
  hearth__read_free(o->read);
  hearth__wait_free(w);
}

/* Is this much for the loop to do in one go? JSON is read first; a long string has its memory brought in, which takes as long as its copy. */
static bool is_large(form as, const hearth__blob *value) {
  return value && value->size > (as == AS_JSON ? HEARTH__JSON_LARGE : LONG_STRING);
}

static void prepare(uv_work_t *work) {
  one *o = work->data;
  const hearth__blob *value = o->read->items[0].record.value;
  size_t size = value->size;
  if (o->as == AS_JSON) {
    o->tape = hearth__json_parse(value->bytes, value->size);
    size = o->tape ? hearth__json_tape_string(o->tape) : 0;
  }
  if (size < HEARTH__LARGE) return;
  o->block_size = size + STRING_HEAD;
  o->block = hearth__large_new(o->block_size);
  hearth__large_fill(o->block, o->block_size);
}

static void prepare_after(uv_work_t *work, int status) {
  one *o = work->data;
  if (status != 0)
    hearth__wait_fail(&o->wait, "ECANCELED", "the read was cancelled");
  else if (o->as == AS_JSON && !o->tape)
    hearth__wait_fail(&o->wait, "EIO", "out of memory");
  hearth__wait_landed(&o->wait);
}

/* What is there has been read; if it is large, a worker prepares it. */
static void one_read(one *o) {
  hearth__read_item *item = &o->read->items[0];
  hearth__stores *ss = o->wait.handle->stores;
  o->prepare.data = o;
  bool large = !o->read->job.fault.code && !item->fault && item->record.state == HEARTH__PRESENT && is_large(o->as, item->record.value);
  if (!large || !ss->h || uv_queue_work(hearth_loop(ss->h), &o->prepare, prepare, prepare_after) != 0) hearth__wait_landed(&o->wait);
}

static void one_done(hearth__job *j) {
  one_read(((hearth__read *)j)->user);
}

static void one_start(hearth__wait *w) {
  one *o = (one *)w;
  o->read->user = w;
  o->read->job.done = one_done;
  if (hearth__store_read(o->read)) one_read(o);
}

static const hearth__op_class one_class = {"store:get", one_push, hearth__wait_release};

static int get(lua_State *L, hearth__handle *hd, const hearth__name *name, const char *verb, form as) {
  hearth__state *s = hd->stores->state;
  hearth__record found;
  if (!hd->stores->plan.active && !hd->stores->delayed) {
    int known = hearth__store_get(hd->store, name, -1, &found);
    if (known < 0) known = hearth__store_get(hd->store, name, hearth__wall_ms(hd->stores->h), &found);
    if (known > 0 && is_large(as, found.value)) {
      hearth__blob_release(found.value); /* a worker prepares it */
    } else if (known > 0) {
      hearth__stores *ss = hd->stores;
      hearth__blob_release(ss->lent);
      ss->lent = found.value;
      hearth__json_tape *none = NULL;
      int n = as == AS_JSON ? push_json(L, &found, &none) : push_value(L, &found, as == VALUE_ONLY);
      ss->lent = NULL;
      hearth__blob_release(found.value);
      return hearth__answer(L, s, n);
    }
  }
  one *o = hearth__wait_new(L, hd, sizeof *o, &one_class, one_start, one_drop);
  if (!o) return hearth__no_memory(L);
  o->verb = verb;
  o->as = as;
  o->read = hearth__read_new(hd->store, 1, hearth__wall_ms(hd->stores->h));
  if (!o->read || hearth__read_set(o->read, 0, name) != 0) {
    if (o->read) hearth__read_free(o->read);
    hearth__wait_free(&o->wait);
    return hearth__no_memory(L);
  }
  hearth__wait_go(&o->wait, "read");
  return hearth__await(L, &o->wait.op);
}

/* get(ns, key) -> value | nil, revision, version, expires_at */
int hearth__l_store_get(lua_State *L) {
  hearth__check_await(L, hearth__state_of(L), one_class.verb);
  hearth__handle *hd = hearth__handle_check(L, 1, one_class.verb);
  hearth__name name = hearth__check_name(L, 2, 3, one_class.verb);
  return get(L, hd, &name, one_class.verb, RECORD);
}

/* get_json(ns, key) -> nil | true, value | false, error | "reader", reader */
int hearth__l_store_get_json(lua_State *L) {
  hearth__check_await(L, hearth__state_of(L), one_class.verb);
  hearth__handle *hd = hearth__handle_check(L, 1, one_class.verb);
  hearth__name name = hearth__check_name(L, 2, 3, one_class.verb);
  return get(L, hd, &name, one_class.verb, AS_JSON);
}

/* build(reader) -> true, value | false: the next step, and then a turn for others */
int hearth__l_store_build(lua_State *L) {
  hearth__state *s = hearth__state_of(L);
  hearth__check_await(L, s, one_class.verb);
  lua_settop(L, 1);
  lua_pushboolean(L, 1);
  if (hearth__json_reader_step(L, 1)) return 2;
  lua_pushboolean(L, 0);
  return hearth__give_way(L, s, 1);
}

/* Upvalues: state, handle, namespace, verb. */
static int getter_call(lua_State *L) {
  hearth__state *s = hearth__state_of(L);
  const char *verb = lua_tostring(L, lua_upvalueindex(4));
  hearth__check_await(L, s, verb);
  hearth__handle *hd = hearth__handle_bound(L, verb);
  hearth__name name = hearth__check_name(L, lua_upvalueindex(3), 1, verb);
  return get(L, hd, &name, verb, VALUE_ONLY);
}

/* getter(ns, verb) -> fn(key) -> value | nil */
int hearth__l_store_getter(lua_State *L) {
  return hearth__bind(L, getter_call);
}

/* ---- many keys */

typedef struct many {
  hearth__wait wait;
  hearth__read *read;
  bool map; /* by key, else a list */
} many;

static int many_push(lua_State *L, hearth__op *op) {
  many *m = (many *)op;
  const char *verb = op->class_->verb;
  hearth__fault room;
  const hearth__fault *f = hearth__wait_fault(&m->wait, &m->read->job.fault, &room);
  if (f) return hearth__raise_fault(L, f, verb, NULL);
  int n = (int)m->read->n;
  lua_createtable(L, m->map ? 0 : n, m->map ? n : 0);
  for (int i = 0; i < n; i++) {
    hearth__read_item *item = &m->read->items[i];
    hearth__name name = hearth__entry_name(item->entry);
    if (m->map) lua_pushlstring(L, name.key, name.key_size);
    hearth__push_record(L, &item->record, item->fault, verb, &name);
    if (m->map)
      lua_rawset(L, -3);
    else
      lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

static void many_drop(hearth__wait *w) {
  many *m = (many *)w;
  if (m->read) hearth__read_free(m->read);
  hearth__wait_free(w);
}

static void many_done(hearth__job *j) {
  hearth__wait_landed((hearth__wait *)((hearth__read *)j)->user);
}

static void many_start(hearth__wait *w) {
  many *m = (many *)w;
  m->read->user = w;
  m->read->job.done = many_done;
  if (hearth__store_read(m->read)) hearth__wait_landed(w);
}

static const hearth__op_class read_class = {"store:read", many_push, hearth__wait_release};
static const hearth__op_class read_many_class = {"store:read_many", many_push, hearth__wait_release};
static const hearth__op_class fetch_class = {"store:fetch", many_push, hearth__wait_release};

static many *many_new(lua_State *L, hearth__handle *hd, size_t n, const hearth__op_class *class_) {
  many *m = hearth__wait_new(L, hd, sizeof *m, class_, many_start, many_drop);
  if (!m || !(m->read = hearth__read_new(hd->store, n, hearth__wall_ms(hd->stores->h)))) {
    if (m) hearth__wait_free(&m->wait);
    hearth__no_memory(L);
    return NULL;
  }
  return m;
}

/* Names of a list are checked before anything is made, so that an error leaves nothing behind. */
static hearth__name name_of_pair(lua_State *L, int list, int i, const char *verb) {
  lua_rawgeti(L, list, i);
  if (!lua_istable(L, -1))
    hearth__raise(L, "EINVAL", &(hearth__error_fields){.op = verb}, "%s: item %d is no pair {namespace, key}", verb, i);
  lua_rawgeti(L, -1, 1);
  lua_rawgeti(L, -2, 2);
  hearth__name name = hearth__check_name(L, lua_absindex(L, -2), lua_absindex(L, -1), verb);
  lua_pop(L, 3); /* the pair in the list keeps the strings */
  return name;
}

static many *many_pairs(lua_State *L, hearth__handle *hd, int list, const hearth__op_class *class_) {
  luaL_checktype(L, list, LUA_TTABLE);
  int n = (int)lua_rawlen(L, list);
  for (int i = 1; i <= n; i++) name_of_pair(L, list, i, class_->verb);
  many *m = many_new(L, hd, (size_t)n, class_);
  for (int i = 0; i < n; i++) {
    hearth__name name = name_of_pair(L, list, i + 1, class_->verb);
    if (hearth__read_set(m->read, (size_t)i, &name) != 0) {
      many_drop(&m->wait);
      hearth__no_memory(L);
    }
  }
  return m;
}

/* read(ns, keys) -> {[key] = record} */
int hearth__l_store_read(lua_State *L) {
  hearth__check_await(L, hearth__state_of(L), read_class.verb);
  hearth__handle *hd = hearth__handle_check(L, 1, read_class.verb);
  luaL_checktype(L, 3, LUA_TTABLE);
  int n = (int)lua_rawlen(L, 3);
  for (int i = 1; i <= n; i++) {
    lua_rawgeti(L, 3, i);
    hearth__check_name(L, 2, lua_absindex(L, -1), read_class.verb);
    lua_pop(L, 1);
  }
  many *m = many_new(L, hd, (size_t)n, &read_class);
  m->map = true;
  for (int i = 0; i < n; i++) {
    lua_rawgeti(L, 3, i + 1);
    hearth__name name = hearth__check_name(L, 2, lua_absindex(L, -1), read_class.verb);
    int status = hearth__read_set(m->read, (size_t)i, &name);
    lua_pop(L, 1);
    if (status != 0) {
      many_drop(&m->wait);
      return hearth__no_memory(L);
    }
  }
  hearth__wait_go(&m->wait, "read");
  return hearth__await(L, &m->wait.op);
}

/* read_many{ {ns, key}, … } -> list of records */
int hearth__l_store_read_many(lua_State *L) {
  hearth__check_await(L, hearth__state_of(L), read_many_class.verb);
  hearth__handle *hd = hearth__handle_check(L, 1, read_many_class.verb);
  many *m = many_pairs(L, hd, 2, &read_many_class);
  hearth__wait_go(&m->wait, "read");
  return hearth__await(L, &m->wait.op);
}

/* fetch(pairs, fn): fn(records | nil, err), later */
int hearth__l_store_fetch(lua_State *L) {
  hearth__handle *hd = hearth__handle_check(L, 1, fetch_class.verb);
  luaL_checktype(L, 3, LUA_TFUNCTION);
  many *m = many_pairs(L, hd, 2, &fetch_class);
  hearth__callback(L, 3, &m->wait.op);
  hearth__wait_go(&m->wait, "read");
  return 0;
}

/* ---- many keys of cells: no table for a key, because thousands are mounted in one turn */

/* Two items for each key: what is stored, and its revision. Text is given where there is no more to say of it. */
static int load_push(lua_State *L, hearth__op *op) {
  many *m = (many *)op;
  const char *verb = op->class_->verb;
  hearth__fault room;
  const hearth__fault *f = hearth__wait_fault(&m->wait, &m->read->job.fault, &room);
  if (f) return hearth__raise_fault(L, f, verb, NULL);
  int n = (int)m->read->n;
  lua_createtable(L, n * 2, 0);
  for (int i = 0; i < n; i++) {
    hearth__read_item *item = &m->read->items[i];
    const hearth__record *r = &item->record;
    if (item->fault || (r->state == HEARTH__PRESENT && (r->version != 0 || r->expires_at != 0))) {
      hearth__name name = hearth__entry_name(item->entry);
      hearth__push_record(L, r, item->fault, verb, &name);
    } else if (r->state == HEARTH__PRESENT) {
      lua_pushlstring(L, r->value->bytes, r->value->size);
    } else {
      lua_pushboolean(L, 0);
    }
    lua_rawseti(L, -2, i * 2 + 1);
    lua_pushinteger(L, r->revision);
    lua_rawseti(L, -2, i * 2 + 2);
  }
  return 1;
}

static const hearth__op_class load_class = {"store:load", load_push, hearth__wait_release};

/* load({ns, key, ns, key, …}, fn): fn({value, revision, value, revision, …} | nil, err), later */
int hearth__l_store_load(lua_State *L) {
  hearth__handle *hd = hearth__handle_check(L, 1, load_class.verb);
  luaL_checktype(L, 2, LUA_TTABLE);
  luaL_checktype(L, 3, LUA_TFUNCTION);
  lua_settop(L, 3);
  int n = (int)lua_rawlen(L, 2) / 2;
  many *m = NULL;
  for (int pass = 0; pass < 2; pass++) { /* names are checked before anything is made, so that an error leaves nothing behind */
    for (int i = 0; i < n; i++) {
      lua_rawgeti(L, 2, i * 2 + 1);
      lua_rawgeti(L, 2, i * 2 + 2);
      hearth__name name = hearth__check_name(L, 4, 5, load_class.verb);
      lua_settop(L, 3); /* the list keeps the strings */
      if (m && hearth__read_set(m->read, (size_t)i, &name) != 0) {
        many_drop(&m->wait);
        return hearth__no_memory(L);
      }
    }
    if (!m) m = many_new(L, hd, (size_t)n, &load_class);
  }
  hearth__callback(L, 3, &m->wait.op);
  hearth__wait_go(&m->wait, "read");
  return 0;
}
