/* Tasks and ops. A task is a coroutine that the runtime drives; an op is the one thing that a task waits for. The only file
** that resumes a coroutine is task.c, at the top of the loop. Everything here is for the owner thread. */
#ifndef HEARTH__TASK_H
#define HEARTH__TASK_H

#include <stdbool.h>

#include <lua.h>

#include "runtime.h"

typedef struct hearth__op hearth__op;
typedef struct hearth__task hearth__task;

typedef struct hearth__op_class {
  const char *verb; /* "AsyncStorage.get": named in errors and in reports of stuck tasks */
  /* Pushes the answer and returns the number of values, or raises an error object. Runs in the waiter's coroutine, after
  ** hearth__op_done, at most once. */
  int (*push)(lua_State *L, hearth__op *op);
  /* The waiter lets go: after push (also one that raised), or instead of it when the waiter was cancelled. Called once. An op still
  ** in flight becomes an orphan: its owner frees it when the answer lands and does not call hearth__op_done. */
  void (*release)(hearth__op *op);
} hearth__op_class;

/* Embedded in the operation's own struct; zeroed, then hearth__op_init. */
struct hearth__op {
  const hearth__op_class *class_;
  hearth__state *state;
  hearth__task *task; /* who waits; NULL: a callback, or nobody yet */
  int callback;       /* registry reference of a Lua function, or LUA_NOREF */
  bool done;          /* the answer is there */
  hearth__op *next;   /* in the ready list */
};

void hearth__op_init(hearth__op *op, const hearth__op_class *class_, hearth__state *s);

/* The answer is there. Owner thread, once, never after release. Never runs Lua: the waiter goes on at the top of the loop. */
void hearth__op_done(hearth__op *op);

/* Before anything is started: raises ENOTASK where an await cannot work (naming `verb`), ECANCELED when the task was cancelled. */
void hearth__check_await(lua_State *L, hearth__state *s, const char *verb);

/* The same question without raising. */
bool hearth__can_await(lua_State *L, hearth__state *s);

/* Was the calling task cancelled, so that hearth__check_await would raise? */
bool hearth__cancel_asked(lua_State *L, hearth__state *s);

/* The last line of a C function that waits: `return hearth__await(L, op)`, after hearth__check_await. Takes over the op until release. In a
** task it yields; in the main chunk it runs the loop until the answer is there. An op that is done already is pushed at once. */
int hearth__await(lua_State *L, hearth__op *op);

/* The last line of one whose answer was there at once: the top n values are the results. Gives way to the loop from time to time. */
int hearth__answer(lua_State *L, hearth__state *s, int n);
/* The same, and gives way now. */
int hearth__give_way(lua_State *L, hearth__state *s, int n);

/* The answer goes to the Lua function at idx instead: fn(results…), or fn(nil, nil, err) if push raised, at the top of the loop. It must not await. Raises
** only when memory is short, before anything is taken over. */
void hearth__callback(lua_State *L, int idx, hearth__op *op);

#endif
