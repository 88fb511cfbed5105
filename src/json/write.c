/* Tape to text, in the one form that a value has: members by the bytes of their keys, elements of sets in their order. Any thread. */
#include <stdlib.h>

#include "json/internal.h"
#include "large.h"

typedef struct printer {
  const hearth__json_item *items;
  bool sets;
  hearth__json_buffer *ranks, *out;
} printer;

/* A member or an element that waits for its turn. */
typedef struct rank {
  uint64_t prefix; /* of a member: the first eight bytes of its key, the first one highest; of an element: its type */
  const hearth__json_item *item;
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

static int compare_strings(const hearth__json_item *x, const hearth__json_item *y) {
  return compare_bytes(x->as.text, HEARTH__ITEM_COUNT(x), y->as.text, HEARTH__ITEM_COUNT(y));
}

static int compare_members(const rank *a, const rank *b) {
  if (a->prefix != b->prefix) return a->prefix < b->prefix ? -1 : 1;
  return compare_strings(a->item, b->item);
}

/* Null, booleans, numbers by value (the integer before the float), strings by their bytes. */
static int compare_elements(const rank *a, const rank *b) {
  const hearth__json_item *x = a->item, *y = b->item;
  hearth__json_type s = HEARTH__ITEM_TYPE(x), t = HEARTH__ITEM_TYPE(y);
  bool numbers = (s == ITEM_INTEGER || s == ITEM_FLOAT) && (t == ITEM_INTEGER || t == ITEM_FLOAT);
  if (!numbers) return s != t ? (s > t) - (s < t) : s == ITEM_STRING ? compare_strings(x, y) : 0;
  if (s == ITEM_INTEGER && t == ITEM_INTEGER) return (x->as.integer > y->as.integer) - (x->as.integer < y->as.integer);
  double m = s == ITEM_FLOAT ? x->as.number : (double)x->as.integer, n = t == ITEM_FLOAT ? y->as.number : (double)y->as.integer;
  return m != n ? (m > n) - (m < n) : (int)s - (int)t;
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

/* The item behind the one at it, whatever belongs to that. */
static const hearth__json_item *behind(const printer *p, const hearth__json_item *it) {
  return HEARTH__ITEM_TYPE(it) < ITEM_ARRAY ? it + 1 : p->items + it->as.end;
}

/* The n members or elements from `it` on, in order, as ranks at *base of the scratch memory. */
static bool put_in_order(const printer *p, const hearth__json_item *it, size_t n, bool members, size_t *base) {
  *base = p->ranks->size;
  if (!hearth__json_room(p->ranks, (n + 1) * sizeof(rank))) return false; /* an empty buffer has no place */
  p->ranks->size += n * sizeof(rank);
  rank *r = ranks_at(p, *base);
  for (size_t i = 0; i < n; i++) {
    r[i].item = it;
    r[i].prefix = members ? prefix_of(it->as.text, HEARTH__ITEM_COUNT(it)) : 0;
    it = members ? behind(p, it + 1) : it + 1;
  }
  sort(r, n, members ? compare_members : compare_elements);
  return true;
}

/* ---- text */

static bool print_item(const printer *p, const hearth__json_item *it);

static bool print_set(const printer *p, const hearth__json_item *it) {
  size_t n = HEARTH__ITEM_COUNT(it), base;
  if (!put_in_order(p, it + 1, n, false, &base)) return false;
  if (!hearth__json_put(p->out, "{\"" HEARTH__SET_KEY "\":[", sizeof HEARTH__SET_KEY + 4)) return false;
  for (size_t i = 0; i < n; i++)
    if ((i && !hearth__json_put_char(p->out, ',')) || !print_item(p, ranks_at(p, base)[i].item)) return false;
  p->ranks->size = base;
  return hearth__json_put(p->out, "]}", 2);
}

/* Is the only member of this object such that the text would be taken for a set, or for the escaped form of one? */
static bool looks_like_set(const hearth__json_item *key) {
  const size_t tail = sizeof HEARTH__SET_KEY - 2;
  size_t dollars = 0, size = HEARTH__ITEM_COUNT(key);
  while (dollars < size && key->as.text[dollars] == '$') dollars++;
  return dollars > 0 && size - dollars == tail && memcmp(key->as.text + dollars, &HEARTH__SET_KEY[1], tail) == 0 &&
         HEARTH__ITEM_TYPE(key + 1) == ITEM_ARRAY;
}

static bool print_object(const printer *p, const hearth__json_item *it) {
  size_t n = HEARTH__ITEM_COUNT(it), base;
  if (p->sets && n == 1 && looks_like_set(it + 1)) /* nothing in its key needs an escape of JSON */
    return hearth__json_put(p->out, "{\"$", 3) && hearth__json_put(p->out, it[1].as.text, HEARTH__ITEM_COUNT(it + 1)) &&
           hearth__json_put(p->out, "\":", 2) && print_item(p, it + 2) && hearth__json_put_char(p->out, '}');
  if (!hearth__json_put_char(p->out, '{') || !put_in_order(p, it + 1, n, true, &base)) return false;
  for (size_t i = 0; i < n; i++) {
    const hearth__json_item *key = ranks_at(p, base)[i].item;
    if (!hearth__json_print_string(p->out, key->as.text, HEARTH__ITEM_COUNT(key), i ? ',' : 0, ':') || !print_item(p, key + 1))
      return false;
  }
  p->ranks->size = base;
  return hearth__json_put_char(p->out, '}');
}

/* Prints the item and what belongs to it. The depth of a tape is bounded, and with it the recursion. */
static bool print_item(const printer *p, const hearth__json_item *it) {
  hearth__json_buffer *out = p->out;
  size_t n = HEARTH__ITEM_COUNT(it);
  switch (HEARTH__ITEM_TYPE(it)) {
    case ITEM_NULL: return hearth__json_put(out, "null", 4);
    case ITEM_FALSE: return hearth__json_put(out, "false", 5);
    case ITEM_TRUE: return hearth__json_put(out, "true", 4);
    case ITEM_INTEGER: return hearth__json_print_integer(out, it->as.integer);
    case ITEM_FLOAT: return hearth__json_print_double(out, it->as.number);
    case ITEM_STRING: return hearth__json_print_string(out, it->as.text, n, 0, 0);
    case ITEM_ARRAY:
      if (!hearth__json_put_char(out, '[')) return false;
      it++;
      for (size_t i = 0; i < n; i++, it = behind(p, it))
        if ((i && !hearth__json_put_char(out, ',')) || !print_item(p, it)) return false;
      return hearth__json_put_char(out, ']');
    case ITEM_OBJECT: return print_object(p, it);
    case ITEM_SET: return print_set(p, it);
  }
  return false;
}

bool hearth__json_print_tape(const hearth__json_tape *tape, hearth__json_buffer *ranks, hearth__json_buffer *out) {
  printer p = {.items = tape->items, .sets = tape->sets, .ranks = ranks, .out = out};
  ranks->size = 0;
  return !tape->error && print_item(&p, tape->items);
}

void *hearth__json_print(const hearth__json_tape *tape, size_t head, size_t *size) {
  hearth__json_buffer ranks = {0}, out = {0};
  bool ok = hearth__json_grow(&out, head + 1);
  out.size = head;
  ok = ok && hearth__json_print_tape(tape, &ranks, &out) && hearth__json_put_char(&out, '\0');
  hearth__json_release(&ranks);
  void *block = ok ? hearth__large_resize(out.data, out.capacity, out.size) : NULL;
  if (block)
    *size = out.size - head - 1;
  else
    hearth__json_release(&out);
  return block;
}
