/* libFuzzer: whatever the bytes, the change log's reader stays within them, and what it reads comes back from what is written of it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "store/db.h"

#define MUST(cond)        \
  do {                    \
    if (!(cond)) abort(); \
  } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct copy {
  hearth__bytes log;
  uint64_t sum;
  size_t n;
} copy;

static void take(void *arg, int flags, const hearth__name *name, int64_t revision) {
  copy *c = arg;
  uint64_t numbers[2] = {(uint64_t)flags, (uint64_t)revision};
  c->sum = hearth__hash(c->sum, numbers, sizeof numbers);
  c->sum = hearth__hash(c->sum, name->ns, name->ns_size); /* touches every byte */
  c->sum = hearth__hash(c->sum, name->key, name->key_size);
  c->n++;
  hearth__log_add(&c->log, flags, name, revision);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  copy first = {{0}, 0, 0}, second = {{0}, 0, 0};
  char *exact = malloc(size ? size : 1); /* so that a byte too far is seen */
  if (!exact) return 0;
  memcpy(exact, data, size);
  (void)hearth__log_read(exact, size, take, &first);
  MUST(hearth__log_read(first.log.bytes ? first.log.bytes : "", first.log.size, take, &second) == 0);
  MUST(first.n == second.n && first.sum == second.sum);
  free(first.log.bytes);
  free(second.log.bytes);
  free(exact);
  return 0;
}
