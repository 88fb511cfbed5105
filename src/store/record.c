#include "store/record.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "large.h"

static size_t block_size(size_t size) {
  return sizeof(hearth__blob) + size + 1;
}

hearth__blob *hearth__blob_of(void *block, size_t size) {
  hearth__blob *b = block;
  atomic_init(&b->refs, 1);
  b->size = size;
  return b;
}

hearth__blob *hearth__blob_new(const void *bytes, size_t size) {
  hearth__blob *b = hearth__large_new(block_size(size));
  if (!b) return NULL;
  hearth__large_fill(b, block_size(size));
  hearth__blob_of(b, size);
  if (bytes && size) memcpy(b->bytes, bytes, size);
  b->bytes[size] = '\0';
  return b;
}

hearth__blob *hearth__blob_shrink(hearth__blob *b, size_t size) {
  hearth__blob *shrunk = hearth__large_resize(b, block_size(b->size), block_size(size));
  if (!shrunk) {
    hearth__blob_release(b);
    return NULL;
  }
  shrunk->size = size;
  shrunk->bytes[size] = '\0';
  return shrunk;
}

hearth__blob *hearth__blob_retain(hearth__blob *b) {
  if (b) atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
  return b;
}

void hearth__blob_release(hearth__blob *b) {
  if (b && atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) == 1) hearth__large_free(b, block_size(b->size));
}

bool hearth__blob_equal(const hearth__blob *a, const hearth__blob *b) {
  if (a == b) return true;
  return a && b && a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

static int compare_bytes(const char *a, size_t a_size, const char *b, size_t b_size) {
  size_t n = a_size < b_size ? a_size : b_size;
  int c = n ? memcmp(a, b, n) : 0;
  return c ? c : (a_size > b_size) - (a_size < b_size);
}

int hearth__name_compare(const hearth__name *a, const hearth__name *b) {
  int c = compare_bytes(a->ns, a->ns_size, b->ns, b->ns_size);
  return c ? c : compare_bytes(a->key, a->key_size, b->key, b->key_size);
}

/* The construction of XXH64: four lanes of multiply and rotate over 32 bytes, then a finish that mixes every bit into every other. */
#define P1 0x9E3779B185EBCA87u
#define P2 0xC2B2AE3D27D4EB4Fu
#define P3 0x165667B19E3779F9u
#define P4 0x85EBCA77C2B2AE63u
#define P5 0x27D4EB2F165667C5u

static uint64_t rotate(uint64_t x, int n) {
  return (x << n) | (x >> (64 - n));
}

/* Little endian whatever the machine: files may travel. */
static uint64_t read64(const unsigned char *p) {
  uint64_t v;
  memcpy(&v, p, sizeof v);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  v = __builtin_bswap64(v);
#endif
  return v;
}

static uint64_t lane(uint64_t acc, uint64_t input) {
  return rotate(acc + input * P2, 31) * P1;
}

uint64_t hearth__hash(uint64_t seed, const void *bytes, size_t size) {
  const unsigned char *p = bytes, *end = p + size;
  uint64_t h;
  if (size >= 32) {
    uint64_t a = seed + P1 + P2, b = seed + P2, c = seed, d = seed - P1;
    for (; end - p >= 32; p += 32) {
      a = lane(a, read64(p));
      b = lane(b, read64(p + 8));
      c = lane(c, read64(p + 16));
      d = lane(d, read64(p + 24));
    }
    h = rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18);
    h = (h ^ lane(0, a)) * P1 + P4;
    h = (h ^ lane(0, b)) * P1 + P4;
    h = (h ^ lane(0, c)) * P1 + P4;
    h = (h ^ lane(0, d)) * P1 + P4;
  } else
    h = seed + P5;
  h += size;
  for (; end - p >= 8; p += 8) h = rotate(h ^ lane(0, read64(p)), 27) * P1 + P4;
  for (; p < end; p++) h = rotate(h ^ (*p * P5), 11) * P1;
  h = (h ^ (h >> 33)) * P2;
  h = (h ^ (h >> 29)) * P3;
  return h ^ (h >> 32);
}

uint64_t hearth__record_checksum(const hearth__name *name, const hearth__record *r) {
  uint64_t head[7] = {
      (uint64_t)r->revision, (uint64_t)r->created_at, (uint64_t)r->updated_at, (uint64_t)r->expires_at, (uint64_t)r->version, r->kind,
      name->ns_size};
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  for (size_t i = 0; i < sizeof head / sizeof *head; i++) head[i] = __builtin_bswap64(head[i]);
#endif
  uint64_t h = hearth__hash(0, head, sizeof head);
  h = hearth__hash(h, name->ns, name->ns_size);
  h = hearth__hash(h, name->key, name->key_size);
  return hearth__hash(h, r->value ? r->value->bytes : "", r->value ? r->value->size : 0);
}

int hearth__fail(hearth__fault *f, const char *code, const char *fmt, ...) {
  if (!f) return -1;
  va_list args;
  va_start(args, fmt);
  f->code = code;
  vsnprintf(f->message, sizeof f->message, fmt, args);
  va_end(args);
  return -1;
}

const char *hearth__errno_code(int err) {
  switch (err) {
    case EACCES:
    case EPERM: return "EACCES";
    case EROFS: return "EROFS";
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return "ENOSPC";
    case EINVAL:
    case ENAMETOOLONG:
    case ENOTDIR:
    case EISDIR:
    case ELOOP: return "EINVAL";
    default: return "EIO";
  }
}
