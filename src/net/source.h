/* A file that is sent: read ahead on a libuv thread, so that a slow disk does not stop the loop. Owner: the loop's thread. */
#ifndef HEARTH__SOURCE_H
#define HEARTH__SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include <uv.h>

typedef struct hearth__source hearth__source;

enum { HEARTH__SOURCE_WAIT = -1, HEARTH__SOURCE_FAILED = -2 };

/* 0, or a negative libuv error: not there, not readable, not a regular file (UV_EINVAL). `more(user)` is called from the loop after a read said
** WAIT and there are bytes, or an error, now. */
int hearth__source_open(uv_loop_t *loop, const char *path, void (*more)(void *user), void *user, hearth__source **out);

int64_t hearth__source_size(const hearth__source *s); /* when it was opened; that many bytes are given */

/* How many bytes were copied, 0 at the end, or WAIT, or FAILED: the disk, or the file has become shorter. */
long hearth__source_read(hearth__source *s, char *buffer, size_t size);

/* The next read begins there. */
void hearth__source_seek(hearth__source *s, int64_t offset);

void hearth__source_close(hearth__source *s); /* a read in flight frees it when it lands; `more` is not called */

#endif
