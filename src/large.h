/* Blocks of memory that may have many megabytes: values, their texts, and what Lua keeps them in. A large one is not malloc's: it comes straight from the
** system, in huge pages where it has them, and goes back to it at once. So a copy of 16 MiB costs eight page faults in place of four thousand, and no
** heap is left with a hole for it. The size tells which kind a block is: who resizes or frees it says how large it was. Any thread. */
#ifndef HEARTH__LARGE_H
#define HEARTH__LARGE_H

#include <stddef.h>

enum { HEARTH__LARGE = 2 << 20 /* a huge page; what is smaller is cheaper had again from malloc, which keeps it */ };

/* As realloc does, from `old` bytes to `size`: NULL and 0 make a block, 0 frees it and gives NULL. NULL also when memory is short: it is as it was. */
void *hearth__large_resize(void *block, size_t old, size_t size);

static inline void *hearth__large_new(size_t size) {
  return hearth__large_resize(NULL, 0, size);
}
static inline void hearth__large_free(void *block, size_t size) {
  hearth__large_resize(block, size, 0);
}

/* The block, just made, is about to be written from one end to the other: its pages are brought in by one call. NULL is left alone. */
void hearth__large_fill(void *block, size_t size);

#endif
