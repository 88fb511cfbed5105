/* What is shown of an error: its text, where it went uncaught, and where it came from when that was another task or another thread. */
#ifndef HEARTH__TRACEBACK_H
#define HEARTH__TRACEBACK_H

#include <lua.h>

/* Pushes the text of the error value at idx: itself, what its __tostring says, or that it has none (or one that fails). */
void hearth__error_text(lua_State *L, int idx);

/* The error at idx is about to be raised by an await, and began elsewhere: the text on top, which is popped, says where. One error is remembered. */
void hearth__came_from(lua_State *L, int idx);

/* For a message handler: pushes `text` (may be NULL) with the traceback of L from `level` on and, where the error at idx is the one that is
** remembered, that of where it began. */
void hearth__traceback(lua_State *L, int idx, const char *text, int level);

#endif
