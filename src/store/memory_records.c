/* Records in memory: a skip list in (namespace, key) order, and the quarantine. A transaction writes in place and remembers what was there, so that
** it can be undone. */
#include "store/memory.h"

#include <stdlib.h>
#include <string.h>

enum { KEPT_PER_KEY = 3 };

/* What a transaction replaced: absent records are nodes that were not there. `kept` undoes the quarantine as a whole. */
struct hearth__undo {
  hearth__undo *next;
  hearth__record record;
  hearth__kept *kept;
  size_t n_kept;
  bool is_kept;
  size_t ns_size, key_size;
  char name[];
};

static hearth__node *node_new(int levels, const hearth__name *name) {
  size_t head = sizeof(hearth__node) + (size_t)levels * sizeof(hearth__node *);
  hearth__node *n = calloc(1, head + name->ns_size + name->key_size);
  if (!n) return NULL;
  n->levels = levels;
  n->name = (char *)n + head;
  n->ns_size = name->ns_size;
  n->key_size = name->key_size;
  if (name->ns_size) memcpy(n->name, name->ns, name->ns_size);
  if (name->key_size) memcpy(n->name + name->ns_size, name->key, name->key_size);
  return n;
}

/* The last node before `name` on each level; returns the first node that is not before it. */
hearth__node *hearth__memory_seek(hearth__memory *m, const hearth__name *name, hearth__node **path) {
  hearth__node *n = m->head;
  for (int i = HEARTH__MEMORY_LEVELS - 1; i >= 0; i--) {
    for (hearth__node *next; (next = n->next[i]) != NULL; n = next) {
      hearth__name at = hearth__node_name(next);
      if (hearth__name_compare(&at, name) >= 0) break;
    }
    if (path) path[i] = n;
  }
  return n->next[0];
}

static hearth__node *find(hearth__memory *m, const hearth__name *name, hearth__node **path) {
  hearth__node *n = hearth__memory_seek(m, name, path);
  if (!n) return NULL;
  hearth__name at = hearth__node_name(n);
  return hearth__name_compare(&at, name) == 0 ? n : NULL;
}

const hearth__record *hearth__memory_find(hearth__memory *m, const hearth__name *name) {
  hearth__node *n = find(m, name, NULL);
  return n ? &n->record : NULL;
}

static void remove_node(hearth__memory *m, hearth__node *n, hearth__node **path) {
  for (int i = 0; i < n->levels; i++) path[i]->next[i] = n->next[i];
  if (n->next[0]) n->next[0]->before = n->before;
  hearth__blob_release(n->record.value);
  free(n);
  m->keys--;
}

int hearth__memory_put(hearth__memory *m, const hearth__name *name, const hearth__record *r) {
  hearth__node *path[HEARTH__MEMORY_LEVELS], *n = find(m, name, path);
  if (r->state == HEARTH__ABSENT) {
    if (n) remove_node(m, n, path);
    return 0;
  }
  if (!n) {
    uint64_t bits = (uint64_t)++m->next_id;
    bits = hearth__hash(bits, &bits, sizeof bits);
    int levels = 1;
    for (; levels < HEARTH__MEMORY_LEVELS && (bits & 3) == 0; bits >>= 2) levels++;
    if (!(n = node_new(levels, name))) return -1;
    for (int i = 0; i < levels; i++) {
      n->next[i] = path[i]->next[i];
      path[i]->next[i] = n;
    }
    n->before = path[0] == m->head ? NULL : path[0];
    if (n->next[0]) n->next[0]->before = n;
    m->keys++;
  }
  hearth__blob_retain(r->value);
  hearth__blob_release(n->record.value);
  n->record = *r;
  return 0;
}

int hearth__memory_init(hearth__memory *m, const hearth__engine_class *class_) {
  memset(m, 0, sizeof *m);
  m->engine.class_ = class_;
  hearth__name none = {.ns = "", .key = ""};
  if (!(m->head = node_new(HEARTH__MEMORY_LEVELS, &none))) return -1;
  if (uv_mutex_init(&m->lock) != 0) {
    free(m->head);
    return -1;
  }
  return 0;
}

static void kept_free(hearth__kept *kept, size_t n) {
  for (size_t i = 0; i < n; i++) {
    hearth__blob_release(kept[i].ns);
    hearth__blob_release(kept[i].key);
    hearth__blob_release(kept[i].value);
  }
  free(kept);
}

void hearth__memory_forget(hearth__memory *m) {
  for (hearth__undo *u = m->undo, *next; u; u = next) {
    next = u->next;
    hearth__blob_release(u->record.value);
    if (u->is_kept) kept_free(u->kept, u->n_kept);
    free(u);
  }
  m->undo = NULL;
}

void hearth__memory_free(hearth__memory *m) {
  hearth__memory_forget(m);
  for (hearth__node *n = m->head, *next; n; n = next) {
    next = n->next[0];
    hearth__blob_release(n->record.value);
    free(n);
  }
  kept_free(m->kept, m->n_kept);
  uv_mutex_destroy(&m->lock);
}

int hearth__memory_remember(hearth__memory *m, const hearth__name *name) {
  hearth__undo *u = calloc(1, sizeof *u + name->ns_size + name->key_size);
  if (!u) return -1;
  const hearth__record *r = hearth__memory_find(m, name);
  if (r) {
    u->record = *r;
    hearth__blob_retain(r->value);
  }
  u->ns_size = name->ns_size;
  u->key_size = name->key_size;
  memcpy(u->name, name->ns, name->ns_size);
  memcpy(u->name + name->ns_size, name->key, name->key_size);
  u->next = m->undo;
  m->undo = u;
  return 0;
}

static int kept_copy(const hearth__kept *from, size_t n, size_t room, hearth__kept **out) {
  hearth__kept *copy = calloc(n + room ? n + room : 1, sizeof *copy);
  if (!copy) return -1;
  for (size_t i = 0; i < n; i++) {
    copy[i] = from[i];
    hearth__blob_retain(copy[i].ns);
    hearth__blob_retain(copy[i].key);
    hearth__blob_retain(copy[i].value);
  }
  *out = copy;
  return 0;
}

int hearth__memory_clone(const hearth__memory *from, hearth__memory *to) {
  if (hearth__memory_init(to, from->engine.class_) != 0) return -1;
  for (const hearth__node *n = from->head->next[0]; n; n = n->next[0]) {
    hearth__name name = hearth__node_name(n);
    if (hearth__memory_put(to, &name, &n->record) != 0) goto failed;
  }
  if (kept_copy(from->kept, from->n_kept, 0, &to->kept) != 0) goto failed;
  to->n_kept = from->n_kept;
  to->commit = from->commit;
  if (to->next_id < from->next_id) to->next_id = from->next_id;
  return 0;
failed:
  hearth__memory_free(to);
  return -1;
}

void hearth__memory_swap(hearth__memory *a, hearth__memory *b) {
  hearth__memory old = *a;
  a->head = b->head;
  a->commit = b->commit;
  a->next_id = b->next_id;
  a->keys = b->keys;
  a->kept = b->kept;
  a->n_kept = b->n_kept;
  a->undo = b->undo;
  b->head = old.head;
  b->commit = old.commit;
  b->next_id = old.next_id;
  b->keys = old.keys;
  b->kept = old.kept;
  b->n_kept = old.n_kept;
  b->undo = old.undo;
}

/* Replaces the quarantine by a copy, the old one going to the undo list. */
int hearth__memory_edit_kept(hearth__memory *m, size_t room) {
  hearth__kept *copy;
  if (kept_copy(m->kept, m->n_kept, room, &copy) != 0) return -1;
  hearth__undo *u = calloc(1, sizeof *u);
  if (!u) {
    kept_free(copy, m->n_kept);
    return -1;
  }
  u->is_kept = true;
  u->kept = m->kept;
  u->n_kept = m->n_kept;
  u->next = m->undo;
  m->undo = u;
  m->kept = copy;
  return 0;
}

void hearth__memory_remove_kept(hearth__memory *m, size_t i) {
  hearth__blob_release(m->kept[i].ns);
  hearth__blob_release(m->kept[i].key);
  hearth__blob_release(m->kept[i].value);
  memmove(&m->kept[i], &m->kept[i + 1], (--m->n_kept - i) * sizeof *m->kept);
}

static bool kept_is(const hearth__kept *k, const hearth__name *name) {
  return k->ns->size == name->ns_size && k->key->size == name->key_size && memcmp(k->ns->bytes, name->ns, name->ns_size) == 0 &&
         memcmp(k->key->bytes, name->key, name->key_size) == 0;
}

int hearth__memory_keep(hearth__memory *m, const hearth__name *name, const hearth__record *r, int64_t now) {
  if (hearth__memory_edit_kept(m, 1) != 0) return -1;
  hearth__kept *k = &m->kept[m->n_kept];
  *k = (hearth__kept){.id = ++m->next_id, .revision = r->revision, .version = r->version, .time = now, .kind = r->kind};
  k->ns = hearth__blob_new(name->ns, name->ns_size);
  k->key = hearth__blob_new(name->key, name->key_size);
  k->value = r->value ? hearth__blob_retain(r->value) : hearth__blob_new("", 0);
  m->n_kept++;
  if (!k->ns || !k->key || !k->value) {
    hearth__memory_remove_kept(m, m->n_kept - 1);
    return -1;
  }
  int same = 0;
  for (size_t i = m->n_kept; i-- > 0;)
    if (kept_is(&m->kept[i], name) && ++same > KEPT_PER_KEY) hearth__memory_remove_kept(m, i);
  return 0;
}

void hearth__memory_undo(hearth__memory *m) {
  for (hearth__undo *u = m->undo; u; u = u->next) {
    if (u->is_kept) {
      kept_free(m->kept, m->n_kept);
      m->kept = u->kept;
      m->n_kept = u->n_kept;
      u->is_kept = false;
      continue;
    }
    hearth__name name = {.ns = u->name, .ns_size = u->ns_size, .key = u->name + u->ns_size, .key_size = u->key_size};
    hearth__memory_put(m, &name, &u->record);
  }
  hearth__memory_forget(m);
}
