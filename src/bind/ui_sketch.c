/* The constructors of elements with a text, Text and Button: they make elements, or sketches (ui.h). A long list makes the same sketches in every
** render. They are recalled: the sketches of a render are kept, in order, and a call of the next one with the arguments of its counterpart gives that
** very sketch again, which costs no table, and a glance of the reconciler. */
#include "ui.h"

#include <stdbool.h>

#include <lauxlib.h>

/* Upvalues of a constructor. */
enum { UP_TYPE = 1, UP_NAME, UP_MAKE, UP_RENDERING, UP_AGAIN, UP_RECALL, UP_SKETCH, UP_SKETCHES, UP_TYPE_FIELD, UP_PROPS_FIELD };

/* rendering[RENDER] is "again", then how many sketches there are, and after FEW of them the list of those that follow. The fiber keeps it; at OLD is that
** of the render before, or false. */
enum { RENDER = 1, FIBER = 2, FEW = 8, OLD = 1 };
/* After so many that were made in a row only the counterpart is tried. */
enum { PATIENCE = 8 };

/* Where the render that is going on stands in the list of the render before. */
typedef struct recall {
  lua_Integer n;    /* in its own list */
  lua_Integer hit;  /* what was recalled last of the other */
  lua_Integer made; /* since then */
} recall;

/* Pops a value into t[upvalue]. */
static void set(lua_State *L, int t, int key) {
  lua_pushvalue(L, lua_upvalueindex(key));
  lua_insert(L, -2);
  lua_rawset(L, t);
}

/* {type=, props={text=}} of the text at 1 */
static void push_plain(lua_State *L) {
  lua_createtable(L, 0, 2);
  int item = lua_gettop(L);
  lua_pushvalue(L, lua_upvalueindex(UP_TYPE));
  set(L, item, UP_TYPE_FIELD);
  lua_createtable(L, 0, 1);
  lua_pushvalue(L, 1);
  set(L, item + 1, UP_NAME);
  set(L, item, UP_PROPS_FIELD);
}

/* A sketch of the text at 1 and the props at 2 */
static void push_sketch(lua_State *L) {
  lua_createtable(L, SKETCH_FIELDS + 1, 0); /* room for a key */
  int sketch = lua_gettop(L);
  lua_pushvalue(L, lua_upvalueindex(UP_TYPE));
  lua_rawseti(L, sketch, SKETCH_TYPE);
  lua_pushboolean(L, false);
  lua_rawseti(L, sketch, SKETCH_SHOWN);
  lua_pushvalue(L, 1);
  lua_rawseti(L, sketch, SKETCH_TEXT);
  lua_pushnil(L);
  for (lua_Integer i = SKETCH_FIELDS; lua_next(L, 2); i += 2) { /* k v */
    lua_rawseti(L, sketch, i + 1);
    lua_pushvalue(L, -1);
    lua_rawseti(L, sketch, i);
  }
  lua_pushvalue(L, lua_upvalueindex(UP_SKETCH));
  lua_setmetatable(L, sketch);
}

/* As lua_rawequal, which takes thrice as long for strings that are one. */
static bool same(lua_State *L, int a, int b) {
  const void *p = lua_topointer(L, a);
  return (p && p == lua_topointer(L, b)) || lua_rawequal(L, a, b);
}

/* Is the sketch at i of the list `old` of the arguments? Then it is at the top. One that was completed has become an ordinary table. */
static bool recalls(lua_State *L, int old, lua_Integer i) {
  int sketch = lua_gettop(L) + 1, name = sketch + 1, value = sketch + 2;
  if (lua_rawgeti(L, old, i) != LUA_TTABLE) goto no;
  lua_rawgeti(L, sketch, SKETCH_TEXT);
  lua_rawgeti(L, sketch, SKETCH_TYPE);
  if (!same(L, name, 1) || !same(L, value, lua_upvalueindex(UP_TYPE))) goto no;
  lua_Integer at = SKETCH_FIELDS;
  lua_settop(L, sketch);
  for (lua_pushnil(L); lua_next(L, 2); at += 2) {
    lua_rawgeti(L, sketch, at);
    lua_rawgeti(L, sketch, at + 1);
    if (!same(L, name, value + 1) || !same(L, value, value + 2)) goto no;
    lua_settop(L, name);
  }
  bool all = lua_rawgeti(L, sketch, at) == LUA_TNIL;
  lua_settop(L, sketch);
  if (all) return true;
no:
  lua_settop(L, sketch - 1);
  return false;
}

/* Pushes a new list for the sketches of this render. */
static void push_list(lua_State *L) {
  lua_rawgeti(L, lua_upvalueindex(UP_RENDERING), FIBER);
  int fiber = lua_gettop(L), old = fiber + 1, list = fiber + 2;
  lua_pushvalue(L, lua_upvalueindex(UP_SKETCHES));
  if (lua_rawget(L, fiber) == LUA_TTABLE) {
    lua_pushboolean(L, false);
    lua_rawseti(L, old, OLD);
  } else {
    lua_pushboolean(L, false);
    lua_replace(L, old);
  }
  lua_createtable(L, (int)lua_rawlen(L, old) + 1, 0);
  lua_pushvalue(L, old);
  lua_rawseti(L, list, OLD);
  lua_pushvalue(L, list);
  lua_rawseti(L, lua_upvalueindex(UP_RENDERING), RENDER);
  lua_pushvalue(L, list);
  set(L, fiber, UP_SKETCHES);
  *(recall *)lua_touserdata(L, lua_upvalueindex(UP_RECALL)) = (recall){.n = OLD, .hit = OLD};
}

/* The next sketch for the list of this render: its counterpart in the render before, or one beside that, where something came or went. */
static void push_recalled(lua_State *L, int list) {
  recall *r = lua_touserdata(L, lua_upvalueindex(UP_RECALL));
  lua_Integer next = r->hit + 1, counterpart = next + r->made, hit = 0;
  int old = list + 1;
  if (lua_rawgeti(L, list, OLD) == LUA_TTABLE) {
    if (recalls(L, old, counterpart))
      hit = counterpart;
    else if (r->made > 0 && r->made < PATIENCE && recalls(L, old, next))
      hit = next;
    else if (r->made < PATIENCE && recalls(L, old, counterpart + 1))
      hit = counterpart + 1;
  }
  if (hit) {
    r->hit = hit;
    r->made = 0;
  } else {
    push_sketch(L);
    r->made++;
  }
  lua_pushvalue(L, -1);
  lua_rawseti(L, list, ++r->n);
}

/* Pushes a sketch, if this render is one of sketches. */
static bool draw(lua_State *L) {
  int list = lua_gettop(L) + 1;
  if (lua_rawgeti(L, lua_upvalueindex(UP_RENDERING), RENDER) != LUA_TTABLE) {
    lua_Integer n = lua_tointeger(L, list);
    if (n == 0 && !lua_rawequal(L, list, lua_upvalueindex(UP_AGAIN))) return false;
    if (n < FEW) {
      lua_pushinteger(L, n + 1);
      lua_rawseti(L, lua_upvalueindex(UP_RENDERING), RENDER);
      push_sketch(L);
      return true;
    }
    push_list(L);
    lua_replace(L, list);
    lua_settop(L, list);
  }
  push_recalled(L, list);
  return true;
}

/* constructor(text, given) */
static int l_label(lua_State *L) {
  if (lua_type(L, 1) == LUA_TSTRING) {
    int given = lua_type(L, 2);
    if (given == LUA_TTABLE) {
      if (draw(L)) return 1;
    } else if (given <= LUA_TNIL) {
      push_plain(L);
      return 1;
    }
  }
  lua_settop(L, 2);
  lua_pushvalue(L, lua_upvalueindex(UP_MAKE));
  lua_insert(L, 1);
  lua_call(L, 2, 1);
  return 1;
}

/* labelled(type, name, make, rendering) -> fn(text, given): the constructor of an element whose text is its prop `name`. A text alone is made here, a
** text with props where rendering[1] says so; the rest is make(text, given). `rendering`: see hearth.ui.element. */
static int l_labelled(lua_State *L) {
  enum { OWN = UP_AGAIN, SHARED = UP_PROPS_FIELD - OWN };
  lua_settop(L, UP_RENDERING);
  lua_pushliteral(L, "again");
  for (int i = 1; i <= SHARED; i++) lua_pushvalue(L, lua_upvalueindex(i));
  lua_pushcclosure(L, l_label, UP_PROPS_FIELD);
  return 1;
}

void hearth__sketch_open(lua_State *L) {
  int module = lua_gettop(L);
  lua_newuserdatauv(L, sizeof(recall), 0);
  lua_newtable(L);
  lua_pushvalue(L, -1);
  lua_setfield(L, module, "sketches");
  lua_pushliteral(L, "sketches");
  lua_pushliteral(L, "type");
  lua_pushliteral(L, "props");
  lua_pushcclosure(L, l_labelled, 5);
  lua_setfield(L, module, "labelled");
}
