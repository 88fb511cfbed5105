/* What the files of the program share. */
#ifndef HOST_H
#define HOST_H

#include "hearth.h"

/* The program's part of a runtime: its own modules, os.exit, signals. */
void host_install(hearth_t *h);

/* Runs what is left, flushes and ends the runtime. Returns the status of the process: `status`, or 1 if an error went unseen. Does not
** return when a signal asked for the end. */
int host_finish(hearth_t *h, int status);

/* host/script.c: the interpreter. */
int script_main(int argc, char **argv);

#endif
