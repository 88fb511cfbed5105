/* Inside a transaction: the working copies of what its batches touch, and what is done to them. The writer's, or whoever holds `writing`. */
#ifndef HEARTH__GROUP_H
#define HEARTH__GROUP_H

#include "store/db.h"

struct hearth__work {
  hearth__entry *entry;
  hearth__record record;  /* as the transaction has it; its value is the original's, or that of an op, and held by that */
  hearth__blob *original; /* the bytes before the transaction, which the cache holds for as long as there is a working copy */
  int64_t expiry;         /* expires_at before the transaction */
  int64_t row;            /* the engine's row as it is now on its side, 0: none */
  bool was_present, loaded, dirty, quiet;
  bool read;            /* from the engine: the original is held here */
  hearth__fault *fault; /* could not be read: batches that need it fail with this */
  hearth__batch *stamp; /* for the quota: `bytes` is of this batch */
  int64_t bytes;
};
typedef struct hearth__work hearth__work;

typedef struct hearth__group {
  hearth__db *db;
  hearth__work *works;
  size_t n_works;
  hearth__events *events;
  size_t room_events;
  hearth__bytes log;
  int64_t revision, start;
  bool listening, wrote, published;
  hearth__batch **clears; /* namespaces that were cleared: forgotten by the cache afterwards */
  size_t n_clears;
} hearth__group;

/* Is there something at `now`? What has expired is not. */
static inline bool hearth__work_there(const hearth__work *w, int64_t now) {
  return w->record.state != HEARTH__ABSENT && !hearth__record_expired(&w->record, now);
}

/* group_ops.c: one operation on its working copy, with its event. -1: the transaction has to end. */
int hearth__group_put(hearth__group *g, const hearth__batch *b, const hearth__write_op *op, int64_t revision, hearth__fault *f);
int hearth__group_remove(hearth__group *g, const hearth__batch *b, const hearth__write_op *op, int64_t revision, hearth__fault *f);
int hearth__group_put_raw(hearth__group *g, const hearth__batch *b, const hearth__write_op *op, int64_t revision, hearth__fault *f);
int hearth__group_quarantine(hearth__group *g, const hearth__batch *b, const hearth__write_op *op, hearth__fault *f);
int hearth__group_clear(hearth__group *g, hearth__batch *b, const hearth__write_op *op, int64_t revision, hearth__fault *f);

/* group_quota.c: the namespace's bytes after the batch, or the fault EQUOTA. A transaction that fails makes the totals invalid. */
int hearth__group_quota(hearth__group *g, hearth__batch *b, hearth__fault *f);

#endif
