/* Lua values to text, or to a tape. The walk sees raw contents, allocates nothing in Lua and never raises: so no finalizer runs in the
** middle of it, scratch memory is the codec's, and what cannot be written is a reason and a path, raised when the walk is over.
** The keys of an object are gathered with their scalar values and sorted; values that are tables wait on the Lua stack. */
#include <math.h>
#include <stdlib.h>

#include <lauxlib.h>

#include "error.h"
#include "json_internal.h"

typedef struct frame {
  const struct frame *up;
  const void *table;
  const char *key; /* NULL: an array, and the index says where */
  size_t key_size;
  lua_Integer index;
} frame;

typedef struct walker {
  lua_State *L;
  hearth__json_codec *codec;
  hearth__json_buffer *out; /* one of these two is where it goes */
  hearth__json_tape *tape;
  bool sets;
  int depth;
  int waiting;     /* tables on the Lua stack */
  const char *why; /* what is wrong with the value at codec->path; "" when memory was short */
} walker;

enum { WAITING = 200000 }; /* slots of the Lua stack; its bound is 1,000,000 */

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

/* ---- where it goes: text, or items of a tape */

static bool put_item(walker *w, hearth__json_type type, size_t count, hearth__json_item **out) {
  hearth__json_item *it = hearth__json_item_new(w->tape);
  if (!it) return out_of_memory(w);
  it->head = HEARTH__ITEM(type, count);
  *out = it;
  return true;
}

static bool put_word(walker *w, hearth__json_type type, const char *text, size_t size) {
  hearth__json_item *it;
  if (w->tape) return put_item(w, type, 0, &it);
  return hearth__json_put(w->out, text, size) || out_of_memory(w);
}

static bool put_string(walker *w, const char *s, size_t size) {
  if (!w->tape) return hearth__json_print_string(w->out, s, size, 0, 0) || out_of_memory(w);
  hearth__json_item *it;
  if (!put_item(w, ITEM_STRING, size, &it)) return false;
  it->as.at = w->tape->strings.size;
  return hearth__json_put(&w->tape->strings, s, size) || out_of_memory(w);
}

static bool put_integer(walker *w, lua_Integer n) {
  if (!w->tape) return hearth__json_print_integer(w->out, n) || out_of_memory(w);
  hearth__json_item *it;
  if (!put_item(w, ITEM_INTEGER, 0, &it)) return false;
  it->as.integer = n;
  return true;
}

static bool put_float(walker *w, const frame *at, lua_Number d) {
  if (!isfinite(d)) return refuse(w, at, isnan(d) ? "NaN is not a value of JSON" : "an infinity is not a value of JSON");
  if (!w->tape) return hearth__json_print_double(w->out, d) || out_of_memory(w);
  hearth__json_item *it;
  if (!put_item(w, ITEM_FLOAT, 0, &it)) return false;
  it->as.number = d;
  return true;
}

static bool put_null(walker *w, const frame *at, const void *p) {
  return p ? refuse(w, at, "light userdata cannot be written as JSON") : put_word(w, ITEM_NULL, "null", 4);
}

static bool put_boolean(walker *w, bool yes) {
  return yes ? put_word(w, ITEM_TRUE, "true", 4) : put_word(w, ITEM_FALSE, "false", 5);
}

/* A mark to come back to. */
typedef struct place {
  size_t size, strings;
} place;

static place here(const walker *w) {
  return w->tape ? (place){w->tape->count, w->tape->strings.size} : (place){w->out->size, 0};
}

static void go_back(walker *w, place p) {
  if (w->tape) {
    w->tape->count = p.size;
    w->tape->strings.size = p.strings;
  } else
    w->out->size = p.size;
}

static bool put_open(walker *w, bool object) {
  hearth__json_item *it;
  if (w->tape) return put_item(w, object ? ITEM_OBJECT : ITEM_ARRAY, 0, &it);
  return hearth__json_put_char(w->out, object ? '{' : '[') || out_of_memory(w);
}

static inline bool put_between(walker *w, char mark) {
  return w->tape || hearth__json_put_char(w->out, mark) || out_of_memory(w);
}

/* `at` is where put_open was; n is the number of elements or members. */
static bool put_close(walker *w, bool object, place at, size_t n) {
  if (!w->tape) return hearth__json_put_char(w->out, object ? '}' : ']') || out_of_memory(w);
  w->tape->items[at.size].head += HEARTH__ITEM(0, n);
  return true;
}

/* ---- the walk */

static bool walk_table(walker *w, const frame *up, int t);

/* The value on the top of the stack; `at` tells where it is. */
static bool walk(walker *w, const frame *at) {
  lua_State *L = w->L;
  switch (lua_type(L, -1)) {
    case LUA_TSTRING: {
      size_t size;
      const char *s = lua_tolstring(L, -1, &size);
      return put_string(w, s, size);
    }
    case LUA_TNUMBER: return lua_isinteger(L, -1) ? put_integer(w, lua_tointeger(L, -1)) : put_float(w, at, lua_tonumber(L, -1));
    case LUA_TBOOLEAN: return put_boolean(w, lua_toboolean(L, -1));
    case LUA_TLIGHTUSERDATA: return put_null(w, at, lua_touserdata(L, -1));
    case LUA_TTABLE: return walk_table(w, at, lua_gettop(L));
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

static bool walk_array(walker *w, const frame *up, frame *me, int t) {
  lua_State *L = w->L;
  place start = here(w);
  if (!put_open(w, false)) return false;
  lua_Integer i = 1;
  do { /* the first key and its value are on the stack */
    if (!lua_isinteger(L, -2) || lua_tointeger(L, -2) != i) goto out_of_order;
    me->index = i;
    if ((i > 1 && !put_between(w, ',')) || !walk(w, me)) return false;
    lua_pop(L, 1);
    i++;
  } while (lua_next(L, t));
  return put_close(w, false, start, (size_t)i - 1);

out_of_order:
  go_back(w, start);
  lua_settop(L, t);
  size_t n;
  if (!check_sequence(w, up, t, &n) || !put_open(w, false)) return false;
  for (i = 1; i <= (lua_Integer)n; i++) {
    lua_rawgeti(L, t, i);
    me->index = i;
    if ((i > 1 && !put_between(w, ',')) || !walk(w, me)) return false;
    lua_pop(L, 1);
  }
  return put_close(w, false, start, n);
}

/* ---- objects */

static hearth__json_entry *entries_at(walker *w, size_t base) {
  return (hearth__json_entry *)(void *)(w->codec->entries.data + base);
}
static hearth__json_rank *ranks_at(walker *w, size_t base) {
  return (hearth__json_rank *)(void *)(w->codec->ranks.data + base);
}

static uint64_t prefix_of(const char *s, size_t size) {
  uint64_t prefix = 0;
  if (size >= 8) {
    memcpy(&prefix, s, 8);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return __builtin_bswap64(prefix);
#else
    return prefix;
#endif
  }
  if (size >= 4) { /* two halves that overlap */
    uint32_t high, low;
    memcpy(&high, s, 4);
    memcpy(&low, s + size - 4, 4);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    high = __builtin_bswap32(high);
    low = __builtin_bswap32(low);
#endif
    return (uint64_t)high << 32 | (uint32_t)(low << 8 * (8 - size) % 32) * (uint64_t)(size > 4);
  }
  for (size_t i = 0; i < size; i++) prefix |= (uint64_t)(unsigned char)s[i] << (56 - 8 * i);
  return prefix;
}

static int compare_bytes(const char *a, size_t a_size, const char *b, size_t b_size) {
  int order = memcmp(a, b, a_size < b_size ? a_size : b_size);
  return order ? order : (a_size > b_size) - (a_size < b_size);
}

static int compare_keys(const hearth__json_rank *a, const hearth__json_rank *b, const hearth__json_entry *entries) {
  if (a->prefix != b->prefix) return a->prefix < b->prefix ? -1 : 1;
  const hearth__json_entry *x = &entries[a->entry], *y = &entries[b->entry];
  return compare_bytes(x->key, x->key_size, y->key, y->key_size);
}

/* Elements of sets: null, booleans, numbers by value (the integer before the float), strings by their bytes. */
static int compare_elements(const hearth__json_rank *a, const hearth__json_rank *b, const hearth__json_entry *entries) {
  const hearth__json_entry *x = &entries[a->entry], *y = &entries[b->entry];
  if (a->prefix != b->prefix) return a->prefix < b->prefix ? -1 : 1;
  switch (x->type) {
    case LUA_TSTRING: return compare_bytes(x->as.string, x->size, y->as.string, y->size);
    case LUA_TBOOLEAN: return (x->as.integer > y->as.integer) - (x->as.integer < y->as.integer);
    case LUA_TNUMBER: {
      if (!x->is_float && !y->is_float) return (x->as.integer > y->as.integer) - (x->as.integer < y->as.integer);
      double m = x->is_float ? x->as.number : (double)x->as.integer, n = y->is_float ? y->as.number : (double)y->as.integer;
      return m != n ? (m > n) - (m < n) : (int)x->is_float - (int)y->is_float;
    }
    default: return 0;
  }
}

typedef int (*comparison)(const hearth__json_rank *a, const hearth__json_rank *b, const hearth__json_entry *entries);

static void sift(hearth__json_rank *r, size_t i, size_t n, const hearth__json_entry *entries, comparison compare) {
  for (size_t child; (child = 2 * i + 1) < n; i = child) {
    if (child + 1 < n && compare(&r[child], &r[child + 1], entries) < 0) child++;
    if (compare(&r[i], &r[child], entries) >= 0) return;
    hearth__json_rank swap = r[i];
    r[i] = r[child];
    r[child] = swap;
  }
}

/* Few are sorted by insertion, which is at its best when they are in order already; many by a heap, which needs no memory. */
static void sort_ranks(hearth__json_rank *r, size_t n, const hearth__json_entry *entries, comparison compare) {
  if (n <= 32) {
    for (size_t i = 1; i < n; i++) {
      hearth__json_rank moved = r[i];
      size_t j = i;
      for (; j > 0 && compare(&moved, &r[j - 1], entries) < 0; j--) r[j] = r[j - 1];
      r[j] = moved;
    }
    return;
  }
  for (size_t i = n / 2; i-- > 0;) sift(r, i, n, entries, compare);
  for (size_t i = n; i-- > 1;) {
    hearth__json_rank swap = r[0];
    r[0] = r[i];
    r[i] = swap;
    sift(r, 0, i, entries, compare);
  }
}

/* Room for one more entry and its rank. */
static inline bool new_entry(walker *w, hearth__json_entry **entry, hearth__json_rank **rank) {
  char *e = hearth__json_room(&w->codec->entries, sizeof **entry);
  char *r = hearth__json_room(&w->codec->ranks, sizeof **rank);
  if (!e || !r) return out_of_memory(w);
  w->codec->entries.size += sizeof **entry;
  w->codec->ranks.size += sizeof **rank;
  *entry = (hearth__json_entry *)(void *)e;
  *rank = (hearth__json_rank *)(void *)r;
  return true;
}

/* Remembers the scalar at idx in the entry. False, and only the type is set, for what is no scalar. */
static bool keep_scalar(lua_State *L, int idx, hearth__json_entry *e) {
  e->type = lua_type(L, idx);
  switch (e->type) {
    case LUA_TSTRING: e->as.string = lua_tolstring(L, idx, &e->size); return true;
    case LUA_TNUMBER:
      e->is_float = !lua_isinteger(L, idx);
      if (e->is_float)
        e->as.number = lua_tonumber(L, idx);
      else
        e->as.integer = lua_tointeger(L, idx);
      return true;
    case LUA_TBOOLEAN: e->as.integer = lua_toboolean(L, idx); return true;
    case LUA_TLIGHTUSERDATA: return lua_touserdata(L, idx) == NULL;
    default: return false;
  }
}

static bool put_scalar(walker *w, const frame *at, const hearth__json_entry *e) {
  switch (e->type) {
    case LUA_TSTRING: return put_string(w, e->as.string, e->size);
    case LUA_TNUMBER: return e->is_float ? put_float(w, at, e->as.number) : put_integer(w, e->as.integer);
    case LUA_TBOOLEAN: return put_boolean(w, e->as.integer != 0);
    default: return put_word(w, ITEM_NULL, "null", 4);
  }
}

/* Will the table on the top of the stack be written as an array? */
static bool becomes_array(walker *w) {
  lua_State *L = w->L;
  hearth__json_mark mark = hearth__json_mark_of(L, w->codec, -1);
  if (mark != MARK_NONE) return mark == MARK_ARRAY;
  lua_pushnil(L);
  if (!lua_next(L, -2)) return false;
  bool yes = lua_type(L, -2) == LUA_TNUMBER;
  lua_pop(L, 2);
  return yes;
}

/* Is the only member of this object such that the text would be taken for a set, or for the escaped form of one? */
static bool looks_like_set(walker *w, const hearth__json_entry *e) {
  const size_t tail = sizeof HEARTH__SET_KEY - 2;
  size_t dollars = 0;
  while (dollars < e->key_size && e->key[dollars] == '$') dollars++;
  if (dollars == 0 || e->key_size - dollars != tail || memcmp(e->key + dollars, &HEARTH__SET_KEY[1], tail) != 0) return false;
  if (e->type != LUA_TTABLE) return false;
  lua_pushvalue(w->L, e->as.slot);
  bool yes = becomes_array(w);
  lua_pop(w->L, 1);
  return yes;
}

static inline bool put_key(walker *w, const hearth__json_entry *e, bool first) {
  if (w->tape) return put_string(w, e->key, e->key_size);
  return hearth__json_print_string(w->out, e->key, e->key_size, first ? 0 : ',', ':') || out_of_memory(w);
}

/* A key that looks like that of a set, with one more dollar sign in front. Nothing in it needs an escape of JSON. */
static bool put_escaped_key(walker *w, const hearth__json_entry *e) {
  hearth__json_buffer *b = w->tape ? &w->tape->strings : w->out;
  hearth__json_item *it;
  if (w->tape) {
    if (!put_item(w, ITEM_STRING, e->key_size + 1, &it)) return false;
    it->as.at = b->size;
    return (hearth__json_put(b, "$", 1) && hearth__json_put(b, e->key, e->key_size)) || out_of_memory(w);
  }
  return (hearth__json_put(b, "\"$", 2) && hearth__json_put(b, e->key, e->key_size) && hearth__json_put(b, "\":", 2)) || out_of_memory(w);
}

/* Puts the tables that the members from `first` on (in the order of output) have as values on the stack, as many as `limit`; those
** that were there are gone. The table has not changed, so it is walked in the same order again. */
static void refill(walker *w, int t, size_t entries, size_t ranks, size_t first, size_t n, int limit) {
  lua_State *L = w->L;
  hearth__json_entry *e = entries_at(w, entries);
  hearth__json_rank *r = ranks_at(w, ranks);
  int chosen = 0;
  for (size_t i = 0; i < n; i++) e[i].as.slot = e[i].type == LUA_TTABLE ? 0 : e[i].as.slot;
  for (size_t i = first; i < n && chosen < limit; i++)
    if (e[r[i].entry].type == LUA_TTABLE) {
      e[r[i].entry].as.slot = -1;
      chosen++;
    }
  size_t at = 0;
  for (lua_pushnil(L); lua_next(L, t); at++) {
    if (e[at].type == LUA_TTABLE && e[at].as.slot == -1) {
      lua_insert(L, -2);
      e[at].as.slot = lua_gettop(L) - 1;
    } else
      lua_pop(L, 1);
  }
}

static bool walk_object(walker *w, const frame *up, frame *me, int t) {
  lua_State *L = w->L;
  hearth__json_codec *c = w->codec;
  size_t entries = c->entries.size, ranks = c->ranks.size, n = 0;
  place start = here(w);
  int limit = (WAITING - w->waiting) / 2, waiting = 0;
  me->key = "";
  do { /* the first key and its value are on the stack */
    hearth__json_entry *e;
    hearth__json_rank *r;
    if (lua_type(L, -2) != LUA_TSTRING) {
      lua_settop(L, t);
      if (!check_sequence(w, up, t, &n)) return false;
      return refuse(w, up, "table with mixed keys, integers and strings (use either)");
    }
    if (!new_entry(w, &e, &r)) return false;
    e->key = lua_tolstring(L, -2, &e->key_size);
    r->prefix = prefix_of(e->key, e->key_size);
    r->entry = n++;
    if (keep_scalar(L, -1, e)) {
      lua_pop(L, 1);
    } else if (e->type == LUA_TTABLE) {
      e->as.slot = 0;
      if (waiting < limit) {
        if (!lua_checkstack(L, 8)) return out_of_memory(w);
        lua_insert(L, -2);
        e->as.slot = lua_gettop(L) - 1;
        waiting++;
      } else
        lua_pop(L, 1);
    } else {
      me->key = e->key;
      me->key_size = e->key_size;
      return walk(w, me); /* says what is wrong with it */
    }
  } while (lua_next(L, t));
  w->waiting += waiting;
  sort_ranks(ranks_at(w, ranks), n, entries_at(w, entries), compare_keys);
  bool escape = w->sets && n == 1 && looks_like_set(w, entries_at(w, entries));
  if (!put_open(w, true)) return false;
  for (size_t i = 0; i < n; i++) {
    const hearth__json_entry *e = &entries_at(w, entries)[ranks_at(w, ranks)[i].entry];
    me->key = e->key;
    me->key_size = e->key_size;
    if (escape ? !put_escaped_key(w, e) : !put_key(w, e, i == 0)) return false;
    if (e->type != LUA_TTABLE) {
      if (!put_scalar(w, me, e)) return false;
      continue;
    }
    if (e->as.slot == 0) {
      lua_settop(L, t);
      refill(w, t, entries, ranks, i, n, limit > 0 ? limit : 1);
    }
    if (!walk_table(w, me, e->as.slot)) return false;
  }
  w->waiting -= waiting;
  c->entries.size = entries;
  c->ranks.size = ranks;
  return put_close(w, true, start, n);
}

/* ---- sets */

static bool gather_elements(walker *w, int items, bool values, size_t *n) {
  lua_State *L = w->L;
  for (lua_pushnil(L); lua_next(L, items); lua_pop(L, 1)) {
    hearth__json_entry *e;
    hearth__json_rank *r;
    if (!new_entry(w, &e, &r)) return false;
    keep_scalar(L, values ? -1 : -2, e);
    r->prefix = e->type == LUA_TLIGHTUSERDATA ? 0 : e->type == LUA_TBOOLEAN ? 1 : e->type == LUA_TNUMBER ? 2 : 3;
    r->entry = (*n)++;
  }
  return true;
}

static bool walk_set(walker *w, const frame *up, int t) {
  lua_State *L = w->L;
  hearth__json_codec *c = w->codec;
  if (!w->sets) return refuse(w, up, "hearth.Set is for stored values, JSON has no sets (make a list of it)");
  if (w->depth >= HEARTH__JSON_DEPTH) return refuse(w, up, "nested more than 1000 deep");
  size_t entries = c->entries.size, ranks = c->ranks.size, n = 0;
  hearth__json_set_items(L, t);
  int top = lua_gettop(L);
  if (!gather_elements(w, top - 1, false, &n) || !gather_elements(w, top, true, &n)) return false;
  sort_ranks(ranks_at(w, ranks), n, entries_at(w, entries), compare_elements);
  place object = here(w);
  if (!put_open(w, true) || !put_string(w, HEARTH__SET_KEY, sizeof HEARTH__SET_KEY - 1) || !put_between(w, ':')) return false;
  place array = here(w);
  if (!put_open(w, false)) return false;
  for (size_t i = 0; i < n; i++) {
    const hearth__json_entry *e = &entries_at(w, entries)[ranks_at(w, ranks)[i].entry];
    if ((i && !put_between(w, ',')) || !put_scalar(w, up, e)) return false;
  }
  c->entries.size = entries;
  c->ranks.size = ranks;
  return put_close(w, false, array, n) && put_close(w, true, object, 1);
}

/* The table at t; above it the stack is restored. */
static bool walk_table(walker *w, const frame *up, int t) {
  lua_State *L = w->L;
  frame me = {.up = up, .table = lua_topointer(L, t)};
  int top = lua_gettop(L);
  for (const frame *f = up; f; f = f->up)
    if (f->table == me.table) return refuse(w, up, "cycle: the table contains itself");
  if (w->depth == HEARTH__JSON_DEPTH) return refuse(w, up, "nested more than 1000 deep");
  if (!lua_checkstack(L, 12)) return out_of_memory(w);
  hearth__json_mark mark = hearth__json_mark_of(L, w->codec, t);
  w->depth++;
  bool ok;
  if (mark == MARK_SET)
    ok = walk_set(w, up, t);
  else {
    lua_pushnil(L);
    bool empty = !lua_next(L, t);
    if (empty && hearth__json_thaw(L, t)) {
      lua_pushnil(L);
      empty = !lua_next(L, t);
    }
    if (empty) {
      place at = here(w);
      ok = put_open(w, mark != MARK_ARRAY) && put_close(w, mark != MARK_ARRAY, at, 0);
    } else if (lua_type(L, -2) != LUA_TSTRING)
      ok = walk_array(w, up, &me, t);
    else if (mark == MARK_ARRAY)
      ok = refuse(w, up, "table marked as an array that has strings as keys");
    else
      ok = walk_object(w, up, &me, t);
  }
  w->depth--;
  lua_settop(L, top);
  return ok;
}

/* ---- entry */

static bool run(walker *w, int idx) {
  lua_State *L = w->L;
  hearth__json_codec *c = w->codec;
  int top = lua_gettop(L);
  c->out.size = c->entries.size = c->ranks.size = 0;
  w->why = NULL;
  w->depth = w->waiting = 0;
  lua_pushvalue(L, idx);
  bool ok = walk(w, NULL);
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

void hearth__json_encode(lua_State *L, int idx, bool sets, const char *op, const char *key, size_t key_size) {
  luaL_checkstack(L, 16, NULL);
  if (encode_small(L, idx)) return;
  idx = lua_absindex(L, idx);
  hearth__json_codec *c = hearth__json_codec_of(L);
  walker w = {.L = L, .codec = c, .out = &c->out, .sets = sets};
  bool ok = run(&w, idx);
  if (!ok && !*w.why) { /* short of memory: what is garbage may help */
    lua_gc(L, LUA_GCCOLLECT);
    ok = run(&w, idx);
  }
  if (!ok) raise(&w, op, key, key_size);
  lua_pushlstring(L, c->out.data, c->out.size);
  hearth__json_codec_trim(c);
}

hearth__json_tape *hearth__json_flatten(lua_State *L, int idx, bool sets, const char *op, const char *key, size_t key_size) {
  idx = lua_absindex(L, idx);
  luaL_checkstack(L, 16, NULL);
  hearth__json_codec *c = hearth__json_codec_of(L);
  hearth__json_tape *tape = calloc(1, sizeof *tape);
  walker w = {.L = L, .codec = c, .tape = tape, .sets = sets, .why = ""};
  if (!tape || !run(&w, idx)) {
    hearth__json_tape_free(tape);
    raise(&w, op, key, key_size);
  }
  tape->text = tape->strings.data ? tape->strings.data : "";
  hearth__json_codec_trim(c);
  return tape;
}
