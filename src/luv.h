/* luv, where a script uses it, shares our loop. */
#ifndef HEARTH__LUV_H
#define HEARTH__LUV_H

#include <stdbool.h>

#include <lua.h>
#include <uv.h>

/* The loop that luv uses in this state, or NULL when it is not loaded. */
uv_loop_t *hearth__luv_loop(lua_State *L);
/* What luv keeps of a state; as long as that. */
typedef struct hearth__luv hearth__luv;

/* Makes luv use this loop when it is loaded later. Handles that a script leaves open are closed by finalizers of luv; when `ours`, a state that we close,
** their close is waited for at the end of lua_close, while there are still a state and luv's code. Call it after luaL_openlibs. Raises when memory is
** short. */
const hearth__luv *hearth__luv_offer(lua_State *L, uv_loop_t *loop, bool ours);
/* Is uv.run() on the stack, so that whatever runs now is a callback of luv? */
bool hearth__luv_runs(const hearth__luv *luv);

#endif
