/* What the files of the codec share: scratch buffers and the printing of scalars. */
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

/* The text of a set is {"$hearth.set":[…]}; of a table that looks like it, with one more dollar sign in front. */
#define HEARTH__SET_KEY "$hearth.set"

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

#endif
