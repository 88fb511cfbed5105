/* Large blocks: their bytes live through every change of size, and their memory is the system's again when they are freed. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "check.h"
#include "large.h"

static void write_pattern(unsigned char *p, size_t from, size_t to) {
  for (size_t i = from; i < to; i++) p[i] = (unsigned char)(i * 31 >> 3);
}

static bool has_pattern(const unsigned char *p, size_t size) {
  for (size_t i = 0; i < size; i++)
    if (p[i] != (unsigned char)(i * 31 >> 3)) return false;
  return true;
}

static void test_bytes_live_through_every_change_of_size(void) {
  static const size_t sizes[] = {1,       1000,    HEARTH__LARGE - 1, HEARTH__LARGE, HEARTH__LARGE + 1, 3 << 20, (3 << 20) + 70000, 9 << 20,
                                 4 << 20, 2 << 20, (2 << 20) + 5,     5000,          (6 << 20) + 3,     100};
  unsigned char *p = NULL;
  size_t had = 0;
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    p = hearth__large_resize(p, had, sizes[i]);
    CHECK(p != NULL && (uintptr_t)p % 16 == 0);
    CHECK(has_pattern(p, had < sizes[i] ? had : sizes[i]));
    if (sizes[i] > had) write_pattern(p, had, sizes[i]);
    had = sizes[i];
  }
  hearth__large_free(p, had);
  hearth__large_free(NULL, 7);
}

#ifndef HEARTH_SANITIZED
static void test_too_much_is_refused(void) {
  char *p = hearth__large_new(HEARTH__LARGE);
  p[HEARTH__LARGE - 1] = 'x';
  CHECK(hearth__large_new(SIZE_MAX - 100) == NULL && hearth__large_new(SIZE_MAX / 4) == NULL);
  CHECK(hearth__large_resize(p, HEARTH__LARGE, SIZE_MAX / 4) == NULL && p[HEARTH__LARGE - 1] == 'x');
  hearth__large_free(p, HEARTH__LARGE);
}

static long resident_pages(void) {
  long total = 0, resident = 0;
  FILE *f = fopen("/proc/self/statm", "r");
  CHECK(f && fscanf(f, "%ld %ld", &total, &resident) == 2);
  if (f) fclose(f);
  return resident;
}

static void test_memory_goes_back_at_once(void) {
  enum { SIZE = 32 << 20, PAGES = SIZE / 4096 };
  unsigned char *list[4];
  long before = resident_pages();
  for (int i = 0; i < 4; i++) {
    list[i] = hearth__large_new(SIZE + 40);
    hearth__large_fill(list[i], SIZE + 40);
    write_pattern(list[i], 0, SIZE + 40);
  }
  long held = resident_pages() - before;
  CHECK(held >= 4L * PAGES && held <= 4L * PAGES + 256);              /* and no huge page for the last bytes */
  for (int i = 0; i < 3; i++) hearth__large_free(list[i], SIZE + 40); /* the one above stays, as what a heap holds would */
  CHECK(resident_pages() - before <= PAGES + 256);
  list[3] = hearth__large_resize(list[3], SIZE + 40, 2 << 20);
  CHECK(list[3] && has_pattern(list[3], 2 << 20));
  CHECK(resident_pages() - before <= (2 << 20) / 4096 + 256);
  hearth__large_free(list[3], 2 << 20);
}
#endif

int main(void) {
  RUN(test_bytes_live_through_every_change_of_size);
#ifndef HEARTH_SANITIZED
  RUN(test_too_much_is_refused);
  RUN(test_memory_goes_back_at_once);
#endif
  return check_end();
}
