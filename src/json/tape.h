/* A text, read: a list of items, each container followed by its children (of an object: key, value, key, value, …). Strings stay where they are in
** the text, but for those with escapes. */
#ifndef HEARTH__JSON_TAPE_H
#define HEARTH__JSON_TAPE_H

#include "json/internal.h"

typedef enum {
  ITEM_NULL,
  ITEM_FALSE,
  ITEM_TRUE,
  ITEM_INTEGER,
  ITEM_FLOAT,
  ITEM_STRING,
  ITEM_ARRAY,
  ITEM_OBJECT,
  ITEM_SET /* never in a text: what an object is taken for */
} hearth__json_type;

typedef struct hearth__json_item {
  uint64_t head; /* the type in the low byte; above it the bytes of a string, or how many elements or members there are */
  union {
    int64_t integer;
    double number;
    const char *text;
  } as;
} hearth__json_item;

#define HEARTH__ITEM(type, count) ((uint64_t)(type) | (uint64_t)(count) << 8)
#define HEARTH__ITEM_TYPE(item)   ((hearth__json_type)((item)->head & 0xFF))
#define HEARTH__ITEM_COUNT(item)  ((size_t)((item)->head >> 8))

struct hearth__json_tape {
  hearth__json_item *items;
  size_t count, capacity;
  bool fixed; /* the items are the caller's array, which is large enough */
  bool check; /* nothing is kept: the text is only looked at */
  const char *text;
  size_t size;
  char *unescaped; /* strings with escapes, each at the offset that it had in the text */
  bool owns_unescaped;
  const char *error; /* what is wrong with the text, or NULL; "" when memory was short */
  size_t error_at;   /* offset of the first bad byte */
};

/* Reads tape->text. False with tape->error set. Any thread. */
bool hearth__json_parse_tape(hearth__json_tape *tape);
void hearth__json_tape_clear(hearth__json_tape *tape);
bool hearth__json_tape_grow(hearth__json_tape *tape);

static inline hearth__json_item *hearth__json_item_new(hearth__json_tape *tape) {
  if (tape->count == tape->capacity && !hearth__json_tape_grow(tape)) return NULL;
  return &tape->items[tape->count++];
}

/* Reads the number at p (a digit or a minus sign). Returns its end; NULL with *error set and *bad at the culprit. */
const char *hearth__json_read_number(const char *p, const char *end, hearth__json_item *out, const char **error, const char **bad);

/* ---- values of it */

/* A container that is being filled: its table is on the stack; above it, of an object, the key of the next member. */
typedef struct hearth__json_frame {
  hearth__json_type type;
  size_t n, done;
} hearth__json_frame;

/* A value that is being built from a tape, in one go or in several. Begins zeroed but for tape and sets. */
typedef struct hearth__json_builder {
  const hearth__json_tape *tape;
  size_t next; /* the item to push */
  bool sets;
  int depth;
  hearth__json_frame frames[HEARTH__JSON_DEPTH];
} hearth__json_builder;

/* Pushes the metatable of arrays, whose place hearth__json_build asks for. */
void hearth__json_push_array_mark(lua_State *L);
/* Builds at most `budget` items' worth. True: the value is on the top. False: what belongs to the frames is, and has to be there again when it goes on. */
bool hearth__json_build(lua_State *L, hearth__json_builder *b, int array_mark, size_t budget);
/* Pushes the error of a text that is none, and returns -1; raises when memory was short. */
int hearth__json_push_error(lua_State *L, const hearth__json_tape *tape);

#endif
