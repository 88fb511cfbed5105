/* The inside of to_thread, for thread.c (the owner's side), thread_crew.c (the threads and their queue) and thread_state.c (what runs on one) alone. */
#ifndef HEARTH__THREAD_INTERNAL_H
#define HEARTH__THREAD_INTERNAL_H

#include <stdatomic.h>

#include "task.h"
#include "transfer.h"

#define HEARTH__THREAD_VERB "to_thread"

/* One call. The owner flattens function and arguments, a worker builds them in its state, runs, and flattens what came out; each parcel has one
** holder at a time. */
typedef struct hearth__job hearth__job;
struct hearth__job {
  hearth__op op;
  hearth__message message; /* to the owner: it is over */
  hearth__job *next;       /* in the crew's queue */
  atomic_int refs;         /* who waits, and the thread or its message */
  hearth__inbox *inbox;
  char *code; /* the dumped function */
  size_t code_size;
  hearth__parcel values; /* arguments, then results or the error */
  char *traceback;       /* of the error, or NULL */
  bool ok, landed, orphan;
  bool ours; /* the error is an object of Hearth */
  atomic_bool cancelled;
  unsigned stops; /* how often its code has been told to stop */
};

void hearth__job_unref(hearth__job *j); /* any thread */

/* thread_state.c, on a worker: leaves results or the error in the job. */
void hearth__job_run(hearth__job *j);

/* thread_call.c, on a worker: call_threadsafe(name, ...). */
int hearth__call_by_name(lua_State *L, const hearth__job *j);

/* thread_crew.c, on the owner's thread. The threads of a state; NULL when memory is short. */
typedef struct hearth__crew hearth__crew;
hearth__crew *hearth__crew_of(lua_State *L, hearth__state *s);
/* Queues the job; false when there is no thread for it. */
bool hearth__crew_take(hearth__crew *c, hearth__job *j);

#endif
