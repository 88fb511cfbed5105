/* Tape to Lua values, and the decoder on top of it. A text of at most SMALL bytes has its tape on the C stack; that of a larger one hangs
** on a userdata, so that it is freed when Lua raises a memory error half way. */
#include <stdio.h>
#include <stdlib.h>

#include <lauxlib.h>

#include "error.h"
#include "json/codec.h"
#include "json/tape.h"

enum { SMALL = 1024 };

typedef hearth__json_frame frame;
typedef hearth__json_builder builder;

/* How many dollar signs stand in front of "hearth.set" in the only key of the object at it; 0: it is an ordinary object. */
static size_t set_dollars(const hearth__json_item *it) {
  const size_t tail = sizeof HEARTH__SET_KEY - 2;
  if (HEARTH__ITEM_COUNT(it) != 1 || HEARTH__ITEM_TYPE(it + 2) != ITEM_ARRAY) return 0;
  const char *key = it[1].as.text;
  size_t size = HEARTH__ITEM_COUNT(it + 1), dollars = 0;
  while (dollars < size && key[dollars] == '$') dollars++;
  return dollars > 0 && size - dollars == tail && memcmp(key + dollars, &HEARTH__SET_KEY[1], tail) == 0 ? dollars : 0;
}

/* Can the elements of this array be those of a set? */
static bool is_set(const hearth__json_item *array) {
  for (size_t i = 1; i <= HEARTH__ITEM_COUNT(array); i++)
    if (HEARTH__ITEM_TYPE(array + i) >= ITEM_ARRAY) return false;
  return true;
}

static int table_size(size_t n) {
  return n < 0x7FFFFFFF ? (int)n : 0;
}

/* Pushes the table for the container at it, whose first child is next. False: it has none. */
static bool open_container(lua_State *L, builder *b, const hearth__json_item *it, int array_mark) {
  frame *f = &b->frames[b->depth];
  f->type = HEARTH__ITEM_TYPE(it);
  f->n = HEARTH__ITEM_COUNT(it);
  f->done = 0;
  luaL_checkstack(L, 8, NULL);
  if (f->type == ITEM_ARRAY) {
    lua_createtable(L, table_size(f->n), 0);
    lua_pushvalue(L, array_mark);
    lua_setmetatable(L, -2);
  } else {
    size_t dollars = b->sets && f->n == 1 ? set_dollars(it) : 0;
    if (dollars == 1 && is_set(it + 2)) {
      f->type = ITEM_SET;
      f->n = HEARTH__ITEM_COUNT(it + 2);
      b->next += 2; /* the key, and the array itself */
      hearth__json_set_new(L);
    } else {
      lua_createtable(L, 0, table_size(f->n));
      if (dollars > 1) { /* the encoder put one in front */
        const hearth__json_item *key = &b->tape->items[b->next++];
        lua_pushlstring(L, key->as.text + 1, HEARTH__ITEM_COUNT(key) - 1);
        b->depth++;
        return true;
      }
    }
  }
  if (f->n == 0) return false;
  b->depth++;
  if (f->type == ITEM_OBJECT) {
    const hearth__json_item *key = &b->tape->items[b->next++];
    lua_pushlstring(L, key->as.text, HEARTH__ITEM_COUNT(key));
  }
  return true;
}

bool hearth__json_build(lua_State *L, builder *b, int array_mark, size_t budget) {
  for (;;) {
    const hearth__json_item *it = &b->tape->items[b->next++];
    size_t cost = 1;
    switch (HEARTH__ITEM_TYPE(it)) {
      case ITEM_NULL: lua_pushlightuserdata(L, NULL); break;
      case ITEM_FALSE: lua_pushboolean(L, 0); break;
      case ITEM_TRUE: lua_pushboolean(L, 1); break;
      case ITEM_INTEGER: lua_pushinteger(L, it->as.integer); break;
      case ITEM_FLOAT: lua_pushnumber(L, it->as.number); break;
      case ITEM_STRING:
        cost += HEARTH__ITEM_COUNT(it) / 256;
        lua_pushlstring(L, it->as.text, HEARTH__ITEM_COUNT(it));
        break;
      default:
        cost += 4 + HEARTH__ITEM_COUNT(it) / 16;
        if (!open_container(L, b, it, array_mark)) break;
        goto next;
    }
    for (;;) { /* a value is complete, on the top */
      if (b->depth == 0) return true;
      frame *f = &b->frames[b->depth - 1];
      f->done++;
      if (f->type == ITEM_ARRAY) {
        lua_rawseti(L, -2, (lua_Integer)f->done);
      } else if (f->type == ITEM_OBJECT) {
        lua_rawset(L, -3);
      } else {
        hearth__json_set_add(L, lua_gettop(L) - 1);
      }
      if (f->done < f->n) {
        if (f->type == ITEM_OBJECT) {
          const hearth__json_item *key = &b->tape->items[b->next++];
          lua_pushlstring(L, key->as.text, HEARTH__ITEM_COUNT(key));
        }
        break;
      }
      b->depth--;
    }
  next:
    if (budget <= cost) return false;
    budget -= cost;
  }
}

void hearth__json_push_array_mark(lua_State *L) {
  hearth__json_codec_push(L);
  lua_getiuservalue(L, -1, HEARTH__CODEC_ARRAY);
  lua_replace(L, -2);
}

int hearth__json_push_error(lua_State *L, const hearth__json_tape *tape) {
  if (!*tape->error) return hearth__no_memory(L);
  hearth__error_fields fields = {0};
  char where[64]; /* Lua's own formats have no size_t */
  snprintf(where, sizeof where, "byte %zu of %zu", tape->error_at + 1, tape->size);
  hearth__error_push(L, "ECORRUPT", &fields, "this is not JSON: %s, at %s", tape->error, where);
  lua_pushinteger(L, (lua_Integer)tape->error_at + 1);
  lua_setfield(L, -2, "position");
  return -1;
}

int hearth__json_tape_push(lua_State *L, const hearth__json_tape *tape, bool sets) {
  if (tape->error) return hearth__json_push_error(L, tape);
  luaL_checkstack(L, 8, NULL);
  builder b; /* its frames need no zeroes */
  b.tape = tape;
  b.sets = sets;
  b.next = 0;
  b.depth = 0;
  if (HEARTH__ITEM_TYPE(tape->items) < ITEM_ARRAY) return hearth__json_build(L, &b, 0, SIZE_MAX) ? 0 : -1;
  hearth__json_push_array_mark(L);
  int mark = lua_gettop(L);
  hearth__json_build(L, &b, mark, SIZE_MAX);
  lua_replace(L, mark);
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
