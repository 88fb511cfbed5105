/* See blocks.h. A slab is a page of blocks of one size. Slabs are cut from chunks, which the system is asked for. */
#include "blocks.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "large.h"

enum { SLAB = 4096, SLABS = 64, CHUNK = SLAB * SLABS };

typedef hearth__blocks_link link;
struct hearth__blocks_link {
  link *next, *previous;
};

/* Takes the place of a chunk's first slab. */
typedef struct chunk {
  link link;
  link *free;          /* slabs that were given back */
  unsigned made, used; /* slabs: ever made, this one included; in use */
} chunk;

/* At the beginning of its page: a block's slab is found from its address. */
typedef struct slab {
  link link; /* in the list of its size while it is open, or among the free ones of its chunk */
  chunk *chunk;
  void *free;           /* blocks that were given back; each begins with the address of the next */
  unsigned fresh, size; /* behind this offset nobody has had a block; bytes of a block */
  unsigned used;        /* blocks */
  bool open;
} slab;

static void add(link **list, link *item) {
  item->previous = NULL;
  item->next = *list;
  if (*list) (*list)->previous = item;
  *list = item;
}

static void cut(link **list, link *item) {
  if (item->next) item->next->previous = item->previous;
  *(item->previous ? &item->previous->next : list) = item->next;
}

/* ---- slabs */

static chunk *new_chunk(hearth__blocks *blocks) {
  /* Its pages are brought in together: one by one, each costs a fault. */
  void *base = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (base == MAP_FAILED) return NULL;
  chunk *c = base; /* all zero */
  c->made = 1;
  add(&blocks->roomy, &c->link);
  blocks->chunks++;
  blocks->idle++;
  return c;
}

static bool has_room(const chunk *c) {
  return c->free || c->made < SLABS;
}

static slab *new_slab(hearth__blocks *blocks, size_t size) {
  chunk *c = blocks->roomy ? (chunk *)blocks->roomy : new_chunk(blocks);
  if (!c) return NULL;
  slab *s = (slab *)c->free;
  if (s)
    c->free = s->link.next;
  else
    s = (slab *)((char *)c + SLAB * (size_t)c->made++);
  *s = (slab){.chunk = c, .size = (unsigned)size, .fresh = sizeof(slab)};
  if (c->used++ == 0) blocks->idle--;
  if (!has_room(c)) {
    cut(&blocks->roomy, &c->link);
    add(&blocks->full, &c->link);
  }
  return s;
}

/* What was needed a moment ago is needed again. */
static bool has_few_idle(const hearth__blocks *blocks) {
  return blocks->idle <= 1 + blocks->chunks / 4;
}

static void free_chunk(hearth__blocks *blocks, chunk *c) {
  cut(&blocks->roomy, &c->link);
  blocks->chunks--;
  blocks->idle--;
  munmap(c, CHUNK);
}

static void free_slab(hearth__blocks *blocks, slab *s) {
  chunk *c = s->chunk;
  if (!has_room(c)) {
    cut(&blocks->full, &c->link);
    add(&blocks->roomy, &c->link);
  }
  s->link.next = c->free;
  c->free = &s->link;
  if (--c->used > 0) return;
  if (++blocks->idle > blocks->keep && !has_few_idle(blocks)) free_chunk(blocks, c);
}

void hearth__blocks_rest(hearth__blocks *blocks) {
  if (has_few_idle(blocks)) return;
  link *c = blocks->roomy;
  while (((chunk *)c)->used > 0) c = c->next;
  free_chunk(blocks, (chunk *)c);
}

void hearth__blocks_clear(hearth__blocks *blocks) {
  link *lists[] = {blocks->roomy, blocks->full};
  hearth__blocks_offer(blocks, NULL, 0);
  for (int i = 0; i < 2; i++) {
    for (link *next, *c = lists[i]; c; c = next) {
      next = c->next;
      munmap(c, CHUNK);
    }
  }
  blocks->roomy = blocks->full = NULL;
  blocks->chunks = blocks->idle = 0;
  memset(blocks->open, 0, sizeof blocks->open);
}

/* ---- blocks */

static size_t rounded(size_t size) {
  return (size + HEARTH__BLOCKS_UNIT - 1) & ~(size_t)(HEARTH__BLOCKS_UNIT - 1);
}

static link **list_of(hearth__blocks *blocks, size_t size) {
  return &blocks->open[(size - 1) / HEARTH__BLOCKS_UNIT];
}

static void *take(hearth__blocks *blocks, size_t size) {
  link **list = list_of(blocks, size);
  for (slab *s; (s = (slab *)*list);) {
    void *block = s->free;
    if (block) {
      s->free = *(void **)block;
    } else if (s->fresh + s->size <= SLAB) {
      block = (char *)s + s->fresh;
      s->fresh += s->size;
    } else { /* full; open again when a block comes back */
      cut(list, &s->link);
      s->open = false;
      continue;
    }
    s->used++;
    return block;
  }
  slab *s = new_slab(blocks, rounded(size));
  if (!s) return NULL;
  s->open = true;
  add(list, &s->link);
  return take(blocks, size);
}

static void give(hearth__blocks *blocks, void *block) {
  slab *s = (slab *)((uintptr_t)block & ~(uintptr_t)(SLAB - 1));
  link **list = list_of(blocks, s->size);
  *(void **)block = s->free;
  s->free = block;
  if (!s->open) {
    s->open = true;
    add(list, &s->link);
  }
  if (--s->used > 0) return;
  cut(list, &s->link);
  free_slab(blocks, s);
}

void hearth__blocks_offer(hearth__blocks *blocks, void *block, size_t size) {
  if (blocks->offered) hearth__large_free(blocks->offered, blocks->offered_size);
  blocks->offered = block;
  blocks->offered_size = size;
}

/* A new one that is not small: a string, or a table, written from one end to the other. */
static void *make_large(hearth__blocks *blocks, size_t size) {
  void *p = blocks->offered;
  if (p && size <= blocks->offered_size && blocks->offered_size - size < SLAB) {
    blocks->offered = NULL;
    return hearth__large_resize(p, blocks->offered_size, size);
  }
  p = hearth__large_new(size);
  hearth__large_fill(p, size);
  return p;
}

static void drop(hearth__blocks *blocks, void *block, size_t size) {
  if (size <= blocks->small)
    give(blocks, block);
  else
    hearth__large_free(block, size);
}

static void *move(hearth__blocks *blocks, void *block, size_t old, size_t size) {
  if (old > blocks->small && size > blocks->small) return hearth__large_resize(block, old, size);
  if (old <= blocks->small && size <= blocks->small && rounded(old) == rounded(size)) return block;
  void *moved = size <= blocks->small ? take(blocks, size) : hearth__large_new(size);
  if (!moved) return NULL;
  memcpy(moved, block, old < size ? old : size);
  drop(blocks, block, old);
  return moved;
}

void *hearth__blocks_resize(void *ud, void *block, size_t old, size_t size) {
  hearth__blocks *blocks = ud;
  if (size == 0) {
    if (!block) return NULL;
    blocks->bytes -= old;
    drop(blocks, block, old);
    return NULL;
  }
  if (!block) old = 0; /* Lua says there what the block is for */
  if (size > old && size - old > blocks->limit - blocks->bytes) return NULL;
  block = block ? move(blocks, block, old, size) : size <= blocks->small ? take(blocks, size) : make_large(blocks, size);
  if (block) blocks->bytes += size - old;
  return block;
}
