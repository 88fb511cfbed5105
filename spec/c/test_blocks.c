/* The memory of a Lua state: blocks keep what is in them and do not touch each other, and what was given back goes back to the system. */
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

#include <lua.h>

#include "blocks.h"
#include "check.h"
#include "large.h"

enum { PLACES = 20000, LARGEST = 700 };

typedef struct place {
  unsigned char *block;
  size_t size;
  unsigned char mark;
} place;

static uint32_t seed = 1;
static uint32_t any(uint32_t n) {
  seed = seed * 1664525u + 1013904223u;
  return (seed >> 8) % n;
}

static bool holds(const unsigned char *block, size_t size, unsigned char mark) {
  for (size_t i = 0; i < size; i++) {
    if (block[i] != mark) return false;
  }
  return true;
}

/* Makes the block at a place of this size, and fills it; false when it did not hold what was in it, or lies askew. */
static bool resize(hearth__blocks *b, place *p, size_t size) {
  size_t kept = p->size < size ? p->size : size;
  bool ok = holds(p->block, p->size, p->mark);
  p->block = hearth__blocks_resize(b, p->block, p->size, size);
  p->size = size;
  if (size == 0) return ok && !p->block;
  ok = ok && p->block && (uintptr_t)p->block % 8 == 0 && holds(p->block, kept, p->mark);
  p->mark = (unsigned char)any(256);
  memset(p->block, p->mark, size);
  return ok;
}

static void blocks_of_all_sizes_keep_what_is_in_them(void) {
  static place places[PLACES];
  hearth__blocks b = {.small = HEARTH__BLOCKS_SMALL, .limit = SIZE_MAX};
  bool ok = true;
  for (int i = 0; i < 400000; i++) {
    place *p = &places[any(PLACES)];
    ok = ok && resize(&b, p, any(3) == 0 ? 0 : 1 + any(any(2) ? 64 : LARGEST));
  }
  size_t most = b.chunks;
  for (int i = 0; i < PLACES; i++) ok = ok && resize(&b, &places[i], 0);
  CHECK(ok);
  CHECK(b.bytes == 0);
  CHECK(most > 2);
  CHECK(b.chunks <= 2 && b.idle == b.chunks); /* a little to spare */
  hearth__blocks_clear(&b);
  CHECK(b.chunks == 0);
}

static void what_is_given_back_is_used_again(void) {
  static void *blocks[PLACES];
  hearth__blocks b = {.small = HEARTH__BLOCKS_SMALL, .limit = SIZE_MAX};
  size_t most = 0;
  for (int round = 0; round < 50; round++) {
    for (int i = 0; i < PLACES; i++) blocks[i] = hearth__blocks_resize(&b, NULL, 0, 56);
    if (round == 0) most = b.chunks;
    for (int i = 0; i < PLACES; i++) hearth__blocks_resize(&b, blocks[i], 56, 0);
  }
  CHECK(most > 1 && b.chunks <= most);
  CHECK(b.idle <= 2); /* the rest is the system's again */
  hearth__blocks_clear(&b);
}

static void what_is_kept_for_a_burst_goes_back_when_all_is_quiet(void) {
  static void *blocks[PLACES];
  hearth__blocks b = {.small = HEARTH__BLOCKS_SMALL, .limit = SIZE_MAX, .keep = 4};
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < PLACES; i++) blocks[i] = hearth__blocks_resize(&b, NULL, 0, 300);
    CHECK(b.chunks > 16);
    for (int i = 0; i < PLACES; i++) hearth__blocks_resize(&b, blocks[i], 300, 0);
    CHECK(b.chunks >= 4 && b.chunks < 9 && b.idle == b.chunks);
  }
  void *used = hearth__blocks_resize(&b, NULL, 0, 300);
  for (int i = 0; i < 8; i++) hearth__blocks_rest(&b);
  CHECK(b.chunks <= 2 && b.idle <= 1);
  CHECK(hearth__blocks_resize(&b, used, 300, 0) == NULL);
  hearth__blocks_clear(&b);
}

static void a_size_of_nothing_is_no_block(void) {
  hearth__blocks b = {.small = HEARTH__BLOCKS_SMALL, .limit = SIZE_MAX};
  CHECK(hearth__blocks_resize(&b, NULL, 0, 0) == NULL);
  CHECK(b.chunks == 0);
  hearth__blocks_clear(&b);
}

static void an_offered_block_is_the_next_of_its_size(void) {
  enum { SIZE = 3 << 20 };
  hearth__blocks b = {.small = HEARTH__BLOCKS_SMALL, .limit = SIZE_MAX};
  char *offered = hearth__large_new(SIZE + 64);
  hearth__blocks_offer(&b, offered, SIZE + 64);
  char *small = hearth__blocks_resize(&b, NULL, 0, 1000), *larger = hearth__blocks_resize(&b, NULL, 0, SIZE + 65),
       *smaller = hearth__blocks_resize(&b, NULL, 0, SIZE / 2);
  CHECK(small && larger && smaller && b.offered == offered);
  char *fits = hearth__blocks_resize(&b, NULL, 0, SIZE + 25);
  CHECK(fits && !b.offered);
  char *next = hearth__blocks_resize(&b, NULL, 0, SIZE + 25);
  CHECK(next && next != fits);
  memset(fits, 'x', SIZE + 25);
  hearth__blocks_resize(&b, small, 1000, 0);
  hearth__blocks_resize(&b, larger, SIZE + 65, 0);
  hearth__blocks_resize(&b, smaller, SIZE / 2, 0);
  hearth__blocks_resize(&b, fits, SIZE + 25, 0);
  hearth__blocks_resize(&b, next, SIZE + 25, 0);
  hearth__blocks_offer(&b, hearth__large_new(SIZE), SIZE); /* the sanitizer sees that each of these goes */
  hearth__blocks_offer(&b, NULL, 0);
  hearth__blocks_offer(&b, hearth__large_new(SIZE), SIZE);
  hearth__blocks_clear(&b);
}

static void no_more_is_given_than_the_limit(void) {
  hearth__blocks b = {.small = HEARTH__BLOCKS_SMALL, .limit = 1000};
  place p = {0}, q = {0};
  CHECK(resize(&b, &p, 100) && resize(&b, &q, 500));
  CHECK(b.bytes == 600);
  CHECK(hearth__blocks_resize(&b, NULL, LUA_TTABLE, 401) == NULL);
  CHECK(hearth__blocks_resize(&b, p.block, 100, 501) == NULL);
  CHECK(b.bytes == 600);
  CHECK(resize(&b, &p, 500));
  CHECK(hearth__blocks_resize(&b, NULL, LUA_TTABLE, 1) == NULL);
  CHECK(resize(&b, &q, 499) && resize(&b, &q, 0) && resize(&b, &p, 0));
  CHECK(b.bytes == 0);
  hearth__blocks_clear(&b);
}

#ifndef HEARTH_SANITIZED /* which needs address space of its own */
static void memory_that_runs_out_leaves_the_blocks_as_they_were(void) {
  hearth__blocks b = {.small = HEARTH__BLOCKS_SMALL, .limit = SIZE_MAX};
  place p = {0};
  CHECK(resize(&b, &p, HEARTH__BLOCKS_SMALL + 50));
  struct rlimit before, none;
  getrlimit(RLIMIT_AS, &before);
  none = before;
  none.rlim_cur = 1;
  CHECK(setrlimit(RLIMIT_AS, &none) == 0);
  CHECK(hearth__blocks_resize(&b, NULL, 0, 8) == NULL);
  CHECK(hearth__blocks_resize(&b, p.block, p.size, 100) == NULL);
  CHECK(hearth__blocks_resize(&b, p.block, p.size, (size_t)1 << 30) == NULL);
  CHECK(setrlimit(RLIMIT_AS, &before) == 0);
  CHECK(resize(&b, &p, 100));
  CHECK(resize(&b, &p, 0));
  hearth__blocks_clear(&b);
}
#endif

int main(void) {
  RUN(blocks_of_all_sizes_keep_what_is_in_them);
  RUN(what_is_given_back_is_used_again);
  RUN(what_is_kept_for_a_burst_goes_back_when_all_is_quiet);
  RUN(a_size_of_nothing_is_no_block);
  RUN(an_offered_block_is_the_next_of_its_size);
  RUN(no_more_is_given_than_the_limit);
#ifndef HEARTH_SANITIZED
  RUN(memory_that_runs_out_leaves_the_blocks_as_they_were);
#endif
  return check_end();
}
