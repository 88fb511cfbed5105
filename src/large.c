/* See large.h. */
#include "large.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { GRAIN = 64 << 10 /* a multiple of the page of every system */, PAGE = 4096, FILL_FROM = 1 << 20 };

/* Under a sanitizer all memory is malloc's, whose ends it guards. */
static bool is_large(size_t size) {
#ifdef HEARTH_SANITIZED
  (void)size;
  return false;
#else
  return size >= HEARTH__LARGE;
#endif
}

static size_t round_up(size_t n, size_t unit) {
  return (n + unit - 1) / unit * unit;
}

static void ask_for_huge_pages(void *block, size_t size) {
#ifdef MADV_HUGEPAGE
  (void)madvise(block, size, MADV_HUGEPAGE);
#else
  (void)block, (void)size;
#endif
}

/* Begins where a huge page does. It ends with the block, so the last bytes get small pages: a value of 4 MiB and its head take no six. */
static void *map(size_t size) {
  size = round_up(size, GRAIN);
  size_t room = size + HEARTH__LARGE;
  char *p = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return NULL;
  size_t lead = -(uintptr_t)p % HEARTH__LARGE;
  if (lead) munmap(p, lead);
  munmap(p + lead + size, room - lead - size);
  ask_for_huge_pages(p + lead, size);
  return p + lead;
}

/* From one large size to another without a copy; NULL: that cannot be. */
static void *adjust(void *block, size_t old, size_t size) {
  old = round_up(old, GRAIN);
  size = round_up(size, GRAIN);
  if (size < old) munmap((char *)block + size, old - size);
  if (size <= old) return block;
  void *p = mremap(block, old, size, MREMAP_MAYMOVE);
  if (p == MAP_FAILED) return NULL;
  ask_for_huge_pages(p, size);
  return p;
}

static void let_go(void *block, size_t size) {
  if (is_large(size))
    munmap(block, round_up(size, GRAIN));
  else
    free(block);
}

void *hearth__large_resize(void *block, size_t old, size_t size) {
  if (!block) old = 0;
  if (!is_large(old) && !is_large(size)) {
    if (size) return realloc(block, size);
    free(block);
    return NULL;
  }
  if (size > SIZE_MAX / 2) return NULL;
  int err = errno;
  void *to = is_large(old) && is_large(size) ? adjust(block, old, size) : NULL;
  if (!to && size) {
    to = is_large(size) ? map(size) : malloc(size);
    if (!to) return NULL;
    if (block) memcpy(to, block, old < size ? old : size);
    let_go(block, old);
  } else if (!size)
    let_go(block, old);
  errno = err;
  return to;
}

void hearth__large_fill(void *block, size_t size) {
#ifdef MADV_POPULATE_WRITE
  if (!block || size < FILL_FROM) return;
  int err = errno;
  size_t lead = -(uintptr_t)block % PAGE; /* of a page that malloc's block shares */
  (void)madvise((char *)block + lead, (size - lead) / PAGE * PAGE, MADV_POPULATE_WRITE);
  errno = err;
#else
  (void)block, (void)size;
#endif
}
