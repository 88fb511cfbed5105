/* What a store keeps: bytes of a key with their revision, times, schema version and checksum. Nothing here knows a thread or a
** file. Times are milliseconds since 1970; the store never asks the clock, each request brings the time. */
#ifndef HEARTH__RECORD_H
#define HEARTH__RECORD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HEARTH__KEY_MAX = 64 << 10, HEARTH__VALUE_MAX = 64 << 20 };

/* Immutable bytes that several owners share; freed by the last. A NUL follows them. Any thread. */
typedef struct hearth__blob {
  atomic_int refs;
  size_t size;
  char bytes[];
} hearth__blob;

hearth__blob *hearth__blob_new(const void *bytes, size_t size); /* a copy; bytes may be NULL: uninitialised. NULL when memory is short */
/* Of a block (large.h) of sizeof(hearth__blob) + size + 1 bytes, in which all but the head is written; it takes that over. */
hearth__blob *hearth__blob_of(void *block, size_t size);
hearth__blob *hearth__blob_shrink(hearth__blob *b,
                                  size_t size); /* the first bytes of one that nobody shares; NULL when memory is short, and it is gone */
hearth__blob *hearth__blob_retain(hearth__blob *b); /* NULL stays NULL */
void hearth__blob_release(hearth__blob *b);         /* likewise */
bool hearth__blob_equal(const hearth__blob *a, const hearth__blob *b);

/* Where a record lives. A view: the bytes belong to somebody else. */
typedef struct hearth__name {
  const char *ns, *key;
  size_t ns_size, key_size;
} hearth__name;

int hearth__name_compare(const hearth__name *a, const hearth__name *b); /* byte order, namespace first */

enum { HEARTH__ABSENT, HEARTH__PRESENT, HEARTH__DAMAGED };
enum { HEARTH__TEXT, HEARTH__JSON, HEARTH__KINDS };

typedef struct hearth__record {
  int64_t id;       /* the engine's handle of the row, or 0 */
  int64_t revision; /* number of the commit that wrote it; 0: absent */
  int64_t created_at, updated_at;
  int64_t expires_at; /* 0: never */
  int64_t version;    /* schema version of the writer; 0: none given */
  uint64_t checksum;
  size_t size; /* of the value */
  uint8_t state, kind;
  hearth__blob *value; /* of a damaged record: its bytes where they were asked for, NULL when they are in quarantine already */
} hearth__record;

/* 64 bits over bytes, continued from `seed`. */
uint64_t hearth__hash(uint64_t seed, const void *bytes, size_t size);

/* The checksum of a record: its name, what describes it, and its bytes. */
uint64_t hearth__record_checksum(const hearth__name *name, const hearth__record *r);

/* Expired records are absent. */
static inline bool hearth__record_expired(const hearth__record *r, int64_t now) {
  return r->state != HEARTH__ABSENT && r->expires_at != 0 && r->expires_at <= now;
}

/* Why something could not be done: a code of the documentation and one readable line. */
typedef struct hearth__fault {
  const char *code; /* static; NULL: nothing failed */
  char message[504];
} hearth__fault;

int hearth__fail(hearth__fault *f, const char *code, const char *fmt, ...) __attribute__((format(printf, 3, 4))); /* returns -1 */
const char *hearth__errno_code(int err);

#endif
