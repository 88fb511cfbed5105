/* What has expired is removed by ordinary commits: when somebody meets it, so that a clock that is set back does not bring it up again, and from time
** to time by a job that looks for it. */
#include <stdlib.h>

#include "store/db.h"

void hearth__store_purge_one(hearth__store *s, const hearth__name *name, int64_t now) {
  if (s->read_only) return;
  hearth__batch *b = hearth__batch_new(s, 1, now);
  if (!b) return;
  b->own = true;
  if (hearth__batch_add(b, HEARTH__PURGE, name))
    hearth__store_submit(s, b);
  else
    hearth__batch_free(b);
}

/* Purging looks for what has expired on a worker and removes it by a batch. */
typedef struct purge {
  hearth__job job;
  int64_t now;
  hearth__entry **list;
  size_t n, room;
} purge;

static int purge_take(void *arg, const hearth__name *name, const hearth__record *r) {
  purge *p = arg;
  hearth__db *db = p->job.store->db;
  (void)r;
  if (p->n == p->room) {
    size_t room = p->room ? p->room * 2 : 16;
    hearth__entry **grown = realloc(p->list, room * sizeof *grown);
    if (!grown) return 1;
    p->list = grown;
    p->room = room;
  }
  uv_mutex_lock(&db->lock);
  hearth__entry *e = hearth__cache_pin(&db->cache, name);
  uv_mutex_unlock(&db->lock);
  if (!e) return 1;
  p->list[p->n++] = e;
  return 0;
}

static int purge_run(hearth__job *j, hearth__engine *e) {
  purge *p = (purge *)j;
  return e->class_->expiring(e, j->conn, p->now, 1000, purge_take, p, &j->fault) < 0 ? -1 : 0;
}

static void purge_done(hearth__job *j) {
  purge *p = (purge *)j;
  hearth__store *s = j->store;
  for (size_t i = 0; i < p->n; i++) {
    hearth__name name = hearth__entry_name(p->list[i]);
    if (!s->given_up) hearth__store_purge_one(s, &name, p->now);
  }
  uv_mutex_lock(&s->db->lock);
  for (size_t i = 0; i < p->n; i++) hearth__cache_unpin(&s->db->cache, p->list[i]);
  uv_mutex_unlock(&s->db->lock);
  bool more = p->n == 1000 && !j->fault.code;
  int64_t now = p->now;
  free(p->list);
  free(p);
  if (more && !s->given_up) hearth__store_purge(s, now);
}

void hearth__store_purge(hearth__store *s, int64_t now) {
  purge *p = s->read_only ? NULL : calloc(1, sizeof *p);
  if (!p) return;
  p->job.run = purge_run;
  p->job.done = purge_done;
  p->job.after_writes = true;
  p->now = now;
  hearth__store_run(s, &p->job);
}
