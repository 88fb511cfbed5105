/* The gate: a small file beside the store (NAME-gate) that its processes share.
**
** Byte 0 is locked around each write transaction: the kernel hands an OFD lock on in order of arrival, so no writer starves, and takes it
** from a process that dies. Byte 1 is locked, shared, while the store is open, so that one can tell whether one is alone; byte 2 likewise by
** who waits to enter. The first page is mapped: it holds hints on the engine's log, and the number of the newest commit, which
** makes "has anybody else committed?" one load; and writing that number makes the notice that other processes watch for.
**
** To hand the gate on costs as much as a commit: a wake-up, and all that the engine had read before. So while others wait, who is inside and has
** one transaction after the other keeps it for a turn of a few milliseconds, then stands back until another has entered.
**
** A process that is stopped (SIGSTOP, Ctrl-Z) in the middle of a transaction would hold everybody up for as long as it is. Who waits too long
** looks who is inside, and if that process is stopped lets it run for the moment that ends its transaction, then stops it again (stopped.h). */
#ifndef HEARTH__GATE_H
#define HEARTH__GATE_H

#include "store/record.h"

typedef struct hearth__gate hearth__gate;

int hearth__gate_open(const char *path, hearth__gate **out, hearth__fault *f);
void hearth__gate_close(hearth__gate *g);
void hearth__gate_discard(hearth__gate *g); /* closed; and removed if this was the first to open it: there is no store of ours beside it */
const char *hearth__gate_path(const hearth__gate *g);

/* The writer's thread. 0: entered; 1: not entered, since who holds it did not let go for `ms` (it may be stopped): go on without, with the
** engine's own lock; -1: aborted. */
int hearth__gate_enter(hearth__gate *g, atomic_bool *abort, int ms);
void hearth__gate_leave(hearth__gate *g); /* does nothing when not entered */
/* A transaction has ended. True: our turn goes on, for a transaction that comes at once; when none comes, hearth__gate_rest. Else it has left. */
bool hearth__gate_done(hearth__gate *g);
void hearth__gate_rest(hearth__gate *g);
bool hearth__gate_try(hearth__gate *g);

bool hearth__gate_entered(const hearth__gate *g);

bool hearth__gate_alone(hearth__gate *g); /* no other process has the store open; and none can open it until: */
void hearth__gate_not_alone(hearth__gate *g);

/* Any thread: a hold of the gate of its own, for a moment; -1: somebody is writing, this process included. */
int hearth__gate_hold(const hearth__gate *g);
void hearth__gate_unhold(int hold);

/* Any thread. The number that was announced or published last, by anybody. */
int64_t hearth__gate_number(const hearth__gate *g);
/* Before a commit: from now on nobody takes its cache for current. After it: everybody is told. */
void hearth__gate_announce(hearth__gate *g, int64_t commit);
void hearth__gate_publish(hearth__gate *g, int64_t commit);

/* What writers tell each other of the engine's log: so many bytes of it were in use after the last commit, and its file is so long, as far as
** anybody knows. No more than hints: to ask the file each time costs as much as a commit. */
typedef struct hearth__gate_log {
  _Atomic int64_t used, length;
} hearth__gate_log;

hearth__gate_log *hearth__gate_log_of(hearth__gate *g);

#endif
