/* See source.h. One block, filled by one read at a time. */
#include "net/source.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { BLOCK = 256 * 1024 };

struct hearth__source {
  uv_loop_t *loop;
  uv_fs_t request;
  uv_file file;
  int64_t size, next; /* where the next block is read */
  size_t have, at;    /* of the block */
  bool reading, stale, closed, failed;
  void (*more)(void *user);
  void *user;
  char block[BLOCK];
};

static void destroy(hearth__source *s) {
  uv_fs_t request;
  uv_fs_close(NULL, &request, s->file, NULL);
  uv_fs_req_cleanup(&request);
  free(s);
}

static void on_read(uv_fs_t *request) {
  hearth__source *s = request->data;
  ssize_t n = request->result;
  uv_fs_req_cleanup(request);
  s->reading = false;
  if (s->closed) {
    destroy(s);
    return;
  }
  if (s->stale) {
    s->stale = false; /* the position was moved meanwhile */
  } else if (n <= 0) {
    s->failed = true;
  } else {
    int64_t left = s->size - s->next;
    s->have = (int64_t)n < left ? (size_t)n : (size_t)left; /* a file that grows is sent as it was */
    s->at = 0;
    s->next += (int64_t)s->have;
  }
  s->more(s->user);
}

static bool read_block(hearth__source *s) {
  if (s->reading) return true;
  uv_buf_t buf = uv_buf_init(s->block, BLOCK);
  s->request.data = s;
  if (uv_fs_read(s->loop, &s->request, s->file, &buf, 1, s->next, on_read) != 0) return false;
  s->reading = true;
  return true;
}

int hearth__source_open(uv_loop_t *loop, const char *path, void (*more)(void *user), void *user, hearth__source **out) {
  uv_fs_t request;
  int err = 0;
  hearth__source *s = calloc(1, sizeof *s);
  if (!s) return UV_ENOMEM;
  *s = (hearth__source){.loop = loop, .more = more, .user = user};
  s->file = uv_fs_open(NULL, &request, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0, NULL);
  uv_fs_req_cleanup(&request);
  if (s->file < 0) {
    err = s->file;
    free(s);
    return err;
  }
  err = uv_fs_fstat(NULL, &request, s->file, NULL);
  if (!err && !S_ISREG(request.statbuf.st_mode)) err = UV_EINVAL;
  s->size = (int64_t)request.statbuf.st_size;
  uv_fs_req_cleanup(&request);
  if (err) {
    destroy(s);
    return err;
  }
  *out = s;
  return 0;
}

int64_t hearth__source_size(const hearth__source *s) {
  return s->size;
}

long hearth__source_read(hearth__source *s, char *buffer, size_t size) {
  if (s->failed) return HEARTH__SOURCE_FAILED;
  if (s->at < s->have && !s->stale) {
    size_t n = s->have - s->at < size ? s->have - s->at : size;
    memcpy(buffer, s->block + s->at, n);
    s->at += n;
    return (long)n;
  }
  if (s->next >= s->size) return 0;
  return read_block(s) ? HEARTH__SOURCE_WAIT : HEARTH__SOURCE_FAILED;
}

void hearth__source_seek(hearth__source *s, int64_t offset) {
  s->next = offset;
  s->have = s->at = 0;
  s->stale = s->reading;
}

void hearth__source_close(hearth__source *s) {
  if (!s) return;
  s->closed = true;
  if (!s->reading) destroy(s);
}
