/* What the files of hearth.core.ui share: the layouts of fibers and of sketches.
**
** A sketch is what Text("row", { key = i }) makes of its arguments in a render that is not its component's first. What such a render says is nearly
** always on the screen already: a sketch is compared with that as it is, and is only made a whole element where it differs, or where somebody looks
** at it from Lua (hearth.ui.element). */
#ifndef HEARTH__UI_H
#define HEARTH__UI_H

#include <lua.h>

/* See lua/hearth/ui/fiber.lua. */
enum { FIBER_TYPE = 1, FIBER_PROPS = 2, FIBER_KEY = 3, FIBER_NODE = 6, FIBER_LINKS = 7 };

/* An array: the type; the props of a fiber that were found to say the same, or false; the text; then names and values by turns. */
enum { SKETCH_TYPE = 1, SKETCH_SHOWN, SKETCH_TEXT, SKETCH_FIELDS };

/* Add their verbs to the module at the top; `sketches`, the metatable of sketches, and `leaves` too. */
void hearth__sketch_open(lua_State *L);
void hearth__match_open(lua_State *L);

#endif
