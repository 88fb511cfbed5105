/* What the files of the program share. */
#ifndef HOST_H
#define HOST_H

#include <stdbool.h>

#include "hearth.h"

/* A runtime with the program's part in it (its own modules, the collector's mode of lua5.4, signals), or NULL after saying why on standard error. */
hearth_t *host_new(const char *progname, bool no_env);

/* What SIGINT does from now on: raise "interrupted!" where Lua runs or waits, as lua5.4 does (script mode); or flush and end with status 130. */
typedef enum { HOST_INT_DEFAULT, HOST_INT_RAISE, HOST_INT_END } host_int;
void host_on_int(host_int what);

/* Has SIGINT asked to stop what is being typed? Taken back by asking. */
bool host_int_taken(void);
/* Raises or ends the process if a signal asked for it. L is the coroutine that runs. */
void host_check_signals(lua_State *L);

/* Runs what is left, reports tasks that wait for ever, flushes and ends the runtime. Returns the status of the process: `status`, or 1 if an error
** went unseen or something was not saved. */
int host_finish(hearth_t *h, const char *progname, int status);

/* host/script.c: the interpreter. */
int script_main(int argc, char **argv);

/* Pushes what a person should read of the error at index 1, with a traceback: the message handler of every call that the program makes. */
int script_message(lua_State *L);
/* Calls the function below n arguments as a main chunk: with the message handler, and SIGINT raising. Returns a status of Lua. */
int script_call(lua_State *L, int n, int results);
/* Says the message on top of the stack, unless status is LUA_OK, after "progname: " if there is one; pops it. Returns status. */
int script_report(lua_State *L, const char *progname, int status);

/* host/repl.c: reads, runs and prints lines until the input ends. */
void repl(hearth_t *h);

#endif
