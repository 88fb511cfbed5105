/* Lua values, flattened. The walk sees raw contents, allocates nothing in Lua and never raises: so no finalizer runs in the middle of it, scratch
** memory is the codec's, and what cannot be written is a reason and a path, raised when the walk is over. Members and elements are taken as they
** come; whoever prints them sorts them. Long strings stay Lua's while they are few, so that what is small is printed at once, without a copy.
** The walk holds the loop, and what it costs is the calls into Lua: none is made whose answer is known. */
#include <math.h>
#include <stdlib.h>

#include <lauxlib.h>

#include "error.h"
#include "json/codec.h"

typedef struct frame {
  const struct frame *up;
  const void *table; /* NULL: no table has been seen in it yet */
  int place;         /* on the stack; of what is in it, the key is above, and the value above that */
  const char *key;   /* NULL: an array, and the index says where */
  size_t key_size;
  lua_Integer index;
} frame;

typedef struct walker {
  lua_State *L;
  hearth__json_codec *codec;
  hearth__json_flat *flat;
  size_t limit; /* of the text that is made here and now, from strings of Lua */
  int depth;
  int room;        /* the stack has been checked up to here */
  const char *why; /* what is wrong with the value at codec->path; "" when memory was short */
} walker;

/* ---- failures */

static bool out_of_memory(walker *w) {
  w->why = "";
  return false;
}

static bool is_name(const char *s, size_t size) {
  if (size == 0 || (s[0] >= '0' && s[0] <= '9')) return false;
  for (size_t i = 0; i < size; i++) {
    char c = s[i];
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_')) return false;
  }
  return true;
}

static bool print_path(hearth__json_buffer *b, const frame *f) {
  if (!f) return hearth__json_put(b, "$", 1);
  if (!print_path(b, f->up)) return false;
  if (f->key && is_name(f->key, f->key_size)) return hearth__json_put(b, ".", 1) && hearth__json_put(b, f->key, f->key_size);
  return hearth__json_put(b, "[", 1) &&
         (f->key ? hearth__json_print_string(b, f->key, f->key_size, 0, 0) : hearth__json_print_integer(b, f->index)) &&
         hearth__json_put(b, "]", 1);
}

/* The value at `at` cannot be written. */
static bool refuse(walker *w, const frame *at, const char *why) {
  hearth__json_buffer *path = &w->codec->path;
  path->size = 0;
  if (!print_path(path, at)) return out_of_memory(w);
  w->why = why;
  return false;
}

/* ---- items */

/* Was it put? Where not, memory is short. */
static inline bool put(walker *w, bool done) {
  return done || out_of_memory(w);
}

static inline bool put_string(walker *w, const char *text, size_t size) {
  hearth__json_flat *flat = w->flat;
  if (flat->own) return put(w, hearth__json_flat_put_own(flat, text, size));
  if (!put(w, hearth__flat_put_pointer(flat, text, size))) return false;
  flat->borrowed += size;
  return flat->borrowed + flat->bytes.size <= w->limit || put(w, hearth__json_flat_own(flat));
}

static inline bool put_integer(walker *w, int idx) {
  return put(w, hearth__flat_put_integer(w->flat, lua_tointeger(w->L, idx)));
}

/* ---- the walk */

static bool walk_table(walker *w, frame *up, int t);

/* The value at idx, the top of the stack; `at` tells where it is. */
static bool walk(walker *w, frame *at, int idx) {
  lua_State *L = w->L;
  switch (lua_type(L, idx)) {
    case LUA_TSTRING: {
      size_t size;
      const char *text = lua_tolstring(L, idx, &size);
      return put_string(w, text, size);
    }
    case LUA_TNUMBER: {
      if (lua_isinteger(L, idx)) return put_integer(w, idx);
      double number = lua_tonumber(L, idx);
      if (isfinite(number)) return put(w, hearth__flat_put_float(w->flat, number));
      return refuse(w, at, isnan(number) ? "NaN is not a value of JSON" : "an infinity is not a value of JSON");
    }
    case LUA_TBOOLEAN: return put(w, hearth__flat_put_word(w->flat, lua_toboolean(L, idx) ? FLAT_TRUE : FLAT_FALSE));
    case LUA_TLIGHTUSERDATA:
      if (lua_touserdata(L, idx)) return refuse(w, at, "light userdata cannot be written as JSON");
      return put(w, hearth__flat_put_word(w->flat, FLAT_NULL));
    case LUA_TTABLE: return walk_table(w, at, idx);
    case LUA_TNIL: return refuse(w, at, "nil is not a value of JSON (hearth.null is)");
    case LUA_TFUNCTION: return refuse(w, at, "function cannot be written as JSON");
    case LUA_TTHREAD: return refuse(w, at, "thread cannot be written as JSON");
    default: return refuse(w, at, "userdata cannot be written as JSON");
  }
}

/* A table whose integer keys did not come in order: is it a sequence nevertheless? Leaves the stack as it was. */
static bool check_sequence(walker *w, const frame *up, int t, size_t *count) {
  lua_State *L = w->L;
  size_t n = 0, integers = 0;
  lua_Integer max = 0, min = 1;
  bool other = false;
  for (lua_pushnil(L); lua_next(L, t); lua_pop(L, 1)) {
    n++;
    if (!lua_isinteger(L, -2)) {
      other = other || lua_type(L, -2) != LUA_TSTRING;
      continue;
    }
    integers++;
    lua_Integer i = lua_tointeger(L, -2);
    if (i > max) max = i;
    if (i < min) min = i;
  }
  *count = n;
  if (other) return refuse(w, up, "table with keys that are neither strings nor 1, 2, 3, …");
  if (integers < n) return refuse(w, up, "table with mixed keys, integers and strings (use either)");
  if (min < 1 || (size_t)max != n)
    return refuse(w, up, "table with sparse keys: a list has the keys 1 to n without holes (use hearth.null, or strings as keys)");
  return true;
}

static bool walk_array(walker *w, frame *me) {
  lua_State *L = w->L;
  hearth__json_flat *flat = w->flat;
  const int t = me->place, key = t + 1, value = t + 2;
  size_t start = flat->bytes.size, borrowed = flat->borrowed, count;
  lua_Integer i = 1;
  bool integer = true; /* so was the last element: this one is likely to be, too */
  for (;;) {           /* a key that is an integer and its value are on the stack */
    if (lua_tointeger(L, key) != i) goto out_of_order;
    me->index = i;
    size_t at = flat->bytes.size;
    if (!(integer && lua_isinteger(L, value) ? put_integer(w, value) : walk(w, me, value))) return false;
    char type = flat->bytes.data[at];
    integer = type >= FLAT_INT8 && type <= FLAT_INT64;
    lua_settop(L, key);
    i++;
    if (!lua_next(L, t)) break;
    if (!lua_isinteger(L, key)) goto out_of_order;
  }
  return true;

out_of_order:
  flat->bytes.size = start;
  flat->borrowed = borrowed;
  lua_settop(L, t);
  if (!check_sequence(w, me->up, t, &count)) return false;
  lua_pushnil(L); /* in the place of the key */
  for (i = 1; i <= (lua_Integer)count; i++) {
    lua_rawgeti(L, t, i);
    me->index = i;
    if (!walk(w, me, value)) return false;
    lua_settop(L, key);
  }
  lua_settop(L, t);
  return true;
}

static bool walk_object(walker *w, frame *me) {
  lua_State *L = w->L;
  const int t = me->place, key = t + 1, value = t + 2;
  do { /* the first key and its value are on the stack */
    if (lua_type(L, key) != LUA_TSTRING) {
      size_t count;
      lua_settop(L, t);
      if (!check_sequence(w, me->up, t, &count)) return false;
      return refuse(w, me->up, "table with mixed keys, integers and strings (use either)");
    }
    me->key = lua_tolstring(L, key, &me->key_size);
    if (!put_string(w, me->key, me->key_size) || !walk(w, me, value)) return false;
    lua_settop(L, key);
  } while (lua_next(L, t));
  return true;
}

static bool walk_set(walker *w, frame *up, int t) {
  lua_State *L = w->L;
  if (!w->flat->sets) return refuse(w, up, "hearth.Set is for stored values, JSON has no sets (make a list of it)");
  if (w->depth >= HEARTH__JSON_DEPTH) return refuse(w, up, "nested more than 1000 deep");
  hearth__json_set_items(L, t);
  int items = lua_gettop(L) - 1;
  for (int i = 0; i < 2; i++)
    for (lua_pushnil(L); lua_next(L, items + i); lua_pop(L, 1)) {
      if (i == 0) lua_pushvalue(L, -2); /* the element is the key; of the integral floats it is the value */
      if (!walk(w, up, lua_gettop(L))) return false;
      if (i == 0) lua_pop(L, 1);
    }
  lua_settop(L, t);
  return true;
}

enum { SLOTS = 12 }; /* of the stack, for one table without those in it */

/* The table of this frame has one in it: only now it can be inside of itself. */
static bool check_cycle(walker *w, frame *me) {
  me->table = lua_topointer(w->L, me->place);
  for (const frame *f = me->up; f; f = f->up)
    if (f->table == me->table) return refuse(w, me->up, "cycle: the table contains itself");
  return true;
}

/* The table at t, which is on the top; so it is again afterwards. */
static bool walk_table(walker *w, frame *up, int t) {
  lua_State *L = w->L;
  frame me = {.up = up, .place = t};
  if (up && !up->table && !check_cycle(w, up)) return false;
  if (w->depth == HEARTH__JSON_DEPTH) return refuse(w, up, "nested more than 1000 deep");
  if (t + SLOTS > w->room) {
    if (!lua_checkstack(L, SLOTS)) return out_of_memory(w);
    w->room = t + SLOTS;
  }
  size_t at;
  if (!put(w, hearth__flat_open(w->flat, &at))) return false;
  w->depth++;
  lua_pushnil(L);
  bool some = lua_next(L, t), list = some && lua_isinteger(L, t + 1), ok = true;
  hearth__json_mark mark = MARK_NONE;
  if (!list) { /* sets and frozen tables have no integers as keys, and it is all one to a list whether it is marked */
    bool bare;
    mark = hearth__json_mark_or_bare(L, w->codec, t, &bare);
    if (!some && !bare && hearth__json_thaw(L, t)) {
      lua_pushnil(L);
      some = lua_next(L, t);
      list = some && lua_isinteger(L, t + 1);
    }
  }
  hearth__flat_type type = mark == MARK_SET ? FLAT_SET : list || mark == MARK_ARRAY ? FLAT_ARRAY : FLAT_OBJECT;
  if (type == FLAT_SET) {
    lua_settop(L, t);
    ok = walk_set(w, up, t);
  } else if (list)
    ok = walk_array(w, &me);
  else if (some && mark == MARK_ARRAY && lua_type(L, t + 1) == LUA_TSTRING)
    ok = refuse(w, up, "table marked as an array that has strings as keys");
  else if (some)
    ok = walk_object(w, &me);
  w->depth--;
  return ok && put(w, hearth__flat_close(w->flat, at, type)); /* where not, whoever began the walk restores the stack */
}

/* ---- entry */

/* `limit`: from this length of the text on, the value gets its own strings. */
static bool run(walker *w, int idx, size_t limit) {
  lua_State *L = w->L;
  int top = lua_gettop(L);
  w->flat->bytes.size = w->flat->borrowed = 0;
  w->flat->own = limit == 0;
  w->why = NULL;
  w->limit = limit;
  w->depth = 0;
  w->room = 0;
  lua_pushvalue(L, idx);
  bool ok = walk(w, NULL, top + 1);
  lua_settop(L, top);
  return ok;
}

static void raise(walker *w, const char *op, const char *key, size_t key_size) {
  lua_State *L = w->L;
  if (!*w->why) {
    hearth__no_memory(L);
    return;
  }
  /* The path becomes Lua's before anything may run a finalizer that encodes. */
  lua_pushlstring(L, w->codec->path.data, w->codec->path.size);
  const char *path = lua_tostring(L, -1);
  /* A long path is whole in its field; in the message, its beginning. */
  const char *shown = w->codec->path.size > 300 ? lua_pushfstring(L, "%s…", lua_pushlstring(L, path, 200)) : path;
  hearth__error_fields fields = {.op = op, .key = key, .key_size = key_size, .path = path};
  hearth__raise(L, "EINVAL", &fields, "%s%s%s: %s", op ? op : "", op ? ": " : "", shown, w->why);
}

/* Numbers and short strings need no codec. */
static bool encode_small(lua_State *L, int idx) {
  char text[320];
  hearth__json_buffer b = {.data = text, .capacity = sizeof text};
  int type = lua_type(L, idx);
  size_t size;
  if (type == LUA_TSTRING) {
    const char *s = lua_tolstring(L, idx, &size);
    if (size > 32) return false;
    hearth__json_print_string(&b, s, size, 0, 0);
  } else if (type == LUA_TNUMBER) {
    if (lua_isinteger(L, idx))
      hearth__json_print_integer(&b, lua_tointeger(L, idx));
    else if (isfinite(lua_tonumber(L, idx)))
      hearth__json_print_double(&b, lua_tonumber(L, idx));
    else
      return false;
  } else
    return false;
  lua_pushlstring(L, text, b.size);
  return true;
}

static bool print(hearth__json_codec *c) {
  c->out.size = 0;
  return hearth__json_print_flat(&c->flat, &c->ranks, &c->out);
}

void hearth__json_encode(lua_State *L, int idx, bool sets, const char *op, const char *key, size_t key_size) {
  luaL_checkstack(L, 16, NULL);
  if (encode_small(L, idx)) return;
  idx = lua_absindex(L, idx);
  hearth__json_codec *c = hearth__json_codec_of(L);
  walker w = {.L = L, .codec = c, .flat = &c->flat};
  c->flat.sets = sets;
  bool ok = run(&w, idx, SIZE_MAX) && put(&w, print(c));
  if (!ok && !*w.why) { /* short of memory: what is garbage may help */
    lua_gc(L, LUA_GCCOLLECT);
    ok = run(&w, idx, SIZE_MAX) && put(&w, print(c));
  }
  if (!ok) raise(&w, op, key, key_size);
  lua_pushlstring(L, c->out.data, c->out.size);
  hearth__json_codec_trim(c);
}

/* A string is not copied, whoever keeps what is flattened keeps it too. */
static hearth__json_flat *flat_of_string(lua_State *L, int idx) {
  hearth__json_flat *flat = calloc(1, sizeof *flat);
  size_t size;
  const char *text = lua_tolstring(L, idx, &size);
  if (flat && hearth__flat_put_pointer(flat, text, size)) return flat;
  hearth__json_flat_free(flat);
  hearth__no_memory(L);
  return NULL;
}

hearth__json_flat *hearth__json_encode_or_flatten(lua_State *L, int idx, size_t limit) {
  luaL_checkstack(L, 16, NULL);
  if (encode_small(L, idx)) return NULL;
  idx = lua_absindex(L, idx);
  if (lua_type(L, idx) == LUA_TSTRING && lua_rawlen(L, idx) > limit) return flat_of_string(L, idx);
  hearth__json_codec *c = hearth__json_codec_of(L);
  walker w = {.L = L, .codec = c, .flat = &c->flat};
  c->flat.sets = true;
  bool ok = run(&w, idx, limit);
  if (ok && !c->flat.own && c->flat.borrowed + c->flat.bytes.size > limit) ok = put(&w, hearth__json_flat_own(&c->flat));
  hearth__json_flat *flat = ok && c->flat.own ? malloc(sizeof *flat) : NULL;
  if (flat) { /* what was scratch memory goes with it */
    *flat = c->flat;
    c->flat = (hearth__json_flat){0};
    return flat;
  }
  if (!ok || c->flat.own || !print(c)) {
    if (c->flat.own) hearth__json_flat_clear(&c->flat);
    if (ok) out_of_memory(&w);
    raise(&w, NULL, NULL, 0);
  }
  lua_pushlstring(L, c->out.data, c->out.size);
  hearth__json_codec_trim(c);
  return NULL;
}

hearth__json_flat *hearth__json_flatten(lua_State *L, int idx, bool sets, const char *op, const char *key, size_t key_size) {
  idx = lua_absindex(L, idx);
  luaL_checkstack(L, 16, NULL);
  hearth__json_codec *c = hearth__json_codec_of(L);
  hearth__json_flat *flat = calloc(1, sizeof *flat);
  walker w = {.L = L, .codec = c, .flat = flat, .why = ""};
  if (flat) flat->sets = sets;
  if (!flat || !run(&w, idx, 0)) {
    hearth__json_flat_free(flat);
    raise(&w, op, key, key_size);
  }
  return flat;
}
