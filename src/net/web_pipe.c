/* libwebsockets 4.1 closes one descriptor twice when it ends on libuv: that of the pipe which wakes it, at once and again when libuv has closed its handle,
** a turn of the loop later. In between the number may have become another thread's: a store's file. So it is held until then.
**
** And for the moment before it can be held: some lower numbers are free, and the system gives those away first. */
#include <fcntl.h>
#include <unistd.h>

#include "net/web_internal.h"

static int any_file(void) {
  return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void let_go(int *fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

static void let_go_of_spares(hearth__web *w) {
  for (int i = 0; i < HEARTH__WEB_SPARES; i++) let_go(&w->spare[i]);
}

static void note_poll(uv_handle_t *handle, void *last) {
  if (uv_handle_get_type(handle) == UV_POLL) *(uv_handle_t **)last = handle;
}

struct lws_context *hearth__web_context_new(hearth__web *w, const struct lws_context_creation_info *info) {
  uv_handle_t *before = NULL, *after = NULL;
  uv_os_fd_t fd;
  w->pipe = -1;
  for (int i = 0; i < HEARTH__WEB_SPARES; i++) w->spare[i] = any_file();
  uv_walk(w->loop, note_poll, &before);
  struct lws_context *context = lws_create_context(info);
  uv_walk(w->loop, note_poll, &after); /* in the order in which they were made */
  if (after && after != before && uv_fileno(after, &fd) == 0) w->pipe = fd;
  if (!context) let_go_of_spares(w);
  return context;
}

void hearth__web_context_end(hearth__web *w) {
  int source = any_file(), fd = w->pipe;
  let_go_of_spares(w);
  lws_context_destroy(w->context);
  if (fd >= 0 && source >= 0) {
    int held = fcntl(source, F_DUPFD_CLOEXEC, fd);
    if (held != fd) let_go(&held);
  }
  let_go(&source);
}
