/* The runtime: one loop, its clock, its inbox, and the Lua states that live on it: the one of hearth_lua, and whatever hearth__state_new adds (one per
** plugin later). The loop half knows nothing of Lua, the state half nothing of handles. What belongs to a state (ops, parts, holds) ends with it. */
#ifndef HEARTH__RUNTIME_H
#define HEARTH__RUNTIME_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lua.h>
#include <uv.h>

#include "hearth.h"

/* The struct of which `ptr` is a member. */
#define hearth__container(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

typedef struct hearth__state hearth__state;
typedef struct hearth__message hearth__message;

/* What another thread hands to the loop: embedded first in the sender's own struct. `run` is called once on the owner thread, in
** the order in which each thread posted; `drop` instead of it when the runtime ends before. */
struct hearth__message {
  hearth__message *next;
  void (*run)(hearth_t *h, hearth__message *m);
  void (*drop)(hearth__message *m);
};

/* The mailbox of a runtime. It outlives the runtime for as long as a foreign thread holds a reference. */
typedef struct hearth__inbox hearth__inbox;
hearth__inbox *hearth__inbox_of(hearth_t *h);           /* borrowed */
hearth__inbox *hearth__inbox_retain(hearth__inbox *in); /* any thread */
void hearth__inbox_unref(hearth__inbox *in);            /* any thread */

/* Any thread. 0, or -1 when the runtime no longer takes messages: then the message stays the sender's. One wake-up serves
** every message posted before the loop looks. */
int hearth__post(hearth__inbox *in, hearth__message *m);

/* Owner thread. An operation in flight: it keeps the program alive, and settle() waits for it if it is `busy`. */
void hearth__hold(hearth_t *h);
void hearth__unhold(hearth_t *h);
void hearth__busy_begin(hearth_t *h);
void hearth__busy_end(hearth_t *h);
/* Likewise, for an answer that another thread is about to post: a loop with nothing else to do looks at its mailbox for a moment before it
** sleeps, since a wake-up across processors takes longer than such an answer. */
void hearth__soon_begin(hearth_t *h);
void hearth__soon_end(hearth_t *h);

/* Owner thread. Milliseconds of wall clock since 1970 as the fake clock has them, and monotonic seconds. */
int64_t hearth__wall_ms(hearth_t *h);
double hearth__now(hearth_t *h);

/* Says on standard error, or to on_error, what nobody would see otherwise. Counts as a failure of the run. Owner thread. */
void hearth__report(hearth_t *h, const char *text);

/* fn(data) is called after each report, for a screen whose user does not see standard error; NULL ends it. Owner thread. */
void hearth__on_report(hearth_t *h, void (*fn)(void *data), void *data);

/* Functions that a part of a state registers for its end, run in reverse order. `flush` (may be NULL) is called first, for each, to
** start whatever has to reach the disk and must return true when nothing is left to wait for; it is polled while the loop runs, for
** at most 2 s. `close` then frees. Before all that, `rest` (may be NULL) is called whenever the loop is about to wait: what was kept for a burst is let
** go of, bit by bit. */
typedef struct hearth__closer hearth__closer;
struct hearth__closer {
  hearth__closer *next;
  bool (*flush)(hearth__closer *c);
  void (*late)(hearth__closer *c); /* the 2 s are over and flush is not done: say what is lost (hearth__report). May be NULL */
  void (*close)(hearth__closer *c);
  void (*rest)(hearth__closer *c);
};
void hearth__at_close(hearth__state *s, hearth__closer *c);

/* The state of a binding's function: upvalue 1 of each of them. */
#define hearth__state_of(L) ((hearth__state *)lua_touserdata((L), lua_upvalueindex(1)))
hearth_t *hearth__runtime_of(const hearth__state *s);
lua_State *hearth__main_of(const hearth__state *s);
/* As hearth__blocks_offer, for what Lua is about to allocate; of a state with an allocator that is not ours it is freed. */
void hearth__state_offer(hearth__state *s, void *block, size_t size);

/* The write of the verb that runs is queued: see hearth.core.task.accept. */
void hearth__accepted_is_queued(hearth__state *s);

/* hearth_future_new for one state of several. */
hearth_future *hearth__future_for(hearth__state *s);

/* Looks the state up in the registry: for public functions that are given a lua_State. NULL without one. */
hearth__state *hearth__find_state(lua_State *L);

#endif
