/* hearth.h: a host for Lua programs whose state stays. This header is the manual of the C library.
**
** Caveats first
** - A runtime (hearth_t) is one libuv loop, one Lua state and its stores. It belongs to its owner thread: the one that called hearth_new and that drives
**   the loop. Every function is for that thread alone, unless its line says "any thread". Several runtimes may live in one process, each on a thread.
** - Functions return 0 on success and a negative number otherwise. `error`, where one is taken, may be NULL; it is filled on failure only. Other pointers
**   must not be NULL unless their line says so.
** - Lua inside a callback of the loop cannot wait: only a task and the main chunk (hearth_do_file, hearth_do_string) can. These two may be called whenever
**   no Lua of this runtime is running; inside a call_threadsafe function a chunk runs, but an await in it raises ENOTASK.
** - Nothing may call hearth_run, hearth_poll or hearth_free from inside Lua or from inside a callback of the runtime's loop.
** - A runtime does not survive fork(): start it in the child.
** - The library sets no signal handler, no locale, and leaves the size of libuv's thread pool (UV_THREADPOOL_SIZE) as it is.
** - Memory that runs out is an error (EIO, "not enough memory") or an error in Lua, never an abort. Lua functions that you call yourself on hearth_lua(h)
**   outside a protected call keep Lua's own rule: they abort the process.
** - uv.h needs POSIX names: with -std=c11 in place of gnu11 define _DEFAULT_SOURCE or _GNU_SOURCE (pkg-config --cflags hearth does).
** - Lua in this process is no security boundary: memory_limit bounds a mistake, not an attack.
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

/* What went wrong, in a struct of the caller's; longer texts are cut. `code` is a code of the documentation, or EINVAL for an error of the script's own (a
** string, a table) and for a chunk that does not load. `message` is the text of the error, without the code. `traceback` is that of the chunk, and behind it
** that of the task or thread in which the error began; empty for a chunk that does not load. */
typedef struct hearth_error {
  char code[32];
  char message[512];
  char traceback[2048];
} hearth_error;

/* Set `size` to sizeof(hearth_options), and every field that you do not use to zero: fields that a later version adds are then taken as absent. The
** struct and `lua_path` are read during hearth_new, `store` is copied: all are the caller's to free afterwards. */
typedef struct hearth_options {
  size_t size;
  /* URL of the default store (file:PATH, memory:, json:PATH). NULL: $HEARTH_STORE, then the application's own file. It is opened at its first use, not by
  ** hearth_new: what is wrong with it is an error of that use. */
  const char *store;
  /* Templates that are put in front of package.path. NULL: none. */
  const char *lua_path;
  /* A loop of yours, initialised; it has to outlive the runtime and to be run by the owner thread alone. Whoever runs it runs the tasks, so uv_run is as
  ** good as hearth_run; only hearth_run and hearth_poll tell whether tasks failed. NULL: the runtime makes one. */
  uv_loop_t *loop;
  /* Bytes that the Lua state may hold; 0: no bound. Beyond it Lua raises "not enough memory". Stores, worker threads and C are not counted. */
  size_t memory_limit;
  /* Hears, on the owner thread, each error that nobody saw: text with traceback, valid during the call. It must not call into the runtime. NULL: they go
  ** to standard error. */
  void (*on_error)(void *userdata, const char *text);
  void *userdata; /* handed to on_error; stays the caller's */
} hearth_options;

/* ---- life */

/* A new runtime with the standard libraries and `require "hearth"`. `options` may be NULL. The caller owns it, becomes its owner thread, and ends it with
** hearth_free. NULL on failure: EIO when memory or descriptors have run out. Any thread. */
HEARTH_API hearth_t *hearth_new(const hearth_options *options, hearth_error *error);

/* Ends a runtime, however much is pending: refuses new calls and futures from other threads, runs those that were taken, writes what was accepted (for at most 2 s; keys that could
** not be saved are named to on_error), cancels tasks, whose <close> variables run and may wait briefly, stops threads of to_thread (2 s more if one is
** deep in a C function; it is then left behind), closes stores and the Lua state, and frees `h`. Work of hearth_await that has begun is waited
** for; its `free` has run when this returns. A loop of yours stays open, without handles of ours; on our own loop what Lua code left open is closed too.
** NULL is fine. Afterwards `h`, hearth_lua(h) and hearth_loop(h) are gone; hearth_call_threadsafe(h, …) and pending futures answer with an error.
** A hearth_t that is made later may have the same address: threads that may outlive a runtime have to be told. */
HEARTH_API void hearth_free(hearth_t *h);

/* Runs the loop until nothing is left that keeps a program alive: tasks that can go on, timers, work, pending futures of hearth_future_new, mounted UIs,
** and referenced handles of the loop. 0 when idle. Negative when meanwhile a task failed with nobody to see it, or when tasks wait for
** what can never come: each has then been told to on_error with its traceback. May be called again. */
HEARTH_API int hearth_run(hearth_t *h);

/* One turn without waiting, for a host with a main loop of its own: 0 idle, 1 alive, negative when a task failed in this turn with nobody to see it (go
** on polling all the same). Unlike hearth_run it does not report tasks that wait for ever: the host may yet resolve what they wait for. */
HEARTH_API int hearth_poll(hearth_t *h);

/* When to call hearth_poll: when the descriptor becomes readable, at the latest after the time-out in milliseconds (0: there is work now, -1: no time-out).
** The descriptor is the loop's: only wait for it. Ask for the time-out anew before each wait. An idle runtime is worth waiting for too: calls from other
** threads and changes by other processes arrive that way. Neither fails on Linux. */
HEARTH_API int hearth_backend_fd(const hearth_t *h);
HEARTH_API int hearth_backend_timeout(const hearth_t *h);

/* The main thread of the runtime's Lua state, and its loop. Borrowed until hearth_free. Leave the Lua stack as you found it, and do not close either. */
HEARTH_API lua_State *hearth_lua(hearth_t *h);
HEARTH_API uv_loop_t *hearth_loop(hearth_t *h);

/* Runs a file (text or precompiled), or a text that ends with NUL, as a main chunk without arguments; an await in it drives the loop until the answer is
** there. Results are dropped. Returns when the chunk has ended; tasks that it started may go on: hearth_run. `name` is the chunk's name in messages
** ("=name", "@file"); NULL: the text itself. The error goes to the caller alone, with a traceback: EINVAL if the chunk does not load, fails with a value of
** its own or cannot be read; the code of the error of Hearth that it raised; ETIMEOUT where it awaits what can never come; EIO when memory has run out.
** The texts are read during the call only. */
HEARTH_API int hearth_do_file(hearth_t *h, const char *path, hearth_error *error);
HEARTH_API int hearth_do_string(hearth_t *h, const char *chunk, const char *name, hearth_error *error);

/* ---- from other threads */

/* Any thread, also while the runtime is being freed and afterwards. fn(h, arg) runs on the owner thread, at the top of the loop, soon; calls of one thread
** run in order. `arg` goes to fn. fn may use hearth_lua(h), outside a protected call at its own risk; it must not wait. A posted call does not keep
** the runtime alive, though hearth_run and hearth_poll run what has been posted: hold a future while more may come. 0: the call is taken, and fn will be called, once; hearth_free runs what was taken before it began,
** first of all and with the runtime still whole. Negative when the runtime is ending or gone, or memory is short: fn is never called and `arg` stays the
** caller's. */
HEARTH_API int hearth_call_threadsafe(hearth_t *h, void (*fn)(hearth_t *h, void *arg), void *arg);

/* A value that arrives later, for Lua to await. NULL when memory is short. The caller owns it until it is resolved or rejected, once: that consumes it, also
** where an error is returned. While pending it keeps the runtime alive; it may outlive it, and has to be consumed all the same. */
HEARTH_API hearth_future *hearth_future_new(hearth_t *h);

/* Pushes the future as Lua sees it (an object with await, done, on_done …) on L, a thread of the runtime's state with a free slot; returns 1. Owner thread,
** before it is consumed. The Lua object lives as long as Lua refers to it. */
HEARTH_API int hearth_future_push(lua_State *L, hearth_future *f);

/* Any thread, once. The value is a string of `size` bytes (NULL if size is 0), which are copied. 0, or negative: the runtime is ending or gone, or memory is
** short (those who await it then get EIO). If Lua has settled the future before, nothing happens. */
HEARTH_API int hearth_future_resolve(hearth_future *f, const char *bytes, size_t size);

/* Any thread, once. Those who await it get an error with this code (NULL or "": EIO; at most 31 bytes) and message (NULL: ""); both are copied. Returns as
** hearth_future_resolve. */
HEARTH_API int hearth_future_reject(hearth_future *f, const char *code, const char *message);

/* ---- work on a thread, awaited */

/* Work for a libuv thread, usually the first member of a struct of the caller's. The caller fills it and keeps it valid until `free`; each function may be
** NULL. `size` is sizeof(hearth_work), for later versions; `data` is the caller's.
**   work   on a thread of libuv's pool: only memory that this work owns, never Lua. Not called if the waiter was cancelled before a thread was free.
**   push   on the owner thread, in the coroutine that waits: pushes the results (room for LUA_MINSTACK values) and returns their number, or raises.
**          Not called when the waiter was cancelled.
**   free   once, last, on the owner thread, whatever happened. It must not call Lua. */
typedef struct hearth_work hearth_work;
struct hearth_work {
  size_t size;
  void (*work)(hearth_work *work);
  int (*push)(lua_State *L, hearth_work *work);
  void (*free)(hearth_work *work);
  void *data;
};

/* The last line of a C function that Lua calls: `return hearth_await(L, work);`. Takes `work` over: from here on `free` releases it, on every path. In a
** task it yields, in the main chunk it runs the loop. Raises, as errors of Lua: ENOTASK where an await cannot work and ECANCELED in a task that is being
** cancelled, both with nothing started; EIO when the work could not be queued; an error without code when memory is short or the state has no runtime. */
HEARTH_API int hearth_await(lua_State *L, hearth_work *work);

/* ---- inside somebody else's Lua */

/* `require "hearth"` for a program that has a Lua 5.4 state already (a lua_CFunction; also the entry of hearth.so). The first call makes a runtime on the
** state's main thread, and on luv's loop where luv has been loaded before; it ends, and flushes, when the state is closed. In a state of
** hearth_new it gives that runtime's module. Pushes the module and returns 1; raises EIO when no runtime could be made. */
HEARTH_API int luaopen_hearth(lua_State *L);

#ifdef __cplusplus
}
#endif
#endif
