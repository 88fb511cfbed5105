/* hearth.h: a host for Lua programs whose state stays.
**
** A runtime (hearth_t) is one libuv loop, one Lua state and its stores. Unless its line says otherwise, a function may be
** called on the runtime's owner thread only: the thread that called hearth_new and that drives the loop. Functions return 0
** on success and a negative number otherwise; `error`, where it is taken, may be NULL and is filled on failure.
*/
#ifndef HEARTH_H
#define HEARTH_H

#include <stddef.h>

#include <lua.h>
#include <uv.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HEARTH_VERSION "0.1.0"

#if defined(__GNUC__)
#define HEARTH_API __attribute__((visibility("default")))
#else
#define HEARTH_API
#endif

typedef struct hearth hearth_t;
typedef struct hearth_future hearth_future;

/* What went wrong: `code` is one of the codes of the documentation (EINVAL, EIO, …), `message` one readable line. */
typedef struct hearth_error {
  char code[32];
  char message[512];
  char traceback[2048];
} hearth_error;

/* Set `size` to sizeof(hearth_options) and every field you do not use to zero. Strings are copied by hearth_new. */
typedef struct hearth_options {
  size_t size;
  const char *store;                                  /* URL of the default store; NULL: $HEARTH_STORE, then the application's own file */
  const char *lua_path;                               /* put in front of package.path, may be NULL */
  uv_loop_t *loop;                                    /* a loop of yours; NULL: the runtime makes one. It has to outlive the runtime */
  size_t memory_limit;                                /* bytes that the Lua state may hold; 0: no bound */
  void (*on_error)(void *userdata, const char *text); /* hears errors that nobody saw; NULL: standard error */
  void *userdata;
} hearth_options;

/* A new runtime, or NULL with `error` filled. The caller owns it and ends it with hearth_free, on the same thread. */
HEARTH_API hearth_t *hearth_new(const hearth_options *options, hearth_error *error);

/* Stops intake, flushes accepted writes (at most 2 s), cancels tasks, closes what the runtime owns and frees it. A loop given in
** the options is left open, without handles of ours. Never call it from inside a callback of the runtime. */
HEARTH_API void hearth_free(hearth_t *h);

/* Runs the loop until nothing that keeps a program alive is left. 0 when idle; negative if a task failed with nobody to see it,
** or if tasks wait for what can never come. */
HEARTH_API int hearth_run(hearth_t *h);

/* One turn without waiting: 0 idle, 1 still alive, negative as hearth_run. */
HEARTH_API int hearth_poll(hearth_t *h);

/* For a host with a loop of its own: wait for the descriptor to become readable, for at most the time-out (milliseconds, -1 for
** ever, 0 when there is work now), then call hearth_poll. */
HEARTH_API int hearth_backend_fd(const hearth_t *h);
HEARTH_API int hearth_backend_timeout(const hearth_t *h);

/* The runtime's Lua state and loop; borrowed. */
HEARTH_API lua_State *hearth_lua(hearth_t *h);
HEARTH_API uv_loop_t *hearth_loop(hearth_t *h);

/* Runs a file or a chunk as a main chunk: an await in it drives the loop. Its error goes to the caller alone. */
HEARTH_API int hearth_do_file(hearth_t *h, const char *path, hearth_error *error);
HEARTH_API int hearth_do_string(hearth_t *h, const char *chunk, const char *name, hearth_error *error);

/* Any thread: fn(h, arg) on the owner thread, soon. Calls of one thread run in order. Negative, and fn is never called, when the runtime
** is ending or gone; `arg` then stays the caller's. */
HEARTH_API int hearth_call_threadsafe(hearth_t *h, void (*fn)(hearth_t *h, void *arg), void *arg);

/* A value that arrives later. Resolve or reject consumes it, once, on any thread: 0, or negative when the runtime is gone (it is
** consumed then too). The bytes are copied. While pending it keeps the loop alive. NULL when memory is short. */
HEARTH_API hearth_future *hearth_future_new(hearth_t *h);
HEARTH_API int hearth_future_push(lua_State *L, hearth_future *f);
HEARTH_API int hearth_future_resolve(hearth_future *f, const char *bytes, size_t size);
HEARTH_API int hearth_future_reject(hearth_future *f, const char *code, const char *message);

/* Work for a libuv thread. `work` runs there and must not touch Lua; `push` (owner thread, in the waiting coroutine) pushes the results and
** returns their number, or raises; `free` runs once, last, on the owner thread, whatever happened. */
typedef struct hearth_work hearth_work;
struct hearth_work {
  size_t size;
  void (*work)(hearth_work *work);
  int (*push)(lua_State *L, hearth_work *work);
  void (*free)(hearth_work *work);
  void *data;
};

/* The last line of a C function that Lua calls: `return hearth_await(L, work)`. Raises ENOTASK where an await cannot work, after calling
** work->free, with nothing started. */
HEARTH_API int hearth_await(lua_State *L, hearth_work *work);

/* `require "hearth"` for a program that has a Lua state already. */
HEARTH_API int luaopen_hearth(lua_State *L);

#ifdef __cplusplus
}
#endif
#endif
