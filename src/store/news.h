/* What others did to a file that is replaced as a whole: each time it is read anew, the difference to what was known becomes a row of a change
** log, as an engine with a log of its own has them. Used under the lock of the memory that is compared. */
#ifndef HEARTH__NEWS_H
#define HEARTH__NEWS_H

#include "store/memory.h"

typedef struct hearth__news {
  struct hearth__news_row *first, *last;
  int64_t reaches_back; /* to this commit */
} hearth__news;

void hearth__news_free(hearth__news *news);
/* `fresh` is about to replace `known`. Its number and the revisions of what changed are made to grow, whatever the file says: a copy that was put
** back is news, too. Without a difference its number is that of `known`, unless the file says more. */
void hearth__news_take(hearth__news *news, hearth__memory *known, hearth__memory *fresh);
/* Rows after `since`, in order, for engine.changes; older ones are dropped. Returns what fn does; *complete is false when they do not reach back. */
int hearth__news_tell(hearth__news *news, int64_t since, bool *complete, hearth__log_fn *fn, void *arg);

#endif
