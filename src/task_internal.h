/* The inside of a task, for task.c, await.c and task_lua.c alone. */
#ifndef HEARTH__TASK_INTERNAL_H
#define HEARTH__TASK_INTERNAL_H

#include <lauxlib.h>

#include "outcome.h"

#define HEARTH__TASK_CLASS "hearth.task"

struct hearth__task {
  hearth__outcome end;
  hearth__op
      self; /* starts it, lets it go on after it gave way, carries a cancel, and is what it waits for where that is one task or future */
  hearth__waiter waiter; /* its interest in that one; here, so that a suspended task is one block of memory */
  hearth__op *op;        /* what it waits for, or what an error in the middle of an answer left behind */
  lua_State *co;
  int co_ref, self_ref;
  hearth__task **link, *next; /* in the list of live or of failed tasks */
  const char *verb;           /* what it waited for when it was cancelled */
  lua_Integer owner;          /* on whose behalf it runs: that of whoever started it */
  unsigned cancels;           /* asked for and not yet delivered */
  int answers;                /* how many results wait on its stack while it gives way */
  int top;                    /* of the stack of the frame that waits */
  bool started : 1, waiting : 1, queued : 1, failed : 1, cancelled : 1;
  bool accepting : 1; /* in a verb that has accepted a write and not queued it yet */
};

/* task.c */
hearth__task *hearth__task_new(lua_State *L, hearth__state *s,
                               int n); /* the function below the top n values; nothing has started it. Pushes it */
void hearth__task_resume(lua_State *L, hearth__task *t, int nargs); /* protected by the caller, at the top of the loop */
void hearth__task_enqueue(hearth__task *t);                         /* it goes on at the next turn, once */
void hearth__task_let_go(hearth__task *t);                          /* of what it waits for */
void hearth__task_unlist(hearth__task *t);                          /* out of the list of live or of failed tasks */
void hearth__task_set_accepting(hearth__task *t, bool on);

/* await.c: pushes the ECANCELED of a verb. */
void hearth__push_cancelled(lua_State *L, const char *verb);

/* task_lua.c */
extern const luaL_Reg hearth__task_methods[];

#endif
