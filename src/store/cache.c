#include "store/cache.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

int hearth__cache_init(hearth__cache *c, size_t bound) {
  memset(c, 0, sizeof *c);
  c->n_buckets = 256;
  c->bound = bound;
  c->buckets = calloc(c->n_buckets, sizeof *c->buckets);
  if (getrandom(&c->seed, sizeof c->seed, GRND_NONBLOCK) < 0) c->seed = (uintptr_t)c; /* only guards against chosen collisions */
  return c->buckets ? 0 : -1;
}

hearth__name hearth__entry_name(const hearth__entry *e) {
  return (hearth__name){.ns = e->name, .ns_size = e->ns_size, .key = e->name + e->ns_size, .key_size = e->key_size};
}

/* What the allocator and the buckets add to a record. */
enum { OVERHEAD = 48 };

static size_t cost(const hearth__entry *e) {
  return sizeof *e + e->ns_size + e->key_size + OVERHEAD + (e->known && e->record.value ? e->record.value->size + sizeof(hearth__blob) : 0);
}

static uint64_t hash_name(const hearth__cache *c, const hearth__name *n) {
  return hearth__hash(hearth__hash(c->seed, n->ns, n->ns_size), n->key, n->key_size);
}

static void unlink_use(hearth__cache *c, hearth__entry *e) {
  if (e->older) e->older->newer = e->newer;
  if (e->newer) e->newer->older = e->older;
  if (c->oldest == e) c->oldest = e->newer;
  if (c->newest == e) c->newest = e->older;
  e->older = e->newer = NULL;
}

static void link_use(hearth__cache *c, hearth__entry *e) {
  e->older = c->newest;
  e->newer = NULL;
  if (c->newest)
    c->newest->newer = e;
  else
    c->oldest = e;
  c->newest = e;
}

static void drop(hearth__cache *c, hearth__entry *e) {
  hearth__entry **at = &c->buckets[e->hash & (c->n_buckets - 1)];
  while (*at != e) at = &(*at)->chain;
  *at = e->chain;
  c->count--;
  c->bytes -= cost(e);
  c->freed += cost(e);
  hearth__blob_release(e->record.value);
  free(e);
}

void hearth__cache_trim(hearth__cache *c) {
  while (c->bytes > c->bound && c->oldest) {
    hearth__entry *e = c->oldest;
    unlink_use(c, e);
    c->evicted++;
    drop(c, e);
  }
}

static void grow(hearth__cache *c) {
  size_t n = c->n_buckets * 2;
  hearth__entry **buckets = calloc(n, sizeof *buckets);
  if (!buckets) return; /* longer chains, that is all */
  for (size_t i = 0; i < c->n_buckets; i++)
    for (hearth__entry *e = c->buckets[i], *next; e; e = next) {
      next = e->chain;
      e->chain = buckets[e->hash & (n - 1)];
      buckets[e->hash & (n - 1)] = e;
    }
  free(c->buckets);
  c->buckets = buckets;
  c->n_buckets = n;
}

static hearth__entry *find(hearth__cache *c, const hearth__name *n, uint64_t hash) {
  for (hearth__entry *e = c->buckets[hash & (c->n_buckets - 1)]; e; e = e->chain)
    if (e->hash == hash && e->ns_size == n->ns_size && e->key_size == n->key_size && memcmp(e->name, n->ns, n->ns_size) == 0 &&
        memcmp(e->name + e->ns_size, n->key, n->key_size) == 0)
      return e;
  return NULL;
}

hearth__entry *hearth__cache_find(hearth__cache *c, const hearth__name *name) {
  return find(c, name, hash_name(c, name));
}

hearth__entry *hearth__cache_pin(hearth__cache *c, const hearth__name *name) {
  uint64_t hash = hash_name(c, name);
  hearth__entry *e = find(c, name, hash);
  if (e) {
    hearth__cache_hold(c, e);
    return e;
  }
  /* Not malloc: that would take what a worker's values have left, and hold the page of others that were let go of. */
  e = calloc(1, sizeof *e + name->ns_size + name->key_size);
  if (!e) return NULL;
  e->hash = hash;
  e->ns_size = (uint32_t)name->ns_size;
  e->key_size = (uint32_t)name->key_size;
  memcpy(e->name, name->ns, name->ns_size);
  memcpy(e->name + name->ns_size, name->key, name->key_size);
  e->pins = 1;
  if (c->count >= c->n_buckets) grow(c);
  e->chain = c->buckets[hash & (c->n_buckets - 1)];
  c->buckets[hash & (c->n_buckets - 1)] = e;
  c->count++;
  c->bytes += cost(e);
  return e;
}

void hearth__cache_hold(hearth__cache *c, hearth__entry *e) {
  if (e->pins++ == 0) unlink_use(c, e);
}

void hearth__cache_unpin(hearth__cache *c, hearth__entry *e) {
  if (--e->pins > 0) return;
  if (e->known)
    link_use(c, e);
  else
    drop(c, e);
}

void hearth__cache_use(hearth__cache *c, hearth__entry *e) {
  if (e->pins > 0 || c->newest == e) return;
  unlink_use(c, e);
  link_use(c, e);
}

void hearth__cache_set(hearth__cache *c, hearth__entry *e, const hearth__record *r) {
  hearth__blob_retain(r->value);
  c->bytes -= cost(e);
  c->freed += cost(e);
  hearth__blob_release(e->record.value);
  e->record = *r;
  e->known = true;
  c->bytes += cost(e);
}

void hearth__cache_forget(hearth__cache *c, hearth__entry *e) {
  e->touched++;
  if (!e->known || e->work) return;
  c->bytes -= cost(e);
  c->freed += cost(e);
  hearth__blob_release(e->record.value);
  memset(&e->record, 0, sizeof e->record);
  e->known = false;
  c->bytes += cost(e);
  if (e->pins == 0) {
    unlink_use(c, e);
    drop(c, e);
  }
}

void hearth__cache_each(hearth__cache *c, const char *ns, size_t ns_size, void (*fn)(void *arg, hearth__entry *e), void *arg) {
  for (size_t i = 0; i < c->n_buckets; i++)
    for (hearth__entry *e = c->buckets[i]; e; e = e->chain)
      if (!ns || (e->ns_size == ns_size && memcmp(e->name, ns, ns_size) == 0)) fn(arg, e);
}

void hearth__cache_forget_all(hearth__cache *c) {
  for (size_t i = 0; i < c->n_buckets; i++)
    for (hearth__entry *e = c->buckets[i], *next; e; e = next) {
      next = e->chain;
      hearth__cache_forget(c, e);
    }
}

void hearth__cache_free(hearth__cache *c) {
  if (!c->buckets) return;
  hearth__cache_forget_all(c);
  free(c->buckets);
  c->buckets = NULL;
}
