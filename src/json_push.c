/* Tape to Lua values, and the decoder on top of it. A text of at most SMALL bytes has its tape on the C stack; that of a larger one hangs
** on a userdata, so that it is freed when Lua raises a memory error half way. */
#include <stdio.h>
#include <stdlib.h>

#include <lauxlib.h>

#include "error.h"
#include "json_internal.h"

enum { SMALL = 1024 };

typedef struct pusher {
  lua_State *L;
  const hearth__json_tape *tape;
  size_t next; /* the item to push */
  int array;   /* where the mark of arrays is on the stack */
  bool sets;
} pusher;

static const char *string_of(const hearth__json_tape *tape, const hearth__json_item *it) {
  return (HEARTH__ITEM_TYPE(it) == ITEM_STRING ? tape->text : tape->unescaped) + it->as.at;
}

/* How many dollar signs stand in front of "hearth.set" in the only key of the object at it; 0: it is an ordinary object. */
static size_t set_dollars(const pusher *w, const hearth__json_item *it) {
  const size_t tail = sizeof HEARTH__SET_KEY - 2;
  if (HEARTH__ITEM_COUNT(it) != 1 || HEARTH__ITEM_TYPE(it + 2) != ITEM_ARRAY) return 0;
  const char *key = string_of(w->tape, it + 1);
  size_t size = HEARTH__ITEM_COUNT(it + 1), dollars = 0;
  while (dollars < size && key[dollars] == '$') dollars++;
  return dollars > 0 && size - dollars == tail && memcmp(key + dollars, &HEARTH__SET_KEY[1], tail) == 0 ? dollars : 0;
}

static void push(pusher *w);

/* The array at the next item as a set, if its elements can be one: false leaves the stack as it was. */
static bool push_set(pusher *w) {
  lua_State *L = w->L;
  const hearth__json_item *array = &w->tape->items[w->next];
  size_t n = HEARTH__ITEM_COUNT(array);
  for (size_t i = 1; i <= n; i++)
    if (HEARTH__ITEM_TYPE(array + i) >= ITEM_ARRAY) return false;
  hearth__json_set_new(L);
  int set = lua_gettop(L);
  w->next++;
  for (size_t i = 0; i < n; i++) {
    push(w);
    hearth__json_set_add(L, set);
  }
  return true;
}

static void push(pusher *w) {
  lua_State *L = w->L;
  const hearth__json_item *it = &w->tape->items[w->next++];
  size_t n = HEARTH__ITEM_COUNT(it);
  switch (HEARTH__ITEM_TYPE(it)) {
    case ITEM_NULL: lua_pushlightuserdata(L, NULL); return;
    case ITEM_FALSE: lua_pushboolean(L, 0); return;
    case ITEM_TRUE: lua_pushboolean(L, 1); return;
    case ITEM_INTEGER: lua_pushinteger(L, it->as.integer); return;
    case ITEM_FLOAT: lua_pushnumber(L, it->as.number); return;
    case ITEM_STRING:
    case ITEM_UNESCAPED: lua_pushlstring(L, string_of(w->tape, it), n); return;
    case ITEM_ARRAY:
      luaL_checkstack(L, 6, NULL);
      lua_createtable(L, n < 0x7FFFFFFF ? (int)n : 0, 0);
      lua_pushvalue(L, w->array);
      lua_setmetatable(L, -2);
      for (size_t i = 1; i <= n; i++) {
        push(w);
        lua_rawseti(L, -2, (lua_Integer)i);
      }
      return;
    case ITEM_OBJECT: {
      luaL_checkstack(L, 6, NULL);
      size_t dollars = w->sets ? set_dollars(w, it) : 0;
      if (dollars == 1) {
        w->next++;
        if (push_set(w)) return;
        w->next--;
      }
      lua_createtable(L, 0, n < 0x7FFFFFFF ? (int)n : 0);
      for (size_t i = 0; i < n; i++) {
        const hearth__json_item *key = &w->tape->items[w->next++];
        size_t skip = dollars > 1; /* the dollar sign that the encoder put in front */
        lua_pushlstring(L, string_of(w->tape, key) + skip, HEARTH__ITEM_COUNT(key) - skip);
        push(w);
        lua_rawset(L, -3);
      }
      return;
    }
  }
}

int hearth__json_tape_push(lua_State *L, const hearth__json_tape *tape, bool sets) {
  if (tape->error) {
    if (!*tape->error) return hearth__no_memory(L);
    hearth__error_fields fields = {0};
    char where[64]; /* Lua's own formats have no size_t */
    snprintf(where, sizeof where, "byte %zu of %zu", tape->error_at + 1, tape->size);
    hearth__error_push(L, "ECORRUPT", &fields, "this is not JSON: %s, at %s", tape->error, where);
    lua_pushinteger(L, (lua_Integer)tape->error_at + 1);
    lua_setfield(L, -2, "position");
    return -1;
  }
  luaL_checkstack(L, 8, NULL);
  pusher w = {.L = L, .tape = tape, .sets = sets};
  if (HEARTH__ITEM_TYPE(tape->items) < ITEM_ARRAY) {
    push(&w);
    return 0;
  }
  hearth__json_codec_push(L);
  lua_getiuservalue(L, -1, HEARTH__CODEC_ARRAY);
  lua_replace(L, -2);
  w.array = lua_gettop(L);
  push(&w);
  lua_replace(L, w.array);
  return 0;
}

static int collect(lua_State *L) {
  hearth__json_tape_clear(lua_touserdata(L, 1));
  return 0;
}

/* Pushes a userdata that owns an empty tape. */
static hearth__json_tape *new_box(lua_State *L) {
  hearth__json_tape *tape = lua_newuserdatauv(L, sizeof *tape, 0);
  memset(tape, 0, sizeof *tape);
  if (luaL_newmetatable(L, "hearth.json.tape")) {
    lua_pushcfunction(L, collect);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  return tape;
}

int hearth__json_decode(lua_State *L, const char *text, size_t size, bool sets) {
  if (size <= SMALL) {
    hearth__json_item items[SMALL + 1]; /* every value takes a byte at least */
    char unescaped[SMALL];
    hearth__json_tape tape = {.text = text, .size = size, .items = items, .capacity = SMALL + 1, .fixed = true, .unescaped = unescaped};
    hearth__json_parse_tape(&tape);
    return hearth__json_tape_push(L, &tape, sets);
  }
  luaL_checkstack(L, 8, NULL);
  hearth__json_tape *tape = new_box(L);
  int box = lua_gettop(L);
  tape->text = text;
  tape->size = size;
  if (!hearth__json_parse_tape(tape) && !*tape->error) { /* short of memory: what is garbage may help */
    hearth__json_tape_clear(tape);
    lua_gc(L, LUA_GCCOLLECT);
    tape->text = text;
    tape->size = size;
    hearth__json_parse_tape(tape);
  }
  int status = hearth__json_tape_push(L, tape, sets);
  hearth__json_tape_clear(tape);
  lua_remove(L, box);
  return status;
}
