/* What was flattened as text, in the one form that a value has: members by the bytes of their keys, elements of sets in their order. Any thread. */
#include <stdlib.h>

#include "json/flat.h"
#include "large.h"

typedef struct printer {
  bool sets;
  hearth__json_buffer *ranks, *out;
} printer;

/* A member or an element that waits for its turn. */
typedef struct rank {
  uint64_t prefix; /* of a member: the first eight bytes of its key, the first one highest; of an element: its type */
  const char *at;  /* it, or its key */
} rank;

/* ---- order */

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

static int compare_strings(const char *a, const char *b) {
  size_t m, n;
  const char *behind, *s = hearth__flat_string(a, &m, &behind), *t = hearth__flat_string(b, &n, &behind);
  return compare_bytes(s, m, t, n);
}

static int compare_members(const rank *a, const rank *b) {
  if (a->prefix != b->prefix) return a->prefix < b->prefix ? -1 : 1;
  return compare_strings(a->at, b->at);
}

static bool is_number(const char *p) {
  return *p >= FLAT_INT8 && *p <= FLAT_FLOAT;
}
static bool is_string(const char *p) {
  return *p == FLAT_STRING || *p == FLAT_POINTER;
}

/* Null, booleans, numbers by value (the integer before the float), strings by their bytes. */
static int compare_elements(const rank *a, const rank *b) {
  const char *x = a->at, *y = b->at;
  if (is_string(x) && is_string(y)) return compare_strings(x, y);
  if (!is_number(x) || !is_number(y)) return *x - *y;
  bool s = *x == FLAT_FLOAT, t = *y == FLAT_FLOAT;
  int64_t i = s ? 0 : hearth__flat_integer(x), j = t ? 0 : hearth__flat_integer(y);
  if (!s && !t) return (i > j) - (i < j);
  double m = s ? hearth__flat_float(x) : (double)i, n = t ? hearth__flat_float(y) : (double)j;
  return m != n ? (m > n) - (m < n) : s - t;
}

typedef int (*comparison)(const rank *a, const rank *b);

static void sift(rank *r, size_t i, size_t n, comparison compare) {
  for (size_t child; (child = 2 * i + 1) < n; i = child) {
    if (child + 1 < n && compare(&r[child], &r[child + 1]) < 0) child++;
    if (compare(&r[i], &r[child]) >= 0) return;
    rank swap = r[i];
    r[i] = r[child];
    r[child] = swap;
  }
}

/* Few are sorted by insertion, which is at its best when they are in order already; many by a heap, which needs no memory. */
static void sort(rank *r, size_t n, comparison compare) {
  if (n <= 32) {
    for (size_t i = 1; i < n; i++) {
      rank moved = r[i];
      size_t j = i;
      for (; j > 0 && compare(&moved, &r[j - 1]) < 0; j--) r[j] = r[j - 1];
      r[j] = moved;
    }
    return;
  }
  for (size_t i = n / 2; i-- > 0;) sift(r, i, n, compare);
  for (size_t i = n; i-- > 1;) {
    rank swap = r[0];
    r[0] = r[i];
    r[i] = swap;
    sift(r, 0, i, compare);
  }
}

static rank *ranks_at(const printer *p, size_t base) {
  return (rank *)(void *)(p->ranks->data + base);
}

/* The members or elements from `at` on, in order: *n ranks at *base of the scratch memory. */
static bool put_in_order(const printer *p, const char *at, const char *end, bool members, size_t *base, size_t *n) {
  *base = p->ranks->size;
  for (*n = 0; at < end; ++*n) {
    rank *r = (rank *)(void *)hearth__json_room(p->ranks, sizeof *r);
    if (!r) return false;
    p->ranks->size += sizeof *r;
    *r = (rank){0, at};
    if (members) {
      size_t size;
      const char *key = hearth__flat_string(at, &size, &at);
      r->prefix = prefix_of(key, size);
    }
    at = hearth__flat_behind(at);
  }
  if (*n > 1) sort(ranks_at(p, *base), *n, members ? compare_members : compare_elements);
  return true;
}

/* ---- text */

/* Prints the item and what belongs to it; returns the one behind it, or NULL when memory is short. What is flattened has a bounded depth, and with it
** the recursion. */
static const char *print_item(const printer *p, const char *at);

static bool print_array(const printer *p, const char *at, const char *end) {
  if (!hearth__json_put_char(p->out, '[')) return false;
  while (at < end) {
    if (!(at = print_item(p, at))) return false;
    if (at < end && !hearth__json_put_char(p->out, ',')) return false;
  }
  return hearth__json_put_char(p->out, ']');
}

static bool print_set(const printer *p, const char *at, const char *end) {
  size_t n, base;
  if (!put_in_order(p, at, end, false, &base, &n)) return false;
  if (!hearth__json_put(p->out, "{\"" HEARTH__SET_KEY "\":[", sizeof HEARTH__SET_KEY + 4)) return false;
  for (size_t i = 0; i < n; i++)
    if ((i && !hearth__json_put_char(p->out, ',')) || !print_item(p, ranks_at(p, base)[i].at)) return false;
  p->ranks->size = base;
  return hearth__json_put(p->out, "]}", 2);
}

/* Is the only member of an object such that the text would be taken for a set, or for the escaped form of one? */
static bool looks_like_set(const char *key, size_t size, const char *value) {
  const size_t tail = sizeof HEARTH__SET_KEY - 2;
  size_t dollars = 0;
  while (dollars < size && key[dollars] == '$') dollars++;
  return dollars > 0 && size - dollars == tail && memcmp(key + dollars, &HEARTH__SET_KEY[1], tail) == 0 && *value == FLAT_ARRAY;
}

/* Not a part of print_item, which is called for each scalar and would save all its registers for this. */
__attribute__((noinline)) static bool print_object(const printer *p, const char *at, const char *end) {
  size_t n, base;
  if (!hearth__json_put_char(p->out, '{') || !put_in_order(p, at, end, true, &base, &n)) return false;
  for (size_t i = 0; i < n; i++) {
    size_t size;
    const char *value, *key = hearth__flat_string(ranks_at(p, base)[i].at, &size, &value);
    if (n == 1 && p->sets && looks_like_set(key, size, value)) { /* nothing in its key needs an escape of JSON */
      if (!hearth__json_put(p->out, "\"$", 2) || !hearth__json_put(p->out, key, size) || !hearth__json_put(p->out, "\":", 2)) return false;
    } else if (!hearth__json_print_string(p->out, key, size, i ? ',' : 0, ':'))
      return false;
    if (!print_item(p, value)) return false;
  }
  p->ranks->size = base;
  return hearth__json_put_char(p->out, '}');
}

static const char *print_item(const printer *p, const char *at) {
  hearth__json_buffer *out = p->out;
  const char *text, *behind;
  size_t size;
  switch (hearth__flat_type_of(at)) {
    case FLAT_NULL: return hearth__json_put(out, "null", 4) ? at + 1 : NULL;
    case FLAT_FALSE: return hearth__json_put(out, "false", 5) ? at + 1 : NULL;
    case FLAT_TRUE: return hearth__json_put(out, "true", 4) ? at + 1 : NULL;
    case FLAT_INT8: return hearth__json_print_integer(out, hearth__flat_integer(at)) ? at + 2 : NULL;
    case FLAT_INT32: return hearth__json_print_integer(out, hearth__flat_integer(at)) ? at + 5 : NULL;
    case FLAT_INT64: return hearth__json_print_integer(out, hearth__flat_integer(at)) ? at + 9 : NULL;
    case FLAT_FLOAT: return hearth__json_print_double(out, hearth__flat_float(at)) ? at + 9 : NULL;
    case FLAT_STRING:
      text = hearth__flat_string(at, &size, &behind);
      return hearth__json_print_string(out, text, size, 0, 0) ? behind : NULL;
    case FLAT_POINTER:
      text = hearth__flat_string(at, &size, &behind);
      return hearth__json_print_string(out, text, size, 0, 0) ? at + HEARTH__FLAT_ITEM : NULL;
    case FLAT_ARRAY: return print_array(p, at + HEARTH__FLAT_OPEN, behind = hearth__flat_end(at)) ? behind : NULL;
    case FLAT_OBJECT: return print_object(p, at + HEARTH__FLAT_OPEN, behind = hearth__flat_end(at)) ? behind : NULL;
    case FLAT_SET: return print_set(p, at + HEARTH__FLAT_OPEN, behind = hearth__flat_end(at)) ? behind : NULL;
  }
  return NULL;
}

bool hearth__json_print_flat(const hearth__json_flat *flat, hearth__json_buffer *ranks, hearth__json_buffer *out) {
  printer p = {.sets = flat->sets, .ranks = ranks, .out = out};
  ranks->size = 0;
  return print_item(&p, flat->bytes.data) != NULL;
}

void *hearth__json_print(const hearth__json_flat *flat, size_t head, size_t *size) {
  hearth__json_buffer ranks = {0}, out = {0};
  bool ok = hearth__json_grow(&out, head + 1);
  out.size = head;
  ok = ok && hearth__json_print_flat(flat, &ranks, &out) && hearth__json_put_char(&out, '\0');
  hearth__json_release(&ranks);
  void *block = ok ? hearth__large_resize(out.data, out.capacity, out.size) : NULL;
  if (block)
    *size = out.size - head - 1;
  else
    hearth__json_release(&out);
  return block;
}
