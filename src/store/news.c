#include "store/news.h"

#include <stdlib.h>
#include <string.h>

#include "store/db.h"

typedef struct hearth__news_row {
  struct hearth__news_row *next;
  int64_t commit;
  size_t size;
  char log[];
} news_row;

void hearth__news_free(hearth__news *news) {
  for (news_row *r = news->first, *next; r; r = next) {
    next = r->next;
    free(r);
  }
  *news = (hearth__news){.reaches_back = news->reaches_back};
}

typedef struct comparison {
  hearth__memory *known, *fresh;
  int64_t commit;
  hearth__bytes log;
} comparison;

static bool equal(const hearth__record *a, const hearth__record *b) {
  return a->state == b->state && a->revision == b->revision && a->expires_at == b->expires_at && a->updated_at == b->updated_at &&
         a->version == b->version && a->kind == b->kind && a->size == b->size &&
         (a->value == b->value || (a->value && b->value && hearth__blob_equal(a->value, b->value)));
}

static int look_at_fresh(void *arg, const hearth__name *name, const hearth__record *now) {
  comparison *c = arg;
  const hearth__record *was = hearth__memory_find(c->known, name);
  if (was && equal(was, now)) return 0;
  hearth__record grown = *now;
  if (now->revision <= c->known->commit) { /* written by hand, or a copy that was put back: a new revision all the same */
    grown.revision = c->commit;
    if (now->state == HEARTH__PRESENT) grown.checksum = hearth__record_checksum(name, &grown);
    if (hearth__memory_put(c->fresh, name, &grown) != 0) return 1;
  }
  bool same = was && was->value && now->value && hearth__blob_equal(was->value, now->value);
  hearth__log_add(&c->log, same ? HEARTH__LOG_SAME : 0, name, grown.revision);
  return 0;
}

static int look_at_known(void *arg, const hearth__name *name, const hearth__record *was) {
  comparison *c = arg;
  (void)was;
  if (!hearth__memory_find(c->fresh, name)) hearth__log_add(&c->log, HEARTH__LOG_REMOVED, name, c->commit);
  return 0;
}

void hearth__news_take(hearth__news *news, hearth__memory *known, hearth__memory *fresh) {
  comparison c = {.known = known, .fresh = fresh, .commit = fresh->commit > known->commit ? fresh->commit : known->commit + 1};
  bool failed = hearth__memory_each(&fresh->engine, NULL, NULL, 0, true, look_at_fresh, &c, NULL) != 0;
  hearth__memory_each(&known->engine, NULL, NULL, 0, true, look_at_known, &c, NULL);
  failed = failed || c.log.failed;
  if (c.log.size > 0 || failed)
    fresh->commit = c.commit;
  else if (fresh->commit < known->commit)
    fresh->commit = known->commit;
  news_row *row = c.log.size > 0 && !failed ? malloc(sizeof *row + c.log.size) : NULL;
  if (row) {
    *row = (news_row){.commit = c.commit, .size = c.log.size};
    memcpy(row->log, c.log.bytes, c.log.size);
    if (news->last)
      news->last->next = row;
    else
      news->first = row;
    news->last = row;
  } else if (c.log.size > 0 || failed) { /* memory is short: the front compares all that it knows */
    hearth__news_free(news);
    news->reaches_back = c.commit;
  }
  free(c.log.bytes);
}

int hearth__news_tell(hearth__news *news, int64_t since, bool *complete, hearth__log_fn *fn, void *arg) {
  int status = 0;
  *complete = since >= news->reaches_back;
  for (news_row *r; (r = news->first) && r->commit <= since;) {
    news->first = r->next;
    if (!news->first) news->last = NULL;
    free(r);
  }
  if (!fn || !*complete) return 0;
  for (const news_row *r = news->first; r && status == 0; r = r->next) status = fn(arg, r->commit, r->log, r->size);
  return status;
}
