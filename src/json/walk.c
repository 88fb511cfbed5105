/* Lua values to a tape. The walk sees raw contents, allocates nothing in Lua and never raises: so no finalizer runs in the middle of it, scratch
** memory is the codec's, and what cannot be written is a reason and a path, raised when the walk is over. Members and elements are taken as they
** come; whoever prints the tape sorts them. Strings stay Lua's while they are few, so that what is small is printed at once, without a copy.
** The walk holds the loop, and what it costs is the calls into Lua: none is made whose answer is known. */
#include <math.h>
#include <stdlib.h>

#include <lauxlib.h>

#include "error.h"
#include "json/internal.h"
#include "large.h"

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
  hearth__json_tape *tape;
  size_t limit; /* of the text, for as long as the strings are still Lua's; then SIZE_MAX */
  size_t bytes; /* of the strings */
  bool own;     /* strings are copied to the tape */
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

enum { PAGE_MIN = 8 << 10, PAGE_MAX = 1 << 20 };

static const char *own_string(hearth__json_tape *tape, const char *text, size_t size) {
  if ((size_t)(tape->room_end - tape->room) < size) {
    size_t room = tape->count * 16 < PAGE_MIN ? PAGE_MIN : tape->count * 16 > PAGE_MAX ? PAGE_MAX : tape->count * 16;
    bool apart = size > room / 4; /* what is left of the page is of use for others */
    size_t whole = sizeof(hearth__json_page) + (apart ? size : room);
    hearth__json_page *page = hearth__large_new(whole);
    if (!page) return NULL;
    page->size = whole;
    page->next = tape->pages;
    tape->pages = page;
    if (apart) return memcpy(page->bytes, text, size);
    tape->room = page->bytes;
    tape->room_end = page->bytes + room;
  }
  if (size == 0) return "";
  char *copy = memcpy(tape->room, text, size);
  tape->room += size;
  return copy;
}

/* The text will be long, and made on another thread: from here on the tape owns its strings. */
static bool own_strings(walker *w) {
  hearth__json_tape *tape = w->tape;
  w->own = true;
  w->limit = SIZE_MAX;
  memset(w->codec->keys, 0, sizeof w->codec->keys);
  if (w->bytes == 0) return true; /* no strings, or empty ones, of which nothing is read */
  for (size_t i = 0; i < tape->count; i++) {
    hearth__json_item *it = &tape->items[i];
    if (HEARTH__ITEM_TYPE(it) == ITEM_STRING && !(it->as.text = own_string(tape, it->as.text, HEARTH__ITEM_COUNT(it))))
      return out_of_memory(w);
  }
  return true;
}

static inline bool put(walker *w, hearth__json_type type, hearth__json_item **out) {
  hearth__json_item *it = hearth__json_item_new(w->tape);
  if (!it) return out_of_memory(w);
  it->head = HEARTH__ITEM(type, 0);
  *out = it;
  return true;
}

static inline bool put_word(walker *w, hearth__json_type type) {
  hearth__json_item *it;
  return put(w, type, &it);
}

/* The string at idx. */
static inline bool put_string(walker *w, int idx, const char **text, size_t *size) {
  hearth__json_item *it;
  if (!put(w, ITEM_STRING, &it)) return false;
  *text = lua_tolstring(w->L, idx, size);
  it->head = HEARTH__ITEM(ITEM_STRING, *size);
  it->as.text = *text;
  if (w->own) return (it->as.text = own_string(w->tape, *text, *size)) || out_of_memory(w);
  w->bytes += *size;
  return w->bytes <= w->limit || own_strings(w);
}

/* The key at idx, in a table of this frame. False and no reason: it is no string. Records have the same few keys, Lua's same strings: of those a
** tape that owns its strings has one copy, found by their addresses. */
static inline bool put_key(walker *w, frame *me, int idx) {
  const void *string = w->own ? lua_topointer(w->L, idx) : NULL;
  hearth__json_key *known = &w->codec->keys[((uintptr_t)string >> 3 ^ (uintptr_t)string >> 9) % HEARTH__JSON_KEYS];
  if (string && known->string == string) {
    hearth__json_item *it;
    if (!put(w, ITEM_STRING, &it)) return false;
    it->head = HEARTH__ITEM(ITEM_STRING, known->size);
    it->as.text = me->key = known->text;
    me->key_size = known->size;
    return true;
  }
  if (lua_type(w->L, idx) != LUA_TSTRING || !put_string(w, idx, &me->key, &me->key_size)) return false;
  if (string) *known = (hearth__json_key){string, w->tape->items[w->tape->count - 1].as.text, me->key_size};
  return true;
}

/* ---- the walk */

static bool walk_table(walker *w, frame *up, int t);

static inline bool put_integer(walker *w, int idx) {
  hearth__json_item *it;
  if (!put(w, ITEM_INTEGER, &it)) return false;
  it->as.integer = lua_tointeger(w->L, idx);
  return true;
}

/* The value at idx, the top of the stack; `at` tells where it is. */
static bool walk(walker *w, frame *at, int idx) {
  lua_State *L = w->L;
  hearth__json_item *it;
  switch (lua_type(L, idx)) {
    case LUA_TSTRING: {
      const char *text;
      size_t size;
      return put_string(w, idx, &text, &size);
    }
    case LUA_TNUMBER:
      if (lua_isinteger(L, idx)) return put_integer(w, idx);
      if (!put(w, ITEM_FLOAT, &it)) return false;
      it->as.number = lua_tonumber(L, idx);
      if (isfinite(it->as.number)) return true;
      return refuse(w, at, isnan(it->as.number) ? "NaN is not a value of JSON" : "an infinity is not a value of JSON");
    case LUA_TBOOLEAN: return put_word(w, lua_toboolean(L, idx) ? ITEM_TRUE : ITEM_FALSE);
    case LUA_TLIGHTUSERDATA:
      if (lua_touserdata(L, idx)) return refuse(w, at, "light userdata cannot be written as JSON");
      return put_word(w, ITEM_NULL);
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

static bool walk_array(walker *w, frame *me, size_t *count) {
  lua_State *L = w->L;
  hearth__json_tape *tape = w->tape;
  const int t = me->place, key = t + 1, value = t + 2;
  size_t start = tape->count, bytes = w->bytes;
  lua_Integer i = 1;
  bool integer = true; /* so was the last element: this one is likely to be, too */
  for (;;) {           /* a key that is an integer and its value are on the stack */
    if (lua_tointeger(L, key) != i) goto out_of_order;
    me->index = i;
    size_t at = tape->count;
    if (!(integer && lua_isinteger(L, value) ? put_integer(w, value) : walk(w, me, value))) return false;
    integer = HEARTH__ITEM_TYPE(&tape->items[at]) == ITEM_INTEGER;
    lua_settop(L, key);
    i++;
    if (!lua_next(L, t)) break;
    if (!lua_isinteger(L, key)) goto out_of_order;
  }
  *count = (size_t)i - 1;
  return true;

out_of_order:
  tape->count = start;
  w->bytes = bytes;
  lua_settop(L, t);
  if (!check_sequence(w, me->up, t, count)) return false;
  lua_pushnil(L); /* in the place of the key */
  for (i = 1; i <= (lua_Integer)*count; i++) {
    lua_rawgeti(L, t, i);
    me->index = i;
    if (!walk(w, me, value)) return false;
    lua_settop(L, key);
  }
  lua_settop(L, t);
  return true;
}

static bool walk_object(walker *w, frame *me, size_t *count) {
  lua_State *L = w->L;
  const int t = me->place, key = t + 1, value = t + 2;
  do { /* the first key and its value are on the stack */
    if (!put_key(w, me, key)) {
      if (w->why) return false;
      lua_settop(L, t);
      if (!check_sequence(w, me->up, t, count)) return false;
      return refuse(w, me->up, "table with mixed keys, integers and strings (use either)");
    }
    if (!walk(w, me, value)) return false;
    lua_settop(L, key);
    ++*count;
  } while (lua_next(L, t));
  return true;
}

static bool walk_set(walker *w, frame *up, int t, size_t *count) {
  lua_State *L = w->L;
  if (!w->tape->sets) return refuse(w, up, "hearth.Set is for stored values, JSON has no sets (make a list of it)");
  if (w->depth >= HEARTH__JSON_DEPTH) return refuse(w, up, "nested more than 1000 deep");
  hearth__json_set_items(L, t);
  int items = lua_gettop(L) - 1;
  for (int i = 0; i < 2; i++)
    for (lua_pushnil(L); lua_next(L, items + i); lua_pop(L, 1)) {
      if (i == 0) lua_pushvalue(L, -2); /* the element is the key; of the integral floats it is the value */
      if (!walk(w, up, lua_gettop(L))) return false;
      if (i == 0) lua_pop(L, 1);
      ++*count;
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
  hearth__json_item *it;
  if (up && !up->table && !check_cycle(w, up)) return false;
  if (w->depth == HEARTH__JSON_DEPTH) return refuse(w, up, "nested more than 1000 deep");
  if (t + SLOTS > w->room) {
    if (!lua_checkstack(L, SLOTS)) return out_of_memory(w);
    w->room = t + SLOTS;
  }
  bool bare, ok = true;
  hearth__json_mark mark = hearth__json_mark_or_bare(L, w->codec, t, &bare);
  hearth__json_type type = mark == MARK_SET ? ITEM_SET : mark == MARK_ARRAY ? ITEM_ARRAY : ITEM_OBJECT;
  size_t at = w->tape->count, count = 0;
  if (!put(w, type, &it)) return false;
  w->depth++;
  if (type == ITEM_SET)
    ok = walk_set(w, up, t, &count);
  else {
    lua_pushnil(L);
    bool empty = !lua_next(L, t);
    if (empty && !bare && hearth__json_thaw(L, t)) {
      lua_pushnil(L);
      empty = !lua_next(L, t);
    }
    if (!empty && lua_isinteger(L, t + 1)) {
      type = ITEM_ARRAY;
      ok = walk_array(w, &me, &count);
    } else if (!empty && mark == MARK_ARRAY && lua_type(L, t + 1) == LUA_TSTRING)
      ok = refuse(w, up, "table marked as an array that has strings as keys");
    else if (!empty)
      ok = walk_object(w, &me, &count);
  }
  w->depth--;
  if (!ok) return false; /* whoever began the walk restores the stack */
  it = &w->tape->items[at];
  it->head = HEARTH__ITEM(type, count);
  it->as.end = w->tape->count;
  return true;
}

/* ---- entry */

enum { ITEM_TEXT = 4 }; /* bytes of text that an item makes, beside those of strings: for the choice between ways */

/* `limit`: from this length of the text on, the tape gets its own strings. */
static bool run(walker *w, int idx, size_t limit) {
  lua_State *L = w->L;
  int top = lua_gettop(L);
  w->tape->count = 0;
  w->why = NULL;
  w->limit = limit;
  w->bytes = 0;
  w->own = false;
  w->depth = 0;
  w->room = 0;
  lua_pushvalue(L, idx);
  bool ok = (limit > 0 || own_strings(w)) && walk(w, NULL, top + 1);
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
  return hearth__json_print_tape(&c->tape, &c->ranks, &c->out);
}

void hearth__json_encode(lua_State *L, int idx, bool sets, const char *op, const char *key, size_t key_size) {
  luaL_checkstack(L, 16, NULL);
  if (encode_small(L, idx)) return;
  idx = lua_absindex(L, idx);
  hearth__json_codec *c = hearth__json_codec_of(L);
  walker w = {.L = L, .codec = c, .tape = &c->tape};
  c->tape.sets = sets;
  bool ok = run(&w, idx, SIZE_MAX) && (print(c) || out_of_memory(&w));
  if (!ok && !*w.why) { /* short of memory: what is garbage may help */
    lua_gc(L, LUA_GCCOLLECT);
    ok = run(&w, idx, SIZE_MAX) && (print(c) || out_of_memory(&w));
  }
  if (!ok) raise(&w, op, key, key_size);
  lua_pushlstring(L, c->out.data, c->out.size);
  hearth__json_codec_trim(c);
}

/* A string is not copied, whoever keeps the tape keeps it too. */
static hearth__json_tape *tape_of_string(lua_State *L, int idx) {
  hearth__json_tape *tape = calloc(1, sizeof *tape);
  hearth__json_item *it = tape ? hearth__json_item_new(tape) : NULL;
  size_t size;
  if (!it) {
    hearth__json_tape_free(tape);
    hearth__no_memory(L);
    return NULL;
  }
  it->as.text = lua_tolstring(L, idx, &size);
  it->head = HEARTH__ITEM(ITEM_STRING, size);
  return tape;
}

hearth__json_tape *hearth__json_encode_or_flatten(lua_State *L, int idx, size_t limit) {
  luaL_checkstack(L, 16, NULL);
  if (encode_small(L, idx)) return NULL;
  idx = lua_absindex(L, idx);
  if (lua_type(L, idx) == LUA_TSTRING && lua_rawlen(L, idx) > limit) return tape_of_string(L, idx);
  hearth__json_codec *c = hearth__json_codec_of(L);
  walker w = {.L = L, .codec = c, .tape = &c->tape};
  c->tape.sets = true;
  bool ok = run(&w, idx, limit);
  if (ok && !w.own && w.bytes + w.tape->count * ITEM_TEXT > limit) ok = own_strings(&w);
  hearth__json_tape *tape = ok && w.own ? malloc(sizeof *tape) : NULL;
  if (tape) { /* what was scratch memory goes with it */
    *tape = c->tape;
    c->tape = (hearth__json_tape){0};
    return tape;
  }
  if (!ok || w.own || !print(c)) {
    if (w.own) hearth__json_tape_clear(&c->tape);
    if (ok) out_of_memory(&w);
    raise(&w, NULL, NULL, 0);
  }
  lua_pushlstring(L, c->out.data, c->out.size);
  hearth__json_codec_trim(c);
  return NULL;
}

hearth__json_tape *hearth__json_flatten(lua_State *L, int idx, bool sets, const char *op, const char *key, size_t key_size) {
  idx = lua_absindex(L, idx);
  luaL_checkstack(L, 16, NULL);
  hearth__json_codec *c = hearth__json_codec_of(L);
  hearth__json_tape *tape = calloc(1, sizeof *tape);
  walker w = {.L = L, .codec = c, .tape = tape, .why = ""};
  if (tape) tape->sets = sets;
  if (!tape || !run(&w, idx, 0)) {
    hearth__json_tape_free(tape);
    raise(&w, op, key, key_size);
  }
  return tape;
}
