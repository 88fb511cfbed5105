/* Numbers as text, as Lua's tostring has them, without its detour through printf. */
#ifndef HEARTH__NUMBER_TEXT_H
#define HEARTH__NUMBER_TEXT_H

#include <stddef.h>

#include <lua.h>

enum { HEARTH__NUMBER_TEXT = 32 }; /* bytes that the longest one takes; no NUL is added */

/* Both write to `out` and return the length. */
size_t hearth__integer_text(char *out, lua_Integer i);
/* 0 for the few that printf must say: not finite, 0, denormal, half way between two texts, or in a locale with another decimal point. */
size_t hearth__float_text(char *out, lua_Number d);

#endif
