/* Memory that is about to be written from one end to the other. Each page of a large block costs a fault at its first byte, which takes longer than
** the copy into it; asked for together they take a third of that. */
#ifndef HEARTH__POPULATE_H
#define HEARTH__POPULATE_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

enum { HEARTH__POPULATE_FROM = 1 << 20, HEARTH__POPULATE_PAGE = 4096 };

/* For a block that malloc has just given, or NULL. Small ones are left alone; where the system cannot do it, pages come one by one as ever. */
static inline void hearth__populate(void *block, size_t size) {
#ifdef MADV_POPULATE_WRITE
  if (!block || size < HEARTH__POPULATE_FROM) return;
  int err = errno;
  size_t lead = -(uintptr_t)block % HEARTH__POPULATE_PAGE; /* of the first page, which the block shares */
  (void)madvise((char *)block + lead, (size - lead) / HEARTH__POPULATE_PAGE * HEARTH__POPULATE_PAGE, MADV_POPULATE_WRITE);
  errno = err;
#else
  (void)block, (void)size;
#endif
}

#endif
