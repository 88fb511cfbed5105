/* libFuzzer: whatever the bytes, the JSON file's reader answers; what it takes is written so that it reads back the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "store/jsontext.h"

#define MUST(cond)        \
  do {                    \
    if (!(cond)) abort(); \
  } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int compare(void *arg, const hearth__name *name, const hearth__record *r) {
  const hearth__record *other = hearth__memory_find(arg, name);
  MUST(other && other->revision == r->revision && other->expires_at == r->expires_at && other->version == r->version);
  MUST((other->value == NULL) == (r->value == NULL) && (!r->value || hearth__blob_equal(other->value, r->value)));
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  hearth__memory first, second;
  hearth__fault f = {0};
  MUST(hearth__memory_init(&first, &hearth__memory_engine) == 0 && hearth__memory_init(&second, &hearth__memory_engine) == 0);
  char *text = malloc(size + 1); /* as a file is read: a NUL behind it */
  MUST(text);
  memcpy(text, data, size);
  text[size] = '\0';
  if (hearth__jsontext_read(&first, "/fuzz", text, size, 1, &f) == 0) {
    size_t written_size;
    char *written = hearth__jsontext_write(&first, &written_size);
    MUST(written && hearth__jsontext_read(&second, "/fuzz", written, written_size, 1, &f) == 0);
    MUST(first.keys == second.keys && first.n_kept == second.n_kept);
    MUST(hearth__memory_each(&first.engine, NULL, NULL, 0, true, compare, &second, NULL) == 0);
    free(written);
  } else
    MUST(f.code);
  free(text);
  hearth__memory_free(&first);
  hearth__memory_free(&second);
  return 0;
}
