/* The memory of a Lua state. Lua makes small blocks by the million, and says how large each was when it gives it back: so a block needs neither a
** header nor a search. Those of one size lie side by side in slabs of a page, which takes a fifth of malloc's time, less memory, and keeps what was
** made together in the processor's cache together. What is larger is large.h's. One thread at a time. */
#ifndef HEARTH__BLOCKS_H
#define HEARTH__BLOCKS_H

#include <stddef.h>

enum { HEARTH__BLOCKS_UNIT = 8, HEARTH__BLOCKS_SMALL = 320, HEARTH__BLOCKS_SIZES = HEARTH__BLOCKS_SMALL / HEARTH__BLOCKS_UNIT };

typedef struct hearth__blocks_link hearth__blocks_link; /* of a slab or a chunk, in a list */

typedef struct hearth__blocks {
  size_t small;                                    /* larger ones are large.h's: HEARTH__BLOCKS_SMALL, or 0 for all */
  size_t limit, bytes;                             /* so many may be in use, and so many are */
  hearth__blocks_link *open[HEARTH__BLOCKS_SIZES]; /* by size: slabs with room for a block */
  hearth__blocks_link *roomy, *full;               /* chunks, of which slabs are cut: with room for a slab, and without */
  size_t chunks, idle;                             /* all of them, and those without a slab in use */
  size_t keep;                                     /* so many idle ones stay, until hearth__blocks_rest */
  void *offered;
  size_t offered_size;
} hearth__blocks;

/* A lua_Alloc; the first argument is a hearth__blocks, of which all but `small`, `limit` and `keep` was zero at the beginning. What it gives is aligned to 8
** bytes, as Lua needs it. NULL when memory is short, or the limit reached: `block` is as it was. */
void *hearth__blocks_resize(void *blocks, void *block, size_t old, size_t size);

/* A block of large.h that another thread has made and filled: if the next one that is asked for has about this size, it is given, and nothing has to be
** brought in. It is the state's from now on; NULL takes back what nobody took. */
void hearth__blocks_offer(hearth__blocks *blocks, void *block, size_t size);

/* Nothing is to be done just now: of what was kept for a burst, one chunk goes back to the system. */
void hearth__blocks_rest(hearth__blocks *blocks);

/* Gives the slabs back to the system, with whatever is still in them; large blocks must have been given back. */
void hearth__blocks_clear(hearth__blocks *blocks);

#endif
