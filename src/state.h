/* What runtime.c, state.c, turn.c, task.c, await.c, task_lua.c, future.c and timer.c share; nobody else looks inside. */
#ifndef HEARTH__STATE_H
#define HEARTH__STATE_H

#include "blocks.h"
#include "runtime.h"
#include "task.h"
#include "timer.h"

/* Coroutines are kept for a burst of tasks; while the loop is idle the pool shrinks to what an application at rest needs. */
enum { HEARTH__POOL = 16384, HEARTH__POOL_AT_REST = 512, HEARTH__ANSWERS_PER_TURN = 256 };

/* A coroutine, the reference that anchors it, and the one that anchors its task (false meanwhile): they stay with it, as making references takes a
** while. LUA_NOREF: that one went with a task that failed. */
typedef struct hearth__coroutine {
  lua_State *co;
  int ref, task_ref;
} hearth__coroutine;

/* The Lua half: one state, its tasks, its parts, what is ready to go on. A runtime may have several on its loop (state.c). */
struct hearth__state {
  hearth_t *h;
  hearth__state *next;           /* in the runtime's list of living or of ended states */
  lua_State *L;                  /* its main thread */
  const struct hearth__luv *luv; /* set with it */
  bool owns_L;
  bool ended; /* Lua is gone. The struct stays until the runtime ends: an answer that comes late may name it */
  hearth__op *ready_head, *ready_tail;
  hearth__op *turn_list; /* what this turn has yet to deliver */
  hearth__task *current; /* the task that is running; NULL in the main chunk */
  lua_Integer owner;     /* of the code that runs: whom what it starts belongs to (task.c); 0 for none */
  hearth__task *live;    /* every task that has not ended */
  hearth__task *failed;  /* ended with an error that nobody has seen yet */
  unsigned accepting;    /* tasks in a verb whose write has been accepted and is not queued yet */
  hearth__op *main_op;   /* what the main chunk waits for, or has left behind by an error */
  hearth__op *settling;  /* waiters of settle() */
  int interrupt;         /* reference of the error that the main chunk is to raise where it waits */
  int turn_end;          /* reference of the list of at_turn_end functions */
  int task_class;        /* reference of the metatable of tasks, or LUA_NOREF */
  lua_Integer turn_end_count;
  unsigned answers;   /* awaits in a row that were answered at once */
  lua_State *guarded; /* the coroutine that is rendering, and the name of what it renders */
  int guard_name;
  const void *guard_named; /* lua_topointer of that name */
  hearth__closer *closers; /* what bindings gave to hearth__at_close */
  unsigned holds;          /* by hearth.core.task.hold(), of the runtime's `holds` */
  hearth__blocks blocks;   /* the memory of a state that is ours */
  bool warns, warning;     /* after warn("@on"); in the middle of a message that comes in pieces */
  hearth__coroutine *pool; /* HEARTH__POOL places for coroutines whose task has ended */
  int pooled;
};

/* A report that a test runner captured. */
typedef struct hearth__said hearth__said;
struct hearth__said {
  hearth__said *next;
  char text[];
};

/* The loop half. */
struct hearth {
  uv_loop_t own_loop, *loop;
  uv_async_t wake;  /* the inbox has mail */
  uv_check_t check; /* delivers when somebody else runs the loop */
  uv_idle_t spin;   /* active while something is ready, so that somebody else's loop does not block */
  hearth__inbox *inbox;
  hearth__state *state;  /* that of hearth_lua */
  hearth__state *states; /* all of them, the newest first */
  hearth__state *ended;  /* those that have ended before the runtime */
  unsigned holds, busy;
  unsigned soon;      /* answers that come within a fraction of a millisecond: worth spinning for */
  uint64_t spin_ns;   /* how long, as experience has it */
  unsigned spin_rest; /* turns to wait without spinning, after it was in vain … */
  unsigned spin_vain; /* … the last of them, twice as many each time */
  unsigned settle_timers;
  bool driving; /* our own driver runs the loop */
  bool in_loop; /* inside uv_run or a turn: the main chunk cannot wait here */
  bool closing;
  bool flushing; /* only callbacks run: no task is resumed, whatever is ready */
  bool leaving;  /* a task has asked for the end of the process */
  int exit_status;
  int open_handles; /* of ours, while they close */
  int works;        /* requests of hearth_await on libuv's threads: their struct refers to the runtime */
  bool capturing;
  hearth__said *said, **said_end;
  unsigned failures; /* reported errors that nobody saw */
  hearth__clock clock;
  void (*on_error)(void *userdata, const char *text);
  void (*on_report)(void *data);
  void *report_data;
  void *userdata;
  char *store;
  hearth_t *next_live;
  void (*interrupt)(lua_State *L); /* polled by the main chunk while it waits; may raise */
};

/* state.c. A further state on the runtime's loop, with the standard libraries and hearth; `L` is the main thread of one that somebody else owns, or NULL.
** NULL after filling `error`. Owner thread. */
enum { HEARTH__NO_ENV = 1 /* as lua5.4 -E */ };
typedef struct hearth__state_options {
  lua_State *L;
  size_t memory_limit;  /* bytes; 0: no bound */
  const char *lua_path; /* in front of package.path, or NULL */
  unsigned flags;
} hearth__state_options;
hearth__state *hearth__state_new(hearth_t *h, const hearth__state_options *options, hearth_error *error);
/* Ends one state while the others live on: what it has accepted is written (2 s at most), its tasks are cancelled, its parts closed, and its Lua too if it
** is ours. Negative when something could not be saved. As hearth_free: not from inside Lua or a callback of the loop. Not for that of hearth_lua. */
int hearth__state_end(hearth__state *s);
/* The loop is about to wait. */
void hearth__state_rest(hearth__state *s);
/* The last step of both ends: no Lua of it runs after this. */
void hearth__state_close(hearth__state *s);

/* turn.c. One turn: the loop (blocking if `wait` and nothing is ready), then delivery to each state. */
void hearth__turn(hearth_t *h, bool wait);
bool hearth__alive(hearth_t *h);
bool hearth__pending(const hearth_t *h); /* is anything ready to run */
bool hearth__quiet(hearth_t *h);         /* what settle() waits for */
void hearth__deliver(hearth_t *h);
int hearth__turn_init(hearth_t *h);
void hearth__spin(hearth_t *h);
void hearth__ready(hearth__op *op); /* puts it into its state's ready list */

/* task.c */
void hearth__resume_op(lua_State *L, hearth__op *op); /* protected by the caller; L is the main thread */
void hearth__main_let_go(hearth__state *s);           /* the main chunk no longer waits for what it waited for */
void hearth__report_failed(lua_State *L, hearth__state *s);
int hearth__report_stuck(lua_State *L, hearth__state *s); /* returns how many */
bool hearth__task_cancel(hearth__task *t);
void hearth__cancel_all(hearth__state *s);
/* The end of the program: what a verb has accepted is queued though no task goes on otherwise. A task that is in such a verb is let go on until the write is
** queued; one that is to begin with such a verb begins. */
bool hearth__task_accepting(const hearth__task *t);
void hearth__accept(hearth__state *s, bool on); /* of the task that runs */
void hearth__accept_verbs(lua_State *L, hearth__state *s);
void hearth__report_unsaved(lua_State *L, hearth__state *s);
bool hearth__tasks_live(const hearth_t *h, const hearth__state *only); /* of one state, or (NULL) of all */
void hearth__trim_pool(hearth__state *s);                              /* of coroutines, a little */
void hearth__tasks_drop(hearth__state *s); /* before lua_close: lets go of what tasks and the main chunk wait for */

/* report.c */
void hearth__capture(hearth_t *h, bool on);
void hearth__forget_said(hearth_t *h);
void hearth__report_value(lua_State *L, hearth_t *h, int idx, const char *where); /* with its traceback; `where` may be NULL */

/* chunk.c: errors as a C caller gets them. `error` may be NULL. */
void hearth__say_error(hearth_error *error, const char *code, const char *message);
void hearth__take_error(lua_State *L, hearth_error *error); /* pops the error value on top */

/* foreign.c: how a foreign thread that calls late gets an error in place of freed memory. */
void hearth__live_add(hearth_t *h);
void hearth__live_remove(hearth_t *h);

/* runtime.c. Ends what has to reach the disk, for at most 2 s: true when nothing is left. Of one state, or (NULL) of all. May be called from wherever Lua
** runs: no task goes on meanwhile. */
bool hearth__flush(hearth_t *h, const hearth__state *only);
/* Errors of tasks that ended since the last report. */
void hearth__report_all_failed(hearth_t *h);
/* Asks every task (of one state, or of all) to end, and lets the loop turn until they have, within reason. */
void hearth__cancel_tasks(hearth_t *h, const hearth__state *only);
/* Runs what was given to hearth__at_close; once. */
void hearth__close_parts(hearth__state *s);

/* hearth_new with what only our own program asks for. */
hearth_t *hearth__new(const hearth_options *options, unsigned flags, hearth_error *error);
/* A runtime in a state that somebody else owns; L is its main thread. */
hearth_t *hearth__new_in(lua_State *L, const hearth_options *options, hearth_error *error);
/* hearth_free; negative when an error went unseen or something could not be saved. */
int hearth__end(hearth_t *h);

/* exit.c: the end of the process, from wherever it is asked for. */
void hearth__exit_install(lua_State *L, hearth__state *s); /* replaces os.exit */
/* Flushes, closes what was registered and ends the process; status 0 becomes 1 if something could not be saved. */
void hearth__exit(hearth_t *h, int status) __attribute__((noreturn));
/* The same after cancelling tasks, and the state is closed; ends with h->exit_status. */
void hearth__leave(hearth_t *h) __attribute__((noreturn));

/* Can the task that runs in L give the thread back to the top of the loop? Then it does so by the second; it goes on only to be cancelled. */
bool hearth__step_aside(lua_State *L, hearth__state *s);
int hearth__yield_aside(lua_State *L, hearth__state *s);
/* Closes the coroutines of tasks that wait, with their <close> variables, without resuming them. */
void hearth__close_waiting(hearth__state *s);

/* The coroutine in which Lua runs now, as far as the runtime knows. Safe in a signal handler of the owner thread. */
lua_State *hearth__running(hearth__state *s);

#endif
