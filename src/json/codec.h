/* The codec of a Lua state: the marks of arrays and sets, its scratch memory, and hearth.Set. */
#ifndef HEARTH__JSON_CODEC_H
#define HEARTH__JSON_CODEC_H

#include "json/flat.h"

typedef struct hearth__json_codec {
  const void *array_mark, *set_class; /* metatables, as lua_topointer tells them */
  hearth__json_flat flat;             /* the value being written */
  hearth__json_buffer ranks, out;     /* its printing: see hearth__json_print_flat */
  hearth__json_buffer path;           /* of the value that cannot be written */
  bool closed;                        /* the state is ending: keep nothing */
} hearth__json_codec;

enum { HEARTH__CODEC_ARRAY = 1, HEARTH__CODEC_SET = 2 }; /* user values of the codec */

/* The codec of L, made at first use; it may raise only then. */
hearth__json_codec *hearth__json_codec_of(lua_State *L);
/* The same, and pushes the userdata. */
hearth__json_codec *hearth__json_codec_push(lua_State *L);
/* Gives back scratch memory that is larger than worth keeping. */
void hearth__json_codec_trim(hearth__json_codec *c);
/* Takes back what was flattened and is not needed any more: its memory, which is there already, is what the next value is flattened to. */
void hearth__json_codec_take(hearth__json_codec *c, hearth__json_flat *flat);

typedef enum { MARK_NONE, MARK_ARRAY, MARK_SET } hearth__json_mark;

/* What the metatable of the table at idx says; *bare: there is none. Leaves the stack as it was, one slot is needed. */
static inline hearth__json_mark hearth__json_mark_or_bare(lua_State *L, const hearth__json_codec *c, int idx, bool *bare) {
  *bare = !lua_getmetatable(L, idx);
  if (*bare) return MARK_NONE;
  const void *p = lua_topointer(L, -1);
  lua_pop(L, 1);
  return p == c->array_mark ? MARK_ARRAY : p == c->set_class ? MARK_SET : MARK_NONE;
}
static inline hearth__json_mark hearth__json_mark_of(lua_State *L, const hearth__json_codec *c, int idx) {
  bool bare;
  return hearth__json_mark_or_bare(L, c, idx, &bare);
}

/* ---- sets */

/* Pushes the metatable of sets (called once, by the codec). */
void hearth__json_set_class(lua_State *L);
/* Pushes an empty set. */
void hearth__json_set_new(lua_State *L);
/* Adds the value on top to the set at idx (absolute) and pops it. NULL, or why it cannot be an element. */
const char *hearth__json_set_add(lua_State *L, int idx);
/* Pushes the two tables of the set at idx: elements -> true, and integral floats by their integer. */
void hearth__json_set_items(lua_State *L, int idx);
lua_Integer hearth__json_set_count(lua_State *L, int idx);
/* By subtype and value; the set at `a` and the one at `b`. */
bool hearth__json_set_equal(lua_State *L, int a, int b);

#endif
