/* What the files of the codec share: scratch buffers, the tape, the codec of a Lua state, and the printing of scalars. */
#ifndef HEARTH__JSON_INTERNAL_H
#define HEARTH__JSON_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <lua.h>

#include "json/json.h"

/* ---- buffers: blocks (large.h), or memory of a Lua state */

typedef struct hearth__json_buffer {
  char *data;
  size_t size, capacity;
  lua_Alloc alloc; /* NULL: a block */
  void *ud;
} hearth__json_buffer;

/* Makes room for n more bytes; false when memory is short, and the buffer is as it was. */
bool hearth__json_grow(hearth__json_buffer *b, size_t n);
void hearth__json_release(hearth__json_buffer *b);

/* Room for n more bytes, to be followed by an addition to b->size; NULL when memory is short. */
static inline char *hearth__json_room(hearth__json_buffer *b, size_t n) {
  if (b->capacity - b->size < n && !hearth__json_grow(b, n)) return NULL;
  return b->data + b->size;
}

/* ---- the tape: a value written out flat, each container followed by its children */

typedef enum {
  ITEM_NULL,
  ITEM_FALSE,
  ITEM_TRUE,
  ITEM_INTEGER,
  ITEM_FLOAT,
  ITEM_STRING,
  ITEM_ARRAY,
  ITEM_OBJECT, /* key, value, key, value, … */
  ITEM_SET     /* never in a tape that was parsed */
} hearth__json_type;

typedef struct hearth__json_item {
  uint64_t head; /* the type in the low byte; above it the bytes of a string, or how many elements or members there are */
  union {
    int64_t integer;
    double number;
    const char *text;
    size_t end; /* of a container: the index of the item behind its last child */
  } as;
} hearth__json_item;

#define HEARTH__ITEM(type, count) ((uint64_t)(type) | (uint64_t)(count) << 8)
#define HEARTH__ITEM_TYPE(item)   ((hearth__json_type)((item)->head & 0xFF))
#define HEARTH__ITEM_COUNT(item)  ((size_t)((item)->head >> 8))

typedef struct hearth__json_page {
  struct hearth__json_page *next;
  size_t size; /* of it all */
  char bytes[];
} hearth__json_page;

struct hearth__json_tape {
  hearth__json_item *items;
  size_t count, capacity;
  bool fixed; /* the items are the caller's array, which is large enough */
  bool check; /* nothing is kept: the text is only looked at */
  bool sets;  /* of a flattened value: an object that looks like the text of a set gets one more dollar sign */
  /* Of a text: */
  const char *text;
  size_t size;
  char *unescaped; /* strings with escapes, each at the offset that it had in the text */
  bool owns_unescaped;
  const char *error; /* what is wrong with the text, or NULL; "" when memory was short */
  size_t error_at;   /* offset of the first bad byte */
  /* Of a flattened value: its strings, unless they are still those of Lua. */
  hearth__json_page *pages;
  char *room, *room_end;
};

/* Reads tape->text. False with tape->error set. Any thread. */
bool hearth__json_parse_tape(hearth__json_tape *tape);
void hearth__json_tape_clear(hearth__json_tape *tape);
bool hearth__json_tape_grow(hearth__json_tape *tape);

static inline hearth__json_item *hearth__json_item_new(hearth__json_tape *tape) {
  if (tape->count == tape->capacity && !hearth__json_tape_grow(tape)) return NULL;
  return &tape->items[tape->count++];
}

/* ---- scalars as text: each makes its own room; false when memory is short */

/* Writes the digits of n so that they end before `end`; returns their begin. */
char *hearth__json_digits_before(char *end, uint64_t n);
bool hearth__json_print_integer(hearth__json_buffer *b, int64_t n);
bool hearth__json_print_double(hearth__json_buffer *b, double d); /* finite; always with a fraction or an exponent */
/* In quotes, with one character in front and one behind where they are not 0. */
bool hearth__json_print_string(hearth__json_buffer *b, const char *s, size_t size, char before, char after);

static inline bool hearth__json_put_char(hearth__json_buffer *b, char c) {
  if (b->size == b->capacity && !hearth__json_grow(b, 1)) return false;
  b->data[b->size++] = c;
  return true;
}

static inline bool hearth__json_put(hearth__json_buffer *b, const char *s, size_t size) {
  if (size == 0) return true; /* an empty buffer has no memory to point to */
  char *p = hearth__json_room(b, size);
  if (!p) return false;
  memcpy(p, s, size);
  b->size += size;
  return true;
}

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

/* Prints the tape to `out`; `ranks` is scratch memory. */
bool hearth__json_print_tape(const hearth__json_tape *tape, hearth__json_buffer *ranks, hearth__json_buffer *out);

/* Reads the number at p (a digit or a minus sign). Returns its end; NULL with *error set and *bad at the culprit. */
const char *hearth__json_read_number(const char *p, const char *end, hearth__json_item *out, const char **error, const char **bad);

enum { HEARTH__POW10_FIRST = -342, HEARTH__POW10_LAST = 324 };
extern const uint64_t hearth__json_pow10[HEARTH__POW10_LAST - HEARTH__POW10_FIRST + 1][2];

/* The bytes of a word that cannot stand in a JSON string as they are (a quote, a backslash, a control character) have their high bit set in
** the answer. Bytes behind such a one, in the direction of significance, may have it too. */
static inline uint64_t hearth__json_special(uint64_t w) {
  const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
  uint64_t quote = w ^ ones * '"', slash = w ^ ones * '\\';
  return (((w - ones * 0x20) & ~w) | ((quote - ones) & ~quote) | ((slash - ones) & ~slash)) & highs;
}

static inline bool hearth__json_is_special(char c) {
  return (unsigned char)c < 0x20 || c == '"' || c == '\\';
}

static inline uint64_t hearth__json_load64(const char *p) {
  uint64_t w;
  memcpy(&w, p, 8);
  return w;
}

/* How many of the eight bytes at p, whose answer this is, come before the first special one. */
static inline size_t hearth__json_plain_bytes(uint64_t special, const char *p) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  (void)p;
  return (size_t)__builtin_ctzll(special) >> 3;
#else
  size_t n = 0;
  (void)special;
  while (!hearth__json_is_special(p[n])) n++;
  return n;
#endif
}

/* The first byte in p…end that is special. */
static inline const char *hearth__json_plain_run(const char *p, const char *end) {
  for (; end - p >= 8; p += 8) {
    uint64_t special = hearth__json_special(hearth__json_load64(p));
    if (special) return p + hearth__json_plain_bytes(special, p);
  }
  while (p < end && !hearth__json_is_special(*p)) p++;
  return p;
}

/* ---- the codec of a Lua state: its marks and its scratch memory */

/* A key of the value being written that its tape has a copy of. */
typedef struct hearth__json_key {
  const void *string; /* which, as lua_topointer tells it; NULL: none */
  const char *text;
  size_t size;
} hearth__json_key;

enum { HEARTH__JSON_KEYS = 64 };

typedef struct hearth__json_codec {
  const void *array_mark, *set_class; /* metatables, as lua_topointer tells them */
  hearth__json_tape tape;             /* of the value being written */
  hearth__json_buffer ranks, out;     /* its printing: see hearth__json_print_tape */
  hearth__json_buffer path;           /* of the value that cannot be written */
  hearth__json_key keys[HEARTH__JSON_KEYS];
  bool closed; /* the state is ending: keep nothing */
} hearth__json_codec;

enum { HEARTH__CODEC_ARRAY = 1, HEARTH__CODEC_SET = 2 }; /* user values of the codec */

/* The codec of L, made at first use; it may raise only then. */
hearth__json_codec *hearth__json_codec_of(lua_State *L);
/* The same, and pushes the userdata. */
hearth__json_codec *hearth__json_codec_push(lua_State *L);
/* Gives back scratch memory that is larger than worth keeping. */
void hearth__json_codec_trim(hearth__json_codec *c);

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

/* The text of a set is {"$hearth.set":[…]}; of a table that looks like it, with one more dollar sign in front. */
#define HEARTH__SET_KEY "$hearth.set"

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
