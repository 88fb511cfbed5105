/* hearth.core.ui: what is done for every child of a long list, or every set of a value, where the calls and tables of Lua would cost more than the work.
** Elements are compared in ui_match.c, sketches made in ui_sketch.c. Policy stays in lua/hearth/ui. */
#include "ui.h"

#include <stdbool.h>

#include <lauxlib.h>

#include "module.h"
#include "number_text.h"

/* ---- values */

/* is_string(v), is_table(v): `type` makes a string of its answer, which takes longer than the rest of a setter */
static int l_is_string(lua_State *L) {
  lua_pushboolean(L, lua_type(L, 1) == LUA_TSTRING);
  return 1;
}
static int l_is_table(lua_State *L) {
  lua_pushboolean(L, lua_type(L, 1) == LUA_TTABLE);
  return 1;
}

/* is_function(v) -> v if it is a function, else nothing: every setter asks */
static int l_is_function(lua_State *L) {
  return lua_type(L, 1) == LUA_TFUNCTION;
}

/* Pushes what tostring makes of a number. */
static void push_number(lua_State *L, int idx) {
  char text[HEARTH__NUMBER_TEXT];
  size_t n = lua_isinteger(L, idx) ? hearth__integer_text(text, lua_tointeger(L, idx)) : hearth__float_text(text, lua_tonumber(L, idx));
  if (n > 0)
    lua_pushlstring(L, text, n);
  else
    luaL_tolstring(L, idx, NULL);
}

/* text(v) -> what a text shows for any value: nothing for nil, else as tostring */
static int l_text(lua_State *L) {
  switch (lua_type(L, 1)) {
    case LUA_TSTRING: lua_settop(L, 1); break;
    case LUA_TNONE:
    case LUA_TNIL: lua_pushliteral(L, ""); break;
    case LUA_TNUMBER: push_number(L, 1); break;
    default: luaL_tolstring(L, 1, NULL);
  }
  return 1;
}

/* shown(v) -> what a text shows for a number that moves: a whole one has no fraction; for anything else as `text` */
static int l_shown(lua_State *L) {
  if (lua_type(L, 1) == LUA_TNUMBER && !lua_isinteger(L, 1)) {
    lua_Number d = lua_tonumber(L, 1);
    lua_Integer whole;
    if (lua_numbertointeger(d, &whole) && (lua_Number)whole == d) {
      lua_pushinteger(L, whole);
      lua_replace(L, 1);
    }
  }
  return l_text(L);
}

/* array(n) -> a table with room for n items */
static int l_array(lua_State *L) {
  lua_createtable(L, (int)luaL_checkinteger(L, 1), 0);
  return 1;
}

/* ---- props, and lists of fibers and nodes */

/* next_prop(props, name) -> name, value: as next, but the children are stepped over */
static int l_next_prop(lua_State *L) {
  lua_settop(L, 2);
  while (lua_next(L, 1)) {
    if (!lua_isinteger(L, 2)) return 2;
    lua_settop(L, 2);
  }
  return 0;
}

/* nodes_of(children, hosts, nodes) -> index, n: puts into `nodes` those of the fibers up to the first, at `index`, that is not a host element's; n of
** them. Holes are stepped over. */
static int l_nodes_of(lua_State *L) {
  lua_Integer i = 1, n = 0;
  for (;; i++) {
    lua_settop(L, 3);
    int type = lua_rawgeti(L, 1, i);
    if (type == LUA_TNIL) break;
    if (type != LUA_TTABLE) continue;
    lua_rawgeti(L, 4, FIBER_TYPE);
    lua_rawget(L, 2);
    if (!lua_toboolean(L, 5)) break;
    lua_rawgeti(L, 4, FIBER_NODE);
    lua_rawseti(L, 3, ++n);
  }
  lua_pushinteger(L, i);
  lua_pushinteger(L, n);
  return 2;
}

/* Are a[i] and b[j] one table? Leaves them on the stack. */
static bool one_table(lua_State *L, lua_Integer i, lua_Integer j) {
  lua_settop(L, 2);
  lua_rawgeti(L, 1, i);
  lua_rawgeti(L, 2, j);
  return lua_topointer(L, 3) == lua_topointer(L, 4);
}

/* differ(a, b) -> first, m, n: the tables in two lists are the same but for a[first..m] and b[first..n] */
static int l_differ(lua_State *L) {
  lua_Integer first = 1, m = (lua_Integer)lua_rawlen(L, 1), n = (lua_Integer)lua_rawlen(L, 2);
  while (first <= m && first <= n && one_table(L, first, first)) first++;
  for (; m >= first && n >= first && one_table(L, m, n); m--) n--;
  lua_pushinteger(L, first);
  lua_pushinteger(L, m);
  lua_pushinteger(L, n);
  return 3;
}

static const luaL_Reg verbs[] = {
    {"array", l_array}, {"nodes_of", l_nodes_of},       {"differ", l_differ},       {"next_prop", l_next_prop}, {"text", l_text},
    {"shown", l_shown}, {"is_function", l_is_function}, {"is_string", l_is_string}, {"is_table", l_is_table},   {NULL, NULL}};

int hearth__open_ui(lua_State *L) {
  luaL_newlib(L, verbs);
  hearth__sketch_open(L);
  hearth__match_open(L);
  return 1;
}
