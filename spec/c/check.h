/* A few lines to write C tests with: a test is a function, CHECK says what is promised, check_end prints the line that
** `make test` adds up. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int check_passed_, check_failed_, check_bad_;

#define CHECK(cond)                                                        \
  do {                                                                     \
    if (!(cond)) {                                                         \
      fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #cond); \
      check_bad_ = 1;                                                      \
    }                                                                      \
  } while (0)

#define CHECK_STR(got, want)                                                                                  \
  do {                                                                                                        \
    const char *g_ = (got), *w_ = (want);                                                                     \
    if (!g_ || strcmp(g_, w_) != 0) {                                                                         \
      fprintf(stderr, "%s:%d: %s is \"%s\", not \"%s\"\n", __FILE__, __LINE__, #got, g_ ? g_ : "(null)", w_); \
      check_bad_ = 1;                                                                                         \
    }                                                                                                         \
  } while (0)

#define RUN(test)                            \
  do {                                       \
    check_bad_ = 0;                          \
    test();                                  \
    if (check_bad_) {                        \
      check_failed_++;                       \
      fprintf(stderr, "FAILED %s\n", #test); \
    } else                                   \
      check_passed_++;                       \
  } while (0)

static inline int check_end(void) {
  printf("%d passed, %d failed\n", check_passed_, check_failed_);
  return check_failed_ ? 1 : 0;
}

#endif
