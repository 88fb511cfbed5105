/* Processes that are stopped (SIGSTOP, Ctrl-Z) while they hold something that others wait for. Nobody can take a lock from a process that lives; so
** it is let run for the moment that it needs to let go by itself, and stopped again. Whoever is traced by a debugger is left alone. */
#ifndef HEARTH__STOPPED_H
#define HEARTH__STOPPED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A process: its id and when it was started, since ids are used again. 0: none, or one cannot tell. */
typedef int64_t hearth__process;
hearth__process hearth__process_of(pid_t pid);
bool hearth__process_lives(hearth__process p);

/* The ones that were let run. */
typedef struct hearth__nudged {
  pid_t pids[16];
  int n;
} hearth__nudged;

/* True: it was stopped, is another process, and runs now. False also where we may not signal it. */
bool hearth__nudge(hearth__nudged *nudged, hearth__process p);
/* Likewise every stopped process that has a POSIX lock in a range of bytes of a file. The file is not opened: closing it would end our own locks. */
bool hearth__nudge_lockers(hearth__nudged *nudged, const char *path, int64_t from, int64_t to);
void hearth__calm(hearth__nudged *nudged); /* stops them again */

#endif
