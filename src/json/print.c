/* Strings as JSON text, and buffers. Any thread. */
#include <stdlib.h>

#include "json/internal.h"
#include "large.h"

bool hearth__json_grow(hearth__json_buffer *b, size_t n) {
  if (n > SIZE_MAX / 2 - b->size) return false;
  size_t capacity = b->capacity < 512 ? 1024 : b->capacity * 2;
  if (capacity < b->size + n) capacity = b->size + n;
  char *data = b->alloc ? b->alloc(b->ud, b->data, b->capacity, capacity) : hearth__large_resize(b->data, b->capacity, capacity);
  if (!data) return false;
  b->data = data;
  b->capacity = capacity;
  return true;
}

void hearth__json_release(hearth__json_buffer *b) {
  if (b->alloc)
    b->alloc(b->ud, b->data, b->capacity, 0);
  else
    hearth__large_free(b->data, b->capacity);
  b->data = NULL;
  b->size = b->capacity = 0;
}

/* The escape of c, at p; returns its end. */
static char *escape(char *p, unsigned char c) {
  static const char hex[] = "0123456789abcdef", names[] = "btn\0fr";
  *p++ = '\\';
  if (c == '"' || c == '\\') {
    *p++ = (char)c;
  } else if (c >= '\b' && c <= '\r' && c != '\v') {
    *p++ = names[c - '\b'];
  } else {
    memcpy(p, "u00", 3);
    p[3] = hex[c >> 4];
    p[4] = hex[c & 15];
    p += 5;
  }
  return p;
}

/* Copies and looks at eight bytes at a time; the last ones overlap those before them where there are enough. */
bool hearth__json_print_string(hearth__json_buffer *b, const char *s, size_t size, char before, char after) {
  enum { SLACK = 24 }; /* both characters, the quotes, an escape, and a whole word behind the last byte */
  const char *end = s + size;
  char *p = hearth__json_room(b, size + SLACK);
  if (!p) return false;
  if (before) *p++ = before;
  *p++ = '"';
  for (;;) {
    while (end - s >= 8) {
      uint64_t w = hearth__json_load64(s), special = hearth__json_special(w);
      memcpy(p, &w, 8);
      if (special) {
        size_t n = hearth__json_plain_bytes(special, s);
        s += n;
        p += n;
        goto special;
      }
      s += 8;
      p += 8;
    }
    if (size >= 8 && s < end) {
      uint64_t w = hearth__json_load64(end - 8);
      if (!hearth__json_special(w)) {
        p += end - s;
        memcpy(p - 8, &w, 8); /* at least the quote and what was written of this string is in front of p */
        s = end;
      }
    }
    while (s < end && !hearth__json_is_special(*s)) *p++ = *s++;
    if (s == end) break;
  special:
    b->size = (size_t)(p - b->data);
    if (!(p = hearth__json_room(b, (size_t)(end - s) + SLACK))) return false;
    p = escape(p, (unsigned char)*s++);
  }
  *p++ = '"';
  if (after) *p++ = after;
  b->size = (size_t)(p - b->data);
  return true;
}
