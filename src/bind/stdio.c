/* hearth.core.stdio: lines from standard input without blocking the loop, and writes that notice when nobody reads any more.
**
** Descriptor 0 is polled where it can be (pipes, terminals, sockets) and read when it is ready; a regular file never makes anybody wait
** and is read at once. The flags of the descriptor stay as they were: it is shared with other processes. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <lauxlib.h>

#include "error.h"
#include "module.h"
#include "ref.h"
#include "task.h"

typedef struct reader reader;

typedef struct line_op {
  hearth__op op;
  reader *from; /* NULL once the line is there or the waiter has gone */
} line_op;

/* One per runtime, made at the first read; what was read and not asked for stays in it. */
struct reader {
  uv_poll_t poll;
  hearth__closer closer;
  hearth_t *h;
  line_op *waiting;
  bool polled, ended, open;
  int error;   /* errno of a failed read, reported once */
  char *bytes; /* [start, end) is unread, [start, seen) has no newline */
  size_t start, seen, end, room;
};

static const char reader_key = 0;

/* Whether an answer is there: a whole line, or what is left before the end. */
static bool has_line(reader *r) {
  char *newline = r->end > r->seen ? memchr(r->bytes + r->seen, '\n', r->end - r->seen) : NULL;
  r->seen = newline ? (size_t)(newline - r->bytes) : r->end;
  return newline || r->ended || r->error;
}

/* Reads once; what it learns is in the reader. */
static void fill(reader *r) {
  if (r->start > 0 && r->start == r->end) r->start = r->seen = r->end = 0;
  if (r->room - r->end < 4096) {
    if (r->start > r->room / 2) {
      memmove(r->bytes, r->bytes + r->start, r->end - r->start);
      r->end -= r->start, r->seen -= r->start, r->start = 0;
    } else {
      size_t room = r->room ? r->room * 2 : 8192;
      char *bytes = realloc(r->bytes, room);
      if (!bytes) {
        r->error = ENOMEM;
        return;
      }
      r->bytes = bytes, r->room = room;
    }
  }
  ssize_t n;
  do n = read(STDIN_FILENO, r->bytes + r->end, r->room - r->end);
  while (n < 0 && errno == EINTR);
  if (n > 0)
    r->end += (size_t)n;
  else if (n == 0)
    r->ended = true;
  else if (errno != EAGAIN && errno != EWOULDBLOCK)
    r->error = errno;
}

static void stop_waiting(reader *r) {
  if (!r->waiting) return;
  r->waiting->from = NULL;
  r->waiting = NULL;
  if (r->polled) uv_poll_stop(&r->poll);
  hearth__unhold(r->h);
}

static void on_readable(uv_poll_t *poll, int status, int events) {
  (void)events;
  reader *r = poll->data;
  if (status < 0 && status != UV_EBADF)
    r->error = -status;
  else
    fill(r);
  if (r->waiting && has_line(r)) {
    line_op *op = r->waiting;
    stop_waiting(r);
    hearth__op_done(&op->op);
  } else if (r->waiting && status < 0) { /* libuv stops a handle that reports an error */
    uv_poll_start(poll, UV_READABLE | UV_DISCONNECT, on_readable);
  }
}

/* Pushes the next line without its newline, or nil at the end. */
static int push_line(lua_State *L, reader *r) {
  if (r->error && r->seen == r->end) {
    int err = r->error;
    r->error = 0, r->ended = true;
    return hearth__raise(L, hearth__code_of_errno(err), &(hearth__error_fields){.op = "stdio.read_line"},
                         "stdio.read_line: standard input cannot be read: %s", strerror(err));
  }
  if (r->start == r->end) {
    lua_pushnil(L);
    return 1;
  }
  size_t stop = r->seen; /* at the newline, or the end of the input */
  lua_pushlstring(L, r->bytes + r->start, stop - r->start);
  r->start = r->seen = stop < r->end ? stop + 1 : stop;
  return 1;
}

static reader *find_reader(lua_State *L) {
  return hearth__slot_pointer(L, &reader_key);
}

static int line_push(lua_State *L, hearth__op *op) {
  (void)op;
  reader *r = find_reader(L);
  return push_line(L, r);
}

static void line_release(hearth__op *op) {
  line_op *l = (line_op *)op;
  if (l->from) stop_waiting(l->from);
  free(l);
}

static const hearth__op_class line_class = {"stdio.read_line", line_push, line_release};

static void on_closed(uv_handle_t *handle) {
  reader *r = handle->data;
  free(r->bytes);
  free(r);
}

static void close_reader(hearth__closer *c) {
  reader *r = (reader *)(void *)((char *)c - offsetof(reader, closer));
  stop_waiting(r);
  if (r->polled) {
    uv_close((uv_handle_t *)&r->poll, on_closed);
  } else {
    free(r->bytes);
    free(r);
  }
}

static reader *make_reader(lua_State *L, hearth__state *s) {
  reader *r = calloc(1, sizeof *r);
  if (!r) hearth__no_memory(L);
  r->h = hearth__runtime_of(s);
  r->closer.close = close_reader;
  lua_pushlightuserdata(L, r);
  hearth__slot_set(L, &reader_key); /* freed by the closer; if this raises, only `r` is lost */
  int flags = fcntl(STDIN_FILENO, F_GETFL);
  struct stat st;
  if (flags < 0) {
    r->error = errno;
  } else if (fstat(STDIN_FILENO, &st) == 0 && !S_ISREG(st.st_mode) && uv_poll_init(hearth_loop(r->h), &r->poll, STDIN_FILENO) == 0) {
    fcntl(STDIN_FILENO, F_SETFL, flags); /* uv_poll_init makes it non-blocking, for everybody who shares it */
    r->poll.data = r;
    r->polled = true;
  }
  hearth__at_close(s, &r->closer);
  return r;
}

/* read_line() -> line | nil at the end of the input; awaits */
static int l_read_line(lua_State *L) {
  hearth__state *s = hearth__state_of(L);
  hearth__check_await(L, s, line_class.verb);
  reader *r = find_reader(L);
  if (!r) r = make_reader(L, s);
  if (r->waiting)
    return hearth__raise(L, "EINVAL", &(hearth__error_fields){.op = line_class.verb},
                         "stdio.read_line: another task is already waiting for a line; read from one task");
  while (!has_line(r) && !r->polled) fill(r);
  if (has_line(r)) return hearth__answer(L, s, push_line(L, r));
  line_op *op = calloc(1, sizeof *op);
  if (!op) return hearth__no_memory(L);
  hearth__op_init(&op->op, &line_class, s);
  int err = uv_poll_start(&r->poll, UV_READABLE | UV_DISCONNECT, on_readable);
  if (err) {
    free(op);
    return hearth__raise(L, "EIO", &(hearth__error_fields){.op = line_class.verb}, "stdio.read_line: standard input cannot be watched");
  }
  op->from = r;
  r->waiting = op;
  hearth__hold(r->h);
  return hearth__await(L, &op->op);
}

/* write(text [, fd]) -> true | nil, "EPIPE"…: all of it, to standard output unless told. A reader that went away is an answer, not a signal. */
static int l_write(lua_State *L) {
  size_t size;
  const char *text = luaL_checklstring(L, 1, &size);
  int fd = (int)luaL_optinteger(L, 2, STDOUT_FILENO), err = 0;
  sigset_t pipe_set, before, pending;
  sigemptyset(&pipe_set);
  sigaddset(&pipe_set, SIGPIPE);
  sigpending(&pending);
  pthread_sigmask(SIG_BLOCK, &pipe_set, &before);
  while (size > 0 && !err) {
    ssize_t n = write(fd, text, size);
    if (n >= 0) {
      text += n;
      size -= (size_t)n;
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      struct pollfd p = {.fd = fd, .events = POLLOUT};
      poll(&p, 1, -1);
    } else if (errno != EINTR) {
      err = errno;
    }
  }
  if (err == EPIPE && !sigismember(&pending, SIGPIPE)) sigtimedwait(&pipe_set, NULL, &(struct timespec){0, 0});
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (err) {
    lua_pushnil(L);
    lua_pushstring(L, err == EPIPE ? "EPIPE" : hearth__code_of_errno(err));
    return 2;
  }
  lua_pushboolean(L, 1);
  return 1;
}

/* ---- the other end of standard output */

typedef struct gone_op {
  hearth__op op;
  uv_poll_t poll;
} gone_op;

static int gone_push(lua_State *L, hearth__op *op) {
  (void)op;
  lua_pushboolean(L, 1);
  return 1;
}

static void on_gone_closed(uv_handle_t *handle) {
  free(handle->data);
}

static void gone_release(hearth__op *op) {
  uv_close((uv_handle_t *)&((gone_op *)op)->poll, on_gone_closed);
}

static const hearth__op_class gone_class = {"stdio.output_closed", gone_push, gone_release};

static void on_gone(uv_poll_t *poll, int status, int events) {
  gone_op *g = poll->data;
  if (status >= 0 && !(events & UV_DISCONNECT)) return;
  uv_poll_stop(poll);
  hearth__op_done(&g->op);
}

/* output_closed() -> true: awaits until nobody reads standard output any more; false at once where that cannot be seen. Keeps nothing alive. */
static int l_output_closed(lua_State *L) {
  hearth__state *s = hearth__state_of(L);
  hearth__check_await(L, s, gone_class.verb);
  struct stat st;
  int flags = fcntl(STDOUT_FILENO, F_GETFL);
  bool watchable = flags >= 0 && fstat(STDOUT_FILENO, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
  gone_op *g = watchable ? calloc(1, sizeof *g) : NULL;
  if (g && uv_poll_init(hearth_loop(hearth__runtime_of(s)), &g->poll, STDOUT_FILENO) != 0) {
    free(g);
    g = NULL;
  }
  if (!g) {
    lua_pushboolean(L, 0);
    return hearth__answer(L, s, 1);
  }
  fcntl(STDOUT_FILENO, F_SETFL, flags);
  hearth__op_init(&g->op, &gone_class, s);
  g->poll.data = g;
  uv_poll_start(&g->poll, UV_DISCONNECT, on_gone);
  uv_unref((uv_handle_t *)&g->poll);
  return hearth__await(L, &g->op);
}

/* ignore_pipe(): a write to a closed pipe is an error from now on, not the end of the process. */
static int l_ignore_pipe(lua_State *L) {
  (void)L;
  signal(SIGPIPE, SIG_IGN);
  return 0;
}

/* is_terminal(fd) */
static int l_is_terminal(lua_State *L) {
  lua_pushboolean(L, isatty((int)luaL_checkinteger(L, 1)));
  return 1;
}

/* same(fd, fd): do two descriptors lead to the same place? */
static int l_same(lua_State *L) {
  struct stat a, b;
  lua_pushboolean(L, fstat((int)luaL_checkinteger(L, 1), &a) == 0 && fstat((int)luaL_checkinteger(L, 2), &b) == 0 && a.st_dev == b.st_dev &&
                         a.st_ino == b.st_ino);
  return 1;
}

static const luaL_Reg functions[] = {{"read_line", l_read_line},
                                     {"write", l_write},
                                     {"output_closed", l_output_closed},
                                     {"ignore_pipe", l_ignore_pipe},
                                     {"is_terminal", l_is_terminal},
                                     {"same", l_same},
                                     {NULL, NULL}};

int hearth__open_stdio(lua_State *L) {
  hearth__state *s = lua_touserdata(L, 1);
  hearth__new_lib(L, s, functions);
  return 1;
}
