/* See flat.h: the strings of a flattened value. */
#include "json/flat.h"

#include <stdlib.h>

#include "large.h"

enum { PAGE_MIN = 8 << 10, PAGE_MAX = 1 << 20 };

/* A copy in the pages. They grow with the value. */
static const char *copy_to_page(hearth__json_flat *flat, const char *text, size_t size) {
  if ((size_t)(flat->room_end - flat->room) < size) {
    size_t room = flat->bytes.size < PAGE_MIN ? PAGE_MIN : flat->bytes.size > PAGE_MAX ? PAGE_MAX : flat->bytes.size;
    bool apart = size > room / 4; /* what is left of the page is of use for others */
    size_t whole = sizeof(hearth__json_page) + (apart ? size : room);
    hearth__json_page *page = hearth__large_new(whole);
    if (!page) return NULL;
    page->size = whole;
    page->next = flat->pages;
    flat->pages = page;
    if (apart) return memcpy(page->bytes, text, size);
    flat->room = page->bytes;
    flat->room_end = page->bytes + room;
  }
  char *copy = memcpy(flat->room, text, size);
  flat->room += size;
  return copy;
}

/* A few bytes: faster than a call. What is written twice is the same. */
static inline void copy_few(char *to, const char *from, size_t size) {
  if (size >= 8) {
    for (size_t i = 0; i + 8 < size; i += 8) memcpy(to + i, from + i, 8);
    memcpy(to + size - 8, from + size - 8, 8);
  } else if (size >= 4) {
    memcpy(to, from, 4);
    memcpy(to + size - 4, from + size - 4, 4);
  } else
    for (size_t i = 0; i < size; i++) to[i] = from[i];
}

static bool put_large(hearth__json_flat *flat, const char *text, size_t size) {
  if (size <= HEARTH__FLAT_SHORT) return hearth__json_grow(&flat->bytes, 2 + size) && hearth__json_flat_put_own(flat, text, size);
  const char *copy = copy_to_page(flat, text, size);
  return copy && hearth__flat_put_pointer(flat, copy, size);
}

bool hearth__json_flat_put_own(hearth__json_flat *flat, const char *text, size_t size) {
  if (size > HEARTH__FLAT_SHORT || flat->bytes.capacity - flat->bytes.size < 2 + size) return put_large(flat, text, size);
  char *p = flat->bytes.data + flat->bytes.size;
  *p = FLAT_STRING;
  p[1] = (char)size;
  copy_few(p + 2, text, size);
  flat->bytes.size += 2 + size;
  return true;
}

bool hearth__json_flat_own(hearth__json_flat *flat) {
  flat->own = true;
  if (flat->borrowed == 0) return true; /* no strings, or empty ones, of which nothing is read */
  const char *end = flat->bytes.data + flat->bytes.size;
  for (char *p = flat->bytes.data; p < end; p += hearth__flat_next(p) - p) { /* and into containers, which may be open yet */
    if (*p != FLAT_POINTER) continue;
    size_t size;
    const char *behind, *text = hearth__flat_string(p, &size, &behind);
    if (size > 0 && !(text = copy_to_page(flat, text, size))) return false;
    memcpy(p + HEARTH__FLAT_ITEM - sizeof text, &text, sizeof text);
  }
  return true;
}

void hearth__json_flat_clear(hearth__json_flat *flat) {
  hearth__json_release(&flat->bytes);
  for (hearth__json_page *page = flat->pages, *next; page; page = next) {
    next = page->next;
    hearth__large_free(page, page->size);
  }
  memset(flat, 0, sizeof *flat);
}

void hearth__json_flat_free(hearth__json_flat *flat) {
  if (!flat) return;
  hearth__json_flat_clear(flat);
  free(flat);
}
