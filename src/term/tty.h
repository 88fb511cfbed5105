/* The terminal as a device: what it can do (terminfo), raw mode and back, whatever way the program ends. There is one per process. No lua.h. */
#ifndef HEARTH__TTY_H
#define HEARTH__TTY_H

#include <stdbool.h>
#include <stddef.h>

#include "term/cells.h"

/* Looks at descriptors 0 and 1 and at $TERM. NULL when a full-screen program can run here, else why not. Changes nothing. */
const char *hearth__tty_open(void);

const hearth__caps *hearth__tty_caps(void);

/* Full screen, raw input, mouse and paste reports; what is written to descriptors 1 and 2 (to 2 only if it is the same terminal) is kept for
** later. 0, or -1 with errno. From now on the terminal is put back on every way out of the process: exit, abort, a fault. Twice is fine. */
int hearth__tty_enter(void);
/* As it was before; what was kept is not yet printed. Twice is fine. */
void hearth__tty_leave(void);
/* The last leave: also gives descriptors 1 and 2 back and prints what was kept. */
void hearth__tty_close(void);

/* Columns and lines, at least 1, at most 1000 each. */
void hearth__tty_size(int *width, int *height);

/* The terminal will answer on standard input, or has answered: an answer that comes too late is not left for the shell to read. */
void hearth__tty_awaits(bool answer);

/* All of it; false when the terminal is gone. */
bool hearth__tty_write(const char *text, size_t size);

/* Bytes kept since `from`, at most room; 0 when there is no more. */
size_t hearth__tty_kept(size_t from, char *out, size_t room);

/* Stops the process as Ctrl-Z does, with the terminal as it was before; returns when it goes on. */
void hearth__tty_suspend(void);

#endif
