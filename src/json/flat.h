/* A value flattened: bytes that say all of it, about as many as its text has. They are written while the loop waits and read by whoever prints the text,
** on any thread. Fresh memory is a good part of what writing them takes, so they are few. */
#ifndef HEARTH__JSON_FLAT_H
#define HEARTH__JSON_FLAT_H

#include "json/internal.h"

typedef struct hearth__json_page {
  struct hearth__json_page *next;
  size_t size; /* of it all */
  char bytes[];
} hearth__json_page;

struct hearth__json_flat {
  hearth__json_buffer bytes;
  bool sets;       /* hearth.Set is written: an object that looks like the text of a set gets one more dollar sign */
  bool own;        /* its strings are in it, and the long ones in its pages; else they are where they were */
  size_t borrowed; /* bytes of these, which whoever puts them counts */
  hearth__json_page *pages;
  char *room, *room_end; /* in the first of them */
};

/* Prints the value to `out`; `ranks` is scratch memory. False when memory is short. */
bool hearth__json_print_flat(const hearth__json_flat *flat, hearth__json_buffer *ranks, hearth__json_buffer *out);

void hearth__json_flat_clear(hearth__json_flat *flat);
/* From here on it owns its strings. False when memory is short. */
bool hearth__json_flat_own(hearth__json_flat *flat);
/* Puts a string as its own. False when memory is short. */
bool hearth__json_flat_put_own(hearth__json_flat *flat, const char *text, size_t size);

/* An item is one byte that tells its type, and what is said here; numbers as this machine has them, wherever they come to lie. The order of the types is
** that of the elements of a set. */
typedef enum {
  FLAT_NULL,
  FLAT_FALSE,
  FLAT_TRUE,
  FLAT_INT8, /* the integer, in as many bytes as it needs */
  FLAT_INT32,
  FLAT_INT64,
  FLAT_FLOAT,
  FLAT_STRING,  /* of at most 255 bytes: how many, in one byte, and they */
  FLAT_POINTER, /* a string elsewhere: its size and where it is */
  FLAT_ARRAY,   /* how many bytes its elements take, and they */
  FLAT_OBJECT,  /* the same: key, value, key, value, … */
  FLAT_SET
} hearth__flat_type;

enum {
  HEARTH__FLAT_SHORT = 255,
  HEARTH__FLAT_OPEN = 1 + 5, /* bytes of a container in front of its children: how many these take has forty bits */
  HEARTH__FLAT_ITEM = 1 + sizeof(uint64_t) + sizeof(char *) /* of a string elsewhere; no item is longer, its own bytes and children apart */
};

/* ---- writing: false when memory is short */

static inline bool hearth__flat_put(hearth__json_flat *flat, hearth__flat_type type, const void *what, size_t size) {
  char *p = hearth__json_room(&flat->bytes, HEARTH__FLAT_ITEM);
  if (!p) return false;
  *p = (char)type;
  memcpy(p + 1, what, size);
  flat->bytes.size += 1 + size;
  return true;
}

static inline bool hearth__flat_put_word(hearth__json_flat *flat, hearth__flat_type type) {
  return hearth__json_put_char(&flat->bytes, (char)type);
}

static inline bool hearth__flat_put_integer(hearth__json_flat *flat, int64_t n) {
  int8_t small = (int8_t)n;
  int32_t medium = (int32_t)n;
  if (small == n) return hearth__flat_put(flat, FLAT_INT8, &small, sizeof small);
  if (medium == n) return hearth__flat_put(flat, FLAT_INT32, &medium, sizeof medium);
  return hearth__flat_put(flat, FLAT_INT64, &n, sizeof n);
}

static inline bool hearth__flat_put_float(hearth__json_flat *flat, double d) {
  return hearth__flat_put(flat, FLAT_FLOAT, &d, sizeof d);
}

/* A string elsewhere. */
static inline bool hearth__flat_put_pointer(hearth__json_flat *flat, const char *text, size_t size) {
  uint64_t bytes = size;
  char *p = hearth__json_room(&flat->bytes, HEARTH__FLAT_ITEM);
  if (!p) return false;
  *p = FLAT_POINTER;
  memcpy(p + 1, &bytes, sizeof bytes);
  memcpy(p + 9, &text, sizeof text);
  flat->bytes.size += HEARTH__FLAT_ITEM;
  return true;
}

/* A container, whose children are put next. */
static inline bool hearth__flat_open(hearth__json_flat *flat, size_t *at) {
  char *p = hearth__json_room(&flat->bytes, HEARTH__FLAT_OPEN);
  if (!p) return false;
  *p = FLAT_ARRAY;
  *at = flat->bytes.size;
  flat->bytes.size += HEARTH__FLAT_OPEN;
  return true;
}

/* They are all there. */
static inline bool hearth__flat_close(hearth__json_flat *flat, size_t at, hearth__flat_type type) {
  char *p = flat->bytes.data + at;
  size_t span = flat->bytes.size - at - HEARTH__FLAT_OPEN;
  uint32_t low = (uint32_t)span;
  *p = (char)type;
  memcpy(p + 1, &low, sizeof low);
  p[5] = (char)(span >> 32);
  return span >> 40 == 0;
}

/* ---- reading: p is at an item of a fitting type */

static inline hearth__flat_type hearth__flat_type_of(const char *p) {
  return (hearth__flat_type)*p;
}

static inline int64_t hearth__flat_integer(const char *p) {
  int32_t medium;
  int64_t n;
  if (*p == FLAT_INT8) return (signed char)p[1];
  if (*p == FLAT_INT32) return memcpy(&medium, p + 1, sizeof medium), medium;
  return memcpy(&n, p + 1, sizeof n), n;
}

static inline double hearth__flat_float(const char *p) {
  double d;
  memcpy(&d, p + 1, sizeof d);
  return d;
}

static inline const char *hearth__flat_end(const char *p) {
  uint32_t low;
  memcpy(&low, p + 1, sizeof low);
  return p + HEARTH__FLAT_OPEN + ((size_t)(unsigned char)p[5] << 32 | low);
}

/* The bytes of the string, *size of them; *behind is the item behind it. */
static inline const char *hearth__flat_string(const char *p, size_t *size, const char **behind) {
  if (*p == FLAT_STRING) {
    *size = (unsigned char)p[1];
    *behind = p + 2 + *size;
    return p + 2;
  }
  const char *text;
  uint64_t bytes;
  memcpy(&bytes, p + 1, sizeof bytes);
  memcpy(&text, p + 9, sizeof text);
  *size = bytes;
  *behind = p + HEARTH__FLAT_ITEM;
  return text;
}

/* The item behind this one: the first child of a container, or what comes behind them. */
static inline const char *hearth__flat_next(const char *p) {
  static const unsigned char sizes[] = {1, 1, 1, 2, 5, 9, 9, 2, HEARTH__FLAT_ITEM, HEARTH__FLAT_OPEN, HEARTH__FLAT_OPEN, HEARTH__FLAT_OPEN};
  return p + sizes[(unsigned char)*p] + (*p == FLAT_STRING ? (unsigned char)p[1] : 0);
}
static inline const char *hearth__flat_behind(const char *p) {
  return *p >= FLAT_ARRAY ? hearth__flat_end(p) : hearth__flat_next(p);
}

#endif
