/* Sketches: what Text("row", { key = i }) makes of its arguments in a render that is not its component's first. What such a render says is nearly
** always on the screen already: a sketch is compared with that as it is, and is only made a whole element where it differs, or where somebody looks
** at it from Lua (hearth.ui.element). */
#ifndef HEARTH__SKETCH_H
#define HEARTH__SKETCH_H

#include <stdbool.h>

#include <lua.h>

/* An array: the type; the props of a fiber that were found to say the same, or false; the text; then names and values by turns. */
enum { SKETCH_TYPE = 1, SKETCH_SHOWN, SKETCH_TEXT, SKETCH_FIELDS };

/* Adds to the module at the top the verb `labelled`, and `sketches`, the metatable of sketches, which it leaves on the stack. */
void hearth__sketch_open(lua_State *L);

#endif
