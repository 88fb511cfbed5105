/* Strings as JSON text, buffers, and tape to text. Any thread. */
#include <stdlib.h>

#include "json_internal.h"

bool hearth__json_grow(hearth__json_buffer *b, size_t n) {
  if (n > SIZE_MAX / 2 - b->size) return false;
  size_t capacity = b->capacity < 512 ? 1024 : b->capacity * 2;
  if (capacity < b->size + n) capacity = b->size + n;
  char *data = b->alloc ? b->alloc(b->ud, b->data, b->capacity, capacity) : realloc(b->data, capacity);
  if (!data) return false;
  b->data = data;
  b->capacity = capacity;
  return true;
}

void hearth__json_release(hearth__json_buffer *b) {
  if (b->alloc)
    b->alloc(b->ud, b->data, b->capacity, 0);
  else
    free(b->data);
  b->data = NULL;
  b->size = b->capacity = 0;
}

bool hearth__json_print_string(hearth__json_buffer *b, const char *s, size_t size) {
  static const char hex[] = "0123456789abcdef";
  const char *end = s + size;
  char *p = hearth__json_room(b, size + 2);
  if (!p) return false;
  *p++ = '"';
  b->size++;
  for (;;) {
    const char *stop = hearth__json_plain_run(s, end);
    size_t run = (size_t)(stop - s);
    if (!(p = hearth__json_room(b, run + 7))) return false;
    memcpy(p, s, run);
    p += run;
    if (stop == end) {
      *p++ = '"';
      b->size = (size_t)(p - b->data);
      return true;
    }
    *p++ = '\\';
    unsigned char c = (unsigned char)*stop;
    switch (c) {
      case '"': *p++ = '"'; break;
      case '\\': *p++ = '\\'; break;
      case '\b': *p++ = 'b'; break;
      case '\f': *p++ = 'f'; break;
      case '\n': *p++ = 'n'; break;
      case '\r': *p++ = 'r'; break;
      case '\t': *p++ = 't'; break;
      default:
        memcpy(p, "u00", 3);
        p[3] = hex[c >> 4];
        p[4] = hex[c & 15];
        p += 5;
    }
    b->size = (size_t)(p - b->data);
    s = stop + 1;
  }
}

static const char *string_of(const hearth__json_tape *tape, const hearth__json_item *it) {
  const char *base = HEARTH__ITEM_TYPE(it) == ITEM_UNESCAPED ? tape->unescaped : tape->text;
  return base + it->as.at;
}

/* Prints the item at *next and what belongs to it. The depth of a tape is bounded, and with it the recursion. */
static bool print_item(const hearth__json_tape *tape, size_t *next, hearth__json_buffer *b) {
  const hearth__json_item *it = &tape->items[(*next)++];
  size_t n = HEARTH__ITEM_COUNT(it);
  switch (HEARTH__ITEM_TYPE(it)) {
    case ITEM_NULL: return hearth__json_put(b, "null", 4);
    case ITEM_FALSE: return hearth__json_put(b, "false", 5);
    case ITEM_TRUE: return hearth__json_put(b, "true", 4);
    case ITEM_INTEGER: return hearth__json_print_integer(b, it->as.integer);
    case ITEM_FLOAT: return hearth__json_print_double(b, it->as.number);
    case ITEM_STRING:
    case ITEM_UNESCAPED: return hearth__json_print_string(b, string_of(tape, it), n);
    case ITEM_ARRAY:
      if (!hearth__json_put(b, "[", 1)) return false;
      for (size_t i = 0; i < n; i++)
        if ((i && !hearth__json_put(b, ",", 1)) || !print_item(tape, next, b)) return false;
      return hearth__json_put(b, "]", 1);
    case ITEM_OBJECT:
      if (!hearth__json_put(b, "{", 1)) return false;
      for (size_t i = 0; i < n; i++)
        if ((i && !hearth__json_put(b, ",", 1)) || !print_item(tape, next, b) || !hearth__json_put(b, ":", 1) || !print_item(tape, next, b))
          return false;
      return hearth__json_put(b, "}", 1);
  }
  return false;
}

char *hearth__json_print(const hearth__json_tape *tape, size_t *size) {
  hearth__json_buffer b = {0};
  size_t next = 0;
  if (tape->error || !print_item(tape, &next, &b)) {
    hearth__json_release(&b);
    return NULL;
  }
  *size = b.size;
  return b.data;
}
