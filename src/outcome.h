/* An outcome: how a task or a future ended, and who waits for it. Tasks and futures are userdata that begin with one. */
#ifndef HEARTH__OUTCOME_H
#define HEARTH__OUTCOME_H

#include <stdbool.h>

#include "task.h"

typedef enum { HEARTH__PENDING, HEARTH__OK, HEARTH__FAILED, HEARTH__CANCELLED } hearth__status;

typedef struct hearth__outcome hearth__outcome;
typedef struct hearth__waiter hearth__waiter;

/* One interest in one outcome. `settled` is called once, after the waiter has been taken off the list; it must not run Lua. */
struct hearth__waiter {
  hearth__waiter *prev, *next;
  hearth__outcome *on;
  void (*settled)(hearth__waiter *w, hearth__outcome *o);
};

/* User values of the userdata: 1 the list of on_done functions, and from its end on the result (a table when there are several); of tasks also 2 the
** name, or the function that it may be named after, 3 the traceback of an error. */
enum {
  HEARTH__UV_DONE = 1,
  HEARTH__UV_VALUE = 1,
  HEARTH__UV_OF_FUTURES = 1,
  HEARTH__UV_NAME,
  HEARTH__UV_TRACEBACK,
  HEARTH__UV_OF_TASKS = 3
};

struct hearth__outcome {
  const void *kind; /* &hearth__task_kind or &hearth__future_kind: what the userdata is */
  hearth__state *state;
  hearth__waiter *first, *last;
  hearth__status status;
  int values;
  bool seen;  /* somebody has looked at the result, or waits for it */
  bool lent;  /* a task for those who wait for it: it is cancelled when one of them gives up */
  bool heard; /* on_done functions have been started: they may still look at it */
  bool keeps; /* the program goes on while somebody waits for it */
};

extern const char hearth__task_kind, hearth__future_kind;

/* The outcome at idx, or NULL when the value there is neither task nor future. */
hearth__outcome *hearth__to_outcome(lua_State *L, int idx);

/* Replaces whatever awaitable stands at idx by its task or future, through `__await`; raises EINVAL for anything else. */
hearth__outcome *hearth__check_outcome(lua_State *L, int idx, const char *verb);

/* Ends it with the top n values of L, which are popped; the userdata is at idx. Wakes waiters, starts on_done functions as tasks. */
void hearth__outcome_settle(lua_State *L, int idx, hearth__outcome *o, hearth__status status, int n);

/* How one ends that the error at idx ends: cancelled or failed. */
hearth__status hearth__status_of_error(lua_State *L, int idx);

/* Pushes the values of a settled outcome (userdata at idx); returns their number. */
int hearth__outcome_push(lua_State *L, int idx, hearth__outcome *o);

void hearth__waiter_add(hearth__outcome *o, hearth__waiter *w, void (*settled)(hearth__waiter *w, hearth__outcome *o));
void hearth__waiter_remove(hearth__waiter *w); /* idle is fine */

/* From now on the program goes on while somebody waits for it, or no longer for that reason. */
void hearth__outcome_keep(hearth__outcome *o, bool on);

/* The class of a task's own op. */
extern const hearth__op_class hearth__task_op;

/* Raw verbs, shared by the methods of both classes. */
int hearth__l_await(lua_State *L);
int hearth__l_join(lua_State *L);
int hearth__l_values(lua_State *L);
int hearth__l_done(lua_State *L);
int hearth__l_on_done(lua_State *L);
int hearth__l_result(lua_State *L);

int hearth__l_spawn(lua_State *L);
int hearth__l_spawner(lua_State *L);
int hearth__l_start(lua_State *L);
int hearth__l_current(lua_State *L);
int hearth__l_owner(lua_State *L);
int hearth__l_lend(lua_State *L);
int hearth__l_live(lua_State *L);
int hearth__l_traceback(lua_State *L);
int hearth__l_accept(lua_State *L);
int hearth__l_writer(lua_State *L);

/* A new pending future on the stack. */
hearth__outcome *hearth__future_create(lua_State *L, hearth__state *s);

/* Starts the function at idx with n arguments above it as a task at the next turn; pops them and pushes the task. */
hearth__task *hearth__spawn(lua_State *L, hearth__state *s, int n);

#endif
